"""The page of a task: parity plot, every case beside every model, failures, level of theory."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uipbench.outcome import PROTOCOLS
from uipbench.site import text
from uipbench.site.cells import Cell, CellMaker, ErrorScale, cell_maker
from uipbench.site.secondary import SecondaryTable, secondary_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.case import Case
    from uipbench.outcome import Protocol
    from uipbench.site.board import BoardTable
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case and one cell a model."""

    case: Case
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class CaseTable:
    """All cases of a task in one protocol; ``columns`` are the models in the board's order."""

    protocol: Protocol
    columns: tuple[Entry, ...]
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
    columns = tuple(row.entry for row in board.rows if row.standing.scope != "none")
    rows = tuple(
        CaseRow(case, tuple(make(entry, case, protocol) for entry in columns))
        for case in task.cases()
        if protocol in case.protocols
    )
    return CaseTable(protocol, columns, rows)


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
    band = sorted(_band_point(case, task.quantity) for case in task.cases())
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
