"""Recipes of the migration references.

Cells are small on purpose: the hop, its neighbours and the periodic images of both belong to the
definition of the case, for DFT and for every potential alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from uipbench.reference.convergence import AS_USED
from uipbench.reference_data.li_migration.crystals import (
    BCC,
    FCC,
    MATERIALS,
    MIRRORED_LAYERS,
    SIMPLE,
)
from uipbench.reference_data.li_migration.recipe import MigrationRecipe
from uipbench.reference_data.li_migration.sites import (
    Adatom,
    BoundaryVacancy,
    CrystalVacancy,
    OlivineVacancy,
)
from uipbench.reference_data.surface_energy.slabs import Material

if TYPE_CHECKING:
    from collections.abc import Sequence

INSULATOR_LENGTH_A = 14.0
METAL_LENGTH_A = 30.0
"""n·a of the meshes: a barrier is a difference within one cell and needs less than γ."""

OLIVINE = Material(
    spacegroup=62,
    basis=(),
    a=10.332,
    chemistry="olivine oxide",
    cutoff_ev=520.0,
    kpoint_length=INSULATOR_LENGTH_A,
    smearing_ev=0.05,
    magmom=4.0,
    magnetic="Fe",
    hubbard={"Fe": ":d,5.3,0"},
)
"""Settings of LiFePO4; its structure is in :class:`OlivineVacancy`."""


Tier = Literal["quick", "full"]


def _vacancy(
    site: CrystalVacancy,
    *,
    charge: float,
    kpoint_length: float,
    tier: Tier = "full",
    other_charge: float | None = None,
) -> MigrationRecipe:
    """A vacancy in a crystal, named after it."""
    return MigrationRecipe(
        id=f"{site.material.lower()}_vacancy",
        title=f"{site.material}, vacancy",
        site=site,
        crystal=MATERIALS[site.material],
        charge=charge,
        other_charge=other_charge,
        kpoint_length=kpoint_length,
        tier=tier,
    )


def _ionic(
    site: CrystalVacancy, tier: Tier = "full", other_charge: float | None = None
) -> MigrationRecipe:
    """Li⁺ is taken out of a closed-shell crystal."""
    return _vacancy(
        site,
        charge=-1.0,
        kpoint_length=INSULATOR_LENGTH_A,
        tier=tier,
        other_charge=other_charge,
    )


def _rocksalt(halide: str) -> CrystalVacancy:
    """⟨110⟩ hop, bent out of the anion-anion line towards the tetrahedral interstice."""
    return CrystalVacancy(
        material=halide,
        vectors=FCC,
        repeat=(2, 2, 2),
        start=(0.0, 0.0, 0.0),
        end=(0.5, 0.5, 0.0),
        bulge=(0.0, 0.0, 0.13),
    )


def _antifluorite(compound: str) -> CrystalVacancy:
    """⟨100⟩ hop between edge-sharing tetrahedra, bent towards the octahedral interstice."""
    return CrystalVacancy(
        material=compound,
        vectors=FCC,
        repeat=(2, 2, 2),
        start=(0.25, 0.25, 0.25),
        end=(0.75, 0.25, 0.25),
        bulge=(0.0, 0.03, 0.03),
    )


def _antiperovskite(compound: str) -> CrystalVacancy:
    """Hop along an edge of the octahedron of lithium around oxygen."""
    return CrystalVacancy(
        material=compound,
        vectors=BCC,
        repeat=(2, 2, 2),
        start=(0.5, 0.5, 0.0),
        end=(0.5, 0.0, 0.5),
    )


def _adatom(  # noqa: PLR0913, PLR0917
    metal: str,
    facet: str,
    size: tuple[int, int, int],
    start: str,
    end: tuple[float, float],
    tier: Tier = "full",
) -> MigrationRecipe:
    digits = facet[-3:]
    return MigrationRecipe(
        id=f"{metal.lower()}_{digits}_adatom",
        title=f"Li on {metal}({digits})",
        site=Adatom(material=metal, facet=facet, size=size, start=start, end=end, height=2.0),
        crystal=MATERIALS[metal],
        charge=0.0,
        kpoint_length=METAL_LENGTH_A,
        slab=True,
        symmetric=facet.startswith("bcc"),
        tier=tier,
    )


# Rows along ⟨111⟩ need more than three sites: in 3×3×3 primitive cells (26 atoms) the vacancy
# spreads over its row of three, and the midpoint is lower than the end point (DFT and SevenNet-0).
LITHIUM = _vacancy(
    CrystalVacancy(
        material="Li", vectors=SIMPLE, repeat=(2, 2, 2), start=(0.0, 0.0, 0.0), end=(0.5, 0.5, 0.5)
    ),
    charge=0.0,
    kpoint_length=60.0,
    tier="quick",
)

LITHIUM_BOUNDARY = MigrationRecipe(
    id="li_s3_112_vacancy",
    title="Li Σ3(112), vacancy across the boundary",
    site=BoundaryVacancy(material="Li", boundary="li_s3_112", repeat=(2, 1), start=2, end=3),
    crystal=MATERIALS["Li"],
    charge=0.0,
    kpoint_length=METAL_LENGTH_A,
)

# Within the Li2N plane the barrier is below 10 meV (Sarnthein et al., Phys. Rev. B 53, 9084 (1996),
# doi:10.1103/PhysRevB.53.9084: 4 meV), less than the uncertainty: no reference. Along c it is not.
NITRIDE = replace(
    _ionic(
        CrystalVacancy(
            material="Li3N",
            vectors=SIMPLE,
            repeat=(2, 2, 2),
            start=(1 / 3, 2 / 3, 0.0),
            end=(1 / 3, 2 / 3, 1.0),
            bulge=(0.02, 0.04, 0.0),
        )
    ),
    title="Li3N, vacancy along c, Li(2) to Li(2)",
)

# A row along ⟨111⟩ alternates Li, Al and two empty sites; the midpoint is a centre of inversion.
ALLOY = _vacancy(
    CrystalVacancy(
        material="LiAl",
        vectors=SIMPLE,
        repeat=(1, 1, 1),
        start=(0.5, 0.5, 0.5),
        end=(0.75, 0.75, 0.75),
    ),
    charge=0.0,
    kpoint_length=40.0,
    tier="quick",
)

# The midpoint, in a tetrahedron, is a minimum or nearly so: with four images to the middle the
# slope at the third one, 1.7 meV below the middle, was 0.24 eV/Å towards it.
LAYERED_SULFIDE = replace(
    _vacancy(
        CrystalVacancy(
            material="LiTiS2",
            vectors=SIMPLE,
            repeat=(2, 2, 1),
            start=(0.0, 0.0, 0.5),
            end=(1.0, 0.0, 0.5),
            bulge=(1 / 6, 1 / 3, -0.08),
        ),
        charge=0.0,
        kpoint_length=20.0,
        tier="quick",
    ),
    half_images=5,
)

# Li⁺ is taken out, since LiCoO2 is a closed-shell crystal. A neutral lithium leaves a hole on one
# of four cobalt atoms (1.04 µB), the lowest not on one that the mirror plane of the hop keeps in
# its place (+0.30 eV there, relaxed), so that it would have to hop together with the ion.
LAYERED_OXIDE = _vacancy(
    CrystalVacancy(
        material="LiCoO2",
        vectors=MIRRORED_LAYERS,
        repeat=(2, 2, 1),
        start=(0.0, 0.0, 0.5),
        end=(1.0, 0.0, 0.5),
        bulge=(0.07, 0.14, -0.015),
    ),
    charge=-1.0,
    kpoint_length=20.0,
    tier="quick",
)

PHOSPHATE = MigrationRecipe(
    id="lifepo4_010_vacancy",
    title="LiFePO4 [010], vacancy",
    site=OlivineVacancy(),
    crystal=OLIVINE,
    charge=0.0,
    kpoint_length=10.0,
)

HOPS = (
    _ionic(_rocksalt("LiCl"), "quick", other_charge=0.0),
    LITHIUM,
    _ionic(_rocksalt("LiF"), "quick"),
    _ionic(_antifluorite("Li2S"), "quick"),
    LAYERED_SULFIDE,
    _ionic(_antifluorite("Li2O"), "quick", other_charge=0.0),
    _ionic(_rocksalt("LiBr"), "quick"),
    _adatom("Al", "fcc111", (2, 2, 4), "fcc", (1 / 3, 1 / 3)),
    _adatom("Li", "bcc100", (2, 2, 6), "hollow", (1.0, 0.0), "quick"),
    _ionic(_antiperovskite("Li3OCl"), "quick"),
    _ionic(_rocksalt("LiI"), "quick"),
    NITRIDE,
    ALLOY,
    _ionic(_antiperovskite("Li3OBr")),
    _ionic(_antifluorite("Li2Se")),
    LAYERED_OXIDE,
    _adatom("Li", "bcc110", (2, 2, 5), "longbridge", (0.0, 1.0)),
    _adatom("Cu", "fcc111", (2, 2, 4), "fcc", (1 / 3, 1 / 3)),
    _adatom("Ag", "fcc111", (2, 2, 4), "fcc", (1 / 3, 1 / 3)),
    LITHIUM_BOUNDARY,
    PHOSPHATE,
)


def recipes() -> Sequence[MigrationRecipe]:
    """All cases, in the order of the queue."""
    return HOPS


def convergence_cases() -> Sequence[str]:
    """Cases whose convergence is tested: metal, alloy, halide, oxide, layered sulfide."""
    return ("li_vacancy", "lial_vacancy", "licl_vacancy", "li2o_vacancy", "litis2_vacancy")


def convergence_variants(recipe: MigrationRecipe) -> dict[str, MigrationRecipe]:
    """The recipe with one setting at a time made finer."""
    return {
        AS_USED: recipe,
        "cutoff x 1.3": replace(recipe, cutoff_factor=1.3),
        "k-points x 1.5": replace(recipe, kpoint_factor=1.5),
    }
