"""``uipbench submit`` and ``uipbench verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from uipbench.cli import options as shared

if TYPE_CHECKING:
    from rich.console import Console

    from uipbench.results import ResultFile
    from uipbench.submission import Verdict

EXIT_REFUSED = 1


@click.command()
@click.argument("model")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("uipbench-results"),
    show_default=True,
    help="Folder of results, as 'uipbench score' wrote it.",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; default: MODEL.zip.",
)
@click.option(
    "--tier",
    type=click.Choice(["quick", "full"]),
    default="full",
    show_default=True,
    help="What must have been computed.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, exists=True),
    help="Own weights that were scored, a file or folder.",
)
@click.option("--name", help="Name under which it was scored, where one was given.")
@shared.device
@click.option(
    "--dtype",
    type=click.Choice(["default", "float32", "float64"]),
    default="default",
    show_default=True,
    help="Precision with which it was scored.",
)
@shared.limit
@shared.memory
@shared.offline
def submit(
    model: str,
    bundle: Path | None,
    *,
    tier: Any,  # noqa: ANN401 - click's choice
    name: str | None,
    offline: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Make a bundle of the results of MODEL that others can verify.

    It holds the results, the model's energies and forces on every DFT structure, model file,
    versions of all packages and the check report; no weights. Exit code: 0, or 2 with the reason.

    \b
    Example:
      uipbench score ./my_model.py --tier full
      uipbench submit ./my_model.py
    """
    from uipbench.console import make_console, reporting
    from uipbench.scoring import open_session
    from uipbench.session import RunOptions
    from uipbench.submission import submit as make

    console = make_console()
    with reporting(console) as report:
        run = RunOptions(**options)
        session = open_session(model, run, name=name, offline=offline, report=report)
        path = bundle or Path(f"{session.record.card.name}.zip")
        with session.lock():
            make(session, path, tier=tier, report=report)
    click.echo(f"{path}: verified; what to do with it: docs/submitting.md")


@click.command()
@click.argument("bundles", metavar="BUNDLE...", nargs=-1, required=True, type=Path)
@click.option(
    "--recompute",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Compute N case runs, chosen at random, again with the registered model.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of that choice.")
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Model file to compute with, instead of the registered one: its code is run.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, exists=True),
    help="Weights to compute with, where they are not the model's own.",
)
@shared.offline
def verify(bundles: tuple[Path, ...], **options: Any) -> None:  # noqa: ANN401
    """Check a BUNDLE of 'uipbench submit', or a folder MODEL of result files.

    Nothing in it is run. Numbers of the fixed protocol are computed again from the raw
    predictions, all scores from the records; files that are damaged, foreign or inconsistent are
    refused, one line each. Exit code: 0 all is right, 1 refused.

    \b
    Examples:
      uipbench verify my-model.zip --recompute 3
      uipbench verify leaderboard/results/chgnet
    """
    from uipbench.console import make_console

    console = make_console()
    refused = False
    for path in bundles:
        refused |= not _verified(path, options, console)
    sys.exit(EXIT_REFUSED if refused else 0)


def _verified(path: Path, options: dict[str, Any], console: Console) -> bool:
    """Whether one bundle can be believed; says why not."""
    from uipbench.errors import UipbenchError

    try:
        results, verdict = _verdict(path)
        problems = list(verdict.problems)
        if options["recompute"] and not problems:
            problems += _again(results, options, console)
    except UipbenchError as error:
        click.echo(f"refused: {error}", err=True)
        return False
    for note in verdict.notes:
        click.echo(f"note: {path}: {note}")
    for problem in problems:
        click.echo(f"refused: {path}: {problem}", err=True)
    if problems:
        return False
    for place, scores in verdict.scores.items():
        if scores["n_predicted"]:
            shown = ", ".join(
                f"{name} {value:.4g}"
                for name, value in scores.items()
                if value is not None and name in {"mae", "skill", "coverage"}
            )
            click.echo(f"{place}: {shown}")
    name = next(iter(results.values())).model.card.name
    told = f"{verdict.n_values} numbers follow from raw predictions" if verdict.n_values else ""
    click.echo(f"{path}: '{name}' is consistent{'; ' if told else ''}{told}")
    return True


def _verdict(path: Path) -> tuple[dict[str, ResultFile], Verdict]:
    from uipbench.errors import SubmissionError
    from uipbench.results import read_result
    from uipbench.submission import read_bundle, verify_bundle, verify_results
    from uipbench.submission.bundle import MANIFEST

    if not path.is_dir() or (path / MANIFEST).exists():
        bundle = read_bundle(path)
        return dict(bundle.results), verify_bundle(bundle)
    files = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    for file in files:
        if file.suffix != ".json" or file.is_symlink():
            msg = f"{file}: is no result file; a folder of results has TASK.json alone"
            raise SubmissionError(msg)
    results = {file.stem: read_result(file) for file in files}
    for task, result in results.items():
        if (path.resolve().name, task) != (result.model.card.name, result.task):
            msg = f"{path / task}.json: is of {result.model.card.name}/{result.task}; put it there"
            raise SubmissionError(msg)
    if not results:
        msg = f"{path}: has no result files"
        raise SubmissionError(msg)
    return results, verify_results(list(results.values()))


def _again(results: dict[str, ResultFile], options: dict[str, Any], console: Console) -> list[str]:
    from uipbench.console import reporting
    from uipbench.submission import spot_check

    with reporting(console) as report:
        return spot_check(
            results,
            options["recompute"],
            model=None if options["model"] is None else str(options["model"]),
            checkpoint=options["checkpoint"],
            seed=options["seed"],
            offline=options["offline"],
            report=report,
        )
