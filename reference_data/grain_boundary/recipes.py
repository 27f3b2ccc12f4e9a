"""Recipes of the grain-boundary references.

γ = (E_GB − n·E_bulk) / 2A of two equivalent boundaries in a periodic cell. The bulk is the perfect
crystal in a cell with the same in-plane lattice, height and mesh. Lattice constants are those of
the surface-energy set, from the same steps. The start comes from a scan with a potential
(``scan.py``, ``starts/``).

Positions and the length along the normal are relaxed with the stress, at the material's own
cutoff: what the finite basis adds to the stress depends on atoms and volume, hardly on where the
atoms are, and is taken from the perfect crystal in the same cell, whose true stress is zero. A scan
over the length would need three relaxations, a cutoff for absolute stresses 900 eV.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from uipbench.errors import ReferenceEngineError
from uipbench.reference.convergence import AS_USED, ConvergencePoint
from uipbench.reference.recipe import ReferenceCase, case_file
from uipbench.reference_data.grain_boundary.boundaries import (
    Boundary,
    Indices,
    bicrystal,
    bulk_cell,
    rotation_angle,
)
from uipbench.reference_data.grain_boundary.published import annotate
from uipbench.reference_data.grain_boundary.starts import read_start
from uipbench.reference_data.grain_boundary.values import (
    FMAX_EV_PER_A,
    details_of,
    grain_boundary_energy,
    values_of,
)
from uipbench.reference_data.surface_energy.recipes import SurfaceRecipe
from uipbench.reference_data.surface_energy.slabs import MATERIALS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ase import Atoms

    from uipbench.reference.engine import DftEngine, DftStructure
    from uipbench.reference.settings import DftSettings
    from uipbench.reference_data.surface_energy.slabs import Material

RECIPE = "reference_data/grain_boundary/recipes.py"
Tier = Literal["quick", "full"]
Protocols = tuple[Literal["fixed", "relaxed"], ...]
COARSE_IS_ENOUGH = frozenset({"Li", "Na"})
"""Alkali metals: Li Σ3(112), six planes as built, has 2.158, 2.161 and 2.159 J/m² with n·a of 30,
40 and 60 Å; carried over to Na."""

FIXED_ONLY = (
    "Fixed only: one DFT calculation at a geometry relaxed by a potential, since the DFT "
    "relaxation is too dear."
)


TILTED = (
    "The octahedra of the grains are rotated about the normal by 9°, alternating, while those of "
    "the bulk are held straight by its symmetry: SevenNet-0 tilts the perfect crystal too. DFT was "
    "not asked; if it does, γ is larger than stated."
)

SPIN_PAIRED = (
    "Without spin: a spin-polarised calculation of another translation of the grains, begun with "
    "1 µB on Co, ended without moments."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryRecipe:
    """One boundary of one material.

    Attributes:
        material: Key of ``MATERIALS`` of the surface-energy set.
        boundary: The boundary.
        tier: ``quick`` cases are relaxed by default when a model is scored.
        protocols: Without ``relaxed``, the DFT geometry is the start, relaxed by a potential.
        cutoff_factor: Multiplies the material's cutoff (convergence tests).
        kpoint_factor: Multiplies the material's k-point length (convergence tests).
        spin_paired: Leave out the spins of a material in which they are known to pair, which halves
            the time.
        comment: What a reader of the case should know.
    """

    material: str
    boundary: Boundary
    tier: Tier = "full"
    protocols: Protocols = ("fixed", "relaxed")
    cutoff_factor: float = 1.0
    kpoint_factor: float = 1.0
    spin_paired: bool = False
    comment: str = ""

    @property
    def id(self) -> str:
        """Such as ``al_s5_210``."""
        plane = "".join(str(i) for i in self.boundary.plane)
        return f"{self.material.lower()}_s{self.boundary.coincidence_index}_{plane}"

    @property
    def title(self) -> str:
        """Such as ``Al Σ5(210)[001]``."""
        return f"{self.material} {self.boundary.name}"

    @property
    def _surface(self) -> SurfaceRecipe:
        """Lattice constants and settings of the material; its facet is that of the boundary."""
        return SurfaceRecipe(
            material=self.material,
            miller_index=self.boundary.plane,
            cutoff_factor=self.cutoff_factor,
            kpoint_factor=self.kpoint_factor,
        )

    def settings(self, start: Atoms, *, coarse: bool = False) -> DftSettings:
        """DFT settings of the boundary, and of the bulk beside it.

        Args:
            start: Sets the mesh.
            coarse: The mesh of the first part of a relaxation (metals). Its error does not cancel
                between bulk and boundary: Al Σ3(111) as built has 0.032 J/m² with it and 0.062
                with the fine one.
        """
        coarse = coarse or self.material in COARSE_IS_ENOUGH
        settings = self._surface.settings(start, slab=False, coarse=coarse)
        return replace(settings, spin_polarised=False) if self.spin_paired else settings

    def lattice(self, engine: DftEngine) -> dict[str, float]:
        """DFT lattice constants (Å) and bulk modulus, from the steps of the surface-energy set."""
        return self._surface.lattice(engine)

    def material_at(self, lattice: Mapping[str, float]) -> Material:
        """The crystal at these lattice constants."""
        plain = MATERIALS[self.material]
        return (replace(plain, magmom=0.0) if self.spin_paired else plain).with_lattice(
            lattice["lattice_constant_a"],
            lattice.get("lattice_constant_c"),
            lattice.get("internal_coordinate_z"),
        )

    def structures(self, lattice: Mapping[str, float]) -> tuple[Atoms, Atoms]:
        """Bulk and start of the boundary at the DFT lattice constants.

        Raises:
            ReferenceDataError: There is no start.
        """
        material = self.material_at(lattice)
        start = read_start(self.id).atoms(lattice, material)
        return bulk_cell(material, self.boundary), start

    def convergence_point(self, engine: DftEngine) -> ConvergencePoint:
        """γ of the boundary as built, not relaxed, at the lattice constant of the case."""
        material = self.material_at(self.lattice(engine))
        translation = read_start(self.id).chosen.translation
        rigid = bicrystal(material, self.boundary, translation)
        settings = self.settings(rigid)
        bulk = bulk_cell(material, self.boundary)
        found = {
            "bulk": engine.single_point(bulk, settings),
            "boundary": engine.single_point(rigid, settings),
        }
        value = grain_boundary_energy(found["bulk"], found["boundary"])
        return ConvergencePoint("grain_boundary_energy_rigid", value, "J/m^2", found)

    def compute(self, engine: DftEngine) -> ReferenceCase:
        """Lattice constants, bulk, start, relaxed boundary."""
        before = engine.seconds
        lattice = self.lattice(engine)
        found = self._calculations(engine, lattice)
        seconds = engine.seconds - before
        values = values_of(found)
        file = case_file(
            found,
            cpu_seconds=seconds,
            task="grain_boundary",
            id=self.id,
            title=self.title,
            material=self.material,
            chemistry=MATERIALS[self.material].chemistry,
            tier=self.tier,
            protocols=list(self.protocols),
            references={k: {"value": v, "unit": unit} for k, (v, unit) in values.items()},
            tags=self._tags(),
            details=lattice | details_of(found),
            published=[],
            recipe=f"{RECIPE}:{self.id}",
            comment=self.comment,
        )
        return ReferenceCase(annotate(file), found)

    def _calculations(
        self, engine: DftEngine, lattice: Mapping[str, float]
    ) -> dict[str, DftStructure]:
        bulk, start = self.structures(lattice)
        settings = self.settings(start)
        if "relaxed" not in self.protocols:
            return {
                "bulk": engine.single_point(bulk, settings),
                "boundary": engine.single_point(start, settings),
            }
        coarse, near = self.settings(start, coarse=True), start
        if coarse != settings:
            near = self._relaxed(engine, bulk, start, coarse)[1].atoms
        crystal, relaxed = self._relaxed(engine, bulk, near, settings)
        unrelaxed = engine.single_point(start, settings)
        return {"bulk": crystal, "boundary_start": unrelaxed, "boundary": relaxed}

    def _relaxed(
        self, engine: DftEngine, bulk: Atoms, start: Atoms, settings: DftSettings
    ) -> tuple[DftStructure, DftStructure]:
        """The bulk, and the boundary relaxed to the bulk's stress along the normal."""
        crystal = engine.stress_point(bulk, settings)
        stress = crystal.evaluation.stress
        if stress is None:
            msg = f"{self.id}: the step of the bulk has no stress"
            raise ReferenceEngineError(msg)
        relaxed = engine.relax_along_normal(
            start, settings, fmax=FMAX_EV_PER_A, normal_stress=float(stress[2])
        )
        return crystal, relaxed

    def _tags(self) -> dict[str, str | int | float | list[int]]:
        b = self.boundary
        return {
            "coincidence_index": b.coincidence_index,
            "plane": list(b.plane),
            "rotation_axis": list(b.rotation_axis),
            "rotation_angle_deg": round(rotation_angle(MATERIALS[self.material], b), 4),
            "start": f"reference_data/grain_boundary/starts/{self.id}.json",
            "start_potential": read_start(self.id).potential,
        }


