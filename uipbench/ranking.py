"""From errors to ranks: skill, intervals, tie groups; pure functions of arrays.

Definitions: skill of a task = 1 − Σ|error| / Σ|error of the trivial predictor|, floored at 0, where
the trivial predictor answers the median reference of the task's cases, and a failed or missing case
has the trivial predictor's error. The overall skill is the weighted mean over tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uipbench.resampling import (
    LEAST_MATERIALS,
    LEVEL,
    TOLERANCE,
    differs,
    interval,
    multiplicities,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ErrorTable:
    """Errors of all models in one task and protocol.

    Attributes:
        name: Name of the task.
        materials: (c,) material of each case.
        sizes: (m, c) size of each error in the task's unit; NaN where there is no number.
        trivial: (c,) size of the trivial predictor's error.
        uncertainty: (c,) uncertainty of the reference; NaN where none is stated.
    """

    name: str
    materials: tuple[str, ...]
    sizes: np.ndarray
    trivial: np.ndarray
    uncertainty: np.ndarray

    @property
    def charged(self) -> np.ndarray:
        """(m, c) size of the error that counts in the skill."""
        return np.where(np.isnan(self.sizes), self.trivial, self.sizes)

    def of_cases(self, keep: np.ndarray) -> ErrorTable:
        """The table of some cases; the trivial predictor stays that of the whole task.

        Args:
            keep: (c,) booleans, or indices.
        """
        return ErrorTable(
            name=self.name,
            materials=tuple(np.array(self.materials, dtype=object)[keep]),
            sizes=self.sizes[:, keep],
            trivial=self.trivial[keep],
            uncertainty=self.uncertainty[keep],
        )

    def of_models(self, keep: np.ndarray) -> ErrorTable:
        """The table of some models.

        Args:
            keep: (m,) booleans, or indices.
        """
        return ErrorTable(
            name=self.name,
            materials=self.materials,
            sizes=self.sizes[keep],
            trivial=self.trivial,
            uncertainty=self.uncertainty,
        )

    @property
    def common(self) -> np.ndarray:
        """(c,) whether every model has a number for the case."""
        return np.asarray(~np.isnan(self.sizes).any(axis=0))


def task_skills(table: ErrorTable, counts: np.ndarray | None = None) -> np.ndarray:
    """Skill of every model.

    Args:
        table: The task.
        counts: (B, c) how often each case counts in each replicate; without it, each once.

    Returns:
        (m,) or, with ``counts``, (B, m); NaN where no case counts.
    """
    weights = np.ones((1, len(table.materials))) if counts is None else counts.astype(float)
    errors = weights @ table.charged.T
    scale = (weights @ table.trivial)[:, None]
    skill = np.where(weights.sum(axis=1)[:, None] > 0, ratio_skill(errors, scale), np.nan)
    return skill[0] if counts is None else skill


def ratio_skill(errors: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """1 − errors / scale, at least 0; with no scale, 1 without an error and 0 with one.

    Args:
        errors: Sums of charged errors.
        scale: Sums of the trivial predictor's errors, of a shape that goes with them.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        skill = np.maximum(0.0, 1 - errors / scale)
    return np.where(scale > 0, skill, np.where(errors > 0, 0.0, 1.0))


def uncertainty_limit(table: ErrorTable) -> float:
    """Skill of a model whose errors are as large as the uncertainties of the references.

    Differences above this line mean nothing. NaN where no reference states an uncertainty; those
    that do not are left out.
    """
    stated = ~np.isnan(table.uncertainty)
    scale = table.trivial[stated].sum()
    if not scale:
        return float("nan")
    return float(max(0.0, 1 - table.uncertainty[stated].sum() / scale))


