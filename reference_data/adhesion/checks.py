"""What must hold for every adhesion reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uipbench.errors import ReferenceEngineError
from uipbench.reference.settings import wrong_settings
from uipbench.reference_data.adhesion.curve import LEAST_VACUUM_A, values_of
from uipbench.reference_data.adhesion.recipe import unnamed
from uipbench.reference_data.surface_energy.checks import left_out
from uipbench.tasks.adhesion import LEAST_POINTS, curve_roles, in_plane_area, separation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

    from uipbench.case import Case
    from uipbench.reference_data.adhesion.recipe import AdhesionRecipe

__all__ = ["LEAST_VACUUM_A", "left_out", "problems"]

LEAST_DISTANCE_A = 1.6
"""Shorter than any bond of the materials of the set."""

LEAST_HEIGHT_A = 5.0
"""Distance of every atom to the borders of the cell, where the dipole layer is."""

RELAXED = ("slab_a", "slab_b", "interface")
RELATIVE_TOLERANCE = 1e-4
"""Stored values must follow from the stored energies; distances are in six digits there."""

POSITION_TOLERANCE_A = 1e-5


def problems(case: Case, recipe: AdhesionRecipe) -> Iterator[str]:
    """One line for everything that is wrong with the case.

    Args:
        case: As read from its files.
        recipe: The recipe with the same identifier.
    """
    yield from _wrong_values(case)
    yield from _wrong_forces(case)
    yield from _wrong_cells(case)
    yield from _wrong_curve(case)
    if left_out() is None:
        yield from _differs_from_recipe(case, recipe)


def _wrong_values(case: Case) -> Iterator[str]:
    energies = {role: s.energy for role, s in case.structures.items()}
    try:
        values = values_of(energies, {role: case.atoms(role) for role in energies})
    except ReferenceEngineError as error:
        yield str(error)
        return
    for name, expected in values.items():
        stored, value = case.reference(name), float(expected["value"])
        if not np.isclose(stored, value, rtol=RELATIVE_TOLERANCE, atol=0):
            yield f"{name} is {stored:.6f}, but its energies give {value:.6f} {expected['unit']}"


def _wrong_forces(case: Case) -> Iterator[str]:
    limit = case.details["relaxation_fmax_ev_per_a"]
    for role in RELAXED:
        largest = float(np.linalg.norm(case.structures[role].forces, axis=1).max())
        if largest > limit:
            yield f"largest force of {role} is {largest:.4f}, limit {limit} eV/Å"


def _wrong_cells(case: Case) -> Iterator[str]:
    cell, mesh = case.atoms("interface").cell[:], case.theory.kpts["interface"]
    for role in case.structures:
        atoms = case.atoms(role)
        if not np.allclose(atoms.cell[:], cell, rtol=0, atol=POSITION_TOLERANCE_A):
            yield f"{role}: another cell than the interface's"
        if case.theory.kpts[role] != mesh:
            yield f"{role}: another k-point mesh than the interface's"
        yield from (f"{role}: {problem}" for problem in wrong_geometry(atoms))


def wrong_geometry(atoms: Atoms) -> Iterator[str]:
    """Too little vacuum, atoms near the dipole layer, or atoms that overlap."""
    z, height = atoms.positions[:, 2], float(atoms.cell[2, 2])
    vacuum = height - float(np.ptp(z))
    if vacuum < LEAST_VACUUM_A:
        yield f"vacuum of {vacuum:.2f} Å, at least {LEAST_VACUUM_A} Å"
    margin = float(min(z.min(), height - z.max()))
    if margin < LEAST_HEIGHT_A:
        yield f"an atom {margin:.2f} Å from the cell's border, at least {LEAST_HEIGHT_A} Å"
    distances = atoms.get_all_distances(mic=True)
    distances += np.diag(np.full(len(atoms), np.inf))
    if distances.min() < LEAST_DISTANCE_A:
        yield f"atoms {distances.min():.2f} Å apart, at least {LEAST_DISTANCE_A} Å"


def _wrong_curve(case: Case) -> Iterator[str]:
    slab_a, slab_b = case.atoms("slab_a"), case.atoms("slab_b")
    n = len(slab_a)
    roles = curve_roles(list(case.structures))
    distances = [separation(case.atoms(role), n) for role in roles]
    if len(roles) < LEAST_POINTS:
        yield f"{len(roles)} separations, at least {LEAST_POINTS}"
    if not np.all(np.diff(distances) > 0):
        yield "the separations of the curve do not grow"
    for role in roles:
        atoms = case.atoms(role)
        for slab, part in ((slab_a, atoms[:n]), (slab_b, atoms[n:])):
            moved = part.positions - slab.positions
            moved[:, 2] -= moved[:, 2].mean()
            if not np.allclose(moved, 0, atol=POSITION_TOLERANCE_A):
                yield f"{role}: its slabs are not the relaxed ones"


def _differs_from_recipe(case: Case, recipe: AdhesionRecipe) -> Iterator[str]:
    sides = (recipe.substrate, recipe.film)
    lattices = {s.material: unnamed(case.details, s.material) for s in sides}
    pair = recipe.pair(lattices)
    for role, atoms in (("slab_a", pair.slab_a), ("slab_b", pair.slab_b)):
        stored = case.atoms(role)
        same = np.array_equal(atoms.numbers, stored.numbers) and np.allclose(
            atoms.cell[:], stored.cell[:], rtol=0, atol=POSITION_TOLERANCE_A
        )
        if not same:
            yield f"{role}: the recipe builds another slab from the stored lattice constants"
    yield from wrong_settings(case.theory, "slab_a", recipe.settings(pair.slab_a))
    area = case.details["area_a2"]
    if not np.isclose(area, in_plane_area(pair.slab_a)):
        yield f"area is {area:.4f} Å²; the recipe's is {in_plane_area(pair.slab_a):.4f} Å²"
    for name, strain in zip(("mismatch_a", "mismatch_b"), pair.mismatch, strict=True):
        if abs(float(case.tags[name]) - strain) > POSITION_TOLERANCE_A:
            yield f"{name} is {case.tags[name]}; the recipe's is {strain:.6f}"
