"""The command line; every command imports what it needs when it runs."""

from __future__ import annotations

import sys

import click

from uipbench.cli.reference import reference
from uipbench.errors import UipbenchError


@click.group()
def cli() -> None:
    """Score machine-learning interatomic potentials on buried interfaces."""


cli.add_command(reference)


def main() -> None:
    """Entry point: errors of uipbench become one line and exit code 2."""
    try:
        cli()
    except UipbenchError as error:
        click.echo(f"uipbench: {error}", err=True)
        sys.exit(2)
