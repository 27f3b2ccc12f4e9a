"""``uipbench reference``: compute, list and verify the DFT references."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.reference.catalogue import CatalogueEntry
    from uipbench.reference.queue import Kind
    from uipbench.reference.verify import Verification

_as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
_jobs = click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Calculations at once, each of one thread.",
)
_again = click.option("--again", is_flag=True, help="Also what is done already.")


@click.group(name="reference")
def reference() -> None:
    """Compute the DFT references, or look at them.

    \b
    Example:
      uipbench reference list surface_energy
    """


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _one_thread() -> bool:
    return os.environ.get("OMP_NUM_THREADS") == "1"


def _run_jobs(kind: Kind | None, task: str, ids: Sequence[str], jobs: int, *, again: bool) -> None:
    from uipbench.reference import queue
    from uipbench.reference.gpaw_calculator import code_version

    chosen = queue.select_jobs(task, ids, kind=kind)
    if ids and not again:
        done = [job.name for job in chosen if queue.is_done(task, job)]
        for name in done:
            _say(f"{name}: done already; --again computes it once more")
        chosen = [job for job in chosen if job.name not in done]
        ids = [job.recipe.id for job in chosen]
        if not ids:
            return
    code_version()
    if jobs == 1 and _one_thread():
        sys.exit(1 if queue.compute(task, chosen, again=again, log=_say) else 0)
    command = "convergence" if kind == "convergence" else "compute"
    options = ["--again"] if again else []
    sys.exit(queue.compute_in_processes([command, task, *ids, *options], jobs=jobs))


@reference.command()
@click.argument("task")
@click.argument("case_ids", metavar="[CASE]...", nargs=-1)
@_jobs
@_again
def compute(task: str, case_ids: tuple[str, ...], jobs: int, *, again: bool) -> None:
    """Compute what is not done of TASK with GPAW, or the named cases.

    Without names, the convergence tests stand in the queue too. It can be stopped at any moment;
    finished steps are kept.

    \b
    Example:
      nice uipbench reference compute surface_energy --jobs 2
    """
    _run_jobs(None, task, case_ids, jobs, again=again)


@reference.command()
@click.argument("task")
@click.argument("case_ids", metavar="[CASE]...", nargs=-1)
@_jobs
@_again
def convergence(task: str, case_ids: tuple[str, ...], jobs: int, *, again: bool) -> None:
    """Test the convergence of TASK's test cases, or of the named ones.

    \b
    Example:
      uipbench reference convergence surface_energy al_111
    """
    _run_jobs("convergence", task, case_ids, jobs, again=again)


@reference.command(name="check-paw")
def check_paw() -> None:
    """Check the three-electron lithium PAW set: cutoffs in bulk cells, ghost states.

    \b
    Example:
      uipbench reference check-paw
    """
    from uipbench.reference import paw_check, queue
    from uipbench.reference.engine import DftEngine
    from uipbench.reference.gpaw_calculator import code_version

    code_version()
    if not _one_thread():
        sys.exit(queue.in_one_thread(["check-paw"]))
    paw_check.write_checks(paw_check.check_paw(DftEngine(queue.work_folder(), _say)))
    _say(f"wrote {paw_check.RESULT_FILE}")


@reference.command(name="list")
@click.argument("task", required=False)
@_as_json
def list_cases(task: str | None, *, as_json: bool) -> None:
    """List the reference cases of TASK, or of all tasks.

    \b
    Example:
      uipbench reference list surface_energy --json
    """
    from uipbench.reference import queue
    from uipbench.reference.catalogue import catalogue

    tasks = [task] if task else queue.tasks_with_recipes()
    entries = [entry for name in tasks for entry in catalogue(name)]
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=1))
        return
    for entry in entries:
        click.echo(_line(entry))


def _line(entry: CatalogueEntry) -> str:
    start = f"{entry.id:<14} {entry.title:<13} {entry.tier:<6} {entry.state:<8}"
    if entry.value is None:
        return start.rstrip()
    error = "" if entry.uncertainty is None else f" ± {entry.uncertainty:.3f}"
    published = "" if entry.published is None else f"  published {entry.published:.3f}"
    return f"{start} {entry.value:.3f}{error} {entry.unit}{published}"


@reference.command()
@click.argument("task")
@_as_json
def status(task: str, *, as_json: bool) -> None:
    """State of everything in the queue of TASK: done, running or open.

    \b
    Example:
      uipbench reference status surface_energy
    """
    from uipbench.reference import queue

    entries = queue.status(task)
    done = sum(e.state == "done" for e in entries)
    if as_json:
        jobs = [{"id": e.job.recipe.id, "kind": e.job.kind, "state": e.state} for e in entries]
        summary: dict[str, Any] = {"task": task, "done": done, "jobs": jobs}
        click.echo(json.dumps(summary, indent=1))
        return
    for entry in entries:
        click.echo(f"{entry.job.name:<24} {entry.state}")
    click.echo(f"{done} of {len(entries)} done")


@reference.command()
@click.argument("task")
def refresh(task: str) -> None:
    """Rewrite published values and uncertainties of TASK's cases, without DFT.

    \b
    Example:
      uipbench reference refresh surface_energy
    """
    from uipbench.reference import catalogue

    changed = catalogue.refresh(task)
    click.echo(f"{len(changed)} cases changed{': ' if changed else ''}{', '.join(changed)}")


@reference.command()
@click.argument("task")
def card(task: str) -> None:
    """Write the data card of TASK, and its plot where matplotlib is installed.

    \b
    Example:
      uipbench reference card surface_energy
    """
    from uipbench.reference import datacard

    written = datacard.write_card(task)
    click.echo(f"wrote {written.card}")
    if written.plot is None:
        click.echo(f"no plot: {written.no_plot}", err=True)
    else:
        click.echo(f"wrote {written.plot}")


@reference.command()
@click.argument("task")
@click.option(
    "--recompute",
    "number",
    type=click.IntRange(1),
    help="Compute that many cases from scratch and compare to 1 meV and 1 mJ/m².",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the choice of cases.")
@_as_json
def verify(task: str, number: int | None, seed: int, *, as_json: bool) -> None:
    """Check the reference files of TASK: digests, schema, values, structures.

    \b
    Example:
      uipbench reference verify surface_energy --recompute 1 --seed 7
    """
    from uipbench.reference import queue
    from uipbench.reference import verify as verification

    if number is not None and not _one_thread():
        verification.choose(task, number, seed)
        options = [task, "--recompute", str(number), "--seed", str(seed)]
        sys.exit(queue.in_one_thread(["verify", *options, *(["--json"] if as_json else [])]))
    found = verification.verify(task)
    if number is not None and not found.problems:
        log = (lambda line: click.echo(line, err=True)) if as_json else _say
        found = verification.recompute(task, number, seed, log)
    _report(found, as_json=as_json)
    sys.exit(1 if found.problems else 0)


def _report(found: Verification, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    for line in (*found.problems, *found.left_out):
        click.echo(line)
    click.echo(f"{len(found.cases)} cases checked, {len(found.problems)} problems")
