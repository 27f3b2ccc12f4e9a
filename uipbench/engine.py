"""The queue between many cases in flight and a few worker processes.

Each case runs in a thread of its own and sees an ASE calculator; its requests gather in one
queue, from which every worker takes as many at once as its batch limit allows.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uipbench.edges import EdgeCounts
from uipbench.errors import (
    CaseError,
    NotServedError,
    UipbenchError,
    WorkerCrashedError,
    WorkerTimeoutError,
)
from uipbench.run_profile import Times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ase import Atoms

    from uipbench.energy_convention import EnergyCorrections
    from uipbench.worker_process import Evaluation, WorkerProcess


_CLOSE_TIMEOUT = 5.0

MOST_ATOMS = 2048
"""Atoms in one request, where it has several structures."""

MOST_EDGES = 200_000
"""Edges in one such request: what that many atoms of a dense solid have."""

QUICK_S = 0.002
"""Seconds an evaluation below which the way to a worker takes longer than the model: what a case
asks for at once then goes in one request, whatever the batch limit."""

REQUESTS_A_WORKER = 2
"""The one that is computed and the next, which waits in the worker's pipe."""


@dataclass(slots=True)
class _Request:
    atoms: Atoms
    properties: tuple[str, ...]
    timeout: float
    edges: float = 0.0
    alone: bool = False
    unwanted: bool = False
    made: float = field(default_factory=time.perf_counter)
    answer: Future[Evaluation] = field(default_factory=Future)


@dataclass(slots=True, eq=False)
class _Place:
    """A place for a worker; empty until it is first needed.

    Attributes:
        worker: The worker.
        requests: How many it has; none come while it is loaded before the run begins.
        answered: When it gave its last answer.
        loading: Held while it is loaded.
    """

    worker: WorkerProcess | None = None
    requests: int = REQUESTS_A_WORKER
    answered: float | None = None
    loading: threading.Lock = field(default_factory=threading.Lock)

    def clear(self, worker: WorkerProcess | None) -> None:
        """End this worker, if it is not another one that is here now."""
        with self.loading:
            if worker is None or self.worker is not worker:
                return
            self.worker = None
        worker.close()


