"""Order of the facets and Wulff shapes, from surface energies alone.

Two surface energies have no rank correlation worth the name (it is 1 or −1), so Spearman's is
taken over materials with at least three facets; materials with two enter the share of pairs in
order, where they count like every other pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.kit import (
    CalculationError,
    SecondaryMetric,
    by_material,
    compared,
    mean_or_nan,
    mean_spearman,
    pairs_in_order,
    predicted_value,
)
from uipbench.tasks.surface_energy.metrics.wulff import Facet, facet_areas, mean_energy, shape_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.kit import Case, Outcome

QUANTITY = "surface_energy"
FEWEST_FACETS = 3
"""Shapes of fewer facets say what the order of the facets says already."""

SHAPE = (
    "Share of the equilibrium crystal's surface that shows another facet than with DFT, mean over "
    "the materials with at least three facets; 0 is the DFT shape."
)
ENERGY = (
    "Mean absolute error of the mean surface energy of the equilibrium crystal, each with the "
    "areas of its own shape, over the same materials."
)


def secondary_metrics(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome]
) -> list[SecondaryMetric]:
    """Facet order and errors of the Wulff shapes."""
    materials = by_material(cases)
    groups = [compared(of_material, outcomes, QUANTITY) for of_material in materials.values()]
    return [
        mean_spearman(
            groups,
            name="facet_order",
            title="Facet order (Spearman)",
            of="facets",
            explanation=(
                "Rank correlation of a material's surface energies with DFT, mean over the "
                "materials with at least three facets; 1 is the DFT order, 0 none, −1 reversed."
            ),
        ),
        pairs_in_order(
            groups,
            name="facet_pairs_in_order",
            title="Pairs of facets in order",
            explanation=(
                "Share of the pairs of facets of one material that the model puts in the order of "
                "DFT; pairs that differ by less than their uncertainty do not count. 1 is best."
            ),
        ),
        *_wulff_metrics(materials, outcomes),
    ]


def _wulff_metrics(
    materials: Mapping[str, Sequence[Case]], outcomes: Mapping[str, Outcome]
) -> list[SecondaryMetric]:
    indexed = [[case for case in cases if _facet(case)] for cases in materials.values()]
    shapes = [cases for cases in indexed if len(cases) >= FEWEST_FACETS]
    errors = [e for cases in shapes if (e := _errors(cases, outcomes)) is not None]
    metrics = (
        ("wulff_shape_error", "Wulff shape error", "", [shape for shape, _ in errors], SHAPE),
        ("wulff_energy_mae", "MAE of the Wulff energy", "J/m^2", [e for _, e in errors], ENERGY),
    )
    return [
        SecondaryMetric(
            name=name,
            title=title,
            value=mean_or_nan(found),
            unit=unit,
            n_used=len(errors),
            n_possible=len(shapes),
            of="materials",
            explanation=explanation,
        )
        for name, title, unit, found, explanation in metrics
    ]


def _errors(cases: Sequence[Case], outcomes: Mapping[str, Outcome]) -> tuple[float, float] | None:
    """Errors of shape and mean energy; None where a facet has no positive prediction.

    None also where the facets of the set do not enclose a crystal, such as (001) alone in Mg.
    """
    facets = {facet: case for case in cases if (facet := _facet(case))}
    own = {f: predicted_value(outcomes.get(c.id), QUANTITY) or 0.0 for f, c in facets.items()}
    if min(own.values()) <= 0:
        return None
    dft = {facet: case.reference(QUANTITY) for facet, case in facets.items()}
    crystal = cases[0].atoms("bulk")
    try:
        own_areas, dft_areas = facet_areas(crystal, own), facet_areas(crystal, dft)
    except CalculationError:
        return None
    energy = mean_energy(own_areas, own) - mean_energy(dft_areas, dft)
    return shape_error(own_areas, dft_areas), abs(energy)


def _facet(case: Case) -> Facet | None:
    """Miller indices, or None for a user's own slab that does not state them."""
    match case.tags.get("miller_index"):
        case [h, k, l]:
            return int(h), int(k), int(l)
    return None
