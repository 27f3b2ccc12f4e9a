"""Finding the task plugins: folders of ``uipbench.tasks``, and entry points of that group."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from uipbench import cell_relaxation, neb, relaxation
from uipbench.digests import code_digest
from uipbench.errors import RegistryError
from uipbench.suggestions import nearest
from uipbench.task import Task, check_task

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

ENTRY_POINT_GROUP = "uipbench.tasks"


@cache
def load_tasks() -> dict[str, Task]:
    """Every task by name, checked, sorted by name.

    Raises:
        RegistryError: A plugin that cannot be imported or breaks the contract; names it.
    """
    found: dict[str, Task] = {}
    for origin, plugin in [*_folders(), *_entry_points()]:
        task = check_task(plugin, origin)
        if task.name in found:
            msg = f"{origin}: a task named '{task.name}' is registered already; rename one of them"
            raise RegistryError(msg)
        found[task.name] = task
    return dict(sorted(found.items()))


def load_task(name: str) -> Task:
    """One task.

    Raises:
        RegistryError: Unknown; the message has the nearest names.
    """
    tasks = load_tasks()
    if name not in tasks:
        raise RegistryError(unknown("task", name, tasks))
    return tasks[name]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One line for a name that is not there, with the nearest ones."""
    names = sorted(known)
    near = nearest(name, names)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return f"no {kind} named '{name[:80]}'; {hint} (uipbench list {kind}s)"


def task_version(task: Task) -> str:
    """Version of the physics: the number raised by hand and a digest of the code that runs."""
    module = inspect.getmodule(type(task))
    own = [] if module is None else [module, *_submodules(module)]
    sources = [inspect.getsource(m) for m in (*own, relaxation, cell_relaxation)]
    if any(_is_from(neb, value) for m in own for value in vars(m).values()):
        batched = Path(neb.__file__).with_name("batched_neb.py")  # importing it takes long
        sources += [inspect.getsource(neb), batched.read_text(encoding="utf-8")]
    return f"{task.version}-{code_digest(*sources)[:12]}"


def _submodules(module: ModuleType) -> list[ModuleType]:
    """Modules of a task that is a folder of several, sorted by name.

    ``metrics`` is not one of them: it says how predictions are compared, not how they are made.
    """
    names = {info.name for info in pkgutil.iter_modules(getattr(module, "__path__", []))}
    return [importlib.import_module(f"{module.__name__}.{n}") for n in sorted(names - {"metrics"})]


def _is_from(module: ModuleType, value: object) -> bool:
    """Whether a task's module imported this from ``module``."""
    return getattr(value, "__module__", None) == module.__name__


def _folders() -> Iterable[tuple[str, object]]:
    package = importlib.import_module("uipbench.tasks")
    for info in pkgutil.iter_modules(package.__path__):
        origin = f"tasks/{info.name}"
        module = _import(f"uipbench.tasks.{info.name}", origin)
        yield origin, getattr(module, "TASK", None)


def _entry_points() -> Iterable[tuple[str, object]]:
    for point in entry_points(group=ENTRY_POINT_GROUP):
        origin = f"entry point '{point.name}' ({point.value})"
        try:
            yield origin, point.load()
        except Exception as error:
            msg = f"{origin}: cannot be imported: {type(error).__name__}: {error}"
            raise RegistryError(msg) from error


def _import(name: str, origin: str) -> object:
    try:
        return importlib.import_module(name)
    except Exception as error:
        msg = f"{origin}: cannot be imported: {type(error).__name__}: {error}"
        raise RegistryError(msg) from error
