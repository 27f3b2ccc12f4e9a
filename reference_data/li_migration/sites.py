"""The kinds of hop: vacancy in a crystal, in olivine, in a grain boundary; adatom on a slab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.spacegroup import crystal

from uipbench.reference_data.grain_boundary.starts import read_start
from uipbench.reference_data.li_migration.crystals import (
    at_lattice,
    crystal_cell,
    lattice_of,
    primitive_vectors,
)
from uipbench.reference_data.li_migration.hops import adatom_hop, atom_at, vacancy_hop
from uipbench.reference_data.voltage_profile.magnetism import BREATHING_A, breathing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uipbench.reference.engine import DftEngine
    from uipbench.reference_data.li_migration.crystals import Lattice, Vector, Vectors
    from uipbench.reference_data.li_migration.hops import Hop


class Site(Protocol):
    """Where lithium hops; the structures follow from the lattice constants."""

    @property
    def material(self) -> str:
        """Key of ``crystals.MATERIALS``, or a name of its own."""

    def lattice(self, engine: DftEngine) -> Lattice:
        """DFT lattice constants in Å and what belongs to them."""

    def bulk(self, lattice: Mapping[str, float]) -> Atoms | None:
        """Primitive cell whose strain the hop's cell follows; None where there is no DFT one."""

    def hop(self, lattice: Mapping[str, float]) -> Hop:
        """Unrelaxed structures of the hop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrystalVacancy:
    """A lithium atom hops into a neighbouring vacancy of a crystal.

    Attributes:
        material: Key of ``crystals.MATERIALS``.
        vectors: Vectors of the supercell in conventional ones, before repetition.
        repeat: Multiples of them.
        start: Site of the hopping atom, in fractions of the conventional cell.
        end: Site of the vacancy, likewise.
        bulge: Displacement of the midpoint, likewise, where the path bends out of the line by
            breaking a mirror plane.
    """

    material: str
    vectors: Vectors
    repeat: tuple[int, int, int]
    start: Vector
    end: Vector
    bulge: Vector = (0.0, 0.0, 0.0)

    def lattice(self, engine: DftEngine) -> Lattice:
        """DFT lattice constants."""
        return lattice_of(self.material, engine)

    def bulk(self, lattice: Mapping[str, float]) -> Atoms:
        """Primitive cell, in the frame of the supercell."""
        material = at_lattice(self.material, lattice)
        return crystal_cell(material, primitive_vectors(self.material))

    def hop(self, lattice: Mapping[str, float]) -> Hop:
        """Unrelaxed structures of the hop."""
        material = at_lattice(self.material, lattice)
        vectors = material.conventional().cell[:]
        start, end, bulge = (np.array(x) @ vectors for x in (self.start, self.end, self.bulge))
        return vacancy_hop(crystal_cell(material, self.vectors, self.repeat), start, end, bulge)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryVacancy:
    """A lithium atom hops into a vacancy on the other side of a grain boundary.

    Attributes:
        material: Key of ``crystals.MATERIALS``.
        boundary: Case of the grain-boundary set whose start structure is used.
        repeat: In-plane multiples of its cell.
        start: Index of the hopping atom in the cell of the boundary.
        end: Index of the atom that is taken out; the hop is the shortest to it.
    """

    material: str
    boundary: str
    repeat: tuple[int, int]
    start: int
    end: int

    def lattice(self, engine: DftEngine) -> Lattice:
        """DFT lattice constants."""
        return lattice_of(self.material, engine)

    def bulk(self, lattice: Mapping[str, float]) -> Atoms:
        """Primitive cell of the crystal; cubic, so that its strain has no direction."""
        material = at_lattice(self.material, lattice)
        return crystal_cell(material, primitive_vectors(self.material))

    def hop(self, lattice: Mapping[str, float]) -> Hop:
        """Unrelaxed structures of the hop."""
        cell = read_start(self.boundary).atoms(lattice, at_lattice(self.material, lattice))
        step = cell.get_distance(self.start, self.end, mic=True, vector=True)
        start = cell.positions[self.start]
        boundary = make_supercell(cell, np.diag([*self.repeat, 1]))
        return vacancy_hop(boundary, start, start + step, np.zeros(3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Adatom:
    """A lithium atom hops between neighbouring sites of a metal surface.

    Attributes:
        material: Key of ``crystals.MATERIALS``, a cubic metal.
        facet: Such as ``fcc111``: the builder of the slab in :mod:`ase.build`.
        size: In-plane multiples of the primitive surface cell, and layers.
        start: Name of the site where it starts, as the builder's.
        end: Site where it ends, in fractions of the primitive surface cell beside the start.
        height: Starting height over the outermost plane in Å.
        vacuum: Vacuum in Å with the adatom.
    """

    material: str
    facet: str
    size: tuple[int, int, int]
    start: str
    end: tuple[float, float]
    height: float
    vacuum: float = 12.0

    def lattice(self, engine: DftEngine) -> Lattice:
        """DFT lattice constants."""
        return lattice_of(self.material, engine)

    def bulk(self, lattice: Mapping[str, float]) -> Atoms:
        """Primitive cell of the crystal; cubic, so that its strain has no direction."""
        material = at_lattice(self.material, lattice)
        return crystal_cell(material, primitive_vectors(self.material))

    def hop(self, lattice: Mapping[str, float]) -> Hop:
        """Unrelaxed structures of the hop."""
        import ase.build

        build = getattr(ase.build, self.facet)
        slab = build(self.material, size=self.size, a=lattice["lattice_constant_a"], vacuum=1.0)
        sites = slab.info["adsorbate_info"]
        surface_cell = np.array(sites["cell"])
        start = np.array(sites["sites"][self.start]) @ surface_cell
        end = start + np.array(self.end) @ surface_cell
        plain = Atoms(slab.numbers, slab.positions, cell=slab.cell, pbc=True)
        top = float(plain.positions[:, 2].max()) + self.height
        hop = adatom_hop(plain, "Li", np.array([*start, top]), np.array([*end, top]))
        for atoms in (hop.initial, hop.midpoint, hop.final):
            atoms.center(vacuum=self.vacuum / 2, axis=2)
        return hop


@dataclass(frozen=True, slots=True, kw_only=True)
class OlivineVacancy:
    """A lithium atom of LiFePO4 hops along [010] into a vacancy; cell of the experiment.

    Lattice and starting positions: Streltsov et al., Acta Cryst. B 49, 147 (1993),
    doi:10.1107/S0108768192004701. The cell is not relaxed in DFT, so that there is no ``bulk``.

    Attributes:
        moment: Starting moment of iron in µB, ferromagnetic; one more where the hole is.
        hole: Iron that the electron of the lithium is missing from, in fractions of the cell: one
            of the nearest to the vacancy, on a mirror plane of the hop, away from the path.
        bulge: Displacement of the midpoint, likewise, within the mirror plane.
    """

    material: str = "LiFePO4"
    moment: float = 4.0
    hole: Vector = (0.7178, 0.75, 0.0253)
    bulge: Vector = (-0.05, 0.0, -0.075)

    def lattice(self, engine: DftEngine) -> Lattice:  # noqa: ARG002 - of the experiment
        """Lattice constants of the experiment in Å."""
        return {
            "lattice_constant_a": 10.332,
            "lattice_constant_b": 6.010,
            "lattice_constant_c": 4.692,
        }

    def bulk(self, lattice: Mapping[str, float]) -> None:  # noqa: ARG002
        """There is none."""
        return

    def hop(self, lattice: Mapping[str, float]) -> Hop:
        """Unrelaxed structures of the hop."""
        lengths = [lattice[f"lattice_constant_{axis}"] for axis in "abc"]
        basis = {
            "Li": [(0.0, 0.0, 0.0)],
            "Fe": [(0.2822, 0.25, 0.9747)],
            "P": [(0.0948, 0.25, 0.4182)],
            "O": [(0.0968, 0.25, 0.7428), (0.4571, 0.25, 0.2060), (0.1656, 0.0465, 0.2848)],
        }
        symbols = [symbol for symbol, sites in basis.items() for _ in sites]
        sites = [site for same in basis.values() for site in same]
        olivine = crystal(symbols, sites, spacegroup=62, cellpar=[*lengths, 90, 90, 90])
        plain = Atoms(olivine.numbers, olivine.positions, cell=olivine.cell, pbc=True)
        iron = plain.numbers == plain.numbers[symbols.index("Fe") * 4]
        moments = np.where(iron, self.moment, 0.0)
        site = atom_at(plain, np.array(self.hole) * lengths)
        moments[site] += 1.0
        plain.set_initial_magnetic_moments(moments)
        plain.positions += breathing(plain, site, -BREATHING_A)
        end = np.array([0.0, lengths[1] / 2, 0.0])
        return vacancy_hop(plain, np.zeros(3), end, np.array(self.bulge) * lengths)


__all__ = ["Adatom", "BoundaryVacancy", "CrystalVacancy", "OlivineVacancy", "Site"]
