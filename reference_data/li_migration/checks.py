"""What must hold for every migration reference."""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING

import numpy as np
from ase.geometry import find_mic

from uipbench.errors import CalculationError, ReferenceEngineError
from uipbench.reference.settings import wrong_settings
from uipbench.reference_data.li_migration.values import largest_rise, moment_problem, values_of
from uipbench.tasks.li_migration import checked_path, relative_coordinates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ase import Atoms

    from uipbench.case import Case
    from uipbench.reference_data.li_migration.recipe import MigrationRecipe

LEAST_IMAGES = 5
LEAST_DISTANCE_A = 1.3
"""Shorter than any bond of the materials of the set."""

VALUE_TOLERANCE_EV = 1e-6
"""Stored values must follow from the stored energies."""

MIRROR_TOLERANCE_EV = 1e-6
POSITION_TOLERANCE_A = 1e-4
FORCE_TOLERANCE_EV_PER_A = 1e-4

SADDLE_FACTOR = 2.0
"""A climbing image is converged to twice the limit of a relaxation."""


def left_out() -> str | None:
    """What :func:`problems` cannot check here, and why."""
    if importlib.util.find_spec("pymatgen") is None:
        return (
            "structures were not rebuilt: pymatgen is not installed (pip install 'uipbench[dft]')"
        )
    return None


def problems(case: Case, recipe: MigrationRecipe) -> Iterator[str]:
    """One line for everything that is wrong with the case.

    Args:
        case: As read from its files.
        recipe: The recipe with the same identifier.
    """
    try:
        roles = list(checked_path(case))
    except CalculationError as error:
        yield str(error).removeprefix(f"{case.id}: ")
        return
    yield from _wrong_values(case)
    yield from _wrong_forces(case, roles)
    yield from _wrong_path(case, roles)
    yield from _hidden_saddle(case, roles)
    yield from _wrong_moments(case, roles)
    if recipe.symmetric:
        yield from _not_mirrored(case, roles)
    if case.tags["charge"] != recipe.charge:
        yield f"charge is {case.tags['charge']}; the recipe's is {recipe.charge}"
    if left_out() is None:
        yield from _differs_from_recipe(case, roles, recipe)


def _wrong_values(case: Case) -> Iterator[str]:
    energies = {role: s.energy for role, s in case.structures.items()}
    try:
        values = values_of(energies)
    except ReferenceEngineError as error:
        yield str(error)
        return
    for name, expected in values.items():
        stored, value = case.reference(name), float(expected["value"])
        if abs(stored - value) > VALUE_TOLERANCE_EV:
            yield f"{name} is {stored:.6f}, but its energies give {value:.6f} eV"


def _wrong_forces(case: Case, roles: Sequence[str]) -> Iterator[str]:
    limit = case.details["relaxation_fmax_ev_per_a"]
    saddle = f"image_{case.details['saddle_image']:.0f}"
    for role, factor in ((roles[0], 1.0), (saddle, SADDLE_FACTOR), (roles[-1], 1.0)):
        largest = float(np.linalg.norm(case.structures[role].forces, axis=1).max())
        if largest > factor * limit + FORCE_TOLERANCE_EV_PER_A:
            yield f"largest force of {role} is {largest:.4f}, limit {factor * limit} eV/Å"


def _wrong_path(case: Case, roles: Sequence[str]) -> Iterator[str]:
    if len(roles) < LEAST_IMAGES:
        yield f"{len(roles)} images, at least {LEAST_IMAGES}"
    if len({case.theory.kpts[role] for role in roles}) > 1:
        yield "the images have different k-point meshes"
    if np.any(np.diff(relative_coordinates([case.atoms(role) for role in roles])) <= 0):
        yield "two neighbouring images are the same structure"
    highest = max(roles, key=lambda role: case.structures[role].energy)
    if highest != f"image_{case.details['saddle_image']:.0f}":
        yield f"the highest image is {highest}, not image_{case.details['saddle_image']:.0f}"
    for role in roles:
        distances = case.atoms(role).get_all_distances(mic=True)
        distances += np.diag(np.full(len(distances), np.inf))
        if distances.min() < LEAST_DISTANCE_A:
            yield f"{role}: atoms {distances.min():.2f} Å apart, at least {LEAST_DISTANCE_A} Å"


def _hidden_saddle(case: Case, roles: Sequence[str]) -> Iterator[str]:
    """Whether the barrier's uncertainty holds what the path may rise between two images."""
    images = [case.structures[role] for role in roles]
    rise = largest_rise(
        [case.atoms(role) for role in roles], [i.energy for i in images], [i.forces for i in images]
    )
    stored = case.details.get("rise_between_images_ev", math.nan)
    if not abs(stored - rise) <= VALUE_TOLERANCE_EV:
        yield f"rise_between_images_ev is {stored:.6f}, but the images give {rise:.6f}"
    if rise > (case.references["migration_barrier"].uncertainty or 0.0):
        yield (
            f"by its slopes the path rises between two images, {1000 * rise:.0f} meV above the "
            "highest and more than the uncertainty; use more images, or refresh"
        )


def _wrong_moments(case: Case, roles: Sequence[str]) -> Iterator[str]:
    problem = moment_problem(case.structures[role].magmoms for role in roles)
    if problem:
        yield f"the magnetic state changes along the path: {problem}"


def _not_mirrored(case: Case, roles: Sequence[str]) -> Iterator[str]:
    """Energies, and sorted atomic distances, must be the same from both ends."""
    for role, other in zip(roles, reversed(roles), strict=True):
        first, second = case.structures[role], case.structures[other]
        if abs(first.energy - second.energy) > MIRROR_TOLERANCE_EV:
            yield f"{role} and {other} are mirror images, but their energies differ"
        one, two = (np.sort(np.linalg.norm(s.forces, axis=1)) for s in (first, second))
        if not np.allclose(one, two, rtol=0, atol=FORCE_TOLERANCE_EV_PER_A):
            yield f"{role} and {other} are mirror images, but their forces differ"
        one, two = (_sorted_distances(s.atoms) for s in (first, second))
        if not np.allclose(one, two, rtol=0, atol=POSITION_TOLERANCE_A):
            yield f"{role} and {other} are mirror images, but their distances differ"


def _sorted_distances(atoms: Atoms) -> np.ndarray:
    return np.sort(np.asarray(atoms.get_all_distances(mic=True)), axis=None)


def _differs_from_recipe(
    case: Case, roles: Sequence[str], recipe: MigrationRecipe
) -> Iterator[str]:
    hop = recipe.hop(dict(case.details))
    for role, atoms in ((roles[0], hop.initial), (roles[-1], hop.final)):
        stored = case.atoms(role)
        same = np.array_equal(atoms.numbers, stored.numbers) and np.allclose(
            atoms.cell[:], stored.cell[:], rtol=0, atol=POSITION_TOLERANCE_A
        )
        if not same:
            yield f"{role}: the recipe builds another cell from the stored lattice constants"
            continue
        away = stored.positions[hop.mover] - atoms.positions[hop.mover]
        _, distance = find_mic(away, stored.cell, stored.pbc)
        if distance > hop.length / 2:
            yield f"{role}: the hopping atom is {distance:.2f} Å from its site"
    yield from wrong_settings(case.theory, roles[0], recipe.settings(case.atoms(roles[0])))
