"""How much the ranking would move if every reference moved within its uncertainty.

A draw moves the references of a task by a fraction between −1 and 1 of their stated uncertainty,
the same fraction for all cases of a material: the PAW sets, the cutoff and the mesh that make a
reference wrong are those of the material. Materials and tasks are independent. The trivial
predictor's errors, the yardstick of the skill, stay, and so does a reference of no uncertainty.

An error that a task measures along a curve moves as if the curve's deviation had one sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from uipbench.ranking import competition_ranks, overall_skills, ratio_skill
from uipbench.resampling import LEVEL, SEED, interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.ranking import ErrorTable

DRAWS = 500
STEPS = 10
"""A fraction is one of this many evenly spaced ones, so that a draw is a digit in the browser."""


def moves(task: str, materials: Sequence[str], *, draws: int = DRAWS) -> np.ndarray:
    """Steps by which the references of each material move in a task.

    Args:
        task: Name of the task.
        materials: (m,) names; equal names have equal steps.
        draws: Number of draws B.

    Returns:
        (B, m) integers from 0 to ``STEPS - 1``.
    """
    found = np.zeros((draws, len(materials)), dtype=np.int64)
    for column, name in enumerate(materials):
        stream = np.random.default_rng([SEED, crc32(f"{task}/{name}".encode())])
        found[:, column] = stream.integers(0, STEPS, draws)
    return found


def fractions(steps: np.ndarray) -> np.ndarray:
    """The middles of ``STEPS`` equal parts of [−1, 1]: −0.9, −0.7, … 0.9."""
    return (2 * steps + 1) / STEPS - 1


def moved_skills(table: ErrorTable, signed: np.ndarray) -> np.ndarray:
    """Skill of every model in every draw.

    Args:
        table: The task.
        signed: (m, c) prediction − reference; NaN where there is none.

    Returns:
        (B, m).
    """
    spread = np.nan_to_num(table.uncertainty)
    shift = fractions(moves(table.name, table.materials)) * spread
    sign = np.where(signed < 0, -1.0, 1.0)
    scale = table.trivial.sum()
    skills = np.empty((len(shift), len(table.sizes)))
    for m, sizes in enumerate(table.sizes):
        moved = np.abs(sign[m] * sizes - shift)
        errors = np.where(np.isnan(moved), table.trivial, moved).sum(axis=1)
        skills[:, m] = ratio_skill(errors, scale)
    return skills


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceSensitivity:
    """What moving references do to the models, in the order in which they were given.

    Attributes:
        skill: (m, 2) ends between which the overall skill is in 95 % of the draws.
        rank: (m, 2) the same of the rank.
        first: (m,) share of the draws in which a model is first, ties included.
    """

    skill: np.ndarray
    rank: np.ndarray
    first: np.ndarray


def reference_sensitivity(
    tables: Sequence[ErrorTable],
    signed: Sequence[np.ndarray],
    weights: Sequence[float],
    *,
    level: float = LEVEL,
) -> ReferenceSensitivity:
    """Skills and ranks under references that move within their uncertainty.

    Args:
        tables: One a task, with the same models; those without cases must be left out.
        signed: (m, c) prediction − reference, one array a task.
        weights: Of the tasks.
        level: Share of the draws between the ends.
    """
    by_task = [moved_skills(t, s) for t, s in zip(tables, signed, strict=True)]
    draws = overall_skills(by_task, weights)
    ranks = competition_ranks(draws)
    return ReferenceSensitivity(
        skill=np.array([interval(d, level=level) for d in draws.T]),
        rank=np.array([interval(d, level=level) for d in ranks.T]),
        first=(ranks == 1).mean(axis=0),
    )
