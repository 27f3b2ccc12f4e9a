"""Scores of results, recomputed from their records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from uipbench.metrics import score
from uipbench.outcome import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uipbench.results import ResultFile
    from uipbench.task import Task

METRICS = (
    "mae",
    "mean_signed_error",
    "skill",
    "coverage",
    "force_mae",
    "softening_slope",
    "n_predicted",
    "n_failed",
    "n_cases",
)


def scores_of(pairs: Iterable[tuple[Task, ResultFile]]) -> dict[str, dict[str, float | None]]:
    """Metrics by ``task/protocol`` over all cases; None where a metric is not defined."""
    return {
        f"{task.name}/{protocol}": _scores(task, result, protocol)
        for task, result in pairs
        for protocol in PROTOCOLS
    }


def _scores(task: Task, result: ResultFile, protocol: str) -> dict[str, float | None]:
    outcomes = {r.case_id: r.as_outcome() for r in result.records if r.protocol == protocol}
    found = score(task.cases(), outcomes, task.quantity, protocol, task.absolute_error)
    values = {name: float(getattr(found, name)) for name in METRICS}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
