"""Symmetric tilt and twin boundaries: two grains that are mirror images in the boundary plane.

ASE orients the crystal, pymatgen's GrainBoundaryGenerator knows the coincidence lattice. The second
grain is the first one mirrored; since both have inversion centres, that is a rotation, and its axis
and angle must be those that the name claims. The mirror keeps the in-plane lattice, so the smallest
in-plane cell of the plane is the smallest cell of the boundary, a quarter or less of what
GrainBoundaryGenerator returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations, product
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.build import surface
from ase.geometry import get_distances
from ase.neighborlist import neighbor_list

from uipbench.errors import ReferenceEngineError
from uipbench.reference_data.surface_energy.slabs import (
    primitive_cell,
    reduce_in_plane,
    with_moments,
)

if TYPE_CHECKING:
    from uipbench.reference_data.surface_energy.slabs import Material

Indices = tuple[int, int, int]

SAME_SITE_A = 1e-3
LARGEST_INDEX = 200
EPS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """A boundary by its macroscopic degrees of freedom.

    Attributes:
        coincidence_index: Σ.
        rotation_axis: Direction [uvw] of the misorientation's axis.
        plane: Miller indices (hkl) with respect to the conventional cell.
        steps: Thickness of a grain in halves of the stacking period of the plane.
    """

    coincidence_index: int
    rotation_axis: Indices
    plane: Indices
    steps: int

    @property
    def name(self) -> str:
        """Such as ``Σ5(210)[001]``."""
        plane, axis = ("".join(str(i) for i in v) for v in (self.plane, self.rotation_axis))
        return f"Σ{self.coincidence_index}({plane})[{axis}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """The microscopic degrees of freedom of a start.

    Attributes:
        shifted_centre: Whether the grain's centre lies half a stacking period above an inversion
            centre of its atoms; with ``Boundary.steps`` it says what its faces cut through.
        shift: In-plane shift of the second grain in units of the in-plane lattice vectors.
        gap: Widening of each boundary along the normal in Å.
        merged_below: Like atoms nearer than that many bulk bond lengths become one, in their
            middle, before the boundaries are widened.
    """

    shifted_centre: bool
    shift: tuple[float, float]
    gap: float
    merged_below: float


def oriented_crystal(material: Material, plane: Indices) -> Atoms:
    """The crystal in a cell with ``plane`` in xy; the third vector is the shortest stacking step.

    Args:
        material: Crystal with its final lattice constants.
        plane: With respect to the conventional cell.
    """
    primitive = primitive_cell(material)
    n = len(primitive)
    two = surface(primitive, _primitive_indices(material, primitive, plane), 2)
    cell = np.array([*two.cell[:2], two.positions[n] - two.positions[0]])
    crystal = reduce_in_plane(Atoms(two.numbers[:n], two.positions[:n], cell=cell, pbc=True))
    crystal.set_cell(upright(crystal.cell[:]))
    crystal.wrap(eps=EPS)
    return with_moments(crystal, material)


def _primitive_indices(material: Material, primitive: Atoms, plane: Indices) -> Indices:
    """Miller indices with respect to the primitive cell, without a common factor."""
    wave = material.conventional().cell.reciprocal()[:].T @ np.array(plane, dtype=float)
    indices = primitive.cell[:] @ wave
    factor = next(n for n in (1, 2, 3, 4, 6) if np.allclose(n * indices, np.rint(n * indices)))
    h, k, l = np.rint(factor * indices).astype(int).tolist()  # noqa: E741 - the field's letters
    common = math.gcd(h, k, l)
    return (h // common, k // common, l // common)


def upright(cell: np.ndarray) -> np.ndarray:
    """The cell with in-plane vectors subtracted from the third, as near to z as possible."""
    inside = np.linalg.solve(cell[:2, :2].T, cell[2, :2])
    return np.array([*cell[:2], cell[2] - np.rint(inside - EPS) @ cell[:2]])


def bulk_cell(material: Material, boundary: Boundary) -> Atoms:
    """Perfect crystal with the in-plane lattice of the boundary and the height of both grains."""
    bulk = oriented_crystal(material, boundary.plane).repeat((1, 1, boundary.steps))
    bulk.set_cell(upright(bulk.cell[:]))
    bulk.wrap(eps=EPS)
    return with_moments(bulk, material)


def bicrystal(material: Material, boundary: Boundary, translation: Translation) -> Atoms:
    """Two grains with two boundaries, close like atoms merged, nothing relaxed.

    Raises:
        ReferenceEngineError: The boundary is not what its name claims.
    """
    if coincidence_index(material, boundary) != boundary.coincidence_index:
        msg = f"the mirror twin in {boundary.plane} is not {boundary.name}"
        raise ReferenceEngineError(msg)
    crystal = oriented_crystal(material, boundary.plane)
    thickness = boundary.steps * float(crystal.cell[2, 2]) / 2
    grain = _grain(crystal, thickness, shifted=translation.shifted_centre)
    shift = np.array([*translation.shift, 0]) @ crystal.cell[:]
    narrow = _two_grains(grain, crystal, shift, thickness)
    wide = _two_grains(grain, crystal, shift, thickness + translation.gap)
    distance = translation.merged_below * bond_length(crystal)
    return with_moments(merged(wide, narrow, distance), material)


def _two_grains(grain: Atoms, crystal: Atoms, shift: np.ndarray, height: float) -> Atoms:
    """The grain and, ``height`` above it, its mirror image."""
    second = grain.copy()
    second.positions *= [1, 1, -1]
    second.positions += shift + np.array([0, 0, height])
    both = grain + second
    both.set_cell([*crystal.cell[:2], [0, 0, 2 * height]])
    both.pbc = True
    return both


def _grain(crystal: Atoms, thickness: float, *, shifted: bool) -> Atoms:
    """The layer of atoms within half a thickness of z = 0, its inversion centre in the origin."""
    rare = min(set(crystal.numbers), key=lambda z: (list(crystal.numbers).count(z), z))
    centre = crystal.positions[list(crystal.numbers).index(rare)]
    period = crystal.cell[2]
    repeats = int(np.ceil(thickness / period[2])) + 2
    tall = crystal.repeat((1, 1, 2 * repeats))
    tall.positions -= centre + repeats * period + (period / 2 if shifted else 0)
    return tall[np.abs(tall.positions[:, 2]) <= thickness / 2 + EPS]


def merged(atoms: Atoms, narrow: Atoms, distance: float) -> Atoms:
    """Copy in which like atoms that are near each other in ``narrow`` are one, in their middle.

    Args:
        atoms: Structure to change.
        narrow: The same atoms with the grains nearer to each other.
        distance: Two atoms nearer than that in ``narrow`` become one (Å).
    """
    left, near = atoms.copy(), narrow.copy()
    while True:
        pair = _nearest_pair(near, distance)
        if pair is None:
            left.wrap(eps=EPS)
            return left
        i, j, image = pair
        for a in (left, near):
            a.positions[i] += (a.positions[j] + image @ a.cell[:] - a.positions[i]) / 2
            del a[j]


def _nearest_pair(atoms: Atoms, distance: float) -> tuple[int, int, np.ndarray] | None:
    i, j, d, images = neighbor_list("ijdS", atoms, distance)
    like = np.flatnonzero((i < j) & (atoms.numbers[i] == atoms.numbers[j]))
    if not len(like):
        return None
    best = min(like, key=lambda k: (round(float(d[k]), 6), i[k], j[k]))
    return int(i[best]), int(j[best]), images[best]


def has_equivalent_boundaries(atoms: Atoms, tolerance: float) -> bool:
    """Whether a symmetry operation of the cell turns one boundary into the other.

    Args:
        atoms: Bicrystal with its boundaries at a quarter and three quarters of the height.
        tolerance: Largest distance of an atom from its image in Å.
    """
    rotations, translations = symmetry_operations(atoms, tolerance)
    images = rotations[:, 2, 2] * 0.25 + translations[:, 2]
    along = np.abs(rotations[:, 2, 2]) == 1
    away = (images - 0.75) - np.rint(images - 0.75)
    slack = max(2 * tolerance / float(atoms.cell[2, 2]), SAME_SITE_A)
    return bool((along & (np.abs(away) < slack)).any())


def symmetry_operations(atoms: Atoms, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (n, 3, 3) and translations (n, 3) in fractional coordinates, from spglib.

    Raises:
        ReferenceEngineError: spglib finds none, not even the identity.
    """
    import spglib

    cell = (atoms.cell[:], atoms.get_scaled_positions(wrap=False), atoms.numbers)
    found = spglib.get_symmetry(cell, symprec=tolerance)
    if found is None:
        msg = f"{atoms.get_chemical_formula()}: spglib finds no symmetry within {tolerance} Å"
        raise ReferenceEngineError(msg)
    return found["rotations"], found["translations"]


