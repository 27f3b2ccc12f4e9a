"""How an adhesion reference is computed.

W_ad = (E_A + E_B − E_AB) / A of coherent interfaces, all three in one cell with one mesh and
cutoff. Lattice constants are those of the surface-energy set (the same DFT steps); the substrate
keeps them, the film is strained to it. Both slabs are relaxed alone, moved together rigidly for the
binding curve, and relaxed together from the curve's lowest point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from uipbench.reference.convergence import ConvergencePoint
from uipbench.reference.recipe import ReferenceCase, case_file
from uipbench.reference.settings import DftSettings, kpoint_mesh
from uipbench.reference_data.adhesion.curve import binding_curve, reference_values
from uipbench.reference_data.adhesion.interfaces import (
    Registry,
    Side,
    StrainedPair,
    periodic,
    slab_of,
    strained_pair,
)
from uipbench.reference_data.adhesion.published import annotate
from uipbench.tasks.adhesion import in_plane_area, joined, separation, work_of_adhesion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from uipbench.casefiles import CaseFile
    from uipbench.reference.engine import DftEngine, DftStructure
    from uipbench.reference_data.adhesion.interfaces import Lattice

FMAX_EV_PER_A = 0.015
MESH_LENGTH_A = 30.0
"""Upper limit of n·a: 45 Å move W_ad of Al/LiF by 0.002 J/m².

Boundaries of aluminium share cell and mesh too, and need 60 Å; no pair of metals is tested."""

FARTHEST_A = 2.5
"""Last separation of the binding curve, behind its minimum."""

RECIPE = "reference_data/adhesion/recipes.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdhesionRecipe:
    """One interface.

    Attributes:
        film: Crystal on top, strained.
        substrate: Crystal below, at its own DFT lattice constants.
        registry: In-plane position of the film.
        distance: Where the search for the curve's minimum starts, in Å; no result depends on it.
        tier: ``quick`` cases are relaxed by default when a model is scored.
        vacuum: Vacuum in Å with the slabs at the last separation.
        cutoff_factor: Multiplies the cutoff (convergence tests).
        kpoint_factor: Multiplies the k-point length (convergence tests).
        grid_spacing: Largest distance of real-space grid points in Å (convergence tests); None:
            the code's own.
    """

    film: Side
    substrate: Side
    registry: Registry
    distance: float
    tier: Literal["quick", "full"] = "full"
    vacuum: float = 13.0
    cutoff_factor: float = 1.0
    kpoint_factor: float = 1.0
    grid_spacing: float | None = None
    comment: str = ""

    @property
    def id(self) -> str:
        """Such as ``ag_mgo_001_o``; the last part says what the film's atom is on top of."""
        pair = f"{self.film.material}_{self.substrate.material}_{self._digits}"
        site = f"_{self.registry.substrate}" if self.registry.plane == 1 else ""
        return (pair + site).lower()

    @property
    def title(self) -> str:
        """Such as ``Ag/MgO(001) on O``."""
        site = f" on {self.registry.substrate}" if self.registry.plane == 1 else ""
        return f"{self.material}({self._digits}){site}"

    @property
    def material(self) -> str:
        """Such as ``Ag/MgO``."""
        return f"{self.film.material}/{self.substrate.material}"

    @property
    def chemistry(self) -> str:
        """Such as ``metal on oxide``."""
        film, substrate = (s.crystal.chemistry.split()[-1] for s in (self.film, self.substrate))
        return f"{film} on {substrate}"

    @property
    def _digits(self) -> str:
        return "".join(str(i) for i in self.substrate.miller_index)

    def settings(self, atoms: Atoms) -> DftSettings:
        """DFT settings, the same for slabs, curve and interface.

        The real-space grid is the code's own, where the convergence tests do not ask for another:
        all structures of a case share one cell, which leaves what a distance adds to its error.
        """
        crystals = (self.film.crystal, self.substrate.crystal)
        length = min(MESH_LENGTH_A, max(m.kpoint_length for m in crystals))
        return DftSettings(
            cutoff_ev=max(m.cutoff_ev for m in crystals) * self.cutoff_factor,
            kpts=kpoint_mesh(atoms, length * self.kpoint_factor, slab=True),
            smearing_ev=max(m.smearing_ev for m in crystals),
            spin_polarised=any(m.magmom for m in crystals),
            hubbard={element: u for m in crystals for element, u in m.hubbard.items()},
            grid_spacing_a=self.grid_spacing,
            dipole_layer=True,
        )

    def pair(self, lattices: Mapping[str, Lattice]) -> StrainedPair:
        """Unrelaxed slabs in one cell, from the lattice constants by material."""
        return strained_pair(
            (slab_of(self.substrate, lattices), slab_of(self.film, lattices)),
            self.registry,
            distance=self.distance,
            vacuum=self.vacuum,
            room=FARTHEST_A,
        )

    def lattices(self, engine: DftEngine) -> dict[str, Lattice]:
        """DFT lattice constants by material."""
        return {side.material: side.lattice(engine) for side in (self.substrate, self.film)}

    def convergence_point(self, engine: DftEngine) -> ConvergencePoint:
        """W_ad of the unrelaxed slabs at the starting distance with these settings."""
        plain = replace(self, cutoff_factor=1.0, kpoint_factor=1.0, grid_spacing=None)
        pair = plain.pair(plain.lattices(engine))
        settings = self.settings(pair.slab_a)
        slabs = (pair.slab_a, pair.slab_b)
        interface = engine.single_point(  # first: it stores the steps of the slabs
            joined(*slabs, self.distance), settings, engine.joined_calculator(slabs, settings)
        )
        found = {
            "slab_a": engine.single_point(pair.slab_a, settings),
            "slab_b": engine.single_point(pair.slab_b, settings),
            "interface": interface,
        }
        value = work_of_adhesion(
            in_plane_area(pair.slab_a), *(s.evaluation.energy for s in found.values())
        )
        return ConvergencePoint("work_of_adhesion_unrelaxed", value, "J/m^2", found)

    def compute(self, engine: DftEngine) -> ReferenceCase:
        """Equations of state, relaxed slabs, binding curve, relaxed interface."""
        before = engine.seconds
        lattices = self.lattices(engine)
        pair = self.pair(lattices)
        settings = self.settings(pair.slab_a)
        found = {
            role: engine.relax_positions(slab, settings, fmax=FMAX_EV_PER_A)
            for role, slab in (("slab_a", pair.slab_a), ("slab_b", pair.slab_b))
        }
        slabs = (found["slab_a"].atoms, found["slab_b"].atoms)
        calculator = engine.joined_calculator(slabs, settings)
        curve = binding_curve(
            engine,
            slabs,
            settings,
            start=self.distance,
            farthest=FARTHEST_A,
            calculator=calculator,
        )
        lowest = min(curve, key=lambda s: s.evaluation.energy)
        found["interface"] = engine.relax_positions(
            lowest.atoms, settings, fmax=FMAX_EV_PER_A, calculator=calculator
        )
        found |= {f"curve_{i}": structure for i, structure in enumerate(curve)}
        found = {role: replace(s, atoms=periodic(s.atoms)) for role, s in found.items()}
        file = self._file(found, pair, lattices, cpu_seconds=engine.seconds - before)
        return ReferenceCase(annotate(file), found)

    def _file(
        self,
        found: Mapping[str, DftStructure],
        pair: StrainedPair,
        lattices: Mapping[str, Lattice],
        *,
        cpu_seconds: float,
    ) -> CaseFile:
        return case_file(
            found,
            cpu_seconds=cpu_seconds,
            task="adhesion",
            id=self.id,
            title=self.title,
            material=self.material,
            chemistry=self.chemistry,
            tier=self.tier,
            protocols=["fixed", "relaxed"],
            references=reference_values(found),
            tags=self.tags(pair),
            details=named(lattices) | geometry(found),
            published=[],
            recipe=f"{RECIPE}:{self.id}",
            comment=self.comment,
        )

    def tags(self, pair: StrainedPair) -> dict[str, str | int | float | list[int]]:
        """Cell, strain and registry of the interface."""
        return {
            "substrate": self.substrate.material,
            "film": self.film.material,
            "miller_index": list(self.substrate.miller_index),
            "film_miller_index": list(self.film.miller_index),
            "in_plane_cell": "DFT lattice of the substrate",
            "strained_side": "film",
            "mismatch_a": round(pair.mismatch[0], 6),
            "mismatch_b": round(pair.mismatch[1], 6),
            "aligned_film_atom": self.registry.film,
            "aligned_substrate_atom": self.registry.substrate,
            "aligned_substrate_plane": self.registry.plane,
            "dipole_correction": "DFT: dipole layer, not periodic along z",
        }


