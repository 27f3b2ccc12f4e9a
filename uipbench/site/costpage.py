"""Accuracy against cost: overall skill and time per case, and the models that lead in both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uipbench.site.rows import View, compute_board
from uipbench.site.text import clean, clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.site.records import Entry, Records
    from uipbench.site.rows import Row
    from uipbench.site.tables import Tables


@dataclass(frozen=True, slots=True)
class CostRow:
    """A model with its cost.

    Attributes:
        hardware: Processor and device; times compare on the same hardware alone.
        leading: Whether no model on the same hardware is at least as good in both and better in
            one (Pareto front).
    """

    entry: Entry
    row: Row
    hardware: str
    leading: bool


def cost_rows(records: Records, tables: Tables) -> list[CostRow]:
    """Models with a skill and a time, fastest first; relaxed protocol."""
    board = compute_board(tables, View())
    found = [
        (entry, row, hardware(entry))
        for entry, row in zip(records.entries, board.rows, strict=True)
        if row.rank is not None and row.seconds_per_case > 0
    ]
    rows = [
        CostRow(entry, row, where, not _beaten(row, [r for _, r, other in found if other == where]))
        for entry, row, where in found
    ]
    return sorted(rows, key=lambda r: (r.hardware, r.row.seconds_per_case))


def _beaten(row: Row, others: Sequence[Row]) -> bool:
    return any(
        other.skill >= row.skill
        and other.seconds_per_case <= row.seconds_per_case
        and (other.skill > row.skill or other.seconds_per_case < row.seconds_per_case)
        for other in others
    )


def hardware(entry: Entry) -> str:
    """Processor and device of a model's runs."""
    found = {
        f"{r.provenance.processor or 'unknown processor'}, {r.settings.device}"
        for r in entry.results.values()
    }
    return clean(clip("; ".join(sorted(found)), 120))


def cost_plot(rows: Sequence[CostRow]) -> dict[str, Any]:
    """What the plot is drawn from."""
    return {
        "models": [
            {
                "id": r.entry.name,
                "name": clean(clip(r.entry.card.title or r.entry.name, 40)),
                "x": r.row.seconds_per_case,
                "y": r.row.skill,
                "low": None if math.isnan(r.row.skill_low) else r.row.skill_low,
                "high": None if math.isnan(r.row.skill_high) else r.row.skill_high,
                "hardware": r.hardware,
                "leading": r.leading,
                "page": f"models/{r.entry.name}.html",
            }
            for r in rows
        ]
    }
