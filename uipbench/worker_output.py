"""Running a script in a model's environment, passing on what it says as it says it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from typing import TYPE_CHECKING

from uipbench.errors import EnvironmentSetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from uipbench.environments import Environment

_KEPT_LINES = 200


def run_script(
    environment: Environment,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    report: Callable[[str], None],
) -> tuple[int, list[str]]:
    """Run ``python ARGUMENTS`` in an environment until it ends.

    Args:
        environment: Where.
        arguments: Script and its arguments.
        variables: Environment variables beside the present ones.
        report: Called with every line, a progress bar's own rewriting included.

    Returns:
        Exit code, and the last lines of its output.

    Raises:
        EnvironmentSetupError: It cannot be started.
    """
    present = dict(os.environ)
    if not environment.own_interpreter:
        for name in ("PYTHONPATH", "PYTHONHOME"):
            present.pop(name, None)
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="uipbench-fetch-") as folder:
        try:
            process = subprocess.Popen(
                [str(environment.python), "-u", *arguments],
                env=present | dict(variables),
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            msg = f"{environment.python}: cannot be run: {error.strerror}"
            raise EnvironmentSetupError(msg) from error
        with process:
            assert process.stdout is not None  # noqa: S101
            try:
                _follow(process.stdout.fileno(), lines, report)
            except BaseException:
                process.kill()
                raise
    return process.returncode, lines


def _follow(file: int, lines: list[str], report: Callable[[str], None]) -> None:
    """Read until the end; a carriage return ends a line as a progress bar means it."""
    rest = ""
    while chunk := os.read(file, 2**16):
        *whole, rest = re.split(r"[\r\n]", rest + chunk.decode(errors="replace"))
        for line in filter(None, map(str.strip, whole)):
            lines.append(line[:300])
            report(line[:120])
        del lines[:-_KEPT_LINES]
    if rest.strip():
        lines.append(rest.strip()[:300])
