"""The queue between many cases in flight and a few worker processes.

Each case runs in a thread of its own and sees an ASE calculator; its requests gather in one
queue, from which every worker takes as many at once as its batch limit allows.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ase.calculators.calculator import Calculator, all_changes

from uipbench.errors import (
    CaseError,
    CaseTimeoutError,
    UipbenchError,
    WorkerCrashedError,
    WorkerTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ase import Atoms

    from uipbench.energy_convention import EnergyCorrections
    from uipbench.worker_process import Evaluation, WorkerProcess


@dataclass(slots=True)
class _Request:
    atoms: Atoms
    properties: tuple[str, ...]
    timeout: float
    alone: bool = False
    answer: Future[Evaluation] = field(default_factory=Future)


class EvaluationEngine:
    """Worker processes and the queue in front of them.

    Args:
        make_worker: Makes a worker that is not started.
        workers: Worker processes side by side.
        batch_limit: Most structures in one request to a worker.
        start_timeout: Seconds a worker may take to load the model.
        energy_corrections: What the card says the model's energies contain.
    """

    def __init__(
        self,
        make_worker: Callable[[], WorkerProcess],
        *,
        workers: int,
        batch_limit: int = 1,
        start_timeout: float = 600.0,
        energy_corrections: EnergyCorrections = "none",
    ) -> None:
        self.energy_corrections: EnergyCorrections = energy_corrections
        self._make_worker = make_worker
        self._batch_limit = batch_limit
        self._start_timeout = start_timeout
        self._requests: queue.Queue[list[_Request] | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"worker-{i}", daemon=True)
            for i in range(workers)
        ]
        self._first: WorkerProcess | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Load the model in one worker; the others load when their thread starts.

        Raises:
            CaseError: The model cannot be loaded.
        """
        worker = self._make_worker()
        worker.start(self._start_timeout)
        self._first = worker
        for thread in self._threads:
            thread.start()

    def evaluate(self, atoms: Atoms, properties: tuple[str, ...], timeout: float) -> Evaluation:
        """Evaluate one structure; blocks until a worker has answered.

        Raises:
            CaseError: What went wrong with this structure.
        """
        return self.evaluate_together([atoms], properties, timeout)[0]

    def evaluate_together(
        self, structures: Sequence[Atoms], properties: tuple[str, ...], timeout: float
    ) -> list[Evaluation]:
        """Evaluate structures in as few requests as the batch limit allows; blocks as above.

        Args:
            structures: Such as the images of a band; not changed.
            properties: The same for all.
            timeout: Seconds for each of them.

        Raises:
            CaseError: What went wrong with the first of them that failed.
        """
        requests = [_Request(atoms, properties, timeout) for atoms in structures]
        size = self._batch_limit
        for start in range(0, len(requests), size):
            self._requests.put(requests[start : start + size])
        return [request.answer.result() for request in requests]

    def close(self) -> None:
        """Stop the workers; unanswered requests fail."""
        for _ in self._threads:
            self._requests.put(None)
        for thread in self._threads:
            thread.join(timeout=5.0)

    def _serve(self) -> None:
        with self._lock:
            worker, self._first = self._first, None
        while True:
            batch = self._take()
            if batch is None:
                break
            try:
                if worker is None:
                    worker = self._make_worker()
                    worker.start(self._start_timeout)
                self._answer(worker, batch)
            except CaseError as error:
                if worker is not None:
                    worker.close()
                worker = None
                self._fail_or_split(batch, error)
        if worker is not None:
            worker.close()

    def _take(self) -> list[_Request] | None:
        first = self._requests.get()
        if first is None:
            return None
        batch = list(first)
        while len(batch) < self._batch_limit and not batch[0].alone:
            try:
                more = self._requests.get_nowait()
            except queue.Empty:
                break
            if more is None or not self._fits(batch, more):
                self._requests.put(more)
                break
            batch.extend(more)
        return batch

    def _fits(self, batch: Sequence[_Request], more: Sequence[_Request]) -> bool:
        same = more[0].properties == batch[0].properties
        return same and not more[0].alone and len(batch) + len(more) <= self._batch_limit

    def _answer(self, worker: WorkerProcess, batch: Sequence[_Request]) -> None:
        timeout = sum(request.timeout for request in batch)
        structures = [request.atoms for request in batch]
        answers = worker.evaluate(structures, batch[0].properties, timeout)
        for request, answer in zip(batch, answers, strict=True):
            if isinstance(answer, UipbenchError):
                request.answer.set_exception(answer)
            else:
                request.answer.set_result(answer)

    def _fail_or_split(self, batch: Sequence[_Request], error: CaseError) -> None:
        """A structure that breaks a worker fails alone; its companions are tried one by one."""
        retry = len(batch) > 1 and isinstance(error, WorkerCrashedError | WorkerTimeoutError)
        for request in batch:
            if retry:
                request.alone = True
                self._requests.put([request])
            elif not request.answer.done():
                request.answer.set_exception(error)


class EngineCalculator(Calculator):
    """What a task sees: an ASE calculator that counts, and that stops at the case's time limit.

    Args:
        engine: Where the evaluations happen.
        limit: Seconds of evaluation the case may use.

    Attributes:
        seconds: Seconds of evaluation used.
        evaluations: Structures evaluated.
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
        self.seconds = 0.0
        self.evaluations = 0

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's hook: energy and forces always, stress when it is asked for.

        Raises:
            CaseError: What went wrong with this structure.
        """
        super().calculate(atoms, properties, system_changes)
        wanted = ("energy", "forces", "stress") if "stress" in properties else ("energy", "forces")
        (evaluation,) = self._evaluated([self.atoms], wanted)
        self.results = {"energy": evaluation.energy, "forces": evaluation.forces}
        if evaluation.stress is not None:
            self.results["stress"] = evaluation.stress

    def evaluate_together(self, structures: Sequence[Atoms]) -> list[Evaluation]:
        """Energies and forces of structures, in as few requests as the engine's limit allows.

        Raises:
            CaseError: What went wrong with the first of them that failed.
        """
        return self._evaluated(structures, ("energy", "forces"))

    def _evaluated(
        self, structures: Sequence[Atoms], properties: tuple[str, ...]
    ) -> list[Evaluation]:
        left = self._limit - self.seconds
        if left <= 0:
            msg = f"used {self.seconds:.0f} s of evaluations, limit {self._limit:g} s (--limit)"
            raise CaseTimeoutError(msg)
        found = self._engine.evaluate_together(structures, properties, left)
        for evaluation in found:
            self.seconds += evaluation.seconds
            self.evaluations += 1
            self._count()
        return found