FCC_TWIN: tuple[int, Indices, Indices] = (3, (1, -1, 0), (1, 1, 1))
BCC_TWIN: tuple[int, Indices, Indices] = (3, (1, -1, 0), (1, 1, 2))
BASAL_TWIN: tuple[int, Indices, Indices] = (3, (0, 0, 1), (0, 0, 1))
TILT_210: tuple[int, Indices, Indices] = (5, (0, 0, 1), (2, 1, 0))
TILT_310: tuple[int, Indices, Indices] = (5, (0, 0, 1), (3, 1, 0))


def _case(
    tier: Tier, material: str, kind: tuple[int, Indices, Indices], steps: int
) -> BoundaryRecipe:
    sigma, axis, plane = kind
    boundary = Boundary(coincidence_index=sigma, rotation_axis=axis, plane=plane, steps=steps)
    return BoundaryRecipe(material=material, boundary=boundary, tier=tier)


def _fixed_only(material: str, kind: tuple[int, Indices, Indices], steps: int) -> BoundaryRecipe:
    recipe = _case("full", material, kind, steps)
    return replace(recipe, protocols=("fixed",), comment=FIXED_ONLY)


def _spin_paired(material: str, kind: tuple[int, Indices, Indices], steps: int) -> BoundaryRecipe:
    return replace(_case("quick", material, kind, steps), spin_paired=True, comment=SPIN_PAIRED)


