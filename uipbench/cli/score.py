"""``uipbench score``."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from uipbench.cli import options as shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from uipbench.modelfile import ModelFile
    from uipbench.plan import Selection
    from uipbench.results import ResultFile
    from uipbench.session import Session
    from uipbench.task import Task

EXIT_FAILED_CASES = 1
EXIT_INTERRUPTED = 130


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--tier",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="quick: every case fixed, the quick cases also relaxed (minutes); full: everything.",
)
@shared.tasks
@shared.cases
@shared.protocol
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("uipbench-results"),
    show_default=True,
    help="Folder of results and page.",
)
@shared.device
@click.option(
    "--dtype",
    type=click.Choice(["default", "float32", "float64"]),
    default="default",
    show_default=True,
    help="Precision of the model; default: the one it was made for.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, exists=True),
    help="Own weights of the model's family, a file or folder.",
)
@click.option("--name", help="Name in results; default with own weights: MODEL@FILE.")
@shared.limit
@shared.memory
@shared.workers
@shared.batch
@click.option(
    "--executor",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="dask: cases run on a Dask cluster, without --scheduler one of this machine's processes.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of Dask's, such as tcp://node1:8786.")
@click.option(
    "--page/--no-page",
    default=True,
    show_default=True,
    help="Write the page beside all public models, which takes some seconds.",
)
@click.option("--profile", is_flag=True, help="Show where the time of the run went.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Score own cases of this folder; results go to FOLDER/results unless --out is given.",
)
@shared.package_calculator
@shared.offline
@click.option(
    "--force", is_flag=True, help="Score a model that fails 'uipbench check'; it is marked."
)
@click.option("--json", "as_json", is_flag=True, help="Scores as JSON on standard output.")
def score(models: tuple[str, ...], *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Score MODEL (a name, or a model file such as ./my_model.py) against DFT.

    Only what is missing or stale is computed; Ctrl-C loses no finished case.
    Exit code: 0 all cases predicted, 1 some failed, 2 nothing could be run.

    \b
    Examples:
      uipbench score chgnet
      uipbench score ./my_model.py --cases 'cu_*' --tier full
      uipbench score chgnet --data my-cases
      uipbench score chgnet --tier full --executor dask --scheduler tcp://node1:8786
      uipbench score chgnet --checkpoint fine-tuned.pth.tar --name chgnet@ft-lif
    """
    for option in ("checkpoint", "name"):
        if options[option] is not None and len(models) > 1:
            msg = f"--{option} belongs to one MODEL; {len(models)} are given"
            raise click.UsageError(msg)
    _check_executor(options)
    from uipbench.console import make_console

    console = make_console(stderr=as_json)
    source = click.get_current_context().get_parameter_source("out")
    if options["data"] and source is click.core.ParameterSource.DEFAULT:
        options["out"] = options["data"] / "results"
    summaries: dict[str, Any] = {}
    failures = 0
    for model in _found(models):
        summary, failed = _score_one(model, console, options)
        summaries |= summary
        failures += failed
    if as_json:
        click.echo(json.dumps(summaries, indent=1))
    sys.exit(EXIT_FAILED_CASES if failures else 0)


def _found(models: Sequence[str]) -> list[ModelFile]:
    """Their files; a slip in the last name is told before the first model runs."""
    from uipbench.errors import RegistryError
    from uipbench.model_registry import find_model
    from uipbench.registry import load_tasks

    files = []
    for model in models:
        try:
            files.append(find_model(model))
        except RegistryError:
            if model not in load_tasks():
                raise
            msg = f"'{model}' is a task, no model; say --tasks {model}"
            raise click.UsageError(msg) from None
    return files


def _check_executor(options: dict[str, Any]) -> None:
    """Refuse options that do not go together."""
    if options["scheduler"] and options["executor"] != "dask":
        msg = "--scheduler belongs to --executor dask"
        raise click.UsageError(msg)
    if options["profile"] and options["executor"] != "local":
        msg = "--profile is of runs on this machine; leave out --executor"
        raise click.UsageError(msg)


def _score_one(
    model: ModelFile, console: Console, options: dict[str, Any]
) -> tuple[dict[str, Any], int]:
    from uipbench.cli.profile import show_profile
    from uipbench.console import reporting
    from uipbench.outcome import PROTOCOLS
    from uipbench.plan import Selection
    from uipbench.scoring import open_session, own_tasks, select_tasks
    from uipbench.session import RunOptions

    own = None
    if options["data"]:
        own, tasks = own_tasks(options["data"], options["tasks"], options["out"])
    else:
        tasks = select_tasks(options["tasks"])
    names = (
        "out",
        "checkpoint",
        "device",
        "dtype",
        "limit",
        "memory",
        "workers",
        "batch",
        "executor",
        "scheduler",
    )
    run = RunOptions(**{name: options[name] for name in names}, own_data=own)

    with reporting(console) as report:
        session = open_session(
            model,
            run,
            name=options["name"],
            package_calculator=options["package_calculator"],
            offline=options["offline"],
            report=report,
        )
    protocols = (options["protocol"],) if options["protocol"] else PROTOCOLS
    selection = Selection(
        tasks=tasks, tier=options["tier"], cases=options["cases"], protocols=protocols
    )
    with session.lock():
        _run(session, selection, console, force=options["force"], page=options["page"])
        if options["profile"]:
            show_profile(session, console)
        results = {task.name: session.result(task) for task in tasks}
    scores = _show(session, selection, results, console)
    failed = _say_failures(results, console)
    return {session.record.card.name: scores}, failed


