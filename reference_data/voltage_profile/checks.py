"""What must hold for every voltage-profile reference."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from uipbench.errors import CalculationError
from uipbench.reference.settings import wrong_settings
from uipbench.reference_data.voltage_profile.values import (
    UNITS,
    phase_behaviour,
    reference_values,
)
from uipbench.tasks.voltage_profile.structures import METAL, series_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uipbench.case import Case
    from uipbench.reference_data.voltage_profile.recipe import VoltageRecipe

VALUE_TOLERANCE = 1e-6
"""V, eV or %; stored values must follow from the stored energies and cells."""

LEAST_DISTANCE_A = 1.3
"""Shorter than any bond of the materials of the set (P–O: 1.5 Å)."""

LARGEST_VOLUME_CHANGE = 0.25
"""A relaxation that changes the volume by more has left the structure that it started from."""


def left_out() -> str | None:
    """What :func:`problems` cannot check here, and why."""
    if importlib.util.find_spec("spglib") is None:
        return "starts were not rebuilt: spglib is not installed (pip install 'uipbench[dft]')"
    return None


def problems(case: Case, recipe: VoltageRecipe) -> Iterator[str]:
    """One line for everything that is wrong with the case.

    Args:
        case: As read from its files.
        recipe: The recipe with the same identifier.
    """
    try:
        series_of(case)
    except CalculationError as error:
        yield str(error).removeprefix(f"{case.id}: ")
        return
    yield from _wrong_values(case)
    yield from _wrong_structures(case)
    if left_out() is None:
        yield from _differs_from_recipe(case, recipe)


def _wrong_values(case: Case) -> Iterator[str]:
    energies = {role: s.energy for role, s in case.structures.items()}
    atoms = {role: case.atoms(role) for role in case.structures}
    expected = reference_values(str(case.tags["host"]), atoms, energies)
    if set(expected) != set(case.references):
        yield f"values are {sorted(case.references)}, its structures give {sorted(expected)}"
        return
    for name, value in expected.items():
        if not np.isclose(case.reference(name), value, rtol=0, atol=VALUE_TOLERANCE):
            stored = f"{case.reference(name):.6f}"
            yield f"{name} is {stored}, but its energies give {value:.6f} {UNITS[name]}"
    phases = phase_behaviour(series_of(case), energies)
    if case.tags["phase_behaviour"] != phases:
        yield f"phase_behaviour is {case.tags['phase_behaviour']!r}; its energies give {phases!r}"


def _wrong_structures(case: Case) -> Iterator[str]:
    limit = case.details["relaxation_fmax_ev_per_a"]
    for role, structure in case.structures.items():
        largest = float(np.linalg.norm(structure.forces, axis=1).max())
        if largest > limit:
            yield f"{role}: largest force is {largest:.4f}, limit {limit} eV/Å"
        atoms = structure.atoms
        distances = atoms.get_all_distances(mic=True)
        distances += np.diag(np.full(len(atoms), np.inf))
        if distances.min() < LEAST_DISTANCE_A:
            yield f"{role}: atoms {distances.min():.2f} Å apart, at least {LEAST_DISTANCE_A} Å"
        if not atoms.pbc.all():
            yield f"{role}: not periodic in three directions"


def _differs_from_recipe(case: Case, recipe: VoltageRecipe) -> Iterator[str]:
    starts = recipe.structures()
    roles = set(case.structures) - {METAL}
    if roles != set(starts):
        yield f"roles are {sorted(roles)}, the recipe's are {sorted(starts)}"
        return
    for role, start in starts.items():
        atoms = case.atoms(role)
        if not np.array_equal(atoms.numbers, start.numbers):
            yield f"{role}: the recipe has {start.symbols}, the case {atoms.symbols}"
            continue
        change = atoms.get_volume() / start.get_volume() - 1
        if abs(change) > LARGEST_VOLUME_CHANGE:
            yield f"{role}: volume changed by {100 * change:+.0f} % from the recipe's start"
        yield from wrong_settings(case.theory, role, recipe.settings(start))
