"""Cases as tasks of a Dask cluster: the same work as on one machine, spread over many.

The unit is a case. A Dask worker starts the model's own process where it runs, as the harness does
on one machine, and keeps it for the cases that follow. Dask gives a case whose worker was lost to
another worker.
"""

from __future__ import annotations

import platform
import threading
import uuid
from typing import TYPE_CHECKING, Any

from uipbench.errors import EnvironmentSetupError, SettingsError, UipbenchError
from uipbench.execution import make_engine, start_engine
from uipbench.machine import processor
from uipbench.outcome import Failed, Outcome
from uipbench.plan import Job
from uipbench.registry import load_task, task_version
from uipbench.runner import Runner

try:
    import distributed
except ImportError as error:
    msg = "--executor dask needs the package distributed: pip install 'uipbench[dask]'"
    raise SettingsError(msg) from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from uipbench.case import Case
    from uipbench.engine import EvaluationEngine
    from uipbench.environments import Environment
    from uipbench.modelfile import ModelFile
    from uipbench.outcome import Protocol
    from uipbench.runner import Observer
    from uipbench.session import RunOptions

CONNECT_TIMEOUT_S = 30


class ModelPlugin(distributed.WorkerPlugin):
    """A model on every Dask worker, loaded when its first case comes.

    Args:
        model: The model file, which is at the same path there.
        environment: Its environment, likewise.
        options: How it is run.
    """

    def __init__(self, model: ModelFile, environment: Environment, options: RunOptions) -> None:
        self.name = f"uipbench-{model.card.name}-{uuid.uuid4().hex}"
        self._model = model
        self._environment = environment
        self._options = options
        self._threads = 1
        self._lock: threading.Lock | None = None
        self._engine: EvaluationEngine | None = None

    def setup(self, worker: distributed.Worker) -> None:
        """Dask's hook: called once on each worker."""
        self._threads = worker.state.nthreads
        self._lock = threading.Lock()
        self.processor = f"{processor()} ({platform.node()})"

    def teardown(self, worker: distributed.Worker) -> None:  # noqa: ARG002
        """Dask's hook: end the model's processes."""
        if self._engine is not None:
            self._engine.close()

    def outcome(self, job: Job) -> Outcome | UipbenchError:
        """What comes of one job; in a thread of the worker."""
        runner = Runner(
            self._started(),
            elements=self._model.card.elements,
            limit=self._options.limit,
            in_flight=1,
            observer=_Nobody(),
        )
        return runner.outcome(job)

    def _started(self) -> EvaluationEngine:
        assert self._lock is not None  # noqa: S101
        with self._lock:
            if self._engine is None:
                workers = self._threads if self._options.on_cpu else 1
                engine = make_engine(self._model, self._environment, self._options, workers=workers)
                start_engine(engine, f"{platform.node()}: {self._model.path}")
                self._engine = engine
            return self._engine


class _Nobody:
    def evaluated(self) -> None:
        """Nothing: evaluations are counted when the case is finished."""

    def finished(self, job: Job, outcome: Outcome) -> None:
        """Nothing."""


def compute_case(
    plugin: str, task: str, version: str, case: Case, protocol: Protocol
) -> tuple[Outcome, str]:
    """A Dask task: the outcome of one case, and what the model ran on.

    Args:
        plugin: Name of the :class:`ModelPlugin`.
        task: Name of the task.
        version: Version of the task where the run was started.
        case: The case.
        protocol: ``fixed`` or ``relaxed``.

    Raises:
        UipbenchError: Something that does not belong to this case.
    """
    there = load_task(task)
    if task_version(there) != version:
        msg = (
            f"{platform.node()}: has another version of task '{task}' than where the run was "
            "started; install the same uipbench on all nodes"
        )
        raise EnvironmentSetupError(msg)
    model: ModelPlugin = distributed.get_worker().plugins[plugin]
    outcome = model.outcome(Job(there, case, protocol, key=""))
    if isinstance(outcome, UipbenchError):
        raise outcome
    return outcome, model.processor


