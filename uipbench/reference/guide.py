"""What a potential can do for DFT relaxations: their start and its curvature.

BFGS that starts from a multiple of the unit matrix spends half of its steps on learning stiff and
soft directions. A potential knows them well enough. It decides about the way, not about the
end: the relaxation still stops at the DFT forces.
"""

from __future__ import annotations

import json
import math
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from ase.constraints import FixSymmetry
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from uipbench.casefiles import write_atomically
from uipbench.digests import content_digest
from uipbench.reference.settings import SYMMETRY_TOLERANCE_A

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ase import Atoms
    from ase.calculators.calculator import Calculator

START_FMAX_EV_PER_A = 0.02
DISPLACEMENT_A = 0.01
LARGEST_CHANGE = 0.2
"""Of the volume: CHGNet lets the layers of CoO2 drift from 4.7 to 8 Å apart."""

LEAST_CURVATURE = 1.0
"""Softest direction in eV/Å², for translations and for what the potential gets wrong."""


@cache
def potential() -> Calculator | None:
    """CHGNet on one thread where it is installed beside GPAW, otherwise None."""
    try:
        import torch
        from chgnet.model import CHGNet, CHGNetCalculator
    except ImportError:
        return None
    torch.set_num_threads(1)
    return CHGNetCalculator(CHGNet.load(verbose=False), use_device="cpu")


def free_along_normal(atoms: Atoms, normal_stress: float = 0.0) -> FrechetCellFilter:
    """Positions and the length along z as one set of coordinates.

    The strain counts times the root of the number of atoms, which balances the second derivatives
    of strain and positions.

    Args:
        atoms: Structure with its first two cell vectors in the xy plane, moved by the filter.
        normal_stress: zz stress in eV/Å³ at which the force on the length is zero.
    """
    return FrechetCellFilter(
        atoms,
        mask=[False, False, True, False, False, False],
        exp_cell_factor=math.sqrt(len(atoms)),
        scalar_pressure=-normal_stress,
    )


def hessian(atoms: Atoms, calculator: Calculator) -> np.ndarray:
    """Second derivatives of the energy with respect to positions, made positive.

    Args:
        atoms: Structure of n atoms; it is not changed.
        calculator: A potential.

    Returns:
        (3n, 3n) eV/Å².
    """
    moving = _copy(atoms, calculator)
    return _positive_hessian(moving, range(3 * len(atoms)))


def hessian_along_normal(atoms: Atoms, calculator: Calculator) -> np.ndarray:
    """As :func:`hessian`, for the coordinates of :func:`free_along_normal`.

    Returns:
        (3n + 9, 3n + 9) eV/Å²; of the last nine rows, those of the cell, all but that of the zz
        strain are a multiple of the unit matrix.
    """
    moving = free_along_normal(_copy(atoms, calculator))
    size = 3 * len(atoms)
    return _positive_hessian(moving, [*range(size), size + 8])


def _copy(atoms: Atoms, calculator: Calculator) -> Atoms:
    moving = atoms.copy()
    moving.set_constraint()
    moving.pbc = True
    moving.calc = calculator
    return moving


def _positive_hessian(moving: Atoms | FrechetCellFilter, free: Sequence[int]) -> np.ndarray:
    """Central differences of forces over the free coordinates.

    Eigenvalues are replaced by their magnitudes, at least :data:`LEAST_CURVATURE`.
    """
    start = moving.get_positions().copy()
    matrix = np.zeros((start.size, start.size))
    for index in free:
        forces = []
        for sign in (1, -1):
            displaced = start.copy()
            displaced.flat[index] += sign * DISPLACEMENT_A
            moving.set_positions(displaced)
            forces.append(moving.get_forces().ravel()[free])
        matrix[index, free] = (forces[1] - forces[0]) / (2 * DISPLACEMENT_A)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    magnitudes = np.maximum(np.abs(values), LEAST_CURVATURE)
    return np.asarray((vectors * magnitudes) @ vectors.T)


def relaxed(atoms: Atoms, calculator: Calculator) -> np.ndarray:
    """Cell (three rows) and positions (n rows) of the potential's own minimum, in Å.

    Those of ``atoms`` where 200 steps do not reach :data:`START_FMAX_EV_PER_A`.
    """
    moving = atoms.copy()
    moving.set_constraint(FixSymmetry(moving, symprec=SYMMETRY_TOLERANCE_A))
    moving.calc = calculator
    if BFGS(FrechetCellFilter(moving), logfile=None).run(fmax=START_FMAX_EV_PER_A, steps=200):
        atoms = moving
    return np.array([*atoms.cell, *atoms.positions])


class Guide:
    """Starts and curvatures, kept in a folder: a relaxation that is resumed takes the same way.

    Args:
        folder: Made when it is needed.
        calculator: The potential; None where there is none.
    """

    def __init__(self, folder: Path, calculator: Calculator | None) -> None:
        self._folder = folder
        self._calculator = calculator

    def fits(self, atoms: Atoms) -> bool:
        """False without a potential, and for magnetic structures, whose symmetry is lower."""
        return self._calculator is not None and not atoms.get_initial_magnetic_moments().any()

    def curvature(self, atoms: Atoms) -> np.ndarray:
        """As of :func:`hessian`, from the folder or computed."""
        return self._kept("curvature", atoms, lambda: hessian(atoms, self._calculator))

    def curvature_along_normal(self, atoms: Atoms) -> np.ndarray:
        """As of :func:`hessian_along_normal`, from the folder or computed."""
        compute = partial(hessian_along_normal, atoms, self._calculator)
        return self._kept("curvature along normal", atoms, compute)

    def relaxed(self, atoms: Atoms) -> Atoms:
        """The structure with cell and positions relaxed by the potential, its symmetry held.

        The structure itself where there is no potential, where the relaxation does not end, or
        where it changes the volume by more than :data:`LARGEST_CHANGE`.
        """
        if self._calculator is None:
            return atoms
        found = self._kept("relaxed", atoms, lambda: relaxed(atoms, self._calculator))
        start = atoms.copy()
        start.set_cell(found[:3])
        start.positions[:] = found[3:]
        change = abs(start.get_volume() / atoms.get_volume() - 1)
        return start if change <= LARGEST_CHANGE else atoms

    def _kept(self, kind: str, atoms: Atoms, compute: Callable[[], np.ndarray]) -> np.ndarray:
        rows = np.round([*atoms.positions, *atoms.cell], 7).tolist()
        key = content_digest([kind, atoms.numbers.tolist(), rows])
        path = self._folder / f"{key[:40]}.json"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(compute().tolist()))
        return np.array(json.loads(path.read_text()))
