"""Wulff shapes: the equilibrium shape of a crystal from its surface energies.

The polyhedron whose facets are at distances from the centre proportional to their energies
(G. Wulff, Z. Kristallogr. 34, 449 (1901), doi:10.1524/zkri.1901.34.1.449), of the facets that are
given: another one cannot show.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from uipbench.kit import CalculationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

SYMMETRY_TOLERANCE_A = 1e-3
SAME_PLANE = 1e-6
"""A corner may lie that far outside a plane, in units of the largest distance."""

Facet = tuple[int, int, int]
Vector = tuple[float, float, float]


def facet_areas(crystal: Atoms, surface_energies: Mapping[Facet, float]) -> dict[Facet, float]:
    """Share of the Wulff shape's surface by facet family.

    spglib finds which planes are equivalent, Qhull intersects their half-spaces.

    Args:
        crystal: Any cell of the crystal.
        surface_energies: J/m² by Miller index with respect to the conventional cell; positive.

    Raises:
        CalculationError: The facets do not enclose a crystal.
    """
    from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError  # slow to import

    planes = {
        normal: facet for facet in surface_energies for normal in equivalent_normals(crystal, facet)
    }
    normals, facets = np.array(list(planes)), list(planes.values())
    distances = np.array([surface_energies[facet] for facet in facets])
    halfspaces = np.column_stack([normals, -distances])
    try:
        corners = HalfspaceIntersection(halfspaces, np.zeros(3)).intersections
        hull = ConvexHull(corners)
    except QhullError as error:
        raise CalculationError(_open_shape(surface_energies)) from error
    if (normals @ corners.T - distances[:, None]).max() > SAME_PLANE * distances.max():
        raise CalculationError(_open_shape(surface_energies))
    a, b, c = np.moveaxis(hull.points[hull.simplices], 1, 0)
    triangles = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    plane_of = (normals @ hull.equations[:, :3].T).argmax(axis=0)
    areas = dict.fromkeys(surface_energies, 0.0)
    for plane, area in zip(plane_of, triangles / triangles.sum(), strict=True):
        areas[facets[plane]] += float(area)
    return areas


def _open_shape(surface_energies: Mapping[Facet, float]) -> str:
    return f"the facets {sorted(surface_energies)} do not enclose a crystal"


def equivalent_normals(crystal: Atoms, facet: Facet) -> list[Vector]:
    """Unit normals of the planes that the point group makes of one."""
    reciprocal, operations = _point_group(
        tuple(_vector(v) for v in crystal.cell[:]),
        tuple(_vector(v) for v in crystal.get_scaled_positions()),
        tuple(int(n) for n in crystal.numbers),
    )
    normals = np.unique(np.array(facet) @ operations, axis=0) @ reciprocal
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    return [_vector(normal) for normal in normals]


@lru_cache(maxsize=256)
def _point_group(
    cell: tuple[Vector, ...], positions: tuple[Vector, ...], numbers: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Reciprocal vectors of the conventional cell, and rotations in its basis; slow, so kept."""
    import spglib

    given = (cell, positions, numbers)
    conventional = spglib.standardize_cell(given, symprec=SYMMETRY_TOLERANCE_A)
    found = conventional and spglib.get_symmetry(conventional, symprec=SYMMETRY_TOLERANCE_A)
    if not (conventional and found):
        msg = f"spglib finds no symmetry in a crystal of {len(numbers)} atoms"
        raise CalculationError(msg)
    return np.linalg.inv(conventional[0]).T, np.unique(found["rotations"], axis=0)


def _vector(components: np.ndarray) -> Vector:
    x, y, z = components
    return float(x), float(y), float(z)


def shape_error(one: Mapping[Facet, float], other: Mapping[Facet, float]) -> float:
    """Share of the surface that shows another facet: half the summed differences of the areas."""
    return sum(abs(one[facet] - other[facet]) for facet in one) / 2


def mean_energy(areas: Mapping[Facet, float], surface_energies: Mapping[Facet, float]) -> float:
    """Surface energy of a shape in J/m², weighted with the areas of the facets."""
    return sum(areas[facet] * surface_energies[facet] for facet in areas)