def overall_skills(skills: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Weighted mean over tasks.

    Args:
        skills: One array a task, all of the same shape (…, m).
        weights: One a task; only their ratios matter.

    Returns:
        (…, m); NaN where the weights add up to zero or a task with weight has no skill.
    """
    used = [(s, w) for s, w in zip(skills, weights, strict=True) if w > 0]
    if not used:
        return np.full_like(skills[0], np.nan)
    total = sum(w for _, w in used)
    mean: np.ndarray = sum((s * w for s, w in used), start=np.zeros_like(used[0][0])) / total
    return mean


def competition_ranks(scores: np.ndarray) -> np.ndarray:
    """1 + number of better scores: equal scores share a rank, the next rank is left out.

    Args:
        scores: (…, m), larger is better; closer than ``TOLERANCE`` is equal.

    Returns:
        (…, m) ranks; NaN where the score is NaN.
    """
    rounded = np.round(scores / TOLERANCE)
    ordered = np.sort(-rounded, axis=-1)
    if scores.ndim == 1:
        ranks = 1.0 + np.searchsorted(ordered, -rounded)
    else:
        rows = zip(ordered, rounded, strict=True)
        ranks = np.stack([1.0 + np.searchsorted(o, -r) for o, r in rows])
    return np.where(np.isnan(scores), np.nan, ranks)


def tie_groups(scores: np.ndarray, draws: np.ndarray, *, level: float = LEVEL) -> list[int]:
    """Groups of models that the cases do not tell apart from the best of their group.

    Rule: models in the order of their scores; the first leads group 1. Each following model joins
    the group if the interval of its paired difference from the group's leader, in the same
    replicates, holds zero; otherwise it leads the next group. Not corrected for the number of
    pairs.

    Args:
        scores: (m,) larger is better.
        draws: (B, m) the same scores in each replicate.
        level: Probability inside the interval.

    Returns:
        (m,) group numbers from 1 on.
    """
    groups = [0] * len(scores)
    leader, group = -1, 0
    for model in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if leader < 0 or differs(draws[:, leader] - draws[:, model], level=level):
            leader, group = model, group + 1
        groups[model] = group
    return groups


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """Models in the order in which they were given.

    Attributes:
        skill: (m,) overall skill.
        rank: (m,) competition ranks.
        skill_interval: (m, 2) ends of the interval, or None with too few materials.
        rank_interval: (m, 2) ends, or None.
        group: (m,) tie groups, or None.
        n_materials: Number of materials the cases are of.
    """

    skill: np.ndarray
    rank: np.ndarray
    skill_interval: np.ndarray | None
    rank_interval: np.ndarray | None
    group: list[int] | None
    n_materials: int


def rank_models(
    tables: Sequence[ErrorTable], weights: Sequence[float], *, level: float = LEVEL
) -> Ranking:
    """Rank models by their overall skill.

    Args:
        tables: One a task, with the same models; those without cases must be left out.
        weights: Of the tasks.
        level: Probability inside the intervals.
    """
    used = [(t, w) for t, w in zip(tables, weights, strict=True) if w > 0]
    score = overall_skills([task_skills(t) for t, _ in used], [w for _, w in used])
    names = sorted({name for t, _ in used for name in t.materials})
    if len(names) < LEAST_MATERIALS or not len(score):
        return Ranking(
            skill=score,
            rank=competition_ranks(score),
            skill_interval=None,
            rank_interval=None,
            group=None,
            n_materials=len(names),
        )
    draws = bootstrap_skills([t for t, _ in used], [w for _, w in used])
    places = competition_ranks(draws)
    return Ranking(
        skill=score,
        rank=competition_ranks(score),
        skill_interval=np.array([interval(d, level=level) for d in draws.T]),
        rank_interval=np.array([interval(d, level=level) for d in places.T]),
        group=tie_groups(score, draws, level=level),
        n_materials=len(names),
    )


def bootstrap_skills(tables: Sequence[ErrorTable], weights: Sequence[float]) -> np.ndarray:
    """(B, m) overall skill in every replicate, the same materials drawn in all tasks."""
    names = sorted({name for table in tables for name in table.materials})
    column = {name: i for i, name in enumerate(names)}
    drawn = multiplicities(names)
    skills = [task_skills(t, drawn[:, [column[n] for n in t.materials]]) for t in tables]
    return overall_skills(skills, weights)
