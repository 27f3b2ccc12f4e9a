"""Recipes of the adhesion references.

Strains of the film are in the comments, and to more digits in the tags of the cases. A cell has at
most 16 atoms (20 on the layered cathode).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from uipbench.reference.convergence import AS_USED
from uipbench.reference_data.adhesion.interfaces import Registry, Side
from uipbench.reference_data.adhesion.recipe import AdhesionRecipe
from uipbench.reference_data.surface_energy.slabs import SALT_GRID_SPACING_A

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.reference_data.adhesion.interfaces import Supercell

SINGLE: Supercell = ((1, 0), (0, 1))
DOUBLED: Supercell = ((1, 1), (-1, 1))
"""The square cell of twice the area, turned by 45°."""


def _001(material: str, layers: int, supercell: Supercell = SINGLE) -> Side:
    return Side(material=material, miller_index=(0, 0, 1), layers=layers, supercell=supercell)


def _111(material: str, layers: int, skipped: int = 0) -> Side:
    return Side(material=material, miller_index=(1, 1, 1), layers=layers, skipped=skipped)


ONE_SHEET = (
    "One sheet of TiS2: PBE has no dispersion and hardly binds a second one, whose distance the "
    "limit on forces would leave open. Lithium above sulfur is the registry that SevenNet-0 has "
    "lowest of three; DFT was not asked. At 5.3 Å the rigid slabs are still bound by 0.03 J/m²."
)

PAIRS = (
    AdhesionRecipe(  # +2.5 %
        film=_001("Ag", 5),
        substrate=_001("MgO", 4),
        registry=Registry(film="Ag", substrate="O"),
        distance=2.5,
        tier="quick",
    ),
    AdhesionRecipe(  # +0.7 %
        film=_001("Al", 5),
        substrate=_001("LiF", 4),
        registry=Registry(film="Al", substrate="F"),
        distance=2.8,
    ),
    AdhesionRecipe(  # +2.6 %
        film=_001("Al", 5),
        substrate=_001("Ag", 5),
        registry=Registry(film="Al", substrate="Ag", plane=2),
        distance=1.9,
        tier="quick",
    ),
    AdhesionRecipe(  # +4.5 %
        film=_001("LiF", 4),
        substrate=_001("MgO", 4),
        registry=Registry(film="Li", substrate="O"),
        distance=2.1,
        tier="quick",
    ),
    AdhesionRecipe(  # +6.0 %
        film=_001("Li", 6),
        substrate=_001("LiCl", 4),
        registry=Registry(film="Li", substrate="Cl"),
        distance=2.6,
        tier="quick",
    ),
    AdhesionRecipe(  # +5.2 %
        film=_001("Al", 5),
        substrate=_001("MgO", 4),
        registry=Registry(film="Al", substrate="O"),
        distance=2.2,
        tier="quick",
    ),
    AdhesionRecipe(  # -1.9 %
        film=_001("Ag", 5),
        substrate=_001("LiF", 4),
        registry=Registry(film="Ag", substrate="F"),
        distance=2.8,
    ),
    AdhesionRecipe(
        film=_001("Ag", 5),
        substrate=_001("MgO", 4),
        registry=Registry(film="Ag", substrate="Mg"),
        distance=3.0,
        tier="quick",
    ),
    AdhesionRecipe(  # +2.6 %
        film=_111("Al", 5),
        substrate=_111("Ag", 5),
        registry=Registry(film="Al", substrate="Ag", plane=3),
        distance=2.2,
    ),
    AdhesionRecipe(  # -4.0 %
        film=_001("Na", 5),
        substrate=_001("NaCl", 4),
        registry=Registry(film="Na", substrate="Cl"),
        distance=3.0,
    ),
    AdhesionRecipe(  # +6.1 %
        film=_001("Li", 6),
        substrate=_001("Cu", 4, DOUBLED),
        registry=Registry(film="Li", substrate="Cu", plane=2),
        distance=1.7,
    ),
    AdhesionRecipe(  # -3.1 %
        film=_001("Na", 4),
        substrate=_001("LiF", 3, DOUBLED),
        registry=Registry(film="Na", substrate="F"),
        distance=2.6,
        tier="quick",
    ),
    AdhesionRecipe(  # +1.3 %
        film=_001("Na", 4),
        substrate=_001("MgO", 3, DOUBLED),
        registry=Registry(film="Na", substrate="O"),
        distance=2.6,
    ),
    AdhesionRecipe(  # -3.4 %
        film=_111("Cu", 5),
        substrate=_111("Ni", 5),
        registry=Registry(film="Cu", substrate="Ni", plane=3),
        distance=2.05,
    ),
    AdhesionRecipe(  # -0.9 %, -0.3 %: LiF continues the rocksalt stacking of the (104) face
        film=_001("LiF", 2, ((1, 0), (0, 2))),
        substrate=Side(material="LiCoO2", miller_index=(1, 0, 4), layers=3),
        registry=Registry(film="F", substrate="Co"),
        distance=2.1,
    ),
    AdhesionRecipe(  # +4.2 %
        film=_111("Li2O", 9, skipped=2),
        substrate=_001("TiS2", 3),
        registry=Registry(film="Li", substrate="S"),
        distance=2.4,
        grid_spacing=SALT_GRID_SPACING_A,
        comment=ONE_SHEET,
    ),
)


def recipes() -> Sequence[AdhesionRecipe]:
    """All cases, in the order of the queue."""
    return PAIRS


def convergence_cases() -> Sequence[str]:
    """Cases whose convergence is tested: a metal on a halide, an oxide, a metal; two insulators."""
    return ("al_lif_001_f", "ag_mgo_001_o", "al_ag_001", "lif_mgo_001_o")


def convergence_variants(recipe: AdhesionRecipe) -> dict[str, AdhesionRecipe]:
    """The recipe with one setting at a time made finer."""
    film, substrate = (replace(s, layers=s.layers + 2) for s in (recipe.film, recipe.substrate))
    return {
        AS_USED: recipe,
        "cutoff x 1.3": replace(recipe, cutoff_factor=1.3),
        "k-points x 1.5": replace(recipe, kpoint_factor=1.5),
        "2 more planes of each": replace(recipe, film=film, substrate=substrate),
        "vacuum + 5 A": replace(recipe, vacuum=recipe.vacuum + 5.0),
        "grid of 0.16 A": replace(recipe, grid_spacing=SALT_GRID_SPACING_A),
    }
