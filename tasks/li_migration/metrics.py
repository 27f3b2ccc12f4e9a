"""Order of the barriers between materials, errors of the profiles, share of converged bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.kit import (
    Compared,
    NotConvergedError,
    SecondaryMetric,
    by_material,
    compared,
    mean_or_nan,
    mean_spearman,
    predicted_value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.kit import Case, Outcome

QUANTITY = "migration_barrier"


def secondary_metrics(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome]
) -> list[SecondaryMetric]:
    """Barrier order, profile error and convergence rate."""
    materials = [_mean_of(own, outcomes) for own in by_material(cases).values()]
    return [
        mean_spearman(
            [materials],
            name="barrier_order",
            title="Order of barriers (Spearman)",
            of="materials",
            explanation=(
                "Rank correlation of the barriers of materials with DFT, each the mean of its "
                "predicted hops; 1 is the DFT order, 0 none, −1 reversed."
            ),
        ),
        *_profile_error(cases, outcomes),
        _convergence_rate(cases, outcomes),
    ]


def _mean_of(cases: Sequence[Case], outcomes: Mapping[str, Outcome]) -> Compared:
    """A material: means over the hops that have a number, or none of them."""
    known = [p for p in compared(cases, outcomes, QUANTITY) if p.predicted is not None]
    references = [p.reference for p in known or compared(cases, outcomes, QUANTITY)]
    predicted = [p.predicted for p in known if p.predicted is not None]
    return Compared(mean_or_nan(references), 0.0, mean_or_nan(predicted) if predicted else None)


def _profile_error(cases: Sequence[Case], outcomes: Mapping[str, Outcome]) -> list[SecondaryMetric]:
    every = [predicted_value(outcomes.get(case.id), "profile_rmse") for case in cases]
    known = [value for value in every if value is not None]
    metric = SecondaryMetric(
        name="profile_rmse",
        title="RMSE of the profile",
        value=mean_or_nan(known),
        unit="eV",
        n_used=len(known),
        n_possible=len(cases),
        explanation=(
            "Root mean square deviation of the energy profile from DFT, counted from the first "
            "image, mean over the hops; 0 is best."
        ),
    )
    return [metric] if known else []


def _convergence_rate(cases: Sequence[Case], outcomes: Mapping[str, Outcome]) -> SecondaryMetric:
    run = [outcomes[case.id] for case in cases if case.id in outcomes]
    converged = [float(getattr(o, "kind", "") != NotConvergedError.kind) for o in run]
    return SecondaryMetric(
        name="convergence_rate",
        title="Converged",
        value=mean_or_nan(converged),
        n_used=len(run),
        n_possible=len(cases),
        explanation="Share of the hops whose relaxations and band converged; 1 is best.",
    )
