"""What a task sees of the engine: an ASE calculator."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from ase.calculators.calculator import Calculator, all_changes

from uipbench.errors import CaseTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ase import Atoms

    from uipbench.engine import EvaluationEngine
    from uipbench.worker_process import Evaluation


class EngineCalculator(Calculator):
    """What a task sees: an ASE calculator that counts, and that stops at the case's time limit.

    Args:
        engine: Where the evaluations happen.
        limit: Seconds of evaluation the case may use.

    Attributes:
        seconds: Seconds of evaluation used.
        evaluations: Structures evaluated.
        blocked: Seconds of waiting for answers.
        energy_corrections: Those of the engine.
    """

    implemented_properties: ClassVar[Sequence[str]] = ["energy", "forces", "stress"]

    def __init__(
        self, engine: EvaluationEngine, *, limit: float, count: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self.energy_corrections = engine.energy_corrections
        self._engine = engine
        self._limit = limit
        self._count = count
        self._state: tuple[bytes, ...] = ()
        self.seconds = 0.0
        self.evaluations = 0
        self.blocked = 0.0

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:  # noqa: ARG002
        """ASE's hook: all or nothing has changed; ASE's own takes longer than the wire."""
        return [] if _state(atoms) == self._state else list(all_changes)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,  # noqa: ARG002
    ) -> None:
        """ASE's hook: energy and forces always, stress when it is asked for.

        Raises:
            CaseError: What went wrong with this structure.
        """
        if atoms is not None:
            self.atoms = atoms.copy()
        self._state = _state(self.atoms)
        wanted = ("energy", "forces", "stress") if "stress" in properties else ("energy", "forces")
        (evaluation,) = self._evaluated([self.atoms], wanted)
        self.results = {"energy": evaluation.energy, "forces": evaluation.forces}
        if evaluation.stress is not None:
            self.results["stress"] = evaluation.stress

    def evaluate_together(self, structures: Sequence[Atoms]) -> list[Evaluation]:
        """Energies and forces of structures, in as few requests as the engine's limit allows.

        Those that are the same are computed once.

        Raises:
            CaseError: What went wrong with the first of them that failed.
        """
        states = [_state(atoms) for atoms in structures]
        different = dict(zip(states, structures, strict=True))
        evaluations = self._evaluated(list(different.values()), ("energy", "forces"))
        found = dict(zip(different, evaluations, strict=True))
        return [found[state] for state in states]

    def _evaluated(
        self, structures: Sequence[Atoms], properties: tuple[str, ...]
    ) -> list[Evaluation]:
        left = self._limit - self.seconds
        if left <= 0:
            msg = f"used {self.seconds:.0f} s of evaluations, limit {self._limit:g} s (--limit)"
            raise CaseTimeoutError(msg)
        start = time.perf_counter()
        found = self._engine.evaluate_together(structures, properties, left)
        self.blocked += time.perf_counter() - start
        for evaluation in found:
            self.seconds += evaluation.seconds
            self.evaluations += 1
            self._count()
        return found


def _state(atoms: Atoms) -> tuple[bytes, ...]:
    """All of a structure that a model sees."""
    moments = atoms.get_initial_magnetic_moments()
    arrays = (atoms.positions, atoms.cell.array, atoms.numbers, atoms.pbc, moments)
    return tuple(array.tobytes() for array in arrays)