def bond_length(crystal: Atoms) -> float:
    """Shortest distance of two atoms of a periodic crystal in Å."""
    _, distances = get_distances(crystal.positions, cell=crystal.cell, pbc=True)
    cell_vectors = [np.array(n) @ crystal.cell[:] for n in product((-1, 0, 1), repeat=3) if any(n)]
    apart = distances[distances > EPS]
    return float(min([*apart, *np.linalg.norm(cell_vectors, axis=1)]))


def shortest_distance(atoms: Atoms) -> float:
    """Shortest distance of two atoms in Å, images included."""
    return bond_length(atoms)


def coincidence_index(material: Material, boundary: Boundary) -> int | None:
    """Σ of the mirror twin: the least integer that makes the change of basis integer.

    Source: Grimmer, Acta Cryst. A 32, 783 (1976), doi:10.1107/S056773947601231X. None if there is
    no coincidence lattice with Σ up to 200.
    """
    normal = plane_normal(material, boundary.plane)
    basis = primitive_cell(material).cell[:]
    mirror = np.eye(3) - 2 * np.outer(normal, normal)
    change = basis @ mirror @ np.linalg.inv(basis)
    for sigma in range(1, LARGEST_INDEX + 1):
        if np.allclose(sigma * change, np.rint(sigma * change), atol=1e-6):
            return sigma
    return None


