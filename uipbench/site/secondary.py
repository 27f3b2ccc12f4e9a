"""Secondary metrics and forces as the pages of tasks and models show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from uipbench.metrics import ForceScore, force_score, forces_by_kind
from uipbench.outcome import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.outcome import Protocol
    from uipbench.secondary import SecondaryMetric
    from uipbench.site.board import BoardTable
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task


@dataclass(frozen=True, slots=True)
class SecondaryRow:
    """A model's secondary metrics by name."""

    entry: Entry
    metrics: Mapping[str, SecondaryMetric]


@dataclass(frozen=True, slots=True)
class SecondaryTable:
    """Secondary metrics of every model that was run, in the board's order.

    Attributes:
        columns: One metric of each name, for its title and explanation.
    """

    protocol: Protocol
    columns: tuple[SecondaryMetric, ...]
    rows: tuple[SecondaryRow, ...]


@dataclass(frozen=True, slots=True)
class ForceRow:
    """Forces of a model in a task, or over all tasks.

    Attributes:
        task: The task; None over all tasks.
        kind: Kind of structure; empty for all of them.
    """

    task: Task | None
    kind: str
    score: ForceScore


def secondary_by_protocol(task: Task, entry: Entry) -> dict[Protocol, list[SecondaryMetric]]:
    """Secondary metrics of a model over all cases of a task; relaxed first."""
    return {protocol: entry.secondary(task, protocol) for protocol in reversed(PROTOCOLS)}


def secondary_tables(board: Sequence[BoardTable]) -> tuple[SecondaryTable, ...]:
    """A table for each protocol that has any metric, from the tables of a task's board."""
    tables = [_table(table) for table in board]
    return tuple(table for table in tables if table.columns)


def _table(board: BoardTable) -> SecondaryTable:
    ran = [row.entry for row in board.rows if row.row.ran]
    rows = tuple(SecondaryRow(entry, _by_name(board, entry)) for entry in ran)
    columns = {name: metric for row in rows for name, metric in row.metrics.items()}
    return SecondaryTable(board.protocol, tuple(columns.values()), rows)


def _by_name(board: BoardTable, entry: Entry) -> dict[str, SecondaryMetric]:
    return {metric.name: metric for metric in entry.secondary(board.task, board.protocol)}


def force_rows(records: Records, entry: Entry) -> tuple[ForceRow, ...]:
    """Forces at the DFT structures: each task, its kinds of structure, and all tasks."""
    rows: list[ForceRow] = []
    tasks = [task for task in records.tasks if entry.outcomes(task.name, "fixed")]
    for task in tasks:
        outcomes = entry.outcomes(task.name, "fixed").values()
        rows.append(ForceRow(task, "", force_score(outcomes)))
        kinds = forces_by_kind(outcomes).items()
        rows += [ForceRow(task, kind, score) for kind, score in kinds]
    if len(tasks) > 1:
        everything = (o for t in tasks for o in entry.outcomes(t.name, "fixed").values())
        rows.append(ForceRow(None, "", force_score(everything)))
    return tuple(row for row in rows if row.score.n_structures)
