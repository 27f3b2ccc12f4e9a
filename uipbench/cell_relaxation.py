"""Relaxation of positions and one cell length, for interfaces in a periodic cell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uipbench.relaxation import INITIAL_HESSIAN, MAX_DISPLACEMENT_A, Relaxed, run_to_convergence

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

NORMAL_STRAIN = (False, False, True, False, False, False)
"""Strain components (Voigt) that are free: the length along z."""


def relax_along_normal(
    atoms: Atoms, calculator: Calculator, *, fmax: float, max_steps: int = 300
) -> Relaxed:
    """Relax the positions and the length of the cell along z; the in-plane lattice stays.

    The strain enters the optimiser times the root of the number of atoms. Its second derivative,
    V·C/n, is then the volume an atom times an elastic constant, about 10 eV as the force constants
    of the atoms are.

    Args:
        atoms: Start with its first two cell vectors in the xy plane; not changed.
        calculator: The model; asked for energy, forces and stress.
        fmax: Limit for forces (eV/Å) and for the zz virial over the root of the number of
            atoms (eV).
        max_steps: Steps before giving up.

    Raises:
        NotConvergedError: The limit was not reached.
    """
    from ase.filters import UnitCellFilter
    from ase.optimize import BFGS

    moving = atoms.copy()
    moving.calc = calculator
    free = UnitCellFilter(moving, mask=list(NORMAL_STRAIN), cell_factor=math.sqrt(len(moving)))
    optimiser = BFGS(free, logfile=None, maxstep=MAX_DISPLACEMENT_A, alpha=INITIAL_HESSIAN)
    return run_to_convergence(optimiser, moving, fmax, max_steps)
