"""The board: one table of models a task and protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from uipbench.outcome import PROTOCOLS
from uipbench.site.standings import Standing, ranks, standing
from uipbench.theory import mismatches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uipbench.case import Case
    from uipbench.outcome import Protocol
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task


@dataclass(frozen=True, slots=True)
class Column:
    """A sortable column.

    Attributes:
        key: Its name in the URL and in the CSV file.
        title: Heading.
        unit: Unit in plain ASCII, ``@`` for the task's own, or nothing.
        first: Direction of the first click.
        explain: Anchor of its explanation on the board.
    """

    key: str
    title: str
    unit: str = ""
    first: Literal["ascending", "descending"] = "ascending"
    explain: str = ""


COLUMNS: tuple[Column, ...] = (
    Column("rank", "Rank"),
    Column("model", "Model"),
    Column("skill", "Skill", first="descending", explain="skill"),
    Column("mae", "MAE", "@"),
    Column("mean_signed_error", "Mean signed error", "@", explain="signed"),
    Column("coverage", "Coverage", first="descending", explain="coverage"),
    Column("softening_slope", "Softening slope", explain="softening"),
    Column("seconds", "Time", "s"),
    Column("evaluations", "Evaluations"),
    Column("xc", "Functional", explain="xc"),
    Column("licence", "Licence"),
    Column("training_data", "Training data"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """A model on the board.

    Attributes:
        rank: By skill, or None where the run is not complete.
        softening_slope: From the ``fixed`` protocol, the one that compares forces at the same
            geometries; NaN if it was not run.
        xc_mismatch: Levels of theory of references that the model's is not; empty if it agrees.
        xc_reasons: What differs, in words.
    """

    entry: Entry
    rank: int | None
    standing: Standing
    softening_slope: float
    xc_mismatch: str
    xc_reasons: str


@dataclass(frozen=True, slots=True)
class BoardTable:
    """The models in one task and protocol, best first."""

    task: Task
    protocol: Protocol
    rows: tuple[BoardRow, ...]

    def row_of(self, entry: Entry) -> BoardRow:
        """The row of a model."""
        return next(row for row in self.rows if row.entry is entry)


def board_tables(records: Records) -> list[BoardTable]:
    """A table for every task and protocol; relaxed, the headline, first."""
    return [
        _board_table(records, task, protocol)
        for task in records.tasks
        for protocol in reversed(PROTOCOLS)
    ]


def _board_table(records: Records, task: Task, protocol: Protocol) -> BoardTable:
    """The models in one task and protocol, best first; unranked ones last, by name."""
    standings = [(standing(task, entry, protocol), entry) for entry in records.entries]
    standings.sort(key=lambda pair: (*pair[0].order, pair[1].name))
    places = ranks([s for s, _ in standings])
    rows = (
        BoardRow(
            entry=entry,
            rank=rank,
            standing=s,
            softening_slope=standing(task, entry, "fixed").score.softening_slope,
            xc_mismatch=xc_mismatch(entry.card.xc, task.cases()),
            xc_reasons=xc_reasons(entry.card.xc, task.cases()),
        )
        for (s, entry), rank in zip(standings, places, strict=True)
    )
    return BoardTable(task, protocol, tuple(rows))


def xc_mismatch(model_xc: str, cases: Iterable[Case]) -> str:
    """Levels of theory of the cases that differ from the model's; empty if none does."""
    shown = (f"{m.reference}{m.share}" for m in mismatches(model_xc, cases))
    return ", ".join(dict.fromkeys(shown))


def xc_reasons(model_xc: str, cases: Iterable[Case]) -> str:
    """What differs, in words."""
    return "; ".join(f"{m.reason}{m.share}" for m in mismatches(model_xc, cases))
