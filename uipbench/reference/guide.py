"""What a potential can do for DFT relaxations: their start and its curvature.

BFGS that starts from a multiple of the unit matrix spends half of its steps on learning stiff and
soft directions. A potential knows them well enough. It decides about the way, not about the
end: the relaxation still stops at the DFT forces.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from ase.constraints import FixSymmetry
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from uipbench.casefiles import write_atomically
from uipbench.digests import content_digest
from uipbench.reference.settings import SYMMETRY_TOLERANCE_A

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ase import Atoms
    from ase.calculators.calculator import Calculator

START_FMAX_EV_PER_A = 0.02
DISPLACEMENT_A = 0.01
LARGEST_CHANGE = 0.2
"""Of the volume: CHGNet lets the layers of CoO2 drift from 4.7 to 8 Å apart."""

LEAST_CURVATURE = 3.0
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


def hessian(atoms: Atoms, calculator: Calculator) -> np.ndarray:
    """Second derivatives of the energy, made positive.

    Central differences of forces; eigenvalues are replaced by their magnitudes, at least
    :data:`LEAST_CURVATURE`.

    Args:
        atoms: Structure of n atoms; it is not changed.
        calculator: A potential.

    Returns:
        (3n, 3n) eV/Å².
    """
    moving = atoms.copy()
    moving.set_constraint()
    moving.pbc = True
    moving.calc = calculator
    start = moving.positions.copy()
    rows = []
    for index in np.ndindex(start.shape):
        forces = []
        for sign in (1, -1):
            moving.positions[:] = start
            moving.positions[index] += sign * DISPLACEMENT_A
            forces.append(moving.get_forces().ravel())
        rows.append((forces[1] - forces[0]) / (2 * DISPLACEMENT_A))
    matrix = np.array(rows)
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
