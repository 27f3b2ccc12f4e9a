"""What must hold for every surface-energy reference."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from uipbench.reference.settings import wrong_settings
from uipbench.units import J_PER_M2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

    from uipbench.case import Case
    from uipbench.reference_data.surface_energy.recipes import SurfaceRecipe

LEAST_THICKNESS_A = 10.0
LEAST_VACUUM_A = 12.0
GAMMA_TOLERANCE = 1e-6
"""J/m²; the stored value must follow from the stored energies."""

POSITION_TOLERANCE_A = 1e-6
SYMMETRY_TOLERANCE_A = {"slab_unrelaxed": 1e-3, "slab": 0.05}


def left_out() -> str | None:
    """What :func:`problems` cannot check here, and why."""
    if importlib.util.find_spec("pymatgen") is None:
        return (
            "structures were not rebuilt: pymatgen is not installed (pip install 'uipbench[dft]')"
        )
    return None


def problems(case: Case, recipe: SurfaceRecipe) -> Iterator[str]:
    """One line for everything that is wrong with the case.

    Args:
        case: As read from its files.
        recipe: The recipe with the same identifier.
    """
    yield from _wrong_values(case)
    yield from _wrong_forces(case)
    yield from _wrong_geometry(case)
    if left_out() is None:
        yield from _differs_from_recipe(case, recipe)


def area(atoms: Atoms) -> float:
    """In-plane area of the cell in Å²."""
    return float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))


def _wrong_values(case: Case) -> Iterator[str]:
    bulk = case.structures["bulk"]
    roles = {"surface_energy": "slab", "surface_energy_unrelaxed": "slab_unrelaxed"}
    for quantity, role in roles.items():
        slab = case.structures[role]
        n = len(slab.atoms) / len(bulk.atoms)
        gamma = (slab.energy - n * bulk.energy) / (2 * area(slab.atoms)) * J_PER_M2
        if abs(gamma - case.reference(quantity)) > GAMMA_TOLERANCE:
            stored = case.reference(quantity)
            yield f"{quantity} is {stored:.6f}, but its energies give {gamma:.6f} J/m^2"


def _wrong_forces(case: Case) -> Iterator[str]:
    limit = case.details["relaxation_fmax_ev_per_a"]
    largest = float(np.linalg.norm(case.structures["slab"].forces, axis=1).max())
    if largest > limit:
        yield f"largest force of the relaxed slab is {largest:.4f}, limit {limit} eV/Å"


def _wrong_geometry(case: Case) -> Iterator[str]:
    bulk, start = case.atoms("bulk"), case.atoms("slab_unrelaxed")
    thickness = float(np.ptp(start.positions[:, 2]))
    if thickness < LEAST_THICKNESS_A - 1e-6:
        yield f"slab is {thickness:.2f} Å thick, at least {LEAST_THICKNESS_A} Å"
    if not np.allclose(bulk.cell[:2], start.cell[:2], atol=1e-6):
        yield "bulk and slab have different in-plane lattices"
    if case.theory.kpts["bulk"][:2] != case.theory.kpts["slab"][:2]:
        yield "bulk and slab have different in-plane k-point meshes"
    if not _same_composition(bulk, start):
        yield "the slab is not stoichiometric"
    for role, tolerance in SYMMETRY_TOLERANCE_A.items():
        slab = case.atoms(role)
        vacuum = float(slab.cell[2, 2] - np.ptp(slab.positions[:, 2]))
        if vacuum < LEAST_VACUUM_A:
            yield f"{role}: vacuum of {vacuum:.2f} Å, at least {LEAST_VACUUM_A} Å"
        if not has_equal_faces(slab, tolerance):
            yield f"{role}: no inversion, mirror or rotation makes the faces equal"


def _same_composition(bulk: Atoms, slab: Atoms) -> bool:
    first, second = (np.bincount(a.numbers, minlength=120) / len(a) for a in (bulk, slab))
    return bool(np.allclose(first, second))


def has_equal_faces(slab: Atoms, tolerance: float) -> bool:
    """Whether an operation that turns the slab upside down maps it onto itself.

    Tried are inversion, the mirror plane normal to z and half turns about the in-plane axes x
    and y, each with any in-plane translation.

    Args:
        slab: Slab with its normal along z.
        tolerance: Largest distance of an atom from its image in Å.
    """
    signs = ((-1, -1, -1), (1, 1, -1), (1, -1, -1), (-1, 1, -1))
    return any(_maps(slab, np.array(s), tolerance) for s in signs)


def _maps(slab: Atoms, signs: np.ndarray, tolerance: float) -> bool:
    positions = slab.positions - [0, 0, slab.positions[:, 2].mean()]
    images = positions * signs
    rare = min(set(slab.numbers), key=list(slab.numbers).count)
    first = int(np.flatnonzero(slab.numbers == rare)[0])
    shifts = positions[slab.numbers == rare] - images[first]
    shifts[:, 2] = 0.0
    return any(_covers(slab, positions, images + shift, tolerance) for shift in shifts)


def _covers(slab: Atoms, positions: np.ndarray, images: np.ndarray, tolerance: float) -> bool:
    difference = images[:, None, :] - positions[None, :, :]
    fractional = difference @ np.linalg.inv(slab.cell[:])
    fractional[..., :2] -= np.rint(fractional[..., :2])
    distance = np.linalg.norm(fractional @ slab.cell[:], axis=-1)
    distance[slab.numbers[:, None] != slab.numbers[None, :]] = np.inf
    return bool((distance.min(axis=1) <= tolerance).all())


def _differs_from_recipe(case: Case, recipe: SurfaceRecipe) -> Iterator[str]:
    expected = dict(
        zip(("bulk", "slab_unrelaxed"), recipe.structures(dict(case.details)), strict=True)
    )
    for role, atoms in expected.items():
        stored = case.atoms(role)
        same = (
            len(atoms) == len(stored)
            and np.array_equal(atoms.numbers, stored.numbers)
            and np.allclose(atoms.cell[:], stored.cell[:], rtol=0, atol=POSITION_TOLERANCE_A)
            and np.allclose(atoms.positions, stored.positions, rtol=0, atol=POSITION_TOLERANCE_A)
        )
        if not same:
            yield f"{role}: the recipe builds another structure from the stored lattice constants"
    slab = case.atoms("slab")
    yield from wrong_settings(case.theory, "slab", recipe.settings(slab, slab=True))