def _run(
    session: Session, selection: Selection, console: Console, *, force: bool, page: bool
) -> None:
    """Check the model, compute what is missing, and write result files and page."""
    from uipbench.cli.expected import say_expected
    from uipbench.console import ScoreProgress, duration

    jobs = session.jobs(selection)
    missing = session.missing(jobs)
    name = session.record.card.name
    _check(session, console, force=force)
    if session.damaged_lines:
        console.print(f"{session.damaged_lines} damaged journal lines left out; computed again")
    count = Counter(job.protocol for job in jobs)
    listed = ", ".join(f"{n} cases {protocol}" for protocol, n in count.items())
    what = f"{selection.tier} tier: {listed}"
    if not missing:
        console.print(f"[bold]{name}[/]: {what}; everything is there, nothing to compute")
        computed = bool(session.write(selection.tasks))
    else:
        session.begin(missing)
        _say_stale(session, selection, console)
        kept = f", {len(jobs) - len(missing)} there already" if len(missing) < len(jobs) else ""
        console.print(f"[bold]{name}[/]: {what}{kept}")
        expected = say_expected(session, missing, console)
        start = time.monotonic()
        there = len(jobs) - len(missing)
        try:
            progress = ScoreProgress(console, name, missing, already=there, expected=expected)
            with progress:
                for _ in session.compute(missing, progress):
                    pass
        except KeyboardInterrupt:
            console.print("interrupted; finished cases are kept, run the same command to go on")
            sys.exit(EXIT_INTERRUPTED)
        with session.timed_io():
            computed = bool(session.write(selection.tasks))
        console.print(f"computed {len(missing)} in {duration(time.monotonic() - start)}")
    index = session.options.out / "site" / "index.html"
    if page and (computed or _is_behind(index, session.folder)):
        with session.timed_io():
            _write_page(session, selection)
    console.print(f"results: {session.folder}", markup=False, soft_wrap=True)
    if page:
        console.print(f"page:    {index}", markup=False, soft_wrap=True)


def _check(session: Session, console: Console, *, force: bool) -> None:
    """Refuse a model that fails an essential check, or say that all is well."""
    from uipbench.checking import check_before_scoring
    from uipbench.cli.check import summary
    from uipbench.console import reporting

    with reporting(console) as report:
        record = check_before_scoring(session, force=force, announce=report)
    style = "bold red" if record.names("fail") else None
    console.print(f"check: {summary(record)}", style=style, markup=False, soft_wrap=True)
    if record.names("fail"):
        console.print("scored because of --force; the results are marked", style="red")


def _say_stale(session: Session, selection: Selection, console: Console) -> None:
    stale = sum(session.n_stale(task) for task in selection.tasks)
    if stale:
        console.print(
            f"{stale} stored records are stale (other weights, packages, task, case or settings) "
            "and will be replaced"
        )


def _is_behind(page: Path, results: Path) -> bool:
    """Whether the page is missing, or older than a result (written with --no-page)."""
    if not page.exists():
        return True
    written = page.stat().st_mtime
    return any(path.stat().st_mtime > written for path in results.glob("*.json"))


def _write_page(session: Session, selection: Selection) -> None:
    from uipbench.registry import load_tasks
    from uipbench.results import PUBLIC_RESULTS, load_results
    from uipbench.site.build import build_site

    out = session.options.out
    own = load_results(out)
    if session.options.own_data is not None:
        build_site(out / "site", results=own, tasks=list(selection.tasks))
        return
    names = frozenset(result.model.card.name for result in own)
    others = [r for r in load_results(PUBLIC_RESULTS) if r.model.card.name not in names]
    results = [*others, *own]
    build_site(out / "site", results=results, tasks=list(load_tasks().values()), own=names)


def _show(
    session: Session, selection: Selection, results: dict[str, ResultFile], console: Console
) -> dict[str, Any]:
    from uipbench.cli.secondary import plain, show_more, show_softening
    from uipbench.console import case_table, score_rows, score_table
    from uipbench.plan import in_tier, selected_cases
    from uipbench.scoring import outcomes_by_protocol

    scores: dict[str, Any] = {}
    for task in selection.tasks:
        outcomes = outcomes_by_protocol(results[task.name].records)
        cases = selected_cases(task, selection.cases)
        if not cases:
            continue
        console.print()
        console.print(case_table(task, cases, outcomes))
        rows = score_rows(task, cases, outcomes, selection.tier)
        console.print()
        console.print(score_table(rows, task.unit))
        more = show_more(task, cases, outcomes, selection.tier, console)
        _say_theory(session, task, console)
        relaxed, all_of_them = (
            sum(in_tier(case, "relaxed", tier) for case in cases)
            for tier in (selection.tier, "full")
        )
        if len(cases) < len(task.cases()):
            console.print(f"scores over the {len(cases)} selected of {len(task.cases())} cases")
        if relaxed < all_of_them:
            console.print(
                f"quick tier: {relaxed} of {all_of_them} cases relaxed; --tier full runs all"
            )
        scores[task.name] = {p: plain(row) | more[p] for p, row in rows.items()}
    return scores | show_softening(results, selection, console)


def _say_theory(session: Session, task: Task, console: Console) -> None:
    from uipbench.theory import mismatches

    for found in mismatches(session.record.card.xc, task.cases()):
        text = f"note: level of theory: {found.reason}{found.share}"
        console.print(text, markup=False, soft_wrap=True)


def _say_failures(results: dict[str, ResultFile], console: Console) -> int:
    kinds = Counter(
        record.outcome.kind
        for result in results.values()
        for record in result.records
        if record.outcome.status == "failed"
    )
    if kinds:
        listed = ", ".join(f"{kind} ({n})" for kind, n in kinds.most_common())
        console.print(f"{kinds.total()} case runs failed: {listed}", style="red", markup=False)
    return kinds.total()
