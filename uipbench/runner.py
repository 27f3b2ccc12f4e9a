"""Case × model → outcome, many at once; every finished case goes to the journal at once."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from uipbench import metrics
from uipbench.engine_calculator import EngineCalculator
from uipbench.errors import (
    CaseError,
    NonFiniteError,
    UipbenchError,
    UnsupportedElementsError,
    one_line,
)
from uipbench.outcome import Failed, Outcome, Predicted, Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from uipbench.case import Case
    from uipbench.engine import EvaluationEngine
    from uipbench.plan import Job


class Observer(Protocol):
    """Who is told of progress; all methods may be called from any thread."""

    def evaluated(self) -> None:
        """One structure was evaluated."""

    def finished(self, job: Job, outcome: Outcome) -> None:
        """One case is finished."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A job with its outcome, or the error that stops the run."""

    job: Job
    outcome: Outcome | UipbenchError


class Runner:
    """Runs jobs in threads in front of an engine.

    Args:
        engine: A started engine.
        elements: Elements the model knows; empty means not stated.
        limit: Seconds of evaluation a case may use.
        in_flight: Cases worked on at once.
        observer: Told of every evaluation.
    """

    def __init__(
        self,
        engine: EvaluationEngine,
        *,
        elements: Sequence[str],
        limit: float,
        in_flight: int,
        observer: Observer,
    ) -> None:
        self._engine = engine
        self._elements = frozenset(elements)
        self._limit = limit
        self._in_flight = in_flight
        self._observer = observer

    def run(self, jobs: Sequence[Job]) -> Iterator[list[tuple[Job, Outcome]]]:
        """Yield jobs with their outcomes as they finish, all at once that finished meanwhile.

        Raises:
            UipbenchError: Something that does not belong to one case.
        """
        waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        finished: queue.Queue[Finished] = queue.Queue()
        for job in jobs:
            waiting.put(job)
        for _ in range(min(self._in_flight, len(jobs))):
            threading.Thread(target=self._work, args=(waiting, finished), daemon=True).start()
        left = len(jobs)
        while left:
            items = [finished.get()]
            with suppress(queue.Empty):
                while True:
                    items.append(finished.get_nowait())
            left -= len(items)
            whole, error = _until_error(items)
            yield whole
            if error is not None:
                raise error

    def _work(self, waiting: queue.SimpleQueue[Job], finished: queue.Queue[Finished]) -> None:
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            finished.put(Finished(job, self.outcome(job)))

    def outcome(self, job: Job) -> Outcome | UipbenchError:
        """What comes of one job, in this thread: the one place that turns exceptions into outcomes.

        Returns:
            The outcome, or an error that does not belong to this case.
        """
        calculator = EngineCalculator(
            self._engine, limit=self._limit, count=self._observer.evaluated
        )
        start = time.perf_counter()
        try:
            self._check_elements(job.case)
            prediction = job.task.predict(job.case, calculator, job.protocol)
            check_finite(prediction)
            force_statistics = _force_statistics(job.case, prediction)
        except CaseError as error:
            kind, message = error.kind, str(error)
        except UipbenchError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the one broad except: a task's bug is a failure
            kind, message = "task_raised", f"{type(error).__name__}: {error}"
        else:
            return Predicted(
                values=dict(prediction.values),
                force_statistics=force_statistics,
                details=dict(prediction.details),
                seconds=round(calculator.seconds, 3),
                evaluations=calculator.evaluations,
            )
        finally:
            own = time.perf_counter() - start - calculator.blocked
            self._engine.times.add("optimiser", own)
        return Failed(
            kind=kind,
            message=one_line(message),
            seconds=round(calculator.seconds, 3),
            evaluations=calculator.evaluations,
        )

    def _check_elements(self, case: Case) -> None:
        missing = sorted(set(case.elements) - self._elements) if self._elements else []
        if missing:
            msg = f"the model's card does not list {', '.join(missing)}"
            raise UnsupportedElementsError(msg)


def _until_error(
    items: Sequence[Finished],
) -> tuple[list[tuple[Job, Outcome]], UipbenchError | None]:
    """Outcomes, and the first error that stops the run."""
    errors = [i.outcome for i in items if isinstance(i.outcome, UipbenchError)]
    whole = [(i.job, i.outcome) for i in items if not isinstance(i.outcome, UipbenchError)]
    return whole, errors[0] if errors else None


def check_finite(prediction: Prediction) -> None:
    """Refuse numbers that are not finite.

    Raises:
        NonFiniteError: Names the quantity.
    """
    for name, value in {**prediction.values, **prediction.details}.items():
        if not np.isfinite(value):
            msg = f"{name} is {value}"
            raise NonFiniteError(msg)


def _force_statistics(case: Case, prediction: Prediction) -> dict[str, dict[str, float]]:
    """Sums by role.

    Raises:
        NonFiniteError: Forces so large that their squares are not finite.
    """
    with np.errstate(over="ignore"):
        found = {
            role: metrics.force_sums(evaluated.forces, case.structures[role].forces)
            for role, evaluated in prediction.evaluated.items()
            if np.isfinite(case.structures[role].forces).all()  # own data may have none
        }
    for role, sums in found.items():
        if not np.isfinite(list(sums.values())).all():
            msg = f"forces of {role} are too large to be compared"
            raise NonFiniteError(msg)
    return found
