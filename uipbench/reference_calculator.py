"""DFT itself in the place of a model: what a task makes of the energies of its own references."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from uipbench.errors import CalculationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ase import Atoms

    from uipbench.case import Case
    from uipbench.task import Task

ABSOLUTE_TOLERANCE = 1e-6
"""In the unit of the quantity; reference files have all digits of their energies …"""

RELATIVE_TOLERANCE = 1e-4
"""… but quantities read off a curve of distances have those of six-digit positions."""


class ReferenceCalculator(Calculator):
    """Answers with the DFT energy (eV) and forces (eV/Å) of the case's own structures.

    Args:
        case: The case; any other structure is refused.
    """

    implemented_properties: ClassVar[Sequence[str]] = ["energy", "forces"]

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._known = [(s.atoms, s) for s in case.structures.values()]
        self._id = case.id

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's hook.

        Raises:
            CalculationError: The structure is none of the case's.
        """
        super().calculate(atoms, properties, system_changes)
        for known, structure in self._known:
            if _same(known, self.atoms):
                forces = np.asarray(structure.forces)
                self.results = {"energy": structure.energy, "forces": forces}
                return
        msg = f"{self._id}: asked for a structure that the case does not have"
        raise CalculationError(msg)


def _same(first: Atoms, second: Atoms) -> bool:
    return (
        np.array_equal(first.numbers, second.numbers)
        and np.array_equal(first.positions, second.positions)
        and np.array_equal(first.cell[:], second.cell[:])
    )


def values_of_energies(task: Task, case: Case) -> Mapping[str, float]:
    """What the task's own ``fixed`` protocol makes of the DFT energies of the case.

    Raises:
        CalculationError: The structures of the case are not what the task needs.
        KeyError: A structure is missing; names its role.
    """
    return task.predict(case, ReferenceCalculator(case), "fixed").values


def disagreements(task: Task, case: Case) -> dict[str, tuple[float, float]]:
    """Reference values that do not follow from the energies of the case.

    Returns:
        (stored value, value that follows) by quantity.

    Raises:
        CalculationError: The structures of the case are not what the task needs.
    """
    derived = values_of_energies(task, case)
    pairs = {q: (r.value, derived[q]) for q, r in case.references.items() if q in derived}
    return {
        quantity: (stored, follows)
        for quantity, (stored, follows) in pairs.items()
        if not np.isclose(stored, follows, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE)
    }
