"""``uipbench data sets`` and ``uipbench data pull``: reference sets of others."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from uipbench.cli import options as shared

_SETS = click.option(
    "--sets",
    type=click.Path(path_type=Path, exists=True),
    help="Registry of further sets: a TOML file of your own.",
)


@click.command()
@_SETS
def sets(sets: Path | None) -> None:
    """List the public reference sets that can be pulled, with licence and citation.

    \b
    Example:
      uipbench data sets --sets my-sets.toml
    """
    from uipbench.external import read_sets

    found = read_sets(sets)
    for entry in found.values():
        click.echo(f"{entry.name}: {entry.title} ({entry.licence}; {entry.citation})")
    if not found:
        click.echo("no set is registered; give a file with --sets (docs/own_data.md)")


@click.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_SETS
@shared.offline
def pull(name: str, folder: Path, *, sets: Path | None, offline: bool) -> None:
    """Download the public set NAME once, and make FOLDER of own data of it.

    A file with another sha256 than the registry states is refused. Exit code: 0, 1 where cases
    are not complete, 2 where it cannot be had.

    \b
    Example:
      uipbench data pull my-slabs my-cases --sets my-sets.toml
    """
    from uipbench.external import pull as fetch_and_convert
    from uipbench.external import read_sets
    from uipbench.external.registry import find_set

    entry = find_set(name, read_sets(sets))
    problems = fetch_and_convert(entry, folder, offline=offline)
    for problem in problems:
        click.echo(f"to be done: {problem}", err=True)
    click.echo(f"{folder}: {entry.title}; licence {entry.licence}; cite {entry.citation}")
    sys.exit(1 if problems else 0)
