"""The first page: the board over all tasks, and what its filters offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uipbench.site.board import COLUMNS, Column, column_specs
from uipbench.site.browserdata import distinct
from uipbench.site.cards import xc_mismatch, xc_reasons
from uipbench.site.rows import Board, View, compute_board
from uipbench.site.text import clip
from uipbench.theory import parse_label

if TYPE_CHECKING:
    from uipbench.site.records import Records
    from uipbench.site.tables import Tables

_STATIC = {"rank", "model", "group", "skill", "number", "signed", "coverage", "amount", "xc"}


def board_page(records: Records, tables: Tables) -> dict[str, Any]:
    """What the template of the first page is given."""
    only = records.tasks[0].name if len(records.tasks) == 1 else ""
    board = compute_board(tables, View(task=only))
    names = {task.name: task for task in records.tasks}
    return {
        "records": records,
        "board": board,
        "static_columns": static_columns(board, {t: names[t].title for t in board.tasks}),
        "unit": names[board.tasks[0]].unit if len(board.tasks) == 1 else "",
        "mismatches": _mismatches(records, board),
        "filters": _filters(records),
        "column_specs": column_specs(),
    }


def static_columns(board: Board, titles: dict[str, str]) -> list[Column]:
    """Columns of the table as it is without a script: those shown at first."""
    single = len(board.tasks) <= 1
    found: list[Column] = []
    for column in COLUMNS:
        if column.kind == "tasks" and not single:
            found += [
                Column(key=name, title=title, kind="task", unit="skill", first="descending")
                for name, title in titles.items()
            ]
        elif (column.kind in _STATIC or column.key == "licence") and column.shown:
            found += [column] if single or not column.single else []
    return found


def _mismatches(records: Records, board: Board) -> dict[str, tuple[str, str]]:
    """Levels of theory of references that a model's is not, and what differs, by model."""
    cases = [c for task in records.tasks if task.name in board.tasks for c in task.cases()]
    return {
        entry.name: (xc_mismatch(entry.card.xc, cases), xc_reasons(entry.card.xc, cases))
        for entry in records.entries
    }


def _filters(records: Records) -> dict[str, list[str]]:
    """Values that cases and models have, for the boxes of the filters."""
    cases = [case for task in records.tasks for case in task.cases()]
    cards = [entry.card for entry in records.entries]
    return {
        "elements": distinct(element for case in cases for element in case.elements),
        "materials": distinct(case.material for case in cases),
        "chemistries": distinct(case.chemistry for case in cases),
        "families": distinct(clip(card.family, 40) for card in cards),
        "licences": distinct(clip(card.licence, 40) for card in cards),
        "trainings": distinct(clip(card.training_data.split(":")[0], 40) for card in cards),
        "functionals": distinct(parse_label(card.xc).functional for card in cards),
    }
