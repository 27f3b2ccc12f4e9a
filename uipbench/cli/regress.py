"""``uipbench regress``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from uipbench.cli import options as shared

if TYPE_CHECKING:
    from rich.console import Console

    from uipbench.plan import Selection
    from uipbench.regress import ModelRegression
    from uipbench.results import ResultFile

EXIT_CODES = {"ok": 0, "drift": 1, "failure": 3, "slower": 4}
"""2 is for what could not be compared at all, as everywhere."""

BUSY = 0.5
"""Load a core, before the run, beyond which times are not judged."""

PUBLIC = Path(__file__).parent.parent / "leaderboard" / "results"
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--baseline", type=_FOLDER, help="Stored results; default: those of uipbench itself.")
@click.option(
    "--from",
    "source",
    type=_FOLDER,
    help="Compare with the results of this folder instead of computing.",
)
@click.option(
    "--tier",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="quick: every case fixed, the quick cases also relaxed; full: everything.",
)
@shared.tasks
@shared.cases
@shared.protocol
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the fresh results in this folder; default: they are thrown away.",
)
@click.option("--summary", type=_FILE, help="Write a report in Markdown.")
@click.option("--junit", type=_FILE, help="Write a JUnit XML file.")
@click.option("--history", type=_FILE, help="Append a line a model to this JSON-lines file.")
@click.option(
    "--slowdown",
    type=click.FloatRange(min=1, min_open=True),
    default=1.5,
    show_default=True,
    help="Factor in the time of an evaluation beyond which a model counts as slower.",
)
@shared.limit
@shared.memory
@shared.workers
@shared.offline
def regress(models: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401
    """Compute stored predictions of MODEL again, and compare case by case.

    Exit code: 0 all within tolerance, 1 drift (numbers, references, or another model than the
    stored one), 2 nothing could be compared, 3 a case lost its number, 4 only slower. In GitHub
    Actions the report also goes to the job's summary and to annotations.

    \b
    Examples:
      uipbench regress chgnet --cases 'al_*'
      uipbench regress chgnet sevennet-0 --junit regression.xml --history history.jsonl
      uipbench regress chgnet --baseline leaderboard/results --from uipbench-results
    """
    from uipbench.console import make_console

    console = make_console()
    selection = _selection(options)
    found = []
    for model in dict.fromkeys(models):
        regression, results = _regress(model, selection, options, console)
        found.append(regression)
        if options["history"]:
            _append(options["history"], regression, results)
        _say(regression, console)
    _report(found, options)
    worst = max(found, key=lambda r: ("ok", "slower", "drift", "failure").index(r.verdict))
    sys.exit(EXIT_CODES[worst.verdict])


def _selection(options: dict[str, Any]) -> Selection:
    from uipbench.outcome import PROTOCOLS
    from uipbench.plan import Selection
    from uipbench.scoring import select_tasks

    protocols = (options["protocol"],) if options["protocol"] else PROTOCOLS
    return Selection(
        tasks=select_tasks(options["tasks"]),
        tier=options["tier"],
        cases=options["cases"],
        protocols=protocols,
    )


def _regress(
    model: str, selection: Selection, options: dict[str, Any], console: Console
) -> tuple[ModelRegression, list[ResultFile]]:
    from uipbench.errors import SettingsError
    from uipbench.regress import compare_model
    from uipbench.regress.changes import pinned_packages
    from uipbench.regress.fresh import stored_results

    file = _model_file(model)
    name = file.card.name if file else model
    busy = not options["source"] and os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)
    stored = stored_results(options["baseline"] or PUBLIC, name, selection)
    if options["source"]:
        fresh = stored_results(options["source"], name, selection)
    else:
        fresh = _fresh(model, selection, stored, options, console)
    pairs = [
        (task, stored[task.name], fresh[task.name])
        for task in selection.tasks
        if task.name in stored and task.name in fresh
    ]
    pinned = pinned_packages([*file.dependencies, *file.no_deps]) if file else None
    regression = compare_model(
        pairs, selection, pinned=pinned, slowdown=options["slowdown"], busy=busy
    )
    if not regression.comparisons:
        msg = f"nothing selected of '{name}' has a stored result; leave out --cases or --protocol"
        raise SettingsError(msg)
    return regression, [fresh_ for _, _, fresh_ in pairs]


def _model_file(model: str) -> Any:  # noqa: ANN401 - a ModelFile or None
    """The model file; None for results of a model that is not registered here."""
    from uipbench.model_registry import find_model, list_models

    return find_model(model) if model in list_models() or model.endswith(".py") else None


def _fresh(
    model: str,
    selection: Selection,
    stored: dict[str, ResultFile],
    options: dict[str, Any],
    console: Console,
) -> dict[str, ResultFile]:
    from uipbench.console import ScoreProgress, reporting
    from uipbench.regress.fresh import compute_again, jobs_again
    from uipbench.scoring import open_session
    from uipbench.session import RunOptions

    with tempfile.TemporaryDirectory(prefix="uipbench-regress-") as scratch:
        settings = next(iter(stored.values())).settings
        run = RunOptions(
            out=options["out"] or Path(scratch),
            device=settings.device,
            dtype=settings.dtype,
            limit=options["limit"],
            memory=options["memory"],
            workers=options["workers"],
        )
        with reporting(console) as report:
            session = open_session(model, run, offline=options["offline"], report=report)
        jobs = jobs_again(session, selection, stored)
        with ScoreProgress(console, session.record.card.name, jobs) as progress:
            return compute_again(session, jobs, progress)


def _append(path: Path, regression: ModelRegression, results: list[ResultFile]) -> None:
    from uipbench.history import append_entry, entry_of

    tasks = {
        f"{task.task.name}/{protocol}": metrics
        for task in regression.tasks
        for protocol, metrics in task.history.items()
    }
    append_entry(path, entry_of(results, regression.verdict, tasks))


def _say(regression: ModelRegression, console: Console) -> None:
    from uipbench.regress.report import WORDS, speed_line, told

    n = len(regression.comparisons)
    same = sum(c.status == "same" for c in regression.comparisons)
    worst = max(c.worst for c in regression.comparisons)
    console.print(
        f"{regression.name}: {WORDS[regression.verdict]}; {same} of {n} case runs as stored, "
        f"largest deviation {worst:.2g} of its tolerance",
        markup=False,
    )
    for change in regression.changes:
        console.print(f"  {'changed: ' if change.serious else ''}{change}", markup=False)
    for line in regression.references:
        console.print(f"  reference: {line}", markup=False)
    for line in regression.forces:
        console.print(f"  drift: {line}", markup=False)
    for found in told(regression):
        place = f"{found.task}/{found.case_id} ({found.protocol})"
        console.print(f"  {found.status}: {place}: {found.message}", markup=False)
    if regression.speed is not None:
        console.print(f"  {speed_line(regression.speed)}", markup=False)


def _report(found: list[ModelRegression], options: dict[str, Any]) -> None:
    from uipbench.casefiles import write_atomically
    from uipbench.regress import annotation_lines, junit_xml, markdown

    for path, text in ((options["summary"], markdown), (options["junit"], junit_xml)):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text(found))
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
            file.write(markdown(found))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in annotation_lines(found):
            click.echo(line)
