"""Coherent interfaces: a film strained to the in-plane cell of its substrate.

One film, one substrate, one interface, vacuum on the other side. Compared with a symmetric sandwich
this needs a dipole layer in DFT, but only half of the film's atoms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from ase.build import make_supercell

from uipbench.errors import ReferenceEngineError
from uipbench.reference_data.surface_energy.recipes import SurfaceRecipe
from uipbench.reference_data.surface_energy.slabs import MATERIALS, Material, with_moments
from uipbench.tasks.adhesion import joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from uipbench.reference.engine import DftEngine

Lattice = dict[str, float]
Supercell = tuple[tuple[int, int], tuple[int, int]]

SAME_PLANE_A = 0.5
"""Atoms whose heights differ by less belong to one plane."""

LARGEST_MISMATCH = 0.065
"""Largest linear strain of the film. Only lithium, with a bulk modulus of 14 GPa, comes near it."""

LARGEST_ANGLE_DEG = 0.5
"""Largest difference between the in-plane angles of film and substrate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One crystal of an interface.

    Attributes:
        material: Key of the surface-energy set's ``MATERIALS``.
        miller_index: Facet, with respect to the conventional cell.
        layers: Atomic planes.
        supercell: In-plane vectors of the interface's cell in those of the primitive surface cell.
        skipped: Planes of the oriented crystal below the slab's first, where not all are faces.
    """

    material: str
    miller_index: tuple[int, int, int]
    layers: int
    supercell: Supercell = field(default=((1, 0), (0, 1)))
    skipped: int = 0

    @property
    def crystal(self) -> Material:
        """Crystal and DFT settings."""
        return MATERIALS[self.material]

    @property
    def surface(self) -> SurfaceRecipe:
        """The facet's entry of the surface-energy set, whose lattice constants are used."""
        return SurfaceRecipe(
            material=self.material, miller_index=self.miller_index, min_thickness=1.0
        )

    def lattice(self, engine: DftEngine) -> Lattice:
        """DFT lattice constants: the steps of the surface-energy set, not computed twice."""
        return self.surface.lattice(engine)

    def slab(self, lattice: Lattice) -> Atoms:
        """Unrelaxed slab, its first in-plane vector along x, its third vector along z."""
        bulk, _ = self.surface.structures(lattice)
        planes = atomic_planes(bulk)
        repeats = 1 + -(-(self.skipped + self.layers) // len(planes))
        stack = bulk.repeat((1, 1, repeats))
        stack = stack[np.concatenate(atomic_planes(stack)[self.skipped :][: self.layers])]
        height = float(np.ptp(stack.positions[:, 2])) + 1.0
        stack.set_cell([*stack.cell[:2], [0.0, 0.0, height]])
        (a, b), (c, d) = self.supercell
        stack = make_supercell(stack, [[a, b, 0], [c, d, 0], [0, 0, 1]], wrap=False)
        stack.set_cell(stack.cell.standard_form()[0], scale_atoms=True)
        stack.pbc = (True, True, False)
        stack.wrap(eps=1e-6)
        return stack[np.argsort(stack.positions[:, 2].round(3), kind="stable")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """In-plane position of the film.

    Attributes:
        film: Symbol of the atom in the film's contact plane that is aligned.
        substrate: Symbol of the substrate atom it is above.
        plane: Plane of that atom, counted from the contact plane: 1 is on top; 2 is the hollow of a
            (001) face and the hcp hollow of a (111) face; 3 is the fcc hollow.
    """

    film: str
    substrate: str
    plane: int = 1


@dataclass(frozen=True, slots=True)
class StrainedPair:
    """Film and substrate in one cell.

    Attributes:
        slab_a: Substrate, at its own lattice constants.
        slab_b: Film, strained to the substrate; above it at the starting distance.
        mismatch: Strain of the film along the two in-plane vectors.
    """

    slab_a: Atoms
    slab_b: Atoms
    mismatch: tuple[float, float]


def atomic_planes(atoms: Atoms) -> list[np.ndarray]:
    """Indices of the atoms of every plane normal to z, from low to high."""
    z = atoms.positions[:, 2]
    order = np.argsort(z, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(z[order]) > SAME_PLANE_A) + 1)


def mismatch(substrate: Atoms, film: Atoms) -> tuple[float, float]:
    """Strain of the film along the substrate's in-plane vectors.

    Raises:
        ReferenceEngineError: Too large, or the cells have different angles.
    """
    wanted, own = substrate.cell.cellpar(), film.cell.cellpar()
    first, second = (float(wanted[i] / own[i] - 1) for i in (0, 1))
    angle = abs(wanted[5] - own[5])
    if max(abs(first), abs(second)) > LARGEST_MISMATCH or angle > LARGEST_ANGLE_DEG:
        msg = (
            f"{film.symbols} on {substrate.symbols}: strain {first:+.3f}, {second:+.3f} "
            f"and {angle:.1f}°; at most {LARGEST_MISMATCH} and {LARGEST_ANGLE_DEG}°"
        )
        raise ReferenceEngineError(msg)
    return first, second


def strained_pair(
    slabs: tuple[Atoms, Atoms],
    registry: Registry,
    *,
    distance: float,
    vacuum: float,
    room: float,
) -> StrainedPair:
    """Film above substrate in a cell that has room for the binding curve.

    Args:
        slabs: Substrate and film from :meth:`Side.slab`.
        registry: In-plane position of the film.
        distance: Starting distance in Å.
        vacuum: Vacuum left in Å when the slabs are ``room`` Å further apart; half of it below.
        room: See ``vacuum``.

    Raises:
        ReferenceEngineError: The cells do not match, or the registry's atom is not there.
    """
    substrate, film = slabs
    strain = mismatch(substrate, film)
    slab_a, slab_b = substrate.copy(), film.copy()
    slab_b.set_cell([*substrate.cell[:2], film.cell[2]], scale_atoms=True)
    below = _site(slab_a, registry.substrate, -registry.plane)
    slab_b.positions[:, :2] += (below - _site(slab_b, registry.film, 0))[:2]
    thickness = sum(float(np.ptp(s.positions[:, 2])) for s in (slab_a, slab_b))
    slab_a.positions[:, 2] += vacuum / 2 - slab_a.positions[:, 2].min()
    height = thickness + distance + room + vacuum
    for slab in (slab_a, slab_b):
        slab.set_cell([*substrate.cell[:2], [0.0, 0.0, height]])
        slab.wrap(eps=1e-6)
    placed = joined(slab_a, slab_b, distance)
    return StrainedPair(slab_a, placed[len(slab_a) :], strain)


def _site(slab: Atoms, symbol: str, plane: int) -> np.ndarray:
    """Position of the first atom of a kind in a plane."""
    planes = atomic_planes(slab)
    inside = -len(planes) <= plane < len(planes)
    found = [i for i in planes[plane] if slab[int(i)].symbol == symbol] if inside else []
    if not found:
        msg = f"{slab.symbols}: no {symbol} in plane {plane}"
        raise ReferenceEngineError(msg)
    position: np.ndarray = slab.positions[int(found[0])].copy()
    return position


def slab_of(side: Side, lattices: Mapping[str, Lattice]) -> Atoms:
    """Slab of one side with the starting moments of its material."""
    return with_moments(side.slab(lattices[side.material]), side.crystal)


def periodic(atoms: Atoms) -> Atoms:
    """Copy that is periodic in three directions, as potentials expect; the vacuum stays."""
    copy = atoms.copy()
    copy.pbc = True
    return copy
