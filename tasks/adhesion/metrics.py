"""Order of the interfaces, and the error of the binding curve."""

from __future__ import annotations

from itertools import combinations
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
            [compared(pair, outcomes, QUANTITY) for pair in _variants(cases, turned=True)],
            name="orientations_in_order",
            title="Orientations in order",
            explanation=(
                "Share of the pairs of orientations (planes that meet) of the same two materials "
                "that the model puts in the order of DFT; pairs that differ by less than their "
                "uncertainty do not count. 1 is best."
            ),
        ),
        pairs_in_order(
            [compared(pair, outcomes, QUANTITY) for pair in _variants(cases, turned=False)],
            name="registries_in_order",
            title="Registries in order",
            explanation=(
                "Share of the pairs of registries (which atoms meet) of the same planes of two "
                "materials that the model puts in the order of DFT; pairs that differ by less than "
                "their uncertainty do not count. 1 is best."
            ),
        ),
        *_curve_error(cases, outcomes),
    ]


def _variants(cases: Sequence[Case], *, turned: bool) -> list[tuple[Case, Case]]:
    """Pairs of cases of the same two materials, with other planes or with the same."""
    return [
        (a, b)
        for of_pair in by_material(cases).values()
        for a, b in combinations(of_pair, 2)
        if (_planes(a) != _planes(b)) == turned
    ]


def _planes(case: Case) -> list[object]:
    return [case.tags.get(name) for name in ("miller_index", "film_miller_index")]


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
