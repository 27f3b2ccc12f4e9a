"""Where the time of a run goes: in the model, on the wire, in the optimiser, on the disk."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from uipbench.casefiles import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from uipbench.errors import CaseError
    from uipbench.worker_process import Evaluation

Part = Literal["loading", "model", "graph", "wire", "waiting", "optimiser", "io"]
PROFILE_NAME = "profile.dat"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProfile:
    """Where the time of a run went.

    ``model``, ``wire``, ``loading``, ``idle`` and ``tail`` add up to workers times ``wall``.

    Attributes:
        workers: Worker processes.
        wall: Seconds from the first worker's start to the end of the last.
        evaluating: Seconds of it from the first request to the last answer.
        evaluations: Structures evaluated.
        model: Seconds in the model, all workers together.
        graph: Part of ``model`` that went into graphs and neighbour lists, or None where the
            model's calculator has no ``graph_seconds``.
        wire: Seconds between a request and its answer that were not the model's.
        loading: Seconds in which workers started and loaded the model.
        idle: Seconds in which workers had no request while others were still to come.
        tail: Seconds in which workers had nothing left to do.
        waiting: Seconds in which cases waited for a worker; several at once count severally.
        optimiser: Seconds in which cases computed something themselves: optimiser, band, task.
        io: Seconds for journal, result files and page.
    """

    workers: int
    wall: float
    evaluating: float
    evaluations: int
    model: float
    graph: float | None
    wire: float
    loading: float
    idle: float
    tail: float
    waiting: float
    optimiser: float
    io: float

    @property
    def added(self) -> float:
        """What the harness adds to the model's seconds, as a part of them."""
        return (self.wire + self.idle) / self.model if self.model else float("nan")


class Times:
    """Adds up the times of a run; any thread may call it.

    Args:
        workers: Worker processes.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._seconds: defaultdict[Part, float] = defaultdict(float)
        self._evaluations = 0
        self._tells_graph = False
        self._lock = threading.Lock()
        self._start = time.perf_counter()
        self._first_asked = math.inf
        self._last_answered = 0.0
        self._wall = 0.0
        self._tail = 0.0

    @property
    def per_evaluation(self) -> float:
        """Seconds in the model an evaluation so far; infinite before the first."""
        return self._seconds["model"] / self._evaluations if self._evaluations else math.inf

    def add(self, part: Part, seconds: float) -> None:
        """Add seconds to a part."""
        with self._lock:
            self._seconds[part] += seconds

    @contextmanager
    def timed(self, part: Part) -> Iterator[None]:
        """Add what the block takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(part, time.perf_counter() - start)

    def answered(
        self, answers: Sequence[Evaluation | CaseError], seconds: float, waited: Sequence[float]
    ) -> None:
        """Add a request to a worker.

        Args:
            answers: What came of it.
            seconds: Between request and answer.
            waited: Seconds that each structure waited before.
        """
        model = sum(getattr(answer, "seconds", 0.0) for answer in answers)
        graphs = [getattr(answer, "graph_seconds", None) for answer in answers]
        now = time.perf_counter()
        with self._lock:
            self._first_asked = min(self._first_asked, now - seconds)
            self._last_answered = now
            self._evaluations += len(answers)
            self._seconds["model"] += model
            self._seconds["wire"] += seconds - model
            self._seconds["waiting"] += sum(waited)
            self._seconds["graph"] += sum(graph or 0.0 for graph in graphs)
            self._tells_graph |= any(graph is not None for graph in graphs)

    def stop(self, busy_until: Iterable[float | None]) -> None:
        """The run is over.

        Args:
            busy_until: When each worker gave its last answer, None for one that never had to.
        """
        now = time.perf_counter()
        with self._lock:
            self._wall = now - self._start
            self._tail = sum(now - (self._start if t is None else t) for t in busy_until)

    def profile(self) -> RunProfile:
        """The sums, once the run is over."""
        seconds = self._seconds
        used = seconds["model"] + seconds["wire"] + seconds["loading"] + self._tail
        return RunProfile(
            workers=self._workers,
            wall=self._wall,
            evaluating=max(0.0, self._last_answered - self._first_asked),
            evaluations=self._evaluations,
            model=seconds["model"],
            graph=seconds["graph"] if self._tells_graph else None,
            wire=seconds["wire"],
            loading=seconds["loading"],
            idle=max(0.0, self._workers * self._wall - used),
            tail=self._tail,
            waiting=seconds["waiting"],
            optimiser=seconds["optimiser"],
            io=seconds["io"],
        )


def write_profile(path: Path, profile: RunProfile) -> None:
    """Write a profile beside the results, where nothing reads it."""
    fields = asdict(profile) | {"added": profile.added}
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in fields.items()}
    write_atomically(path, json.dumps(rounded, indent=1) + "\n")
