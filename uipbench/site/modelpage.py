"""The page of a model: card, environment, scores, errors of every case, failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from uipbench.outcome import PROTOCOLS
from uipbench.site.cells import Cell, CellMaker, cell_maker
from uipbench.site.chemistry import ElementCell, Strength, by_chemistry, periodic_table
from uipbench.site.secondary import ForceRow, force_rows, secondary_by_protocol
from uipbench.site.taskpage import Failure, failures
from uipbench.site.versions import VersionRow, version_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.case import Case
    from uipbench.outcome import Protocol
    from uipbench.results import ResultFile
    from uipbench.secondary import SecondaryMetric
    from uipbench.site.board import BoardRow, BoardTable
    from uipbench.site.records import Entry, Records
    from uipbench.site.tables import Tables
    from uipbench.task import Task


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A case with the model's cells by protocol."""

    case: Case
    cells: dict[Protocol, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSection:
    """The model in one task.

    Attributes:
        board: The model's row on the board by protocol.
        errors: All cases, largest relaxed error first, those without a number last.
        unknown: Identifiers in the records of cases that the task does not have.
    """

    task: Task
    result: ResultFile
    board: dict[Protocol, BoardRow]
    errors: tuple[ErrorRow, ...]
    failures: tuple[Failure, ...]
    unknown: tuple[str, ...]
    secondary: dict[Protocol, list[SecondaryMetric]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPage:
    """Everything the page of a model shows.

    Attributes:
        elements: Periodic table of skills in the relaxed protocol.
        chemistry: Skill by class of material, best first.
        versions: Versions of packages and weights that were scored, oldest first.
        related: Other models of the family.
    """

    entry: Entry
    sections: tuple[TaskSection, ...]
    forces: tuple[ForceRow, ...]
    elements: tuple[ElementCell, ...]
    chemistry: tuple[Strength, ...]
    versions: tuple[VersionRow, ...]
    related: tuple[Entry, ...]


def model_page(
    records: Records, board: Sequence[BoardTable], tables: Tables, entry: Entry
) -> ModelPage:
    """The page of a model from all tables of the board."""
    place = records.entries.index(entry)
    sections = (
        _section([table for table in board if table.task is task], entry)
        for task in records.tasks
        if task.name in entry.results
    )
    return ModelPage(
        entry=entry,
        sections=tuple(sections),
        forces=force_rows(records, entry),
        elements=tuple(periodic_table(tables, place, "relaxed")),
        chemistry=tuple(by_chemistry(tables, place, "relaxed")),
        versions=tuple(version_rows(records, entry)),
        related=_related(records, entry),
    )


def _related(records: Records, entry: Entry) -> tuple[Entry, ...]:
    """Other versions and members of the model's family."""
    family = entry.card.family
    return tuple(e for e in records.entries if family and e.card.family == family and e != entry)


def _section(board: Sequence[BoardTable], entry: Entry) -> TaskSection:
    task = board[0].task
    make = cell_maker(task)
    result = entry.results[task.name]
    known = {case.id for case in task.cases()}
    return TaskSection(
        task=task,
        result=result,
        board={table.protocol: table.row_of(entry) for table in board},
        errors=tuple(_errors(entry, make)),
        failures=tuple(failures(entry, make)),
        unknown=tuple(sorted({r.case_id for r in result.records} - known)),
        secondary=secondary_by_protocol(task, entry),
    )


def _errors(entry: Entry, make: CellMaker) -> list[ErrorRow]:
    rows = [
        ErrorRow(case, {p: make(entry, case, p) for p in reversed(PROTOCOLS)})
        for case in make.task.cases()
        if make.task.quantity in case.references
    ]
    return sorted(rows, key=_largest_first)


def _largest_first(row: ErrorRow) -> tuple[float, float, str]:
    relaxed, fixed = row.cells["relaxed"].sort, row.cells["fixed"].sort
    last = 1.0
    return (
        last if relaxed is None else -relaxed,
        last if fixed is None else -fixed,
        row.case.id,
    )
