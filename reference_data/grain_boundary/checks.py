"""What must hold for every grain-boundary reference."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from uipbench.reference.settings import wrong_settings
from uipbench.reference_data.grain_boundary.boundaries import has_equivalent_boundaries
from uipbench.reference_data.grain_boundary.values import area
from uipbench.units import J_PER_M2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

    from uipbench.case import Case
    from uipbench.reference_data.grain_boundary.recipes import BoundaryRecipe

LEAST_DISTANCE_A = 6.8
"""Between the two boundaries of a cell."""

GAMMA_TOLERANCE = 1e-6
"""J/m²; the stored value must follow from the stored energies."""

VOLUME_TOLERANCE_A = 1e-6
STRESS_LIMIT_GPA = 0.5
POSITION_TOLERANCE_A = 1e-6
SYMMETRY_TOLERANCE_A = 0.05

ROLES = {"grain_boundary_energy": "boundary", "grain_boundary_energy_start": "boundary_start"}


def left_out() -> str | None:
    """What :func:`problems` cannot check here, and why."""
    if importlib.util.find_spec("pymatgen") is None:
        return (
            "structures were not rebuilt: pymatgen is not installed (pip install 'uipbench[dft]')"
        )
    return None


def problems(case: Case, recipe: BoundaryRecipe) -> Iterator[str]:
    """One line for everything that is wrong with the case.

    Args:
        case: As read from its files.
        recipe: The recipe with the same identifier.
    """
    yield from _wrong_values(case)
    yield from _wrong_residuals(case)
    yield from _wrong_geometry(case)
    if left_out() is None:
        yield from _asymmetric(case)
        yield from _differs_from_recipe(case, recipe)


def _wrong_values(case: Case) -> Iterator[str]:
    bulk = case.structures["bulk"]
    for quantity, role in ROLES.items():
        if role not in case.structures:
            continue
        boundary = case.structures[role]
        n = len(boundary.atoms) / len(bulk.atoms)
        gamma = (boundary.energy - n * bulk.energy) / (2 * area(boundary.atoms)) * J_PER_M2
        if abs(gamma - case.reference(quantity)) > GAMMA_TOLERANCE:
            stored = case.reference(quantity)
            yield f"{quantity} is {stored:.6f}, but its energies give {gamma:.6f} J/m^2"
    if "excess_volume" in case.references:
        yield from _wrong_excess(case)


def _wrong_excess(case: Case) -> Iterator[str]:
    bulk, boundary = case.atoms("bulk"), case.atoms("boundary")
    n = len(boundary) / len(bulk)
    excess = (boundary.get_volume() - n * bulk.get_volume()) / (2 * area(boundary))
    stored = case.reference("excess_volume")
    if abs(excess - stored) > VOLUME_TOLERANCE_A:
        yield f"excess_volume is {stored:.6f}, but its structures give {excess:.6f} A"


def _wrong_residuals(case: Case) -> Iterator[str]:
    if "relaxed" not in case.protocols:
        return
    limit = case.details["relaxation_fmax_ev_per_a"]
    largest = float(np.linalg.norm(case.structures["boundary"].forces, axis=1).max())
    if largest > limit:
        yield f"largest force of the relaxed boundary is {largest:.4f}, limit {limit} eV/Å"
    stress = case.details["residual_normal_stress_gpa"]
    if abs(stress) > STRESS_LIMIT_GPA:
        yield f"normal stress of the relaxed boundary is {stress:.2f}, limit {STRESS_LIMIT_GPA} GPa"


def _wrong_geometry(case: Case) -> Iterator[str]:
    bulk, boundary = case.atoms("bulk"), case.atoms("boundary")
    distance = float(boundary.cell[2, 2]) / 2
    if distance < LEAST_DISTANCE_A:
        yield f"boundaries are {distance:.2f} Å apart, at least {LEAST_DISTANCE_A} Å"
    if not np.allclose(bulk.cell[:2], boundary.cell[:2], atol=1e-6):
        yield "bulk and boundary have different in-plane lattices"
    if len(set(case.theory.kpts.values())) > 1:
        yield "bulk and boundary have different k-point meshes"
    if not _same_composition(bulk, boundary):
        yield "the boundary is not stoichiometric"


def _same_composition(first: Atoms, second: Atoms) -> bool:
    one, two = (np.bincount(a.numbers, minlength=120) / len(a) for a in (first, second))
    return bool(np.allclose(one, two))


def _asymmetric(case: Case) -> Iterator[str]:
    for role in set(ROLES.values()) & set(case.structures):
        if not has_equivalent_boundaries(case.atoms(role), SYMMETRY_TOLERANCE_A):
            yield f"{role}: no symmetry operation turns one boundary into the other"


def _differs_from_recipe(case: Case, recipe: BoundaryRecipe) -> Iterator[str]:
    start = "boundary_start" if "boundary_start" in case.structures else "boundary"
    expected = zip(("bulk", start), recipe.structures(case.details), strict=True)
    for role, atoms in expected:
        stored = case.atoms(role)
        same = (
            len(atoms) == len(stored)
            and np.array_equal(atoms.numbers, stored.numbers)
            and np.allclose(atoms.cell[:], stored.cell[:], rtol=0, atol=POSITION_TOLERANCE_A)
            and np.allclose(atoms.positions, stored.positions, rtol=0, atol=POSITION_TOLERANCE_A)
        )
        if not same:
            yield f"{role}: the recipe builds another structure from the stored lattice constants"
    settings = recipe.settings(case.atoms("boundary"))
    yield from wrong_settings(case.theory, "boundary", settings)
