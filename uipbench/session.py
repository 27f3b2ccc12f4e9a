"""One model, scored: what is there already, what is missing, and the files that come of it."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout

from uipbench.environments import Environment, package_versions
from uipbench.errors import ResultFileError
from uipbench.execution import Executor, LocalExecutor
from uipbench.journal import Journal
from uipbench.machine import physical_memory, provenance
from uipbench.plan import (
    Job,
    Selection,
    content_key,
    make_jobs,
    physics_version,
    worth_another_try,
)
from uipbench.registry import task_version
from uipbench.results import (
    SCHEMA_VERSION,
    CaseRecord,
    CheckRecord,
    ModelRecord,
    OwnDataRecord,
    ResultFile,
    RunSettings,
    outcome_record,
    read_result,
    result_path,
    write_result,
)
from uipbench.weights import warn_of_pickle, weights_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from uipbench.modelfile import ModelFile
    from uipbench.outcome import Outcome
    from uipbench.runner import Observer
    from uipbench.task import Task


GPU_BATCH = 64
"""Structures that go to a worker on a GPU at once."""

ON_ONE_GPU = 4
"""Workers that share a GPU: graphs are made on the CPU, which is what they wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a model is run.

    Attributes:
        out: Folder of the result files.
        checkpoint: A user's own weights, or None for the model's.
        device: ``cpu``, ``cuda``, ….
        dtype: ``float32``, ``float64`` or ``default``.
        limit: Seconds of evaluation a case may use.
        memory: GB that evaluations may use; 0: what the machine has, on a GPU no limit.
        workers: Worker processes; 0 means one a core, on a GPU at most :data:`ON_ONE_GPU`.
        batch: Structures that go to a worker at once, at most; 0 means 1 on a CPU, where batching
            gains nothing, and :data:`GPU_BATCH` on a GPU.
        executor: ``local``: this process and its workers; ``dask``: a Dask cluster.
        scheduler: Address of the cluster's scheduler, or None for a cluster on this machine.
        own_data: The user's own set that the cases are of, or None for the public ones.
    """

    out: Path
    checkpoint: Path | None = None
    device: str = "cpu"
    dtype: str = "default"
    limit: float = 1800.0
    memory: float = 0.0
    workers: int = 0
    batch: int = 0
    own_data: OwnDataRecord | None = None
    executor: Literal["local", "dask"] = "local"
    scheduler: str | None = None

    @property
    def on_cpu(self) -> bool:
        """Whether the model runs on a CPU."""
        return self.device == "cpu"

    @property
    def n_workers(self) -> int:
        """Worker processes to start."""
        cores = len(os.sched_getaffinity(0))
        return self.workers or (cores if self.on_cpu else min(cores, ON_ONE_GPU))

    @property
    def batch_limit(self) -> int:
        """Structures that go to a worker at once, at most."""
        return self.batch or (1 if self.on_cpu else GPU_BATCH)

    @property
    def memory_bytes(self) -> int | None:
        """Bytes that evaluations in a worker may use, or None for no limit."""
        if self.memory:
            return int(self.memory * 1e9)
        return physical_memory() if self.on_cpu else None

    @property
    def settings(self) -> RunSettings:
        """Options that change predictions."""
        return RunSettings(device=self.device, dtype=self.dtype)


class Session:
    """A model with its environment, options and the records it has so far.

    Args:
        model: The model file.
        environment: Its environment, which exists.
        options: How it is run.
    """

    def __init__(self, model: ModelFile, environment: Environment, options: RunOptions) -> None:
        self.model = model
        self.environment = environment
        self.options = options
        self.record = ModelRecord(
            card=model.card,
            weights_sha256=weights_sha256(model, environment, options.checkpoint),
            code_sha256=model.code_sha256,
            packages=package_versions(model, environment),
            own=model.own,
        )
        warn_of_pickle(model, self.record.weights_sha256)
        self.check: CheckRecord | None = None
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self.damaged_lines = 0
        self.executor: Executor | None = None
        self._begun: Executor | None = None
        self._unwritten: set[str] = set()  # tasks with records in the journal of this run

    @property
    def folder(self) -> Path:
        """Folder of the model's result files."""
        return self.options.out / self.model.card.name

    def lock(self) -> AbstractContextManager[object]:
        """Hold the model's folder, so that two runs do not write it at once.

        Raises:
            ResultFileError: Another run holds it, or it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return FileLock(self.folder / ".lock", timeout=0).acquire()
        except Timeout as error:
            msg = f"{self.folder}: another run writes here; wait for it or choose another --out"
            raise ResultFileError(msg) from error
        except OSError as error:
            msg = f"{self.folder}: cannot be written: {error.strerror}; choose another --out"
            raise ResultFileError(msg) from error

    def jobs(self, selection: Selection) -> list[Job]:
        """All jobs of the selection, whether done or not."""
        return make_jobs(selection, self.record, self.options.settings)

    def records(self, task: Task) -> list[CaseRecord]:
        """Records from result file and journal, the journal's winning.

        Raises:
            ResultFileError: A damaged result file.
        """
        path = result_path(self.options.out, self.record.card.name, task.name)
        known = self._known(path)
        written, damaged = self._journal(task).read()
        self.damaged_lines += damaged
        by_slot = {(r.case_id, r.protocol): r for r in [*known, *written]}
        return list(by_slot.values())

    def _known(self, path: Path) -> list[CaseRecord]:
        if not path.exists():
            return []
        result = read_result(path)
        names = [None if r is None else r.name for r in (result.own_data, self.options.own_data)]
        if names[0] != names[1]:
            there, here = (f"own data '{name}'" if name else "the public cases" for name in names)
            msg = f"{path}: has results on {there}, not on {here}; choose another folder with --out"
            raise ResultFileError(msg)
        return result.records

    def fresh_records(self, task: Task) -> list[CaseRecord]:
        """Records whose content key is that of the present model, packages, task and case."""
        version = physics_version(task, self.record)
        settings = self.options.settings
        cases = {case.id: case for case in task.cases()}

        def is_fresh(record: CaseRecord) -> bool:
            case = cases[record.case_id]
            key = content_key(self.record, settings, version, task, case, record.protocol)
            return record.key == key

        return [r for r in self.records(task) if r.case_id in cases and is_fresh(r)]

    def missing(self, jobs: Sequence[Job]) -> list[Job]:
        """Jobs without a fresh record.

        Failures that may be the machine's, not the model's, are tried again.
        """
        tasks = {job.task.name: job.task for job in jobs}
        records = [r for task in tasks.values() for r in self.fresh_records(task)]
        done = {r.key for r in records if not worth_another_try(r)}
        return [job for job in jobs if job.key not in done]

    def n_stale(self, task: Task) -> int:
        """Records of other weights, packages, task or settings; the next run drops them."""
        return len(self.records(task)) - len(self.fresh_records(task))

    def _journal(self, task: Task) -> Journal:
        kind = "journal" if self.options.own_data is None else "own-data.journal"
        return Journal(self.folder / f"{task.name}.{kind}.jsonl")

    def begin(self, jobs: Sequence[Job]) -> Executor:
        """Load the model beside what else is to be done before these jobs are computed."""
        self._begun = self._executor()
        self._begun.begin(len(jobs))
        return self._begun

    def compute(self, jobs: Sequence[Job], observer: Observer) -> Iterator[CaseRecord]:
        """Compute jobs, the fixed protocol first, then the dearest first.

        Every finished case is in the journal before it is yielded.

        Raises:
            EnvironmentSetupError: The model cannot be loaded.
            ResultFileError: The journal cannot be written.
        """
        self.executor = executor = self._begun or self.begin(jobs)
        self._begun = None
        journals = {job.task.name: self._journal(job.task) for job in jobs}
        try:
            jobs = sorted(jobs, key=lambda job: (job.protocol, -job.cost))
            for finished in executor.run(jobs, observer):
                records = [_record(job, outcome) for job, outcome in finished]
                for name, journal in journals.items():
                    pairs = zip(finished, records, strict=True)
                    mine = [r for (job, _), r in pairs if job.task.name == name]
                    if mine:
                        with self.timed_io():
                            journal.append(*mine)
                        self._unwritten.add(name)
                for job, outcome in finished:
                    observer.finished(job, outcome)
                yield from records
        finally:
            executor.close()
            for journal in journals.values():
                journal.close()

    @contextmanager
    def timed_io(self) -> Iterator[None]:
        """Count what the block takes as reading and writing of files."""
        times = self.executor.times if self.executor else None
        with times.timed("io") if times else nullcontext():
            yield

    def _executor(self) -> Executor:
        options = self.options
        if options.executor == "local":
            return LocalExecutor(self.model, self.environment, options)
        from uipbench.cluster import ClusterExecutor

        return ClusterExecutor(self.model, self.environment, options)

    def write(self, tasks: Iterable[Task]) -> list[Path]:
        """Write the result file of each task that has a journal, then drop the journal.

        A file that is otherwise up to date only gets a conformance report that says another thing.

        Raises:
            ResultFileError: It cannot be written, or somebody deleted the journal of this run.
        """
        paths = []
        for task in tasks:
            path = result_path(self.options.out, self.record.card.name, task.name)
            journal = self._journal(task)
            if journal.path.exists():
                write_result(path, self.result(task))
                journal.remove()
                self._unwritten.discard(task.name)
            elif task.name in self._unwritten:
                msg = f"{journal.path}: was deleted before its cases were in {path.name}; run again"
                raise ResultFileError(msg)
            elif self._lacks_check(path):
                write_result(path, read_result(path).model_copy(update={"check": self.check}))
            else:
                continue
            paths.append(path)
        return paths

    def _lacks_check(self, path: Path) -> bool:
        if self.check is None or not path.exists():
            return False
        stored = read_result(path)
        same = stored.model.key == self.record.key and stored.settings == self.options.settings
        return same and (stored.check is None or stored.check.verdict != self.check.verdict)

    def result(self, task: Task) -> ResultFile:
        """The result file as it would be written now."""
        return ResultFile(
            schema_version=SCHEMA_VERSION,
            task=task.name,
            task_version=task_version(task),
            model=self.record,
            settings=self.options.settings,
            provenance=provenance(self._started, self.executor.processors if self.executor else ""),
            records=self.fresh_records(task),
            check=self.check,
            own_data=self.options.own_data,
        )


def _record(job: Job, outcome: Outcome) -> CaseRecord:
    return CaseRecord(
        case_id=job.case.id,
        protocol=job.protocol,
        key=job.key,
        outcome=outcome_record(outcome),
    )
