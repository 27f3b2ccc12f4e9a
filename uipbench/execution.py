"""Where jobs are computed: by workers of this process, or elsewhere behind the same methods."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from uipbench.engine import EvaluationEngine
from uipbench.errors import CaseError, EnvironmentSetupError
from uipbench.runner import Observer, Runner
from uipbench.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from uipbench.environments import Environment
    from uipbench.modelfile import ModelFile
    from uipbench.outcome import Outcome
    from uipbench.plan import Job
    from uipbench.run_profile import Times
    from uipbench.session import RunOptions


class Executor(Protocol):
    """Computes the jobs of one run."""

    @property
    def processors(self) -> str:
        """What the models ran on; empty for this machine."""

    @property
    def times(self) -> Times | None:
        """Where the time goes, or None where that is not known."""

    def begin(self, jobs: int) -> None:
        """Begin to load the model; returns at once.

        Args:
            jobs: How many there are.
        """

    def run(self, jobs: Sequence[Job], observer: Observer) -> Iterator[list[tuple[Job, Outcome]]]:
        """Yield jobs with their outcomes, as they finish; :meth:`begin` was called before.

        Raises:
            UipbenchError: Something that does not belong to one case.
        """

    def close(self) -> None:
        """Stop the workers."""


class LocalExecutor:
    """Threads of this process in front of worker processes on this machine.

    Args:
        model: The model file.
        environment: Its environment, which exists.
        options: How it is run.
    """

    processors = ""

    def __init__(self, model: ModelFile, environment: Environment, options: RunOptions) -> None:
        self._name = model.path.name
        self._elements = model.card.elements
        self._options = options
        self._engine = make_engine(model, environment, options, workers=options.n_workers)
        self._loaded: Future[None] = Future()

    @property
    def times(self) -> Times:
        """Where the time goes."""
        return self._engine.times

    def begin(self, jobs: int) -> None:
        """Begin to load the model; returns at once."""
        threading.Thread(target=self._load, args=(jobs,), daemon=True).start()

    def _load(self, jobs: int) -> None:
        try:
            start_engine(self._engine, self._name, at_once=jobs)
        except BaseException as error:  # noqa: BLE001 - whoever waits raises it
            self._loaded.set_exception(error)
        else:
            self._loaded.set_result(None)

    def run(self, jobs: Sequence[Job], observer: Observer) -> Iterator[list[tuple[Job, Outcome]]]:
        """Yield jobs with their outcomes, as they finish; :meth:`begin` was called before.

        Raises:
            UipbenchError: Something that does not belong to one case.
        """
        self._loaded.result()
        options = self._options
        runner = Runner(
            self._engine,
            elements=self._elements,
            limit=options.limit,
            in_flight=options.n_workers * max(2, options.batch_limit),
            observer=observer,
        )
        yield from runner.run(jobs)

    def close(self) -> None:
        """Stop the workers."""
        self._engine.close()


def make_engine(
    model: ModelFile, environment: Environment, options: RunOptions, *, workers: int
) -> EvaluationEngine:
    """An engine that is not started.

    Args:
        model: The model file.
        environment: Its environment, which exists where this runs.
        options: How the model is run.
        workers: Worker processes.
    """

    def make_worker() -> WorkerProcess:
        return WorkerProcess(
            model,
            environment,
            checkpoint=options.checkpoint,
            device=options.device,
            dtype=options.dtype,
            threads=1,
            memory=options.memory_bytes,
        )

    return EvaluationEngine(
        make_worker,
        workers=workers,
        batch_limit=options.batch_limit,
        energy_corrections=model.card.energy_corrections,
    )


def start_engine(engine: EvaluationEngine, name: str, *, at_once: int = 1) -> None:
    """Start an engine.

    Args:
        engine: The engine.
        name: Of the model file, for the message.
        at_once: Workers to load side by side, at most.

    Raises:
        EnvironmentSetupError: The model cannot be loaded.
    """
    try:
        engine.start(at_once)
    except CaseError as error:
        msg = f"{name}: the model cannot be loaded: {error}"
        raise EnvironmentSetupError(msg) from error
