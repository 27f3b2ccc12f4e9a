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
    mask = [False, False, True, False, False, False]
    factor = math.sqrt(len(atoms))
    return FrechetCellFilter(
        atoms, mask=mask, exp_cell_factor=factor, scalar_pressure=-normal_stress
    )


def free_cell(atoms: Atoms, pressure: float = 0.0) -> FrechetCellFilter:
    """Positions and the whole cell as one set of coordinates, strains as above.

    Args:
        atoms: Structure, moved by the filter.
        pressure: eV/Å³ at which the forces on the cell are zero.
    """
    factor = math.sqrt(len(atoms))
    return FrechetCellFilter(atoms, exp_cell_factor=factor, scalar_pressure=pressure)


NORMAL = ((2, 2),)
STRAINS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def hessian(atoms: Atoms, calculator: Calculator) -> np.ndarray:
    """Second derivatives of the energy with respect to positions, made positive.

    Args:
        atoms: Structure of n atoms; it is not changed.
        calculator: A potential.

    Returns:
        (3n, 3n) eV/Å².
    """
    moving = _copy(atoms, calculator)
    return _positive_hessian(moving, np.eye(3 * len(atoms)))


def hessian_with_cell(
    atoms: Atoms, calculator: Calculator, strains: Sequence[tuple[int, int]] = STRAINS
) -> np.ndarray:
    """As :func:`hessian`, for positions and strains.

    Args:
        atoms: Structure of n atoms; it is not changed.
        calculator: A potential.
        strains: Free components: :data:`STRAINS` for the coordinates of :func:`free_cell`,
            :data:`NORMAL` for those of :func:`free_along_normal`.

    Returns:
        (3n + 9, 3n + 9) eV/Å²; :data:`LEAST_CURVATURE` along what is not free.
    """
    size = 3 * len(atoms)
    directions = np.zeros((size + len(strains), size + 9))
    directions[:size, :size] = np.eye(size)
    for row, (i, j) in zip(directions[size:], strains, strict=True):
        row[[size + 3 * i + j, size + 3 * j + i]] = 1.0 if i == j else math.sqrt(0.5)
    return _positive_hessian(free_cell(_copy(atoms, calculator)), directions)


def _copy(atoms: Atoms, calculator: Calculator) -> Atoms:
    moving = atoms.copy()
    moving.set_constraint()
    moving.pbc = True
    moving.calc = calculator
    return moving


def _positive_hessian(moving: Atoms | FrechetCellFilter, directions: np.ndarray) -> np.ndarray:
    """Central differences of forces along orthonormal directions (k rows of all coordinates).

    Eigenvalues are replaced by their magnitudes, at least :data:`LEAST_CURVATURE`.
    """
    start = moving.get_positions().copy()
    rows = []
    for direction in directions:
        forces = []
        for sign in (1, -1):
            step = sign * DISPLACEMENT_A * direction.reshape(start.shape)
            moving.set_positions(start + step)
            forces.append(moving.get_forces().ravel())
        rows.append(directions @ (forces[1] - forces[0]) / (2 * DISPLACEMENT_A))
    matrix = np.array(rows)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    stiffer = np.maximum(np.abs(values), LEAST_CURVATURE) - LEAST_CURVATURE
    vectors = directions.T @ vectors
    return np.asarray((vectors * stiffer) @ vectors.T + LEAST_CURVATURE * np.eye(start.size))


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

    def __bool__(self) -> bool:
        """Whether there is a potential."""
        return self._calculator is not None

    def curvature(self, atoms: Atoms) -> np.ndarray:
        """As of :func:`hessian`, from the folder or computed."""
        return self._kept("curvature", atoms, lambda: hessian(atoms, self._calculator))

    def curvature_with_cell(
        self, atoms: Atoms, strains: Sequence[tuple[int, int]] = STRAINS
    ) -> np.ndarray:
        """As of :func:`hessian_with_cell`, from the folder or computed."""
        kind = f"curvature {list(strains)}"
        compute = partial(hessian_with_cell, atoms, self._calculator, strains)
        return self._kept(kind, atoms, compute)

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
