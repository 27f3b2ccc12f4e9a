"""Order of the interfaces, and the error of the binding curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.kit import (
    SecondaryMetric,
    by_material,
    compared,
    mean_or_nan,
    mean_spearman,
    pairs_in_order,
    predicted_value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.kit import Case, Outcome

QUANTITY = "work_of_adhesion"


def secondary_metrics(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome]
) -> list[SecondaryMetric]:
    """Order of all interfaces, of the variants of one pair of materials, and curve errors."""
    variants = [compared(of_pair, outcomes, QUANTITY) for of_pair in by_material(cases).values()]
    return [
        mean_spearman(
            [compared(cases, outcomes, QUANTITY)],
            name="interface_order",
            title="Order of interfaces (Spearman)",
            of="interfaces",
            explanation=(
                "Rank correlation of the works of adhesion of all interfaces with DFT; 1 is the "
                "DFT order, 0 none, −1 reversed."
            ),
        ),
        pairs_in_order(
            variants,
            name="orientations_in_order",
            title="Orientations in order",
            explanation=(
                "Share of the pairs of orientations or registries of the same two materials that "
                "the model puts in the order of DFT; pairs that differ by less than their "
                "uncertainty do not count. 1 is best."
            ),
        ),
        *_curve_error(cases, outcomes),
    ]


def _curve_error(cases: Sequence[Case], outcomes: Mapping[str, Outcome]) -> list[SecondaryMetric]:
    """Mean of ``curve_rmse``, which only the fixed protocol has."""
    every = (predicted_value(outcomes.get(case.id), "curve_rmse") for case in cases)
    found = [value for value in every if value is not None]
    if not found:
        return []
    metric = SecondaryMetric(
        name="curve_rmse",
        title="RMSE of the binding curve",
        value=mean_or_nan(found),
        unit="J/m^2",
        n_used=len(found),
        n_possible=len(cases),
        explanation=(
            "Root mean square deviation of the binding curve from DFT over its separations, mean "
            "over the interfaces; 0 is best."
        ),
    )
    return [metric]