def plane_normal(material: Material, plane: Indices) -> np.ndarray:
    """Unit normal of a plane in the axes of :meth:`Material.conventional`."""
    normal = material.conventional().cell.reciprocal()[:].T @ np.array(plane, dtype=float)
    unit: np.ndarray = normal / np.linalg.norm(normal)
    return unit


def rotation_angle(material: Material, boundary: Boundary) -> float:
    """Misorientation angle (degrees) about the boundary's axis.

    In cubic crystals the smallest of pymatgen's angles for this Σ and axis that turns one grain
    into the other; otherwise a half turn about the normal, which every mirror twin of a crystal
    with inversion centres is.

    Raises:
        ReferenceEngineError: No angle of this Σ and axis does so.
    """
    if not material.cubic:
        return 180.0
    from pymatgen.core.interface import GrainBoundaryGenerator

    angles = GrainBoundaryGenerator.get_rotation_angle_from_sigma(
        boundary.coincidence_index, boundary.rotation_axis, lat_type="c"
    )
    normal = plane_normal(material, boundary.plane)
    mirror = np.eye(3) - 2 * np.outer(normal, normal)
    for angle in sorted(angles):
        change = mirror @ _rotation(boundary.rotation_axis, angle)
        if any(np.allclose(change, s, atol=1e-6) for s in _cubic_symmetries()):
            return float(angle)
    msg = f"{boundary.name}: no rotation about the axis makes this boundary"
    raise ReferenceEngineError(msg)


def _rotation(axis: Indices, angle: float) -> np.ndarray:
    unit = np.array(axis) / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), unit)
    turn = np.deg2rad(angle)
    matrix: np.ndarray = np.eye(3) - np.sin(turn) * cross + (1 - np.cos(turn)) * cross @ cross
    return matrix


def _cubic_symmetries() -> list[np.ndarray]:
    return [
        np.diag(signs)[list(order)]
        for order in permutations(range(3))
        for signs in product((-1, 1), repeat=3)
    ]
