"""Machine-readable copies of what the pages show."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from uipbench.outcome import PROTOCOLS
from uipbench.site.secondary import secondary_by_protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.case import Case
    from uipbench.site.board import BoardRow, BoardTable
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task

SCHEMA_VERSION = 1
_SCORE_FIELDS = (
    "skill",
    "mae",
    "mean_signed_error",
    "mape",
    "coverage",
    "force_mae",
    "n_predicted",
    "n_failed",
    "n_cases",
    "seconds",
    "evaluations",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_json(value: object) -> str:
    """JSON text of a data file."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def board_rows(tables: Sequence[BoardTable]) -> list[dict[str, Any]]:
    """A flat row for every model, task and protocol; None where there is no number."""
    return [_board_row(table, row) for table in tables for row in table.rows]


def _board_row(table: BoardTable, row: BoardRow) -> dict[str, Any]:
    score = asdict(row.standing.score) if row.standing.scope != "none" else {}
    card = row.entry.card
    return {
        "task": table.task.name,
        "protocol": table.protocol,
        "model": row.entry.name,
        "title": card.title,
        "own": row.entry.own,
        "failed_checks": " ".join(row.entry.failed_checks),
        "rank": row.rank,
        "scope": row.standing.scope,
        "n_task_cases": row.standing.n_task_cases,
        **{name: finite(score.get(name)) for name in _SCORE_FIELDS},
        "softening_slope": finite(row.softening_slope),
        "unit": table.task.unit,
        "xc": card.xc,
        "xc_mismatch": row.xc_mismatch,
        "licence": card.licence,
        "training_data": card.training_data,
    }


def board_json(tables: Sequence[BoardTable], version: str) -> str:
    """``data/board.json``."""
    rows = board_rows(tables)
    return as_json({"schema_version": SCHEMA_VERSION, "uipbench": version, "rows": rows})


def board_csv(tables: Sequence[BoardTable]) -> str:
    """``data/board.csv``; texts cannot become formulas of a spreadsheet."""
    rows = board_rows(tables)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
        writer.writerows([_csv_value(v) for v in row.values()] for row in rows)
    return out.getvalue()


def _csv_value(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value


def task_json(records: Records, task: Task, version: str) -> str:
    """``data/<task>.json``: every case with its reference and all predictions."""
    return as_json(
        {
            "schema_version": SCHEMA_VERSION,
            "uipbench": version,
            "task": task.name,
            "title": task.title,
            "summary": task.summary,
            "quantity": task.quantity,
            "unit": task.unit,
            "licence": "CC-BY-4.0",
            "secondary": {e.name: _secondary(task, e) for e in records.entries},
            "cases": [_case(case, records.entries) for case in task.cases()],
        }
    )


def _secondary(task: Task, entry: Entry) -> dict[str, Any]:
    return {
        protocol: {m.name: asdict(m) | {"value": finite(m.value)} for m in found}
        for protocol, found in secondary_by_protocol(task, entry).items()
    }


def _case(case: Case, entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "id": case.id,
        "title": case.title,
        "material": case.material,
        "elements": list(case.elements),
        "tier": case.tier,
        "protocols": list(case.protocols),
        "digest": case.digest,
        "references": {name: q.model_dump(mode="json") for name, q in case.references.items()},
        "predictions": {entry.name: _outcomes(entry, case) for entry in entries},
    }


def _outcomes(entry: Entry, case: Case) -> dict[str, Any]:
    result = entry.results.get(case.task)
    records = result.records if result else []
    found = {r.protocol: r.outcome.model_dump(mode="json") for r in records if r.case_id == case.id}
    return {protocol: found.get(protocol) for protocol in PROTOCOLS}


def finite(value: float | None) -> float | None:
    """The number, or None for NaN and infinities, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None
