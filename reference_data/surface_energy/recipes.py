"""Recipes of the surface-energy references.

γ = (E_slab − n·E_bulk) / 2A of symmetric, stoichiometric, non-polar slabs, where the bulk is the
oriented bulk cell with the same in-plane lattice, in-plane mesh and cutoff as the slab.
Lattice constants come from an equation of state (cubic) or a relaxation of the cell (hexagonal).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from uipbench.reference.convergence import AS_USED, ConvergencePoint
from uipbench.reference.engine import DftEngine, DftStructure, with_mesh
from uipbench.reference.recipe import ReferenceCase, case_file
from uipbench.reference.settings import DftSettings, kpoint_mesh
from uipbench.reference_data.surface_energy.checks import has_equal_faces
from uipbench.reference_data.surface_energy.layered import (
    layered_cell,
    layered_lattice,
    layered_slab,
)
from uipbench.reference_data.surface_energy.published import annotate
from uipbench.reference_data.surface_energy.slabs import MATERIALS, build_slab, primitive_cell
from uipbench.units import J_PER_M2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

FMAX_EV_PER_A = 0.015
IN_PLANE_A = 1e-3
BUCKLING_ATOMS = 2
HCP_CELL_CUTOFF_EV = 700.0
LAYERED_CELL_CUTOFF_EV = 900.0
"""For the stress: in LiCoO2 it is off by 2.6 GPa at 650 eV and by 0.2 GPa at 900 eV."""

RECIPE = "reference_data/surface_energy/recipes.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceRecipe:
    """One facet of one material.

    Attributes:
        material: Key of ``MATERIALS``.
        miller_index: Miller indices with respect to the conventional cell.
        tier: ``quick`` cases are relaxed by default when a model is scored.
        termination: Which of the symmetric, stoichiometric cuts, by position along the normal.
        min_thickness: Least distance of the outermost atomic planes in Å.
        vacuum: Vacuum in Å.
        buckling: Height in Å by which the two atoms of an outermost plane start out of it, see
            :func:`buckled`.
        cutoff_factor: Multiplies the material's cutoff (convergence tests).
        kpoint_factor: Multiplies the material's k-point length (convergence tests).
    """

    material: str
    miller_index: tuple[int, int, int]
    tier: Literal["quick", "full"] = "full"
    termination: int = 0
    min_thickness: float = 10.0
    vacuum: float = 13.0
    buckling: float = 0.0
    cutoff_factor: float = 1.0
    kpoint_factor: float = 1.0
    comment: str = field(default="")

    @property
    def id(self) -> str:
        """Such as ``al_111``."""
        h, k, l = self.miller_index  # noqa: E741 - the field's letters
        return f"{self.material.lower()}_{h}{k}{l}"

    @property
    def title(self) -> str:
        """Such as ``Al(111)``."""
        h, k, l = self.miller_index  # noqa: E741
        return f"{self.material}({h}{k}{l})"

    def settings(self, atoms: Atoms, *, slab: bool, coarse: bool = False) -> DftSettings:
        """DFT settings of one structure.

        Args:
            atoms: Sets the mesh.
            slab: One k-point along the normal.
            coarse: The mesh of equations of state and of the first part of relaxations.
        """
        m = MATERIALS[self.material]
        length = (coarse and m.relaxation_kpoint_length) or m.kpoint_length
        mesh = kpoint_mesh(atoms, length * self.kpoint_factor, slab=slab)
        return DftSettings(
            cutoff_ev=m.cutoff_ev * self.cutoff_factor,
            kpts=mesh,
            smearing_ev=m.smearing_ev,
            spin_polarised=m.magmom != 0.0,
            hubbard=m.hubbard,
            grid_spacing_a=m.grid_spacing_a,
        )

    def lattice(self, engine: DftEngine) -> dict[str, float]:
        """DFT lattice constants (Å) and bulk modulus, at the material's own cutoff and mesh."""
        m = MATERIALS[self.material]
        cell = layered_cell(m) if m.free_z else primitive_cell(m)
        plain = replace(self, cutoff_factor=1.0, kpoint_factor=1.0)
        settings = plain.settings(cell, slab=False, coarse=True)
        if m.cubic:
            state = engine.equation_of_state(cell, settings)
            return {
                "lattice_constant_a": m.a * (1 + state.strain),
                "bulk_modulus_gpa": state.bulk_modulus_gpa,
            }
        cutoff = LAYERED_CELL_CUTOFF_EV if m.free_z else HCP_CELL_CUTOFF_EV
        fine = replace(settings, cutoff_ev=cutoff)
        relaxed = engine.relax_cell(cell, fine, fmax=0.005).atoms
        if m.free_z:
            return layered_lattice(relaxed, m)
        a, _, c = relaxed.cell.lengths()
        return {"lattice_constant_a": float(a), "lattice_constant_c": float(c)}

    def structures(self, lattice: dict[str, float]) -> tuple[Atoms, Atoms]:
        """Oriented bulk and unrelaxed slab at the DFT lattice constants."""
        material = MATERIALS[self.material].with_lattice(
            lattice["lattice_constant_a"],
            lattice.get("lattice_constant_c"),
            lattice.get("internal_coordinate_z"),
        )
        if material.free_z:
            return layered_slab(material, self.miller_index, self.min_thickness, self.vacuum)
        return build_slab(
            material, self.miller_index, self.termination, self.min_thickness, self.vacuum
        )

    def unrelaxed(self, engine: DftEngine, lattice: dict[str, float]) -> dict[str, DftStructure]:
        """Oriented bulk and unrelaxed slab, same in-plane mesh."""
        bulk, slab = self.structures(lattice)
        settings = self.settings(slab, slab=True)
        mesh = (*settings.kpts[:2], self.settings(bulk, slab=False).kpts[2])
        return {
            "bulk": engine.single_point(bulk, with_mesh(settings, mesh)),
            "slab_unrelaxed": engine.single_point(slab, settings),
        }

    def _relaxed(self, engine: DftEngine, start: DftStructure) -> DftStructure:
        """The relaxed slab; where the material has a coarser mesh, that one comes first."""
        coarse = self.settings(start.atoms, slab=True, coarse=True)
        atoms = buckled(start.atoms, self.buckling) if self.buckling else start.atoms
        if coarse != start.settings:
            atoms = engine.relax_positions(atoms, coarse, fmax=FMAX_EV_PER_A).atoms
        return engine.relax_positions(atoms, start.settings, fmax=FMAX_EV_PER_A)

    def convergence_point(self, engine: DftEngine) -> ConvergencePoint:
        """γ of the unrelaxed slab with these settings, at the lattice constant of the case."""
        found = self.unrelaxed(engine, self.lattice(engine))
        value = surface_energy(found["bulk"], found["slab_unrelaxed"])
        return ConvergencePoint("surface_energy_unrelaxed", value, "J/m^2", found)

    def compute(self, engine: DftEngine) -> ReferenceCase:
        """Equation of state, oriented bulk, unrelaxed and relaxed slab."""
        before = engine.seconds
        lattice = self.lattice(engine)
        found = self.unrelaxed(engine, lattice)
        start = found["slab_unrelaxed"]
        found["slab"] = self._relaxed(engine, start)
        values = {
            "surface_energy": surface_energy(found["bulk"], found["slab"]),
            "surface_energy_unrelaxed": surface_energy(found["bulk"], start),
        }
        file = case_file(
            found,
            cpu_seconds=engine.seconds - before,
            task="surface_energy",
            id=self.id,
            title=self.title,
            material=self.material,
            chemistry=MATERIALS[self.material].chemistry,
            tier=self.tier,
            protocols=["fixed", "relaxed"],
            references={k: {"value": v, "unit": "J/m^2"} for k, v in values.items()},
            tags={"miller_index": list(self.miller_index), "termination": self.termination},
            details=lattice | geometry(found),
            published=[],
            recipe=f"{RECIPE}:{self.id}",
            comment=self.comment,
        )
        return ReferenceCase(annotate(file), found)


