"""The resumable queue of reference calculations.

Several processes, started at any time, share the work: a case belongs to whoever holds its lock,
and finished steps are read from the step store.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout

from uipbench.casefiles import read_lock, write_case
from uipbench.errors import RegistryError, UipbenchError
from uipbench.paths import cache_folder
from uipbench.reference.convergence import compute_convergence, write_convergence
from uipbench.reference.engine import DftEngine
from uipbench.reference.gpaw_calculator import code_version
from uipbench.reference.guide import potential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import ModuleType

    from uipbench.reference.recipe import Recipe

DATA_FOLDER = Path(__file__).parent.parent / "reference_data"
State = Literal["done", "running", "open"]
Kind = Literal["case", "convergence"]

CASES_BEFORE_CONVERGENCE = 22
"""The convergence tests stand in the queue behind that many cases."""


@dataclass(frozen=True, slots=True)
class Job:
    """An entry of the queue: a case, or the convergence test of a case."""

    kind: Kind
    recipe: Recipe

    @property
    def name(self) -> str:
        """What the log calls it."""
        return self.recipe.id if self.kind == "case" else f"convergence/{self.recipe.id}"


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A job and where it stands."""

    job: Job
    state: State


def work_folder() -> Path:
    """Where steps, locks and the codes' own output live."""
    return Path(os.environ.get("UIPBENCH_DFT_WORK", cache_folder() / "dft"))


def case_folder(task: str) -> Path:
    """Folder of the reference files of a task."""
    return DATA_FOLDER / task / "cases"


def convergence_folder(task: str) -> Path:
    """Folder of the convergence tests of a task."""
    return DATA_FOLDER / task / "convergence"


def tasks_with_recipes() -> list[str]:
    """Names of the tasks whose references can be computed."""
    return sorted(path.parent.name for path in DATA_FOLDER.glob("*/recipes.py"))


def data_module(task: str, name: str) -> ModuleType:
    """A module of a task's data folder, such as ``recipes``.

    Raises:
        RegistryError: The task has no such module.
    """
    full = f"uipbench.reference_data.{task}.{name}"
    if task not in tasks_with_recipes():
        known = ", ".join(tasks_with_recipes())
        msg = f"no recipes for task '{task}'; tasks with recipes: {known}"
        raise RegistryError(msg)
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
        msg = f"reference data of task '{task}' has no {name}.py; see docs/references.md"
        raise RegistryError(msg) from error


def load_recipes(task: str) -> Sequence[Recipe]:
    """Recipes of a task's data folder, in the order of the queue.

    Raises:
        RegistryError: The task has no recipes.
    """
    recipes: Sequence[Recipe] = data_module(task, "recipes").recipes()
    return recipes


def load_convergence_cases(task: str) -> Sequence[str]:
    """Cases whose convergence is tested."""
    cases: Sequence[str] = data_module(task, "recipes").convergence_cases()
    return cases


def queue_of(task: str) -> list[Job]:
    """Every job of the task: cases, and convergence tests behind the first of them.

    A test of a case that comes later is behind that case.
    """
    recipes = load_recipes(task)
    first = recipes[:CASES_BEFORE_CONVERGENCE]
    tested = select(recipes, load_convergence_cases(task), task)
    jobs = [Job("case", recipe) for recipe in first]
    jobs += [Job("convergence", recipe) for recipe in tested if recipe in first]
    for recipe in recipes[CASES_BEFORE_CONVERGENCE:]:
        jobs.append(Job("case", recipe))
        jobs += [Job("convergence", recipe)] if recipe in tested else []
    return jobs


def select(recipes: Sequence[Recipe], ids: Sequence[str], task: str) -> list[Recipe]:
    """The recipes with these identifiers, or all.

    Raises:
        RegistryError: An identifier that is not there.
    """
    by_id = {recipe.id: recipe for recipe in recipes}
    for wanted in ids:
        if wanted not in by_id:
            msg = f"task '{task}' has no recipe '{wanted}'; see: uipbench reference list {task}"
            raise RegistryError(msg)
    return [by_id[i] for i in ids] if ids else list(recipes)


