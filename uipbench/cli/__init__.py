"""The command line; every command imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
import warnings
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from uipbench.cli.check import check
from uipbench.cli.data import data
from uipbench.cli.env import env
from uipbench.cli.listing import list_, show
from uipbench.cli.reference import reference
from uipbench.cli.regress import regress
from uipbench.cli.score import score
from uipbench.cli.sets import pull, sets
from uipbench.cli.site import site
from uipbench.cli.submit import submit, verify
from uipbench.errors import UipbenchError

EXIT_ERROR = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="uipbench")
def cli() -> None:
    """Score machine-learning interatomic potentials on buried interfaces.

    \b
    Example:
      uipbench score chgnet
    """


for command in (score, check, list_, show, env, site, reference, regress, data, submit, verify):
    cli.add_command(command)
for command in (sets, pull):
    data.add_command(command)


def _show_warning(others: Any, message: Warning | str, category: type, *rest: Any) -> None:  # noqa: ANN401
    """Warnings of uipbench as one line; others as they are."""
    from uipbench.weights import UntrustedWeightsWarning

    if issubclass(category, UntrustedWeightsWarning):
        _say_once(f"uipbench: warning: {message}")
    else:
        others(message, category, *rest)


@cache
def _say_once(line: str) -> None:
    """Python's own register of warnings forgets when a package changes its filters."""
    click.echo(line, err=True)


def _write_what_the_terminal_cannot() -> None:
    """± and γ become question marks where the encoding lacks them, instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _replace_closed_streams() -> None:
    """A run with closed streams, as from some schedulers, says nothing and goes on.

    Their numbers are taken, lest a file or a pipe to a worker gets one of them.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8"))


def _leave_the_cores_to_the_workers() -> None:
    """One thread for NumPy's algebra, whose threads wait busily; set before it is imported."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _has_a_version() -> None:
    """Every result names it: a checkout without an installation is refused before the work."""
    try:
        version("uipbench")
    except PackageNotFoundError:
        folder = Path(__file__).resolve().parent.parent.parent
        msg = f"uipbench runs from {folder}, but is not installed; run pip install -e {folder}"
        raise UipbenchError(msg) from None


def main() -> None:
    """Entry point: errors of uipbench become one line and exit code 2."""
    _leave_the_cores_to_the_workers()
    _replace_closed_streams()
    warnings.showwarning = partial(_show_warning, warnings.showwarning)
    _write_what_the_terminal_cannot()
    try:
        _has_a_version()
        cli(standalone_mode=True)
    except UipbenchError as error:
        click.echo(f"uipbench: error: {error}", err=True)
        sys.exit(EXIT_ERROR)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"uipbench: error: {where}{error.strerror}", err=True)
        sys.exit(EXIT_ERROR)