class EvaluationEngine:
    """Worker processes and the queue in front of them.

    Where a request is one structure, the case's own thread takes it to a free worker: a hand-over
    to another thread costs more than all else that the harness does.

    Args:
        make_worker: Makes a worker that is not started.
        workers: Worker processes side by side.
        batch_limit: Most structures in one request to a worker, of :data:`MOST_ATOMS` and
            :data:`MOST_EDGES` at most.
        start_timeout: Seconds a worker may take to load the model.
        energy_corrections: What the card says the model's energies contain.

    Attributes:
        times: Where the time goes.
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
        self.times = Times(workers)
        self._make_worker = make_worker
        self._batch_limit = batch_limit
        self._start_timeout = start_timeout
        self._edges = EdgeCounts()
        self._requests: queue.Queue[list[_Request] | None] = queue.Queue()
        self._places = [_Place() for _ in range(workers)]
        self._given_back = threading.Condition()
        at_once = workers * (REQUESTS_A_WORKER if batch_limit == 1 else 1)
        self._threads = [
            threading.Thread(target=self._serve, name=f"worker-{i}", daemon=True)
            for i in range(at_once)
        ]
        self._closed = False

    def start(self, at_once: int = 1) -> None:
        """Load the model in some workers side by side, and go on as soon as one is ready.

        Args:
            at_once: How many; the others load when they are needed.

        Raises:
            CaseError: The model cannot be loaded.
        """
        ahead = max(1, at_once)
        first, *others = self._places[:ahead]
        for place in others:
            threading.Thread(target=self._load_ahead, args=(place,), daemon=True).start()
        self._load(first)
        if self._closed:
            first.clear(first.worker)
            msg = "the run was stopped"
            raise WorkerCrashedError(msg)
        for place in [*self._places[ahead:], first]:
            self._give_back(place, REQUESTS_A_WORKER)
        for thread in self._threads:
            thread.start()

    def _load_ahead(self, place: _Place) -> None:
        with suppress(CaseError):  # the case that needs the place tries again, and is told
            self._load(place)
        if self._closed:
            place.clear(place.worker)
        self._give_back(place, REQUESTS_A_WORKER)

    def _take_place(self) -> _Place:
        """The place with the fewest requests, first of these one whose worker is loaded."""

        def one_is_free() -> bool:
            least = min(place.requests for place in self._places)
            return least < REQUESTS_A_WORKER or self._closed  # whoever waits then is told

        with self._given_back:
            self._given_back.wait_for(one_is_free)
            place = min(self._places, key=lambda place: (place.requests, place.worker is None))
            place.requests += 1
            return place

    def _give_back(self, place: _Place, requests: int = 1) -> None:
        with self._given_back:
            place.requests -= requests
            self._given_back.notify_all()

    def evaluate(self, atoms: Atoms, properties: tuple[str, ...], timeout: float) -> Evaluation:
        """Evaluate one structure; blocks until a worker has answered.

        Raises:
            CaseError: What went wrong with this structure.
        """
        request = _Request(atoms, properties, timeout)
        if self._batch_limit == 1:
            self._process([request])
        else:
            self._queue([request])
        return request.answer.result()

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
        if len(structures) == 1:
            return [self.evaluate(structures[0], properties, timeout)]
        few_atoms = sum(map(len, structures)) <= MOST_ATOMS
        if self._batch_limit == 1 and few_atoms and self.times.per_evaluation < QUICK_S:
            requests = [_Request(a, properties, timeout / len(structures)) for a in structures]
            self._process(requests)
        else:
            requests = [_Request(atoms, properties, timeout) for atoms in structures]
            self._queue(requests)
        try:
            return [request.answer.result() for request in requests]
        except CaseError:
            for request in requests:
                request.unwanted = True
            raise

    def _queue(self, requests: Sequence[_Request]) -> None:
        together: list[_Request] = []
        for request in requests:
            if self._batch_limit > 1:
                request.edges = self._edges.of(request.atoms)
            if together and not self._fits(together, [request]):
                self._requests.put(together)
                together = []
            together.append(request)
        self._requests.put(together)

    def close(self) -> None:
        """Stop the workers; requests that come later fail."""
        self._closed = True
        for _ in self._threads:
            self._requests.put(None)
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        with self._given_back:
            self._given_back.notify_all()
            self._given_back.wait_for(
                lambda: not any(place.requests for place in self._places), _CLOSE_TIMEOUT
            )
        for place in self._places:
            if not place.requests:  # a busy one ends with this process
                place.clear(place.worker)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=max(0.01, deadline - time.monotonic()))
        self.times.stop(place.answered for place in self._places)

    def _load(self, place: _Place) -> WorkerProcess:
        with place.loading:
            if self._closed:
                msg = "the run was stopped"
                raise WorkerCrashedError(msg)
            if place.worker is None:
                worker = self._make_worker()
                with self.times.timed("loading"):
                    worker.start(self._start_timeout)
                place.worker = worker
            return place.worker

    def _serve(self) -> None:
        while (batch := self._take()) is not None:
            self._process(batch)

    def _process(self, batch: Sequence[_Request]) -> None:
        """Answer a batch, with whichever worker is free first."""
        while not self._has_answered(batch):
            pass

    def _has_answered(self, batch: Sequence[_Request]) -> bool:
        """Answer a batch, if its worker does not end over an earlier request."""
        place = self._take_place()
        worker = None
        try:
            batch = [request for request in batch if not request.unwanted]
            if batch:
                worker = self._load(place)
                self._answer(place, worker, batch)
        except NotServedError:
            place.clear(worker)
            return False
        except CaseError as error:
            place.answered = time.perf_counter()
            place.clear(worker)
            self._fail_or_split(batch, error)
        finally:
            self._give_back(place)
        return True

    def _take(self) -> list[_Request] | None:
        """The next request with those behind it that fit; what does not fit stays in the queue."""
        first = self._requests.get()
        if first is None:
            return None
        batch, others = list(first), []
        while len(batch) < self._batch_limit and not batch[0].alone:
            try:
                more = self._requests.get_nowait()
            except queue.Empty:
                break
            if more is not None and self._fits(batch, more):
                batch.extend(more)
            else:
                others.append(more)
        for more in others:
            self._requests.put(more)
        return batch

    def _fits(self, batch: Sequence[_Request], more: Sequence[_Request]) -> bool:
        if more[0].alone or more[0].properties != batch[0].properties:
            return False
        both = [*batch, *more]
        few = len(both) <= self._batch_limit
        few_atoms = sum(len(request.atoms) for request in both) <= MOST_ATOMS
        return few and few_atoms and sum(request.edges for request in both) <= MOST_EDGES

    def _answer(self, place: _Place, worker: WorkerProcess, batch: Sequence[_Request]) -> None:
        timeout = sum(request.timeout for request in batch)
        structures = [request.atoms for request in batch]
        start = time.perf_counter()
        answers = worker.evaluate(structures, batch[0].properties, timeout)
        now = time.perf_counter()
        start = max(start, place.answered or start)  # before, it waited behind another request
        place.answered = now
        waited = [start - request.made for request in batch]
        self.times.answered(answers, now - start, waited)
        for request, answer in zip(batch, answers, strict=True):
            if isinstance(answer, UipbenchError):
                request.answer.set_exception(answer)
            else:
                request.answer.set_result(answer)

    def _fail_or_split(self, batch: Sequence[_Request], error: CaseError) -> None:
        """A structure that breaks a worker fails alone; its companions are tried one by one."""
        retry = len(batch) > 1 and isinstance(error, WorkerCrashedError | WorkerTimeoutError)
        for request in batch:
            if retry and not self._closed:
                request.alone = True
                self._requests.put([request])
            elif not request.answer.done():
                request.answer.set_exception(error)
