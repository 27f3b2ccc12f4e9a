"""``uipbench check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from uipbench.cli import options as shared

if TYPE_CHECKING:
    from rich.console import Console

    from uipbench.checking import Checked
    from uipbench.results import CheckRecord

EXIT_FAILED = 1
_MARKS = {"pass": "pass", "fail": "FAIL", "warning": "warning", "unknown": "–"}
_STYLES = {"fail": "bold red", "warning": "yellow", "unknown": "dim"}


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, exists=True),
    help="Own weights of the model's family: a file, or a folder.",
)
@shared.device
@click.option(
    "--dtype",
    type=click.Choice(["default", "float32", "float64"]),
    default="default",
    show_default=True,
    help="Precision of the model.",
)
@shared.package_calculator
@shared.offline
@click.option("--golden", is_flag=True, help="Print energies for a card instead of checking.")
@click.option("--json", "as_json", is_flag=True, help="Reports as JSON on standard output.")
def check(
    models: tuple[str, ...],
    *,
    golden: bool,
    as_json: bool,
    offline: bool,
    package_calculator: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Check in seconds whether MODEL answers rightly, before anything is scored.

    Weights, known energies, precision, forces and stress against differences of the energy,
    invariances, batches, elements. Exit code: 0 nothing essential failed (warnings are no
    failure), 1 an essential check failed, 2 nothing could be checked.

    \b
    Examples:
      uipbench check chgnet
      uipbench check ./my_model.py --golden
    """
    from uipbench.console import make_console

    console = make_console(stderr=as_json)
    reports: dict[str, Any] = {}
    failed = False
    for model in models:
        checked = _open(
            model, console, options, package_calculator=package_calculator, offline=offline
        )
        if golden:
            _print_golden(checked)
            continue
        record = _run(checked, console)
        console.print()
        _show(console, checked, record)
        reports[checked.model.card.name] = record.model_dump(mode="json")
        failed |= bool(record.names("fail"))
    if as_json:
        click.echo(json.dumps(reports, indent=1, ensure_ascii=False))
    sys.exit(EXIT_FAILED if failed else 0)


def _open(
    model: str,
    console: Console,
    options: dict[str, Any],
    *,
    package_calculator: bool,
    offline: bool,
) -> Checked:
    from uipbench.checking import Checked
    from uipbench.console import reporting
    from uipbench.scoring import open_model

    with reporting(console) as report:
        found, environment = open_model(
            model,
            checkpoint=options["checkpoint"],
            package_calculator=package_calculator,
            offline=offline,
            report=report,
        )
    return Checked(model=found, environment=environment, **options)


def _run(checked: Checked, console: Console) -> CheckRecord:
    from uipbench.checking import check_model
    from uipbench.console import reporting

    with reporting(console) as report:
        report(f"checking {checked.model.card.name} on small structures")
        return check_model(checked)


def _show(console: Console, checked: Checked, record: CheckRecord) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, title=checked.model.card.title, title_justify="left")
    for heading in ("check", "", "measured", "limit"):
        table.add_column(heading, no_wrap=heading == "check", overflow="fold")
    for line in record.lines:
        style = _STYLES.get(line.status, "")
        mark = Text(_MARKS[line.status], style=style)
        table.add_row(line.name, mark, Text(line.measured), Text(line.limit))
    console.print(table)
    for status in ("fail", "warning"):
        for line in record.lines:
            if line.status == status:
                text = f"{_MARKS[status]}: {line.name}: {line.meaning}"
                console.print(text, style=_STYLES[status], markup=False, soft_wrap=True)
    console.print(summary(record), markup=False, soft_wrap=True)


def summary(record: CheckRecord) -> str:
    """One line on a report."""
    counts = {status: record.names(status) for status in _MARKS}
    made = len(record.lines) - len(counts["unknown"])
    parts = [f"{len(counts['pass'])} of {made} checks pass"]
    if counts["fail"]:
        parts.append(f"FAILED: {', '.join(counts['fail'])}")
    if counts["warning"]:
        parts.append(f"warnings: {', '.join(counts['warning'])}")
    if counts["unknown"]:
        parts.append(f"not made: {', '.join(counts['unknown'])}")
    return f"{'; '.join(parts)} ({record.evaluations} evaluations, {record.seconds:.1f} s)"


def _print_golden(checked: Checked) -> None:
    from uipbench.checking import golden_energies

    for name, energy in golden_energies(checked).items():
        click.echo("#\n# [[tool.uipbench.golden]]")
        click.echo(f'# structure = "{name}"\n# energy_per_atom = {energy:.5f}')
