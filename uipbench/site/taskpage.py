"""The page of a task: parity plot, every case beside every model, failures, level of theory."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uipbench.metrics import trivial_prediction
from uipbench.outcome import PROTOCOLS
from uipbench.site import text
from uipbench.site.cells import Cell, CellMaker, ErrorScale, cell_maker
from uipbench.site.secondary import SecondaryTable, secondary_tables
from uipbench.site.tables import scored_cases, trivial_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.case import Case
    from uipbench.casefiles import Quantity
    from uipbench.outcome import Protocol
    from uipbench.site.board import BoardTable
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task


MOST_MODELS = 30
"""Models in a table or plot of all cases; more cannot be told apart there."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case and one cell a model."""

    case: Case
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class CaseTable:
    """All cases of a task in one protocol.

    Attributes:
        columns: The best ``MOST_MODELS`` models, best first.
        n_left_out: Models that were run and are not among them.
    """

    protocol: Protocol
    columns: tuple[Entry, ...]
    n_left_out: int
    rows: tuple[CaseRow, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that has no number, and why."""

    entry: Entry
    case: Case
    protocol: Protocol
    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Everything the page of a task shows."""

    task: Task
    board: tuple[BoardTable, ...]
    tables: tuple[CaseTable, ...]
    failures: tuple[Failure, ...]
    scale: ErrorScale
    theory: dict[str, str]
    data_card: dict[str, str]
    plot: dict[str, Any]
    secondary: tuple[SecondaryTable, ...]


def task_page(records: Records, board: Sequence[BoardTable]) -> TaskPage:
    """The page of a task from its tables of the board."""
    task = board[0].task
    make = cell_maker(task)
    tables = tuple(_case_table(table, make) for table in board)
    return TaskPage(
        task=task,
        board=tuple(board),
        tables=tables,
        failures=tuple(f for entry in records.entries for f in failures(entry, make)),
        scale=make.scale,
        theory=theory_summary(task),
        data_card=data_card(task, board[0]),
        plot=_parity_data(task, tables),
        secondary=secondary_tables(board),
    )


def failures(entry: Entry, make: CellMaker) -> list[Failure]:
    """Failed cases of a model in a task, by protocol and case."""
    return [
        Failure(entry, case, protocol, cell)
        for protocol in reversed(PROTOCOLS)
        for case in make.task.cases()
        if (cell := make(entry, case, protocol)).status == "failed"
    ]


def _case_table(board: BoardTable, make: CellMaker) -> CaseTable:
    task, protocol = board.task, board.protocol
    ran = [row.entry for row in board.rows if row.row.ran]
    columns = tuple(ran[:MOST_MODELS])
    rows = tuple(
        CaseRow(case, tuple(make(entry, case, protocol) for entry in columns))
        for case in scored_cases(task, protocol)
    )
    return CaseTable(protocol, columns, len(ran) - len(columns), rows)


def data_card(task: Task, board: BoardTable) -> dict[str, str]:
    """What the references of a task are, and how good: counts, uncertainty, published values."""
    cases = [case for case in task.cases() if task.quantity in case.references]
    references = [case.references[task.quantity] for case in cases]
    stated = [r.uncertainty for r in references if r.uncertainty is not None]
    quick = sum(case.tier == "quick" for case in cases)
    unit = text.unit(task.unit)
    card = {
        "Cases": f"{len(cases)} in {len({c.material for c in cases})} materials, {quick} of them "
        "in the quick tier",
        "Guess": f"the median reference, {text.number(_median(references))} {unit}: "
        f"skill 0, a mean error of {text.number(_mean(trivial_errors(task, cases)))} {unit}",
        "Uncertainty": f"{text.number(_mean(stated))} {unit} on average: a model as wrong as that "
        f"has skill {text.number(board.board.overall_limit, 2)}",
    }
    gaps = [
        abs(p.value - case.reference(task.quantity))
        for case in cases
        for p in case.published
        if p.quantity == task.quantity and p.unit == case.references[task.quantity].unit
    ]
    if gaps:
        card["Published values"] = (
            f"{len(gaps)}, {text.number(_mean(gaps))} {unit} from ours on average, "
            f"{text.number(max(gaps))} at most"
        )
    return card


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _median(references: Sequence[Quantity]) -> float:
    return trivial_prediction([r.value for r in references]) if references else math.nan


def theory_summary(task: Task) -> dict[str, str]:
    """The levels of theory of a task's cases, distinct values of each setting."""
    theories = [case.theory for case in task.cases()]
    settings: dict[str, set[str]] = {
        "Functional": {t.xc for t in theories},
        "Hubbard U": {f"{e} {u:g} eV" for t in theories for e, u in t.hubbard_u_ev.items()},
        "Dispersion": {t.dispersion for t in theories},
        "Code": {t.code for t in theories},
        "Plane-wave cutoff": {f"{t.cutoff_ev:g} eV" for t in theories},
        "Smearing": {f"{t.smearing[0]} {t.smearing[1]:g} eV" for t in theories},
        "Spin": {"polarised" if t.spin_polarised else "paired" for t in theories},
    }
    return {name: ", ".join(sorted(v)) or "none" for name, v in settings.items()}


def _parity_data(task: Task, tables: tuple[CaseTable, ...]) -> dict[str, Any]:
    """What the parity plot needs; texts are escaped because Plotly reads them as markup."""
    band = sorted(
        _band_point(case, task.quantity)
        for case in task.cases()
        if task.quantity in case.references
    )
    return {
        "quantity": text.words(task.quantity),
        "unit": text.unit(task.unit),
        "band": band if any(width for _, width in band) else [],
        "protocols": {table.protocol: _traces(table, task) for table in tables},
    }


def _band_point(case: Case, quantity: str) -> tuple[float, float]:
    reference = case.references[quantity]
    return reference.value, reference.uncertainty or 0.0


def _traces(table: CaseTable, task: Task) -> list[dict[str, Any]]:
    traces = []
    for column, entry in enumerate(table.columns):
        cells = [(row.case, row.cells[column]) for row in table.rows]
        shown = [(case, cell) for case, cell in cells if cell.status == "predicted"]
        traces.append(
            {
                "id": entry.name,
                "name": _plot_text(entry.card.title or entry.name, 40),
                "label": text.clean(text.clip(entry.card.title or entry.name, 40)),
                "short": _plot_text(entry.card.title or entry.name, 20),
                "x": [case.reference(task.quantity) for case, _ in shown],
                "y": [cell.value for _, cell in shown],
                "case": [_plot_text(case.title, 40) for case, _ in shown],
                "page": [f"../cases/{task.name}/{case.id}.html" for case, _ in shown],
            }
        )
    return traces


def _plot_text(value: str, length: int) -> str:
    return html.escape(text.clean(text.clip(value, length)), quote=False)