def buckled(slab: Atoms, height: float) -> Atoms:
    """The slab with one atom of each outermost plane raised and the other lowered.

    Forces keep the symmetry of a slab as it was cut. Where the surface breaks it, as the chains of
    Si(110) do, a relaxation from the cut slab ends on a saddle point.

    Args:
        slab: Slab with its normal along z and two atoms in each outermost plane.
        height: In Å, for each atom; both faces stay equal.

    Raises:
        ValueError: Another number of atoms, or faces that cannot be kept equal.
    """
    z = slab.positions[:, 2]
    top, bottom = np.flatnonzero(z > z.max() - IN_PLANE_A), np.flatnonzero(z < z.min() + IN_PLANE_A)
    if len(top) != BUCKLING_ATOMS or len(bottom) != BUCKLING_ATOMS:
        msg = f"{len(top)} and {len(bottom)} atoms in the outermost planes, expected two in each"
        raise ValueError(msg)
    for lower in (bottom, bottom[::-1]):
        moved = slab.copy()
        moved.positions[[*top, *lower], 2] += np.array([1, -1, -1, 1]) * height
        if has_equal_faces(moved, IN_PLANE_A):
            return moved
    msg = "no buckling keeps the faces equal"
    raise ValueError(msg)


def surface_energy(bulk: DftStructure, slab: DftStructure) -> float:
    """γ in J/m² from DFT energies."""
    n = len(slab.atoms) / len(bulk.atoms)
    area = np.linalg.norm(np.cross(slab.atoms.cell[0], slab.atoms.cell[1]))
    return float((slab.evaluation.energy - n * bulk.evaluation.energy) / (2 * area) * J_PER_M2)


