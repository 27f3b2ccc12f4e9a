"""The records in the compact form from which the browser computes the board."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from uipbench.metrics import LEAST_CASES, LEAST_DFT_FORCE
from uipbench.outcome import PROTOCOLS
from uipbench.resampling import LEAST_MATERIALS, LEVEL, REPLICATES, multiplicities
from uipbench.sensitivity import DRAWS, STEPS, moves
from uipbench.site import text
from uipbench.site.cards import xc_mismatch, xc_reasons
from uipbench.theory import parse_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from uipbench.site.records import Entry, Records
    from uipbench.site.tables import Tables, TaskTable
    from uipbench.task import Task

_DECIMALS = 9
_FORCE_DIGITS = 12
_STATUS = {"predicted": "p", "failed": "f", "stale": "s", "missing": "-"}


def browser_script(records: Records, tables: Tables, version: str) -> str:
    """``data/board-data.js``: a script, because a page from ``file://`` may not read JSON."""
    return f"window.uipbenchData = {_script_json(browser_data(records, tables, version))};\n"


def _script_json(value: object) -> str:
    dump = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return dump.replace("<", "\\u003c")


def browser_data(records: Records, tables: Tables, version: str) -> dict[str, Any]:
    """Everything the board, the comparison and the downloads are computed from."""
    materials = sorted({n for table in tables.values() for n in table.errors.materials})
    return {
        "version": version,
        "replicates": REPLICATES,
        "leastCases": LEAST_CASES,
        "level": LEVEL,
        "leastMaterials": LEAST_MATERIALS,
        "leastDftForce": LEAST_DFT_FORCE,
        "moves": DRAWS,
        "moveSteps": STEPS,
        "materials": _digits(materials, multiplicities(materials)),
        "tasks": [_task(task, tables) for task in records.tasks],
        "models": [_model(m, entry, records, tables) for m, entry in enumerate(records.entries)],
    }


def _digits(names: Sequence[str], draws: np.ndarray) -> dict[str, str]:
    """A text of digits a name, one digit a draw."""
    return {name: "".join(map(str, draws[:, i].tolist())) for i, name in enumerate(names)}


def _task(task: Task, tables: Tables) -> dict[str, Any]:
    materials = sorted({n for p in PROTOCOLS for n in tables[task.name, p].errors.materials})
    return {
        "name": task.name,
        "title": task.title,
        "unit": text.unit(task.unit),
        "quantity": text.words(task.quantity),
        "citation": task.citation,
        "doi": text.find_doi(task.citation),
        "moves": _digits(materials, moves(task.name, materials)),
        "protocols": {p: _cases(tables[task.name, p]) for p in PROTOCOLS},
    }


def _cases(table: TaskTable) -> list[dict[str, Any]]:
    return [
        {
            "id": case.id,
            "title": text.clean(text.clip(case.title, 60)),
            "material": case.material,
            "elements": list(case.elements),
            "chemistry": case.chemistry,
            "quick": case.tier == "quick",
            "reference": round(float(table.references[c]), _DECIMALS),
            "uncertainty": _rounded(table.errors.uncertainty[c]),
            "trivial": _rounded(table.errors.trivial[c]),
        }
        for c, case in enumerate(table.cases)
    ]


def _model(m: int, entry: Entry, records: Records, tables: Tables) -> dict[str, Any]:
    card = entry.card
    return {
        "name": entry.name,
        "title": text.clean(text.clip(card.title or entry.name, 60)),
        "own": entry.own,
        "family": text.clean(text.clip(card.family, 40)),
        "licence": text.clean(text.clip(card.licence, 40)),
        "training": text.clean(text.clip(card.training_data, 70)),
        "trainingSet": text.clean(text.clip(card.training_data.split(":")[0], 40)),
        "xc": text.clean(text.clip(card.xc, 40)),
        "functional": parse_label(card.xc).functional,
        "mismatch": {
            task.name: [found, text.clip(xc_reasons(card.xc, task.cases()), 300)]
            for task in records.tasks
            if (found := xc_mismatch(card.xc, task.cases()))
        },
        "failedChecks": entry.failed_checks,
        "parameters": card.parameters,
        "citation": text.clean(text.clip(card.citation, 400)),
        "doi": text.find_doi(card.citation),
        "url": text.web_url(card.url),
        "results": {
            task.name: {p: _outcomes(m, tables[task.name, p]) for p in PROTOCOLS}
            for task in records.tasks
            if task.name in entry.results
        },
    }


def _outcomes(m: int, table: TaskTable) -> dict[str, Any]:
    sizes = [_rounded(v) for v in table.errors.sizes[m]]
    signed = [_rounded(v) for v in table.signed[m]]
    found: dict[str, Any] = {
        "status": "".join(_STATUS[s] for s in table.status[m]),
        "error": signed,
        "seconds": [_significant(v, 6) for v in table.seconds[m]],
        "evaluations": [int(v) for v in table.evaluations[m]],
    }
    if sizes != [None if e is None else abs(e) for e in signed]:
        found["size"] = sizes
    if table.forces[m].any():
        found["forces"] = [[_significant(v, _FORCE_DIGITS) for v in row] for row in table.forces[m]]
    return found


def _rounded(value: float | np.floating[Any]) -> float | None:
    return None if math.isnan(value) else round(float(value), _DECIMALS)


def _significant(value: float, digits: int) -> float | int:
    """The value with few digits, whole numbers without a point."""
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short  # noqa: PLR2004


def distinct(values: Iterable[str]) -> list[str]:
    """Non-empty values, once each, sorted without regard to case."""
    return sorted({v for v in values if v}, key=lambda v: (v.casefold(), v))