def recipes() -> Sequence[BoundaryRecipe]:
    """All cases, in the order of the queue: the cheap ones first."""
    return [
        _case("quick", "Al", FCC_TWIN, 12),
        _case("quick", "Li", BCC_TWIN, 12),
        _case("quick", "Li", TILT_310, 14),
        _case("quick", "Li2O", FCC_TWIN, 6),
        _case("quick", "Cu", FCC_TWIN, 12),
        _case("quick", "Ag", FCC_TWIN, 12),
        _case("quick", "Li", TILT_210, 20),
        _case("quick", "Al", TILT_210, 18),
        _case("full", "Al", TILT_310, 24),
        _spin_paired("LiCoO2", BASAL_TWIN, 6),
        _case("quick", "LiCl", TILT_210, 14),
        _case("quick", "LiF", TILT_210, 16),
        _case("full", "MgO", TILT_210, 16),
        _case("full", "Ni", FCC_TWIN, 12),
        _fixed_only("Cu", TILT_210, 18),
        _fixed_only("Cu", TILT_310, 24),
        _fixed_only("MgO", TILT_310, 24),
        _fixed_only("LiF", TILT_310, 24),
        _case("quick", "Li2S", FCC_TWIN, 6),
        _case("quick", "MgO", FCC_TWIN, 6),
        _case("full", "LiCl", FCC_TWIN, 6),
        _case("full", "LiF", FCC_TWIN, 6),
        replace(_case("full", "Li3OCl", FCC_TWIN, 6), comment=TILTED),
        _case("full", "LiBr", FCC_TWIN, 6),
        _case("full", "Na", BCC_TWIN, 10),
        _case("full", "Na", TILT_310, 12),
    ]


def convergence_cases() -> Sequence[str]:
    """Cases whose convergence is tested: twins of a simple and a d metal, bcc, an insulator."""
    return ("al_s3_111", "li_s5_310", "cu_s3_111", "li2o_s3_111")


def convergence_variants(recipe: BoundaryRecipe) -> dict[str, BoundaryRecipe]:
    """The recipe with one setting at a time made finer."""
    return {
        AS_USED: recipe,
        "cutoff x 1.3": replace(recipe, cutoff_factor=1.3),
        "k-points x 1.5": replace(recipe, kpoint_factor=1.5),
        "thicker grains": replace(recipe, boundary=thicker(recipe)),
    }


def thicker(recipe: BoundaryRecipe) -> Boundary:
    """Grains at least 1.5 times as thick, by whole stacking periods on both sides of the centre.

    That keeps the planes that their faces cut through. The bulk beside them is upright where that
    of the recipe is: one that leans has symmetries which make the code's real-space grid a cube.
    """
    material, boundary = MATERIALS[recipe.material], recipe.boundary
    upright = not _leans(bulk_cell(material, boundary))
    thick = replace(boundary, steps=boundary.steps + 4)
    while thick.steps < 1.5 * boundary.steps or (upright and _leans(bulk_cell(material, thick))):
        thick = replace(thick, steps=thick.steps + 4)
    return thick


def _leans(bulk: Atoms) -> bool:
    return not np.allclose(bulk.cell[2, :2], 0, atol=1e-6)
