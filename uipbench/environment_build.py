"""Making a virtual environment: ``python -m venv`` and pip, or uv."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
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


def interpreter_for(requires_python: str) -> tuple[str, str]:
    """Program and ``major.minor`` of an interpreter: the running one or another on the PATH.

    Raises:
        EnvironmentSetupError: None fits.
    """
    wanted = SpecifierSet(requires_python)
    if wanted.contains(platform.python_version(), prereleases=True):
        return sys.executable, f"{sys.version_info.major}.{sys.version_info.minor}"
    for minor in _MINORS:
        program = shutil.which(f"python3.{minor}")
        if program and wanted.contains(f"3.{minor}.99", prereleases=True):
            return program, f"3.{minor}"
    msg = (
        f"the model needs Python {requires_python}, this is {platform.python_version()} and no "
        "other fits on the PATH; install one, or run uipbench with one"
    )
    raise EnvironmentSetupError(msg)


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


def install_commands(
    model: ModelFile, folder: Path, program: str, installer: Installer
) -> list[list[str]]:
    """Commands that make the environment, in order.

    Raises:
        EnvironmentSetupError: uv is wanted and is not there.
    """
    python = str(venv_python(folder))
    if installer == "uv":
        uv = shutil.which("uv")
        if uv is None:
            msg = "uv is not on the PATH; install it or leave out --installer uv"
            raise EnvironmentSetupError(msg)
        create = [uv, "venv", "--python", program, str(folder)]
        install = [uv, "pip", "install", "--python", python]
    else:
        create = [program, "-m", "venv", str(folder)]
        install = [python, "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    commands = [create, [*install, *_needed(model)]]
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