def geometry(found: dict[str, DftStructure]) -> dict[str, float]:
    """Area, thickness, vacuum and residual force of the relaxed slab."""
    slab = found["slab"].atoms
    thickness = float(np.ptp(slab.positions[:, 2]))
    area = float(np.linalg.norm(np.cross(slab.cell[0], slab.cell[1])))
    return {
        "area_a2": area,
        "thickness_a": thickness,
        "vacuum_a": float(slab.cell[2, 2]) - thickness,
        "residual_force_ev_per_a": found["slab"].max_force,
        "relaxation_fmax_ev_per_a": FMAX_EV_PER_A,
    }


def _facets(tier: Literal["quick", "full"], *names: str) -> list[SurfaceRecipe]:
    recipes = []
    for name in names:
        material, digits = name.split()
        h, k, l = (int(d) for d in digits)  # noqa: E741
        recipes.append(SurfaceRecipe(material=material, miller_index=(h, k, l), tier=tier))
    return recipes


def recipes() -> Sequence[SurfaceRecipe]:
    """All cases, in the order of the queue: neighbours are of different materials.

    Quick are the facets that were first, and at least one of every material.
    """
    return [
        *_facets("quick", "Al 111", "Li 100", "LiCl 100", "Al 100", "Li 110", "LiF 100"),
        *_facets("quick", "MgO 100", "Cu 111", "Li2O 111", "Ag 111"),
        *_facets("full", "Al 110"),
        *_facets("quick", "NaCl 100", "Cu 100", "Na 110"),
        *_facets("full", "Na 100"),
        *_facets("quick", "LiBr 100"),
        *_facets("full", "Ag 100", "Li 111", "LiCl 110", "Cu 110", "NaCl 110", "Ag 110"),
        *_facets("quick", "Mg 001"),
        *_facets("full", "LiF 110"),
        *_facets("quick", "Si 111", "Li2S 111"),
        *_facets("full", "Li2O 110"),
        *_facets("quick", "NaF 100"),
        *_facets("full", "Na 111"),
        SurfaceRecipe(material="Si", miller_index=(1, 1, 0), buckling=0.35),
        *_facets("full", "LiBr 110", "Li2S 110", "Li 210"),
        *_facets("quick", "LiI 100", "Ni 111"),
        *_facets("full", "MgO 110", "LiI 110", "Ni 100"),
        *_facets("quick", "NaBr 100"),
        *_facets("full", "Al 210", "Cu 210", "Li 211"),
        *_facets("quick", "LiTiS2 001", "LiCoO2 104"),
    ]


def convergence_cases() -> Sequence[str]:
    """Cases whose convergence is tested: simple and d metal, halide, oxide, layered sulfide."""
    return ("al_111", "lif_100", "mgo_100", "cu_111", "litis2_001")


def convergence_variants(recipe: SurfaceRecipe) -> dict[str, SurfaceRecipe]:
    """The recipe with one setting at a time made finer."""
    return {
        AS_USED: recipe,
        "cutoff x 1.3": replace(recipe, cutoff_factor=1.3),
        "k-points x 1.5": replace(recipe, kpoint_factor=1.5),
        "thickness + 6 A": replace(recipe, min_thickness=recipe.min_thickness + 6.0),
        "vacuum + 5 A": replace(recipe, vacuum=recipe.vacuum + 5.0),
    }
