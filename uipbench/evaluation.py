"""Single evaluations of a model at given structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uipbench.outcome import Evaluated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from uipbench.case import Case


def evaluate(atoms: Atoms, calculator: Calculator) -> Evaluated:
    """Energy (eV) and forces (eV/Å) of one structure, which is not changed."""
    forces = np.asarray(calculator.get_forces(atoms))
    return Evaluated(float(calculator.get_potential_energy(atoms)), forces)


def evaluate_roles(case: Case, calculator: Calculator) -> dict[str, Evaluated]:
    """The model at every DFT structure of the case, by role."""
    structures = [case.atoms(role) for role in case.structures]
    return dict(zip(case.structures, evaluate_together(structures, calculator), strict=True))


def evaluate_together(structures: Sequence[Atoms], calculator: Calculator) -> list[Evaluated]:
    """Energies (eV) and forces (eV/Å) of structures, which are not changed.

    A calculator with a method ``evaluate_together``, as the harness's, gets them in one request;
    any other one after another.
    """
    together = getattr(calculator, "evaluate_together", None)
    if together is None:
        return [evaluate(atoms, calculator) for atoms in structures]
    found = together(structures)
    return [Evaluated(float(e.energy), np.asarray(e.forces)) for e in found]
