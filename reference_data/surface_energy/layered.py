"""Slabs of layered cathodes, hexagonal or rhombohedral, whose symmetry leaves one coordinate free.

(001): half of the lithium of the outermost layer on each face, in rows, so that the slab is
stoichiometric and non-polar; whole sheets where there is none. (104): planes that contain a whole
formula unit each.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.build import make_supercell

from uipbench.errors import ReferenceEngineError
from uipbench.reference_data.surface_energy.slabs import reduce_in_plane, with_moments

if TYPE_CHECKING:
    from uipbench.reference_data.surface_energy.slabs import Material

RHOMBOHEDRAL = 166
OBVERSE = np.array([[2, 1, 1], [-1, 1, 1], [-1, -2, 1]]) / 3
"""Primitive vectors of a rhombohedral lattice in hexagonal ones (International Tables A)."""

PLANE_104 = np.array([[1, -1, -1], [0, 1, -1], [0, 0, 1]])
"""In-plane vectors of (104) and one to the next plane, in primitive vectors."""


def layered_cell(material: Material) -> Atoms:
    """Primitive cell of one formula unit, with starting moments."""
    conventional = material.conventional()
    if material.spacegroup != RHOMBOHEDRAL:
        return with_moments(conventional, material)
    cell = OBVERSE @ conventional.cell[:]
    inside = Atoms(conventional.get_chemical_symbols(), conventional.positions, cell=cell, pbc=True)
    inside.wrap(eps=1e-6)
    _, first = np.unique(
        np.round(inside.get_scaled_positions(), 4) % 1.0, axis=0, return_index=True
    )
    return with_moments(inside[np.sort(first)], material)


def layered_lattice(relaxed: Atoms, material: Material) -> dict[str, float]:
    """a, c (Å) and the free coordinate of a relaxed :func:`layered_cell`."""
    rhombohedral = material.spacegroup == RHOMBOHEDRAL
    to_hexagonal = np.linalg.inv(OBVERSE) if rhombohedral else np.eye(3)
    a, _, c = np.linalg.norm(to_hexagonal @ relaxed.cell[:], axis=1)
    normal = np.cross(relaxed.cell[0] - relaxed.cell[1], relaxed.cell[1] - relaxed.cell[2])
    if not rhombohedral:
        normal = relaxed.cell[2]
    heights = relaxed.positions @ (normal / np.linalg.norm(normal)) / c
    symbols = np.array(relaxed.get_chemical_symbols())
    origin = heights[symbols == material.basis[0][0]][0]
    start = dict(material.basis)[material.free_z][2]
    period = 1 / 3 if rhombohedral else 1.0
    found = (heights[symbols == material.free_z] - origin - start) * np.array([[1], [-1]])
    found[1] -= 2 * start
    nearest = min((found - period * np.rint(found / period)).ravel(), key=abs)
    return {
        "lattice_constant_a": float(a),
        "lattice_constant_c": float(c),
        "internal_coordinate_z": float(start + nearest),
    }


def layered_slab(
    material: Material, miller_index: tuple[int, int, int], min_thickness: float, vacuum: float
) -> tuple[Atoms, Atoms]:
    """Oriented bulk and slab with the same in-plane lattice.

    Args:
        material: Crystal with its final lattice constants and free coordinate.
        miller_index: (001) of a trigonal or (104) of a rhombohedral crystal.
        min_thickness: Least distance between the outermost atoms in Å.
        vacuum: Vacuum in Å.

    Raises:
        ReferenceEngineError: Another facet.
    """
    if miller_index == (0, 0, 1) and material.spacegroup != RHOMBOHEDRAL:
        lithiated = "Li" in dict(material.basis)
        cell = material.conventional()
        build = _half_covered if lithiated else _whole_planes
        bulk, slab = build(cell, min_thickness)
    elif miller_index == (1, 0, 4) and material.spacegroup == RHOMBOHEDRAL:
        cell = make_supercell(layered_cell(material), PLANE_104)
        bulk, slab = _whole_planes(cell, min_thickness)
    else:
        msg = f"no builder for facet {miller_index} of space group {material.spacegroup}"
        raise ReferenceEngineError(msg)
    slab.center(vacuum=vacuum / 2, axis=2)
    slab.pbc = bulk.pbc = True
    return with_moments(bulk, material), with_moments(slab, material)


def _upright(bulk: Atoms, layers: int) -> Atoms:
    """``layers`` bulk cells on top of each other, the third vector along the normal."""
    slab = bulk.repeat((1, 1, layers))
    slab.set_cell([*slab.cell[:2], [0.0, 0.0, slab.cell[2, 2]]])
    slab.wrap(pbc=(True, True, False), eps=1e-6)
    return slab


def _half_covered(cell: Atoms, min_thickness: float) -> tuple[Atoms, Atoms]:
    bulk = reduce_in_plane(make_supercell(cell, np.diag([2, 1, 1])))
    lithium = [atom.index for atom in bulk if atom.symbol == "Li"]
    c = float(bulk.cell[2, 2])
    layers = max(1, math.ceil((min_thickness - 1e-6) / c))
    host = bulk.copy()
    host.positions[lithium, 2] += c / 2 - host.positions[lithium, 2]
    host.positions[:, 2] -= c * np.rint(host.positions[:, 2] / c - 1e-6)
    host.positions[lithium, 2] = c / 2
    slab = _upright(host, layers)
    topmost = np.flatnonzero(
        (slab.numbers == bulk.numbers[lithium[0]]) & (slab.positions[:, 2] > (layers - 0.75) * c)
    )
    slab.positions[topmost[-1], 2] -= layers * c
    return bulk, slab


def _whole_planes(cell: Atoms, min_thickness: float) -> tuple[Atoms, Atoms]:
    bulk = reduce_in_plane(cell)
    bulk.positions += bulk.cell[2] / 2
    bulk.wrap(eps=1e-6)
    spacing = float(bulk.cell[2, 2])
    inside = float(np.ptp(bulk.positions[:, 2]))
    layers = 1 + math.ceil((min_thickness - inside - 1e-6) / spacing)
    return bulk, _upright(bulk, layers)