def is_done(task: str, job: Job) -> bool:
    """Whether the files of the job are there."""
    folder = case_folder(task) if job.kind == "case" else convergence_folder(task)
    return f"{job.recipe.id}.json" in read_lock(folder)


def _lock(task: str, job: Job, work: Path) -> FileLock:
    folder = work / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    name = job.name.replace("/", "-")
    return FileLock(folder / f"{task}.{name}.lock", timeout=0)


def status(task: str) -> list[QueueEntry]:
    """Every job of the task with its state."""
    entries = []
    for job in queue_of(task):
        state: State = "done" if is_done(task, job) else "open"
        if state == "open":
            try:
                with _lock(task, job, work_folder()):
                    pass
            except Timeout:
                state = "running"
        entries.append(QueueEntry(job, state))
    return entries


def select_jobs(task: str, ids: Sequence[str], *, kind: Kind | None = None) -> list[Job]:
    """The whole queue, its jobs of one kind, or those of the named cases.

    Args:
        task: Name of the task.
        ids: Cases, or empty for all.
        kind: ``case`` or ``convergence``; None with no ``ids`` means both.

    Raises:
        RegistryError: An identifier that is not there.
    """
    if not ids:
        return [job for job in queue_of(task) if kind in {None, job.kind}]
    return [Job(kind or "case", r) for r in select(load_recipes(task), ids, task)]


def compute(
    task: str, jobs: Iterable[Job], *, again: bool, log: Callable[[str], None] = print
) -> list[str]:
    """Run the jobs that are not done and not in another process's hands.

    Args:
        task: Name of the task.
        jobs: From :func:`select_jobs`.
        again: Also those whose files are there (finished steps are still reused).
        log: Called with one line of progress.

    Returns:
        Names of the jobs that failed.
    """
    code_version()
    failed = []
    work = work_folder()
    for job in jobs:
        try:
            with _lock(task, job, work):
                if again or not is_done(task, job):
                    _run(task, job, work, log)
        except Timeout:
            log(f"{job.name}: another process works on it")
        except UipbenchError as error:
            failed.append(job.name)
            log(f"{job.name}: FAILED: {error}")
    return failed


def _run(task: str, job: Job, work: Path, log: Callable[[str], None]) -> None:
    start = time.monotonic()
    log(f"{job.name}: started")
    engine = DftEngine(work, lambda line: log(f"{job.name}: {line}"), potential())
    outcome = (_compute_case if job.kind == "case" else _compute_test)(task, job.recipe, engine)
    log(f"{job.name}: done in {time.monotonic() - start:.0f} s: {outcome}")


def _compute_case(task: str, recipe: Recipe, engine: DftEngine) -> str:
    case = recipe.compute(engine)
    write_case(case_folder(task), case.file, case.extxyz())
    return ", ".join(f"{k} = {q.value:.4f} {q.unit}" for k, q in case.file.references.items())


def _compute_test(task: str, recipe: Recipe, engine: DftEngine) -> str:
    variants = data_module(task, "recipes").convergence_variants(recipe)
    file = compute_convergence(task, variants, engine)
    write_convergence(convergence_folder(task), file)
    return f"{file.quantity} = {file.variants[0].value:.4f} ± {file.deviation:.4f} {file.unit}"


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "uipbench", "reference", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "UIPBENCH_DFT_WORK": str(work_folder())}
    return subprocess.Popen(command, env=environment)


def in_one_thread(arguments: Sequence[str]) -> int:
    """Run ``uipbench reference`` again with one thread; its exit code."""
    return _start(arguments).wait()


def compute_in_processes(arguments: Sequence[str], *, jobs: int) -> int:
    """Run ``jobs`` processes of ``uipbench reference`` side by side; their exit code.

    Args:
        arguments: What follows ``uipbench reference``; ``--jobs 1`` is added.
        jobs: Number of processes, each with one thread.
    """
    processes = []
    for _ in range(jobs):
        processes.append(_start([*arguments, "--jobs", "1"]))
        time.sleep(1.0)
    return max(process.wait() for process in processes)