def named(lattices: Mapping[str, Lattice]) -> dict[str, float]:
    """Lattice constants with the material in their name, such as ``mgo_lattice_constant_a``."""
    return {
        f"{material.lower()}_{name}": value
        for material, lattice in lattices.items()
        for name, value in lattice.items()
    }


def unnamed(details: Mapping[str, float], material: str) -> Lattice:
    """The lattice constants of one material from :func:`named`."""
    start = f"{material.lower()}_"
    return {n.removeprefix(start): v for n, v in details.items() if n.startswith(start)}


def geometry(found: Mapping[str, DftStructure]) -> dict[str, float]:
    """Area, thicknesses, distance, least vacuum and largest force of the relaxed structures."""
    atoms = {role: structure.atoms for role, structure in found.items()}
    extents = {role: float(np.ptp(a.positions[:, 2])) for role, a in atoms.items()}
    relaxed = ("slab_a", "slab_b", "interface")
    return {
        "area_a2": in_plane_area(atoms["interface"]),
        "slab_a_thickness_a": extents["slab_a"],
        "slab_b_thickness_a": extents["slab_b"],
        "interface_distance_a": separation(atoms["interface"], len(atoms["slab_a"])),
        "vacuum_a": float(atoms["interface"].cell[2, 2]) - max(extents.values()),
        "residual_force_ev_per_a": max(found[role].max_force for role in relaxed),
        "relaxation_fmax_ev_per_a": FMAX_EV_PER_A,
    }
