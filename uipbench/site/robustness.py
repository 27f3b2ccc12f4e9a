"""What the order of the models depends on: materials, references, protocol, tasks, weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uipbench.metrics import LEAST_CASES
from uipbench.ranking import (
    bootstrap_skills,
    competition_ranks,
    overall_skills,
    rank_models,
    task_skills,
)
from uipbench.resampling import LEAST_MATERIALS, differs
from uipbench.sensitivity import ReferenceSensitivity, reference_sensitivity
from uipbench.stability import (
    WeightStability,
    leave_one_task_out,
    order_agreement,
    tier_agreement,
    weight_stability,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.ranking import ErrorTable
    from uipbench.site.records import Entry, Records
    from uipbench.site.tables import Tables, TaskTable

MOST_PAIRS = 20
"""Models in the table of pairs, best first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Robustness:
    """Relaxed protocol; models in the order of their ranks.

    Attributes:
        tasks: Titles of the tasks, those with enough cases for a skill.
        entries: Models that were run in every task.
        ranks: Rank over all cases and tasks.
        by_materials: (m, 2) interval of the rank over materials; None with too few of them.
        by_references: Under references that move within their uncertainty.
        unstated: Number of references without a stated uncertainty.
        tier: Kendall's τ_b of the quick tier's order and the full one.
        protocols: Kendall's τ_b of the orders in the two protocols.
        weights: Under random weights; None with one task.
        without_task: (t, m) ranks without each task; None with one.
        classes: Classes of materials.
        without_class: (k, m) ranks without each class.
        pairs: (m, m) 1 where the row is ahead of the column beyond chance, −1 behind, 0 neither;
            None with too few materials.
    """

    tasks: tuple[str, ...]
    entries: tuple[Entry, ...]
    ranks: np.ndarray
    by_materials: np.ndarray | None
    by_references: ReferenceSensitivity
    unstated: int
    tier: float
    protocols: float
    weights: WeightStability | None
    without_task: np.ndarray | None
    classes: tuple[str, ...]
    without_class: np.ndarray
    pairs: np.ndarray | None


def robustness(records: Records, tables: Tables) -> Robustness | None:
    """None with fewer than two models that were run in all tasks."""
    relaxed = [
        t
        for (_, protocol), t in tables.items()
        if protocol == "relaxed" and t.ran.any() and len(t.cases) >= LEAST_CASES
    ]
    if not relaxed:
        return None
    complete = np.flatnonzero(np.all([t.ran for t in relaxed], axis=0))
    if len(complete) < 2:  # noqa: PLR2004 - an order needs two
        return None
    skills = [task_skills(t.errors.of_models(complete)) for t in relaxed]
    equal = [1.0] * len(skills)
    overall = overall_skills(skills, equal)
    order = np.lexsort((np.arange(len(overall)), -overall))
    models = complete[order]
    of_models = [t.errors.of_models(models) for t in relaxed]
    sorted_skills = [s[order] for s in skills]
    several = len(relaxed) > 1
    classes = sorted({case.chemistry for t in relaxed for case in t.cases})
    return Robustness(
        tasks=tuple(t.task.title for t in relaxed),
        entries=tuple(records.entries[m] for m in models),
        ranks=competition_ranks(overall[order]),
        by_materials=rank_models(of_models, equal).rank_interval,
        by_references=reference_sensitivity(of_models, [t.signed[models] for t in relaxed], equal),
        unstated=sum(int(np.isnan(t.errors.uncertainty).sum()) for t in relaxed),
        tier=tier_agreement(of_models, [_quick(t) for t in relaxed]),
        protocols=_protocol_agreement(tables, relaxed, models, overall[order]),
        weights=weight_stability(sorted_skills) if several else None,
        without_task=leave_one_task_out(sorted_skills) if several else None,
        classes=tuple(classes),
        without_class=np.array([_without(relaxed, of_models, name) for name in classes]),
        pairs=_pairs(of_models),
    )


def _quick(table: TaskTable) -> np.ndarray:
    return np.array([case.tier == "quick" for case in table.cases], dtype=bool)


def _protocol_agreement(
    tables: Tables, relaxed: Sequence[TaskTable], models: np.ndarray, overall: np.ndarray
) -> float:
    fixed = [tables[t.task.name, "fixed"] for t in relaxed]
    if not all(t.ran[models].all() and t.cases for t in fixed):
        return float("nan")
    skills = [task_skills(t.errors.of_models(models)) for t in fixed]
    return order_agreement(overall_skills(skills, [1.0] * len(skills)), overall)


def _without(tables: Sequence[TaskTable], errors: Sequence[ErrorTable], name: str) -> np.ndarray:
    """Ranks without a class of materials; NaN where nothing is left."""
    kept = [np.array([c.chemistry != name for c in t.cases], dtype=bool) for t in tables]
    left = [task_skills(e.of_cases(k)) for e, k in zip(errors, kept, strict=True) if k.any()]
    if not left:
        return np.full(len(errors[0].sizes), np.nan)
    return competition_ranks(overall_skills(left, [1.0] * len(left)))


def _pairs(tables: Sequence[ErrorTable]) -> np.ndarray | None:
    if len({name for table in tables for name in table.materials}) < LEAST_MATERIALS:
        return None
    few = np.arange(min(MOST_PAIRS, len(tables[0].sizes)))
    draws = bootstrap_skills([t.of_models(few) for t in tables], [1.0] * len(tables))
    found = np.zeros((len(few), len(few)), dtype=int)
    for i in few:
        for j in few[:i]:
            gap = draws[:, i] - draws[:, j]
            if differs(gap):
                found[i, j] = int(np.sign(np.nanmean(gap)))
                found[j, i] = -found[i, j]
    return found
