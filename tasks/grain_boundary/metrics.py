"""Order of the boundaries of a material."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.kit import SecondaryMetric, by_material, compared, mean_spearman, pairs_in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.kit import Case, Outcome

QUANTITY = "grain_boundary_energy"


def secondary_metrics(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome]
) -> list[SecondaryMetric]:
    """Order of the boundaries, within materials, as with facets of surfaces."""
    groups = [compared(own, outcomes, QUANTITY) for own in by_material(cases).values()]
    return [
        mean_spearman(
            groups,
            name="boundary_order",
            title="Boundary order (Spearman)",
            of="boundaries",
            explanation=(
                "Rank correlation of a material's grain-boundary energies with DFT, mean over the "
                "materials with at least three boundaries; 1 is the DFT order, 0 none, "
                "−1 reversed."
            ),
        ),
        pairs_in_order(
            groups,
            name="boundary_pairs_in_order",
            title="Pairs of boundaries in order",
            explanation=(
                "Share of the pairs of boundaries of one material that the model puts in the order "
                "of DFT; pairs that differ by less than their uncertainty do not count. 1 is best."
            ),
        ),
    ]
