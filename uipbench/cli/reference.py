"""``uipbench reference``: compute, list and verify the DFT references."""

from __future__ import annotations

import json
import os
import sys

import click


@click.group(name="reference")
def reference() -> None:
    """Compute the DFT references, or look at them.

    \b
    Example:
      uipbench reference compute surface_energy al_111
    """


@reference.command()
@click.argument("task")
@click.argument("case_ids", metavar="[CASE]...", nargs=-1)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1))
@click.option("--again", is_flag=True, help="Also cases whose files are there.")
def compute(task: str, case_ids: tuple[str, ...], jobs: int, *, again: bool) -> None:
    """Compute cases of TASK with GPAW: all that are not done, or those named.

    The queue can be stopped at any moment; finished steps are kept.

    \b
    Example:
      nice uipbench reference compute surface_energy --jobs 2
    """
    from uipbench.reference import queue

    if jobs > 1 or os.environ.get("OMP_NUM_THREADS") != "1":
        queue.select(queue.load_recipes(task), case_ids, task)
        sys.exit(queue.compute_in_processes(task, case_ids, jobs=jobs, again=again))
    failed = queue.compute(task, case_ids, again=again, log=_say)
    sys.exit(1 if failed else 0)


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


@reference.command()
@click.argument("task")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def status(task: str, *, as_json: bool) -> None:
    """State of every recipe of TASK: done, running or open.

    \b
    Example:
      uipbench reference status surface_energy
    """
    from uipbench.reference import queue

    entries = queue.status(task)
    if as_json:
        click.echo(json.dumps({e.recipe.id: e.state for e in entries}, indent=1))
        return
    for entry in entries:
        click.echo(f"{entry.recipe.id:<24} {entry.state}")
    done = sum(e.state == "done" for e in entries)
    click.echo(f"{done} of {len(entries)} done")
