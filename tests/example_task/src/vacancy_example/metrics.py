"""A secondary metric of the example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.kit import SecondaryMetric, compared, mean_spearman

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.kit import Case, Outcome


def secondary_metrics(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome]
) -> list[SecondaryMetric]:
    """Order of the crystals."""
    return [
        mean_spearman(
            [compared(cases, outcomes, "vacancy_formation_energy")],
            name="crystal_order",
            title="Order of crystals (Spearman)",
            of="crystals",
            explanation="Rank correlation with the references; 1 is their order.",
        )
    ]
