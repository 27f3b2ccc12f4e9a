"""Relaxations that tasks are made of; converged as stated, or an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uipbench.errors import NotConvergedError

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

MAX_DISPLACEMENT_A = 0.15
"""Longest step of an atom in Å; longer ones send potentials where they know nothing."""


INITIAL_HESSIAN = 10.0
"""Initial Hessian of BFGS in eV/Å². ASE's 70 costs up to twice the evaluations for slabs."""


CELL_HESSIAN = 30.0
"""The same for cells, whose coordinates are deformation gradients times the number of atoms."""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A converged relaxation.

    Attributes:
        atoms: The minimum, without calculator.
        energy: eV.
        steps: Optimiser steps.
        max_force: Largest force on an atom in eV/Å.
    """

    atoms: Atoms
    energy: float
    steps: int
    max_force: float


def relax_positions(
    atoms: Atoms, calculator: Calculator, *, fmax: float, max_steps: int = 300
) -> Relaxed:
    """Relax the positions in the fixed cell.

    Args:
        atoms: Start; not changed.
        calculator: The model.
        fmax: Converged when no force on an atom exceeds it (eV/Å).
        max_steps: Steps before giving up.

    Raises:
        NotConvergedError: The limit was not reached.
    """
    from ase.optimize import BFGS

    moving = atoms.copy()
    moving.calc = calculator
    optimiser = BFGS(moving, logfile=None, maxstep=MAX_DISPLACEMENT_A, alpha=INITIAL_HESSIAN)
    return run_to_convergence(optimiser, moving, fmax, max_steps)


def relax_cell(
    atoms: Atoms, calculator: Calculator, *, fmax: float, max_steps: int = 300
) -> Relaxed:
    """Relax cell and positions; never for a cell with vacuum.

    Args:
        atoms: Start; not changed.
        calculator: The model.
        fmax: Limit for forces (eV/Å) and for the virial an atom (eV).
        max_steps: Steps before giving up.

    Raises:
        NotConvergedError: The limit was not reached.
    """
    from ase.filters import UnitCellFilter
    from ase.optimize import BFGS

    moving = atoms.copy()
    moving.calc = calculator
    optimiser = BFGS(
        UnitCellFilter(moving),
        logfile=None,
        maxstep=MAX_DISPLACEMENT_A,
        alpha=CELL_HESSIAN,
    )
    return run_to_convergence(optimiser, moving, fmax, max_steps)


def run_to_convergence(optimiser: object, moving: Atoms, fmax: float, max_steps: int) -> Relaxed:
    """Run an ASE optimiser on ``moving``.

    Raises:
        NotConvergedError: The limit was not reached.
    """
    converged = optimiser.run(fmax=fmax, steps=max_steps)  # type: ignore[attr-defined]
    forces = moving.get_forces()
    max_force = float(np.linalg.norm(forces, axis=1).max())
    if not converged:
        msg = (
            f"{moving.get_chemical_formula()}: {max_force:.3f} eV/Å left after {max_steps} steps, "
            f"limit {fmax} eV/Å"
        )
        raise NotConvergedError(msg)
    energy = float(moving.get_potential_energy())
    moving.calc = None
    return Relaxed(moving, energy, optimiser.nsteps, max_force)  # type: ignore[attr-defined]
