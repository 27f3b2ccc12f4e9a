"""One virtual environment for exactly the packages of a model, made once and found again.

An environment is made where it stays, because it cannot be moved, and counts only once its
``environment.json`` is there, which is written last.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import sysconfig
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from uipbench.bounded import read_bounded
from uipbench.casefiles import write_atomically
from uipbench.environment_build import (
    Installer,
    install_commands,
    interpreter_for,
    run_commands,
    site_packages,
    venv_python,
)
from uipbench.errors import EnvironmentSetupError
from uipbench.installed import (
    WORKER_PACKAGES,
    all_versions,
    applicable,
    installed_versions,
    running_interpreter_satisfies,
)
from uipbench.paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from uipbench.modelfile import ModelFile

MARKER = "environment.json"


@dataclass(frozen=True, slots=True)
class Environment:
    """An interpreter with a model's packages.

    Attributes:
        python: The interpreter.
        site_packages: Folder of its packages.
        versions: Versions by package: of a virtual environment all, of the running interpreter
            those that the model and the worker name.
        own_interpreter: Whether it is the running interpreter.
    """

    python: Path
    site_packages: Path
    versions: Mapping[str, str] = field(default_factory=dict)
    own_interpreter: bool = False


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """A virtual environment on disk.

    Attributes:
        key: Its key.
        path: Its folder.
        complete: Whether its making was finished.
        python: Version of its interpreter.
        created: ISO time, empty where unfinished.
        dependencies: What was asked for.
        no_deps: What was asked for without its own dependencies.
        versions: Versions of all its packages.
    """

    key: str
    path: Path
    complete: bool
    python: str = ""
    created: str = ""
    dependencies: tuple[str, ...] = ()
    no_deps: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def size_bytes(self) -> int:
        """Bytes its files take; walks the folder."""
        return sum(f.lstat().st_size for f in self.path.rglob("*") if not f.is_dir())


def environments_folder() -> Path:
    """Folder of all virtual environments."""
    return cache_folder() / "envs"


def environment_key(model: ModelFile) -> str:
    """Key of the environment: of Python's version and the requirements.

    Raises:
        EnvironmentSetupError: No interpreter fits the model's ``requires-python``.
    """
    _, python = interpreter_for(model.requires_python)
    parts = [python, sorted(model.dependencies), sorted(model.no_deps)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def existing_environment(model: ModelFile) -> Environment | None:
    """The model's environment where it is there, else None.

    Raises:
        EnvironmentSetupError: No interpreter fits, or an environment is damaged.
    """
    requirements = [*model.dependencies, *model.no_deps]
    if running_interpreter_satisfies(model.requires_python, requirements):
        names = [*(r.name for r in applicable(requirements)), *WORKER_PACKAGES]
        folder = Path(sysconfig.get_paths()["purelib"])
        return Environment(Path(sys.executable), folder, installed_versions(names, None), True)
    folder = environments_folder() / environment_key(model)
    info = read_environment(folder)
    if not info.complete:
        return None
    return Environment(venv_python(folder), site_packages(folder), info.versions)


def ensure_environment(
    model: ModelFile,
    *,
    offline: bool = False,
    installer: Installer = "pip",
    report: Callable[[str], None] = lambda _line: None,
) -> Environment:
    """The model's environment: the running interpreter where it fits, else made where missing.

    Args:
        model: The model file.
        offline: Make nothing.
        installer: Program that installs; pip honours the user's own configuration of it.
        report: Called with one line of progress now and then.

    Raises:
        EnvironmentSetupError: It could not be made; has the tail of the installer's stderr.
    """
    found = existing_environment(model)
    if found is not None:
        return found
    name = model.card.name
    if offline:
        needed = ", ".join([*model.dependencies, *model.no_deps]) or "no packages"
        msg = (
            f"model '{name}' needs an environment with {needed}, which is not there; "
            f"make it with: uipbench env create {model.address}"
        )
        raise EnvironmentSetupError(msg)
    folder = environments_folder() / environment_key(model)
    with _locked(folder):
        found = existing_environment(model)  # another process may have made it meanwhile
        return found or _build(model, folder, installer, report)


def _locked(folder: Path) -> FileLock:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(folder.with_suffix(".lock"))
    except OSError as error:
        msg = f"{folder.parent}: cannot be written: {error.strerror}; set UIPBENCH_CACHE elsewhere"
        raise EnvironmentSetupError(msg) from error


def _build(
    model: ModelFile, folder: Path, installer: Installer, report: Callable[[str], None]
) -> Environment:
    """Make the environment in its folder, which only an interrupted build can have left."""
    _, python = interpreter_for(model.requires_python)
    commands = install_commands(model, folder, installer)
    _remove_folder(folder)
    report(f"Creating an environment for {model.card.name} in {folder}")
    what = f"the environment of model '{model.card.name}' could not be made"
    try:
        run_commands(commands, what=what, report=report)
    except BaseException:
        _remove_folder(folder)
        raise
    packages = all_versions(site_packages(folder))
    marker: dict[str, Any] = {
        "python": python,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "uipbench": version("uipbench"),
        "installer": installer,
        "dependencies": list(model.dependencies),
        "no_deps": list(model.no_deps),
        "versions": packages,
    }
    write_atomically(folder / MARKER, json.dumps(marker, indent=1) + "\n")
    return Environment(venv_python(folder), site_packages(folder), packages)


def _remove_folder(folder: Path) -> None:
    """Marker first, so that a half-removed environment is not taken for a whole one."""
    (folder / MARKER).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def read_environment(folder: Path) -> EnvironmentInfo:
    """What a folder's marker says; ``complete`` is false where it is missing or unreadable."""
    try:
        marker = json.loads(read_bounded(folder / MARKER))
        return EnvironmentInfo(
            folder.name,
            folder,
            venv_python(folder).exists(),
            marker["python"],
            marker["created"],
            tuple(marker["dependencies"]),
            tuple(marker["no_deps"]),
            marker["versions"],
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return EnvironmentInfo(folder.name, folder, complete=False)


def list_environments() -> list[EnvironmentInfo]:
    """All virtual environments, sorted by key."""
    folder = environments_folder()
    folders = sorted(f for f in folder.iterdir() if f.is_dir()) if folder.is_dir() else []
    return [read_environment(f) for f in folders]


def remove_environment(key: str) -> None:
    """Remove a virtual environment.

    Raises:
        EnvironmentSetupError: None has this key, or it cannot be removed.
    """
    known = {info.key: info.path for info in list_environments()}
    if key not in known:
        msg = f"no environment with key '{key[:80]}'; list them with: uipbench env list"
        raise EnvironmentSetupError(msg)
    with _locked(known[key]):
        _remove_folder(known[key])
    if known[key].exists():
        msg = f"{known[key]}: cannot be removed completely; check the permissions"
        raise EnvironmentSetupError(msg)


def package_versions(model: ModelFile, environment: Environment) -> dict[str, str]:
    """Versions of exactly the packages that the model file names, by canonical name."""
    names = [r.name for r in applicable([*model.dependencies, *model.no_deps])]
    return installed_versions(names, search_folder(environment))


def search_folder(environment: Environment) -> Path | None:
    """Folder of the environment's packages; None for those of the running interpreter."""
    return None if environment.own_interpreter else environment.site_packages
