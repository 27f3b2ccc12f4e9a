"""How a migration reference is computed.

E_m = max(E along the path) − E(initial). Where a symmetry operation of the midpoint exchanges the
end points, the path needs one half only: the initial structure relaxed, the midpoint relaxed in its
symmetry, a band between the two, and the mirror images of all, which cost nothing. Other hops get a
climbing-image band between both relaxed end points. The cell is that of the perfect crystal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from uipbench.neb import climbing_image_neb, half_path, path_coordinates
from uipbench.reference.band import DftBand, as_relaxed
from uipbench.reference.convergence import ConvergencePoint
from uipbench.reference.recipe import ReferenceCase, case_file
from uipbench.reference.settings import DftSettings, kpoint_mesh
from uipbench.reference_data.li_migration.crystals import settings_of
from uipbench.reference_data.li_migration.mirror import needed_reversal
from uipbench.reference_data.li_migration.published import annotate
from uipbench.reference_data.li_migration.values import (
    check_magnetic_state,
    energies_along,
    largest_rise,
    reference_values,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from uipbench.casefiles import CaseFile
    from uipbench.reference.engine import DftEngine, DftStructure
    from uipbench.reference_data.li_migration.crystals import Lattice
    from uipbench.reference_data.li_migration.hops import Hop
    from uipbench.reference_data.li_migration.sites import Site
    from uipbench.reference_data.surface_energy.slabs import Material

FMAX_EV_PER_A = 0.02
"""Limit of end points, symmetric midpoints and climbing bands."""

PATH_FMAX_EV_PER_A = 0.1
"""Limit of the images between end point and symmetric saddle, which only give the profile."""

HALF_IMAGES = 4
"""Images from end point to midpoint, both included: seven in the whole path."""

BAND_IMAGES = 5
"""Images of a path without symmetry, end points included."""

RECIPE = "reference_data/li_migration/recipes.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRecipe:
    """One hop.

    Attributes:
        id: Such as ``licl_vacancy``.
        title: What people read.
        site: Where lithium hops.
        crystal: Chemistry and DFT settings.
        charge: Charge of the cell in e: −1 where Li⁺ is taken out of a closed-shell ionic crystal.
        other_charge: Another charge whose barrier is computed too and kept as a detail.
        symmetric: Whether a symmetry of the midpoint exchanges the end points.
        kpoint_length: n·a of the mesh in Å.
        half_images: Images from end point to midpoint; more where the saddle point is between two.
        slab: Whether the cell has vacuum along z.
        tier: ``quick`` cases are relaxed by default when a model is scored.
        cutoff_factor: Multiplies the cutoff (convergence tests).
        kpoint_factor: Multiplies the k-point length (convergence tests).
    """

    id: str
    title: str
    site: Site
    crystal: Material
    charge: float
    kpoint_length: float
    other_charge: float | None = None
    symmetric: bool = True
    half_images: int = HALF_IMAGES
    slab: bool = False
    tier: Literal["quick", "full"] = "full"
    cutoff_factor: float = 1.0
    kpoint_factor: float = 1.0
    comment: str = ""

    @property
    def material(self) -> str:
        """The host: statistics resample hosts."""
        return self.site.material

    @property
    def method(self) -> str:
        """How the saddle point is found."""
        return "symmetric midpoint" if self.symmetric else "climbing-image band"

    def settings(self, atoms: Atoms) -> DftSettings:
        """DFT settings, the same for every image."""
        mesh = kpoint_mesh(atoms, self.kpoint_length * self.kpoint_factor, slab=self.slab)
        return DftSettings(
            cutoff_ev=self.crystal.cutoff_ev * self.cutoff_factor,
            kpts=mesh,
            smearing_ev=self.crystal.smearing_ev,
            spin_polarised=self.crystal.magmom != 0.0,
            hubbard=self.crystal.hubbard,
            charge=self.charge,
            dipole_layer=self.slab,
        )

    def hop(self, lattice: Mapping[str, float]) -> Hop:
        """Unrelaxed structures; slabs are not periodic along the normal."""
        hop = self.site.hop(lattice)
        if self.slab:
            for atoms in (hop.initial, hop.midpoint, hop.final):
                atoms.pbc = (True, True, False)
        return hop

    def convergence_point(self, engine: DftEngine) -> ConvergencePoint:
        """Barrier of the relaxed structures of the case, not relaxed again with these settings."""
        plain = replace(self, cutoff_factor=1.0, kpoint_factor=1.0)
        path = plain.path(engine, plain.hop(plain.site.lattice(engine)))
        top = int(np.argmax(energies_along(path)))
        settings = self.settings(path[0].atoms)
        found = {
            role: engine.single_point(path[i].atoms, settings)
            for role, i in (("initial", 0), ("saddle", top))
        }
        value = found["saddle"].evaluation.energy - found["initial"].evaluation.energy
        return ConvergencePoint("migration_barrier", value, "eV", found)

    def path(self, engine: DftEngine, hop: Hop) -> list[DftStructure]:
        """The images of the path with their DFT calculations, end points included."""
        settings = self.settings(hop.initial)
        initial = engine.relax_positions(hop.initial, settings, fmax=FMAX_EV_PER_A)
        if self.symmetric:
            return self._mirrored(engine, hop, initial)
        final = engine.relax_positions(hop.final, settings, fmax=FMAX_EV_PER_A)
        dft = DftBand(engine, settings)
        band = climbing_image_neb(
            as_relaxed(initial),
            as_relaxed(final),
            dft,
            images=BAND_IMAGES,
            fmax=2 * FMAX_EV_PER_A,
        )
        return [initial, *dft.calculations(band.images[1:-1]), final]

    def _mirrored(self, engine: DftEngine, hop: Hop, initial: DftStructure) -> list[DftStructure]:
        turn = needed_reversal(hop)
        middle = engine.relax_positions(hop.midpoint, initial.settings, fmax=FMAX_EV_PER_A)
        dft = DftBand(engine, initial.settings)
        half = half_path(
            as_relaxed(initial),
            as_relaxed(middle),
            dft,
            images=self.half_images,
            fmax=PATH_FMAX_EV_PER_A,
            climb_fmax=2 * FMAX_EV_PER_A,
        )
        between = dft.calculations(half.images[1:-1])
        first = [initial, *between]
        return [*first, middle, *(turn.calculation(s, middle.atoms) for s in reversed(first))]

    def compute(self, engine: DftEngine) -> ReferenceCase:
        """Lattice, end points, path, and the barrier of the other charge where it is wanted."""
        before = engine.seconds
        lattice = self.site.lattice(engine)
        hop = self.hop(lattice)
        path = self.path(engine, hop)
        check_magnetic_state(path)
        found = {f"image_{i}": structure for i, structure in enumerate(path)}
        bulk = self.site.bulk(lattice)
        if bulk is not None:
            known = {"bulk": engine.single_point(bulk, settings_of(self.crystal, bulk))}
            found = known | found
        details = lattice | self.details(hop, path) | self._other(engine, path)
        found = {role: replace(s, atoms=periodic(s.atoms)) for role, s in found.items()}
        file = self._file(found, details, cpu_seconds=engine.seconds - before)
        return ReferenceCase(annotate(file), found)

    def _other(self, engine: DftEngine, path: list[DftStructure]) -> dict[str, float]:
        """Barrier with the other charge: end point and saddle relaxed again."""
        if self.other_charge is None:
            return {}
        middle = len(path) // 2
        settings = replace(path[0].settings, charge=self.other_charge)
        ends = [
            engine.relax_positions(path[i].atoms, settings, fmax=FMAX_EV_PER_A) for i in (0, middle)
        ]
        value = ends[1].evaluation.energy - ends[0].evaluation.energy
        return {f"symmetric_midpoint_charge_{self.other_charge:+.0f}_ev": value}

    def details(self, hop: Hop, path: list[DftStructure]) -> dict[str, float]:
        """Lengths, place of the saddle, residual forces."""
        energies = energies_along(path)
        atoms = [s.atoms for s in path]
        saddle = int(np.argmax(energies))
        coordinates = path_coordinates(atoms)
        step = atoms[-1].positions[hop.mover] - atoms[0].positions[hop.mover]
        return {
            "charge_e": self.charge,
            "hop_length_a": float(np.linalg.norm(step)),
            "path_length_a": float(coordinates[-1]),
            "saddle_image": float(saddle),
            "saddle_coordinate": float(coordinates[saddle] / coordinates[-1]),
            "mover": float(hop.mover),
            "saddle_force_ev_per_a": path[saddle].max_force,
            "residual_force_ev_per_a": max(path[0].max_force, path[-1].max_force),
            "relaxation_fmax_ev_per_a": FMAX_EV_PER_A,
            "rise_between_images_ev": largest_rise(
                atoms, list(energies), [s.evaluation.forces for s in path]
            ),
        }

    def _file(
        self,
        found: Mapping[str, DftStructure],
        details: Lattice,
        *,
        cpu_seconds: float,
    ) -> CaseFile:
        return case_file(
            found,
            cpu_seconds=cpu_seconds,
            task="li_migration",
            id=self.id,
            title=self.title,
            material=self.material,
            chemistry=self.crystal.chemistry,
            tier=self.tier,
            protocols=["fixed", "relaxed"],
            references=reference_values(found),
            tags={
                "charge": self.charge,
                "method": self.method,
                "mechanism": "adatom" if self.slab else "vacancy",
                "relaxed_cell": "strained as bulk" if "bulk" in found else "as in DFT",
            },
            details=details,
            published=[],
            recipe=f"{RECIPE}:{self.id}",
            comment=self.comment,
        )


def periodic(atoms: Atoms) -> Atoms:
    """The structure as potentials expect it: periodic along the vacuum too."""
    copy = atoms.copy()
    copy.pbc = True
    return copy
