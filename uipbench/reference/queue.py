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
from uipbench.reference.engine import DftEngine
from uipbench.reference.gpaw_calculator import code_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from uipbench.reference.recipe import Recipe

DATA_FOLDER = Path(__file__).parent.parent / "reference_data"
State = Literal["done", "running", "open"]


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A recipe and where it stands."""

    recipe: Recipe
    state: State


def work_folder() -> Path:
    """Where steps, locks and the codes' own output live."""
    return Path(os.environ.get("UIPBENCH_DFT_WORK", cache_folder() / "dft"))


def case_folder(task: str) -> Path:
    """Folder of the reference files of a task."""
    return DATA_FOLDER / task / "cases"


def load_recipes(task: str) -> Sequence[Recipe]:
    """Recipes of a task's data folder, in the order of the queue.

    Raises:
        RegistryError: The task has no recipes.
    """
    name = f"uipbench.reference_data.{task}.recipes"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        known = sorted(p.parent.name for p in DATA_FOLDER.glob("*/recipes.py"))
        msg = f"no recipes for task '{task}'; tasks with recipes: {', '.join(known)}"
        raise RegistryError(msg) from error
    recipes: Sequence[Recipe] = module.recipes()
    return recipes


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


def is_done(task: str, case_id: str) -> bool:
    """Whether the reference files of the case are there."""
    return f"{case_id}.json" in read_lock(case_folder(task))


def _lock(task: str, case_id: str, work: Path) -> FileLock:
    folder = work / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{task}.{case_id}.lock", timeout=0)


def status(task: str) -> list[QueueEntry]:
    """Every recipe of the task with its state."""
    entries = []
    for recipe in load_recipes(task):
        state: State = "done" if is_done(task, recipe.id) else "open"
        if state == "open":
            try:
                with _lock(task, recipe.id, work_folder()):
                    pass
            except Timeout:
                state = "running"
        entries.append(QueueEntry(recipe, state))
    return entries


def compute(
    task: str, ids: Sequence[str], *, again: bool, log: Callable[[str], None] = print
) -> list[str]:
    """Compute the cases that are not done and not in another process's hands.

    Args:
        task: Name of the task.
        ids: Cases, or empty for all.
        again: Also those whose files are there (finished steps are still reused).
        log: Called with one line of progress.

    Returns:
        Identifiers of the cases that failed.
    """
    code_version()
    failed = []
    work = work_folder()
    for recipe in select(load_recipes(task), ids, task):
        try:
            with _lock(task, recipe.id, work):
                if again or not is_done(task, recipe.id):
                    _compute_one(task, recipe, work, log)
        except Timeout:
            log(f"{recipe.id}: another process works on it")
        except UipbenchError as error:
            failed.append(recipe.id)
            log(f"{recipe.id}: FAILED: {error}")
    return failed


def _compute_one(task: str, recipe: Recipe, work: Path, log: Callable[[str], None]) -> None:
    start = time.monotonic()
    log(f"{recipe.id}: started")
    case = recipe.compute(DftEngine(work, lambda line: log(f"{recipe.id}: {line}")))
    write_case(case_folder(task), case.file, case.extxyz())
    values = ", ".join(f"{k} = {q.value:.4f} {q.unit}" for k, q in case.file.references.items())
    log(f"{recipe.id}: done in {time.monotonic() - start:.0f} s: {values}")


def compute_in_processes(task: str, ids: Sequence[str], *, jobs: int, again: bool) -> int:
    """Run ``jobs`` processes of ``uipbench reference compute`` side by side; their exit code."""
    command = [sys.executable, "-m", "uipbench", "reference", "compute", task, *ids]
    if again:
        command.append("--again")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "UIPBENCH_DFT_WORK": str(work_folder())}
    processes = []
    for _ in range(jobs):
        processes.append(subprocess.Popen([*command, "--jobs", "1"], env=environment))
        time.sleep(1.0)
    return max(process.wait() for process in processes)
