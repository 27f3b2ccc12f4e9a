"""Making a virtual environment: ``python -m venv`` and pip, or uv."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from uipbench.errors import EnvironmentSetupError
from uipbench.installed import WORKER_PACKAGES, applicable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from uipbench.modelfile import ModelFile

Installer = Literal["pip", "uv"]
TAIL_LINES: Final = 15
_MINORS: Final = range(9, 20)
_PIP_OPTIONS: Final = ("--no-input", "--progress-bar", "off")
_PROGRESS: Final = re.compile(
    r"^(Collecting \S+|Processing \S+|Downloading \S+.*\)|Building wheel for \S+"
    r"|Installing collected packages|Successfully installed)"
)
_NETWORK_ERRORS: Final = (
    r"name resolution|Failed to establish a new connection|Connection refused|Max retries"
    r"|Network is unreachable|Could not connect|NewConnectionError|dns error|timed out"
    r"|error sending request|ProxyError|Name or service not known|Connection to \S+ failed"
)
_NETWORK_HINT: Final = (
    "the package index cannot be reached: connect to the network, or point the installer at "
    "a mirror (PIP_INDEX_URL, PIP_FIND_LINKS)"
)
_HINTS: Final = (
    (_NETWORK_ERRORS, _NETWORK_HINT),
    (r"No space left on device", "the disk is full: free space or set UIPBENCH_CACHE elsewhere"),
    (
        r"ensurepip is not|No module named ensurepip|No module named venv",
        "this Python has no venv module: install it (such as python3-venv) or use --installer uv",
    ),
    (
        r"No matching distribution|no version of|unsatisfiable|ResolutionImpossible",
        "no set of packages fits the model file's dependencies on this platform and Python",
    ),
)


def interpreter_for(requires_python: str) -> tuple[str | None, str]:
    """Program and ``major.minor`` of an interpreter: the running one, else another on the PATH.

    Returns:
        The program is None where none is there; uv can then bring one of that version.

    Raises:
        EnvironmentSetupError: No version of Python is known to fit.
    """
    wanted = SpecifierSet(requires_python)
    if wanted.contains(platform.python_version(), prereleases=True):
        return sys.executable, f"{sys.version_info.major}.{sys.version_info.minor}"
    fitting = [f"3.{minor}" for minor in _MINORS if wanted.contains(f"3.{minor}.99")]
    for version in fitting:
        program = shutil.which(f"python{version}")
        if program and wanted.contains(_version_of(program) or "0", prereleases=True):
            return program, version
    if fitting:
        return None, fitting[0]
    msg = f"the model needs Python {requires_python}, which no known version is; mend its header"
    raise EnvironmentSetupError(msg)


@cache
def _version_of(program: str) -> str | None:
    """Version an interpreter says it has; None where it does not run, as shims may not."""
    code = "import platform; print(platform.python_version())"
    try:
        done = subprocess.run(
            [program, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def venv_python(folder: Path) -> Path:
    """Interpreter of a virtual environment."""
    return folder / "bin" / "python"


def site_packages(folder: Path) -> Path:
    """Folder of the packages of a virtual environment.

    Raises:
        EnvironmentSetupError: There is none.
    """
    for found in folder.glob("lib/python3.*/site-packages"):
        return found
    msg = f"{folder}: no site-packages folder; remove this folder and run again"
    raise EnvironmentSetupError(msg)


def install_commands(model: ModelFile, folder: Path, installer: Installer) -> list[list[str]]:
    """Commands that make the environment, in order.

    Raises:
        EnvironmentSetupError: uv is wanted and is not there, or no Python fits.
    """
    program, version = interpreter_for(model.requires_python)
    python = str(venv_python(folder))
    if installer == "uv":
        uv = _uv()
        create = [uv, "venv", "--python", program or version, str(folder)]
        install = [uv, "pip", "install", "--python", python]
    else:
        create = [_program(model, program), "-m", "venv", str(folder)]
        install = [python, "-m", "pip", "install", *_PIP_OPTIONS]
    return [create, *_install(model, install)]


def resolve_commands(model: ModelFile, installer: Installer) -> list[list[str]]:
    """Commands that find a set of packages for the model and install nothing.

    Raises:
        EnvironmentSetupError: uv is wanted and is not there, or no Python fits.
    """
    program, version = interpreter_for(model.requires_python)
    if installer == "uv":
        install = [_uv(), "pip", "install", "--dry-run", "--python", program or version]
    else:
        install = [_program(model, program), "-m", "pip", "install", "--dry-run", *_PIP_OPTIONS]
        install.append("--ignore-installed")
    return _install(model, install)


def _uv() -> str:
    uv = shutil.which("uv")
    if uv is None:
        msg = "uv is not on the PATH; install it or leave out --installer uv"
        raise EnvironmentSetupError(msg)
    return uv


def _program(model: ModelFile, program: str | None) -> str:
    if program is None:
        msg = (
            f"model '{model.card.name}' needs Python {model.requires_python}, this is "
            f"{platform.python_version()} and no other fits on the PATH; install one, or let uv "
            f"bring one: uipbench env create {model.address} --installer uv"
        )
        raise EnvironmentSetupError(msg)
    return program


def _install(model: ModelFile, install: list[str]) -> list[list[str]]:
    commands = [[*install, *_needed(model)]]
    if model.no_deps:
        commands.append([*install, "--no-deps", *model.no_deps])
    return commands


def _needed(model: ModelFile) -> list[str]:
    """The model's dependencies, and the worker's where the model does not name them."""
    stated = applicable([*model.dependencies, *model.no_deps])
    named = {canonicalize_name(r.name) for r in stated}
    return [*model.dependencies, *(p for p in WORKER_PACKAGES if p not in named)]


def run_commands(
    commands: Iterable[Sequence[str]], *, what: str, report: Callable[[str], None]
) -> None:
    """Run commands one after another, passing on their progress line by line.

    Args:
        commands: Programs with arguments.
        what: What is being made, for the message.
        report: Called with one line now and then.

    Raises:
        EnvironmentSetupError: One failed; has the tail of its stderr.
    """
    for command in commands:
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            code = _run(command, errors.fileno(), report)
            if code != 0:
                errors.seek(0)
                raise EnvironmentSetupError(_failure(what, command, code, errors.read()))


def _run(command: Sequence[str], errors: int, report: Callable[[str], None]) -> int:
    variables = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    try:
        process = subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    except OSError as error:
        msg = f"{command[0]}: cannot be run: {error.strerror}"
        raise EnvironmentSetupError(msg) from error
    with process:
        assert process.stdout is not None  # noqa: S101
        try:
            for line in process.stdout:
                if match := _PROGRESS.match(line.strip()):
                    report(match[0][:120])
        except BaseException:
            process.kill()
            raise
    return process.returncode


def _failure(what: str, command: Sequence[str], code: int, errors: str) -> str:
    reason = next((hint for pattern, hint in _HINTS if re.search(pattern, errors)), None)
    if reason is None:
        reason = "see the installer's own words"
    step = "venv" if "venv" in command[1:3] else "install"
    tail = "\n".join(f"  {line}" for line in errors.splitlines()[-TAIL_LINES:])
    return f"{what}: the step '{step}' failed with exit code {code}: {reason}\n{tail}".rstrip()