class ClusterExecutor:
    """Runs jobs on a Dask cluster.

    Args:
        model: The model file.
        environment: Its environment, which exists at the same path on all nodes.
        options: How it is run, with the address of the scheduler; without one, a cluster of
            processes on this machine is started.

    Raises:
        SettingsError: No scheduler answers at the address.
    """

    times = None

    def __init__(self, model: ModelFile, environment: Environment, options: RunOptions) -> None:
        self._plugin = ModelPlugin(model, environment, options)
        self._cluster = None if options.scheduler else _local_cluster(options)
        address = options.scheduler or self._cluster
        try:
            self._client = distributed.Client(address, timeout=CONNECT_TIMEOUT_S)
        except (OSError, ValueError, TimeoutError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            msg = (
                f"--scheduler {options.scheduler}: no Dask scheduler answers ({reason}); start one "
                "with 'dask scheduler', see docs/cluster.md"
            )
            raise SettingsError(msg) from error
        self._found: set[str] = set()

    @property
    def processors(self) -> str:
        """What the models ran on, sorted."""
        return "; ".join(sorted(self._found))

    def begin(self, jobs: int) -> None:
        """Nothing: a model is loaded where its first case comes."""

    def run(self, jobs: Sequence[Job], observer: Observer) -> Iterator[list[tuple[Job, Outcome]]]:
        """Yield jobs with their outcomes, as they finish.

        Raises:
            UipbenchError: Something that does not belong to one case.
        """
        self._client.register_plugin(self._plugin)
        suspects = []
        futures = self._submit(jobs)
        for batch in distributed.as_completed(futures).batches():
            done = []
            for future in batch:
                job, outcome = futures.pop(future), self._outcome(future, observer)
                if _lost(future):
                    suspects.append(job)
                else:
                    done.append((job, outcome))
            yield done
        # Dask also suspects cases that only waited on a lost worker: alone, each shows which it is.
        for job in suspects:
            (future,) = self._submit([job])
            distributed.wait([future])
            yield [(job, self._outcome(future, observer))]

    def _submit(self, jobs: Sequence[Job]) -> dict[Any, Job]:
        versions = {job.task.name: task_version(job.task) for job in jobs}
        return {
            self._client.submit(
                compute_case,
                self._plugin.name,
                job.task.name,
                versions[job.task.name],
                job.case,
                job.protocol,
                key=f"{job.task.name}/{job.case.id}/{job.protocol}-{uuid.uuid4().hex}",
                priority=-position,
            ): job
            for position, job in enumerate(jobs)
        }

    def _settled(self, future: Any) -> str:  # noqa: ANN401
        """The status of a future, waited for again where its worker was lost with the result.

        Dask computes such a case once more by itself.
        """
        while (status := str(future.status)) == "lost" and self._client.status == "running":
            distributed.wait([future])
        return status

    def _outcome(self, future: Any, observer: Observer) -> Outcome:  # noqa: ANN401 - Dask is untyped
        status = self._settled(future)
        if status == "finished":
            outcome: Outcome
            outcome, where = future.result()
            self._found.add(where)
            for _ in range(outcome.evaluations):
                observer.evaluated()
            return outcome
        if status != "error":
            msg = (
                f"the connection to the Dask scheduler was lost ({status}); finished cases "
                "are kept, run the same command to go on"
            )
            raise EnvironmentSetupError(msg)
        error = future.exception()
        if _lost(future):
            lost = (
                f"{error.allowed_failures + 1} Dask workers were lost while they had only this case"
            )
            return Failed(kind="worker_crashed", message=lost)
        if isinstance(error, UipbenchError):
            raise error
        msg = f"a Dask worker cannot run cases: {type(error).__name__}: {error}"
        raise EnvironmentSetupError(" ".join(msg.split()))

    def close(self) -> None:
        """End the models, and leave the cluster as it was."""
        try:
            self._client.unregister_worker_plugin(self._plugin.name)
        except (OSError, ValueError, TimeoutError):  # the cluster is gone, its models with it
            pass
        finally:
            self._client.close()
            if self._cluster is not None:
                self._cluster.close()


def _lost(future: Any) -> bool:  # noqa: ANN401
    """Whether Dask gave a case up because workers that had it were lost."""
    return future.status == "error" and isinstance(future.exception(), distributed.KilledWorker)


def _local_cluster(options: RunOptions) -> distributed.LocalCluster:
    """A process a worker; on a GPU one process with many cases in flight."""
    return distributed.LocalCluster(
        n_workers=options.n_workers,
        threads_per_worker=options.batch_limit,
        processes=True,
        dashboard_address=None,
    )
