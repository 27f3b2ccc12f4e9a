"""Machine-readable copies of what the pages show, with published schemas."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from uipbench.casefiles import Quantity  # noqa: TC001 - pydantic reads it
from uipbench.outcome import PROTOCOLS
from uipbench.results import FailedRecord, PredictedRecord  # noqa: TC001 - pydantic reads it
from uipbench.site.secondary import secondary_by_protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.case import Case
    from uipbench.secondary import SecondaryMetric
    from uipbench.site.board import BoardRow, BoardTable
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BoardRecord(_Strict):
    """A model in one task and protocol; null where there is no number.

    Fields as in :class:`uipbench.site.rows.Row`; errors are in ``unit``.
    """

    task: str
    protocol: Literal["fixed", "relaxed"]
    model: str
    title: str
    own: bool
    failed_checks: str
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    group: int | None
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    mae: float | None
    mean_signed_error: float | None
    mape: float | None
    coverage: float | None
    force_mae: float | None
    softening_slope: float | None
    n_predicted: int
    n_failed: int
    n_stale: int
    n_missing: int
    n_cases: int
    seconds: float
    evaluations: int
    unit: str
    xc: str
    xc_mismatch: str
    licence: str
    training_data: str


class BoardFile(_Strict):
    """``data/board.json``: every model in every task and both protocols."""

    schema_version: Literal[2] = 2
    uipbench: str
    rows: list[BoardRecord]


class CaseData(_Strict):
    """A case with its references and the outcome of every model by protocol, null if not run."""

    id: str
    title: str
    material: str
    elements: list[str]
    tier: str
    protocols: list[str]
    digest: str
    references: dict[str, Quantity]
    predictions: dict[str, dict[str, PredictedRecord | FailedRecord | None]]


class SecondaryData(_Strict):
    """A secondary metric; fields as in :class:`uipbench.secondary.SecondaryMetric`."""

    name: str
    title: str
    value: float | None
    unit: str
    n_used: int
    n_possible: int
    of: str
    explanation: str


class TaskFile(_Strict):
    """``data/<task>.json``: every case of a task with its references and all predictions."""

    schema_version: Literal[1] = 1
    uipbench: str
    task: str
    title: str
    summary: str
    quantity: str
    unit: str
    licence: Literal["CC-BY-4.0"] = "CC-BY-4.0"
    secondary: dict[str, dict[str, dict[str, SecondaryData]]]
    cases: list[CaseData]


SCHEMAS: dict[str, type[BaseModel]] = {"board": BoardFile, "task": TaskFile}
_ROW_FIELDS = frozenset(BoardRecord.model_fields)


def as_json(value: object) -> str:
    """JSON text of a data file."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def schema_json(name: str) -> str:
    """``data/<name>.schema.json``."""
    return as_json(SCHEMAS[name].model_json_schema())


def _board_record(table: BoardTable, found: BoardRow) -> BoardRecord:
    row, card = found.row, found.entry.card
    numbers = {name: finite(getattr(row, name)) for name in row.__slots__ if name in _ROW_FIELDS}
    return BoardRecord(
        task=table.task.name,
        protocol=table.protocol,
        model=found.entry.name,
        title=card.title,
        own=found.entry.own,
        failed_checks=" ".join(found.entry.failed_checks),
        unit=table.task.unit,
        xc=card.xc,
        xc_mismatch=found.xc_mismatch,
        licence=card.licence,
        training_data=card.training_data,
        **numbers,
    )


def _board_records(tables: Sequence[BoardTable]) -> list[BoardRecord]:
    return [_board_record(table, row) for table in tables for row in table.rows]


def board_json(tables: Sequence[BoardTable], version: str) -> str:
    """``data/board.json``."""
    return as_json(BoardFile(uipbench=version, rows=_board_records(tables)).model_dump(mode="json"))


def board_csv(tables: Sequence[BoardTable]) -> str:
    """``data/board.csv``; texts cannot become formulas of a spreadsheet."""
    rows = [record.model_dump(mode="json") for record in _board_records(tables)]
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
    """``data/<task>.json``."""
    file = TaskFile(
        uipbench=version,
        task=task.name,
        title=task.title,
        summary=task.summary,
        quantity=task.quantity,
        unit=task.unit,
        secondary={entry.name: _secondary(task, entry) for entry in records.entries},
        cases=[_case(case, records.entries) for case in task.cases()],
    )
    return as_json(file.model_dump(mode="json"))


def _secondary(task: Task, entry: Entry) -> dict[str, dict[str, SecondaryData]]:
    return {
        protocol: {m.name: _secondary_metric(m) for m in found}
        for protocol, found in secondary_by_protocol(task, entry).items()
    }


def _secondary_metric(metric: SecondaryMetric) -> SecondaryData:
    fields = asdict(metric)
    return SecondaryData(**fields | {"value": finite(metric.value)})


def _case(case: Case, entries: Sequence[Entry]) -> CaseData:
    return CaseData(
        id=case.id,
        title=case.title,
        material=case.material,
        elements=list(case.elements),
        tier=case.tier,
        protocols=list(case.protocols),
        digest=case.digest,
        references=dict(case.references),
        predictions={entry.name: _outcomes(entry, case) for entry in entries},
    )


def _outcomes(entry: Entry, case: Case) -> dict[str, PredictedRecord | FailedRecord | None]:
    """Outcomes of a case, found once a result file."""
    found = entry.records_of(case.task, case.id)
    return {protocol: found.get(protocol) for protocol in PROTOCOLS}


def finite(value: Any) -> Any:  # noqa: ANN401 - any field of a row
    """The value, or None for NaN and infinities, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
