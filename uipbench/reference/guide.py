"""What a potential can do for DFT relaxations: their start and its curvature.

BFGS that starts from a multiple of the unit matrix spends half of its steps on learning stiff and
soft directions. A potential knows them well enough. It decides about the way, not about the
end: the relaxation still stops at the DFT forces.
"""

from __future__ import annotations

import json
import math
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

SOFTEST_STRAIN = 0.5
"""Of the stiffest strain. CHGNet has a fifth of DFT's stiffness in LixCoO2, whose first step was
3 to 5 % of the cell and went uphill; with another potential in place of DFT, 24 relaxations of five
hosts took 60 steps with this limit and 59 without."""


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


STRAINS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""All strain components, in Voigt's order."""

NORMAL = ((2, 2),)
"""The length along z alone."""


def coordinates(
    atoms: Atoms, strains: Sequence[tuple[int, int]] = (), pressure: float = 0.0
) -> Atoms | FrechetCellFilter:
    """What an optimiser moves: positions, and strains of the cell where there are any.

    A strain counts times the root of the number of atoms, which balances the second derivatives of
    strain and positions.

    Args:
        atoms: Structure, moved by what is returned; itself without ``strains``.
        strains: Free components, of :data:`STRAINS`.
        pressure: eV/Å³ at which the forces on the cell would be zero at the present volume.
    """
    if not strains:
        return atoms
    return AtBasisPressure(atoms, [component in strains for component in STRAINS], pressure)


class AtBasisPressure(FrechetCellFilter):  # type: ignore[misc]  # which is untyped
    """Cell and positions at a pressure that is inverse to the volume, as that of a basis is.

    Plane waves up to E_cut add (2/3)·E_cut·(dE/dE_cut)/V to the pressure, and the derivative of the
    energy hardly depends on the volume (Francis and Payne, J. Phys. Condens. Matter 2, 4395
    (1990), doi:10.1088/0953-8984/2/19/007). At a constant pressure the layers of CoO2 drift apart.

    Args:
        atoms: Structure that is moved.
        mask: Free components of the strain (Voigt).
        pressure: eV/Å³ at the present volume.
    """

    def __init__(self, atoms: Atoms, mask: Sequence[bool], pressure: float) -> None:
        super().__init__(atoms, mask=list(mask), exp_cell_factor=math.sqrt(len(atoms)))
        self._work = pressure * atoms.get_volume()

    def get_forces(self, **kwargs: bool) -> np.ndarray:
        """ASE's hook."""
        self.scalar_pressure = self._work / self.atoms.get_volume()
        return np.asarray(super().get_forces(**kwargs))


def hessian(
    atoms: Atoms, calculator: Calculator, strains: Sequence[tuple[int, int]] = ()
) -> np.ndarray:
    """Second derivatives of the energy over :func:`coordinates`, made positive.

    Central differences of forces; eigenvalues are replaced by their magnitudes, at least
    :data:`LEAST_CURVATURE`.

    Args:
        atoms: Structure of n atoms; it is not changed.
        calculator: A potential.
        strains: Free components.

    Returns:
        (3n, 3n) eV/Å², with strains (3n + 9, 3n + 9); :data:`LEAST_CURVATURE` along what is not
        free.
    """
    copy = atoms.copy()
    copy.set_constraint()
    copy.pbc = True
    copy.calc = calculator
    moving = coordinates(copy, strains)
    start = moving.get_positions().copy()
    directions = _directions(len(atoms), start.size, strains)
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


def stiffened(curvature: np.ndarray) -> np.ndarray:
    """No strain softer than :data:`SOFTEST_STRAIN` of the stiffest, the atoms following it.

    Args:
        curvature: (3n + 9, 3n + 9) as of :func:`hessian`; it is not changed.
    """
    atoms, both, cell = curvature[:-9, :-9], curvature[:-9, -9:], curvature[-9:, -9:]
    values, vectors = np.linalg.eigh(cell - both.T @ np.linalg.solve(atoms, both))
    missing = np.maximum(SOFTEST_STRAIN * values.max() - values, 0.0)
    stiffer = curvature.copy()
    stiffer[-9:, -9:] += (vectors * missing) @ vectors.T
    return stiffer


def _directions(count: int, size: int, strains: Sequence[tuple[int, int]]) -> np.ndarray:
    """Orthonormal rows: every position, every symmetric strain, in all ``size`` coordinates."""
    positions = 3 * count
    directions = np.eye(positions + len(strains), size)
    for row, (i, j) in zip(directions[positions:], strains, strict=True):
        row[:] = 0.0
        row[[positions + 3 * i + j, positions + 3 * j + i]] = 1.0 if i == j else math.sqrt(0.5)
    return directions


def relaxed(atoms: Atoms, calculator: Calculator, *, cell: bool = True) -> np.ndarray:
    """Cell (three rows) and positions (n rows) of the potential's own minimum, in Å.

    Those of ``atoms`` where 200 steps do not reach :data:`START_FMAX_EV_PER_A`.

    Args:
        atoms: Not changed; its symmetry is held.
        calculator: The potential.
        cell: Whether the cell is relaxed too.
    """
    moving = atoms.copy()
    moving.set_constraint(FixSymmetry(moving, symprec=SYMMETRY_TOLERANCE_A))
    moving.calc = calculator
    free = FrechetCellFilter(moving) if cell else moving
    if BFGS(free, logfile=None).run(fmax=START_FMAX_EV_PER_A, steps=200):
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

    def curvature(self, atoms: Atoms, strains: Sequence[tuple[int, int]] = ()) -> np.ndarray:
        """As of :func:`hessian`, from the folder or computed."""
        kind = f"curvature {list(strains)}" if strains else "curvature"
        return self._kept(kind, atoms, lambda: hessian(atoms, self._calculator, strains))

    def relaxed(self, atoms: Atoms) -> Atoms:
        """The structure with cell and positions relaxed by the potential, its symmetry held.

        The structure itself where there is no potential, or where the relaxation does not end. Only
        the positions are relaxed where the volume would change by more than
        :data:`LARGEST_CHANGE`.
        """
        if self._calculator is None:
            return atoms
        found = self._kept("relaxed", atoms, lambda: relaxed(atoms, self._calculator))
        change = abs(np.linalg.det(found[:3])) / atoms.get_volume() - 1
        if abs(change) > LARGEST_CHANGE:
            found = self._kept(
                "positions", atoms, lambda: relaxed(atoms, self._calculator, cell=False)
            )
        start = atoms.copy()
        start.set_cell(found[:3])
        start.positions[:] = found[3:]
        return start

    def _kept(self, kind: str, atoms: Atoms, compute: Callable[[], np.ndarray]) -> np.ndarray:
        rows = np.round([*atoms.positions, *atoms.cell], 7).tolist()
        key = content_digest([kind, atoms.numbers.tolist(), rows])
        path = self._folder / f"{key[:40]}.json"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(compute().tolist()))
        return np.array(json.loads(path.read_text()))
