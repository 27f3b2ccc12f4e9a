"""The board: its columns, and the tables of single tasks that other pages show."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from uipbench.outcome import PROTOCOLS
from uipbench.site.cards import xc_mismatch, xc_reasons
from uipbench.site.rows import Board, View, compute_board
from uipbench.site.text import unit

if TYPE_CHECKING:
    from uipbench.outcome import Protocol
    from uipbench.site.records import Entry, Records
    from uipbench.site.rows import Row
    from uipbench.site.tables import Tables
    from uipbench.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A sortable column; ``assets/board.js`` renders by ``kind``.

    Attributes:
        key: Its name in the URL; for numbers, of :class:`uipbench.site.rows.Row`.
        title: Heading.
        kind: How a cell is made.
        unit: Unit in plain ASCII, ``@`` for the task's own, or nothing.
        first: Direction of the first click.
        digits: Decimals of a number.
        single: Whether it has a meaning in one task only.
        fixed: Whether it cannot be hidden.
        shown: Whether it is shown at first.
    """

    key: str
    title: str
    kind: str
    unit: str = ""
    first: Literal["ascending", "descending"] = "ascending"
    digits: int = 3
    single: bool = False
    fixed: bool = False
    shown: bool = True

    @property
    def is_text(self) -> bool:
        """Whether cells are set as text."""
        return self.kind in {"model", "xc", "text"}


COLUMNS: tuple[Column, ...] = (
    Column(key="rank", title="Rank", kind="rank", fixed=True),
    Column(key="model", title="Model", kind="model", fixed=True),
    Column(key="skill", title="Skill", kind="skill", first="descending", fixed=True),
    Column(key="group", title="Tie group", kind="group"),
    Column(key="moved", title="Rank if references move", kind="moved", shown=False),
    Column(key="tasks", title="Skill of each task", kind="tasks"),
    Column(key="mae", title="MAE", kind="number", unit="@", single=True),
    Column(
        key="mean_signed_error", title="Mean signed error", kind="signed", unit="@", single=True
    ),
    Column(
        key="mape",
        title="Mean relative error",
        kind="number",
        unit="%",
        digits=1,
        single=True,
        shown=False,
    ),
    Column(key="coverage", title="Coverage", kind="coverage", first="descending"),
    Column(key="softening_slope", title="Softening slope", kind="number", digits=2),
    Column(key="force_mae", title="Force MAE", kind="number", unit="eV/A", shown=False),
    Column(key="seconds_per_case", title="Time per case", kind="amount", unit="s"),
    Column(key="evaluations", title="Evaluations", kind="amount", shown=False),
    Column(key="parameters", title="Parameters", kind="parameters", shown=False),
    Column(key="family", title="Family", kind="text", shown=False),
    Column(key="xc", title="Functional", kind="xc"),
    Column(key="licence", title="Licence", kind="text"),
    Column(key="training", title="Training data", kind="text", shown=False),
)


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A model in one task and protocol.

    Attributes:
        xc_mismatch: Levels of theory of references that the model's is not; empty if it agrees.
        xc_reasons: What differs, in words.
    """

    entry: Entry
    row: Row
    xc_mismatch: str
    xc_reasons: str


@dataclass(frozen=True, slots=True)
class BoardTable:
    """The models in one task and protocol, best first."""

    task: Task
    protocol: Protocol
    board: Board
    rows: tuple[BoardRow, ...]

    def row_of(self, entry: Entry) -> BoardRow:
        """The row of a model."""
        return next(row for row in self.rows if row.entry is entry)


def board_tables(records: Records, tables: Tables) -> list[BoardTable]:
    """A table for every task and protocol; relaxed, the headline, first."""
    return [
        board_table(records, tables, task, protocol)
        for task in records.tasks
        for protocol in reversed(PROTOCOLS)
    ]


def board_table(records: Records, tables: Tables, task: Task, protocol: Protocol) -> BoardTable:
    """The models in one task and protocol over all its cases."""
    board = compute_board(tables, View(protocol=protocol, task=task.name))
    rows = (
        BoardRow(
            records.entries[i],
            board.rows[i],
            xc_mismatch(records.entries[i].card.xc, task.cases()),
            xc_reasons(records.entries[i].card.xc, task.cases()),
        )
        for i in board.order
    )
    return BoardTable(task, protocol, board, tuple(rows))


def column_specs() -> list[dict[str, Any]]:
    """The columns as the browser reads them."""
    return [asdict(c) | {"unit": unit(c.unit)} for c in COLUMNS]
