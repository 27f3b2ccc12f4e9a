"""What the order of the models depends on: weights, single tasks, the tier, the pair compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uipbench.ranking import competition_ranks, overall_skills, task_skills
from uipbench.resampling import LEAST_MATERIALS, SEED, interval, multiplicities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.ranking import ErrorTable

WEIGHT_DRAWS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class WeightStability:
    """Ranks under random weights of the tasks.

    Attributes:
        first: (m,) share of the weights under which a model is first, ties included.
        best: (m,) best rank that occurs.
        worst: (m,) worst rank that occurs.
    """

    first: np.ndarray
    best: np.ndarray
    worst: np.ndarray


def weight_stability(skills: Sequence[np.ndarray], *, draws: int = WEIGHT_DRAWS) -> WeightStability:
    """Ranks under weights drawn evenly from all that add up to 1 (flat Dirichlet).

    Args:
        skills: One (m,) array a task.
        draws: Number of weights.
    """
    weights = np.random.default_rng(SEED).dirichlet(np.ones(len(skills)), draws)
    ranks = competition_ranks(weights @ np.array(skills))
    return WeightStability((ranks == 1).mean(axis=0), ranks.min(axis=0), ranks.max(axis=0))


def leave_one_task_out(skills: Sequence[np.ndarray]) -> np.ndarray:
    """(t, m) ranks with equal weights when each task in turn is left out; needs two tasks."""
    return np.array(
        [
            competition_ranks(overall_skills(rest, [1.0] * len(rest)))
            for left_out in range(len(skills))
            for rest in [[s for i, s in enumerate(skills) if i != left_out]]
        ]
    )


def order_agreement(one: np.ndarray, two: np.ndarray) -> float:
    """Kendall's τ_b of two scores of the same models: 1 same order, 0 unrelated, −1 reversed.

    SciPy's takes as long to import as a board to compute; the tests compare them.
    NaN with fewer than two models or where a score does not tell any two apart.
    """
    known = ~(np.isnan(one) | np.isnan(two))
    if known.sum() < 2:  # noqa: PLR2004 - an order needs two
        return float("nan")
    signs = [np.sign(np.subtract.outer(s, s)) for s in (one[known].round(9), two[known].round(9))]
    told_apart = [np.square(s).sum() for s in signs]
    if not all(told_apart):
        return float("nan")
    return float((signs[0] * signs[1]).sum() / np.sqrt(np.prod(told_apart)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedComparison:
    """Two models in the cases for which both have a number.

    Attributes:
        n_cases: Common cases.
        n_materials: Materials they are of.
        first_better: Cases in which the first model's error is the smaller one.
        second_better: Cases in which the second's is.
        mae_first: Mean absolute error of the first.
        mae_second: Mean absolute error of the second.
        difference: ``mae_first − mae_second``; negative: the first is better.
        interval: Of the difference, or None with too few materials.
        p_value: Twice the smaller share of replicates on one side of zero, or None.
    """

    n_cases: int
    n_materials: int
    first_better: int
    second_better: int
    mae_first: float
    mae_second: float
    difference: float
    interval: tuple[float, float] | None
    p_value: float | None


def compare_pair(table: ErrorTable) -> PairedComparison | None:
    """Paired bootstrap over materials of the difference of two mean absolute errors.

    Args:
        table: Of exactly two models.

    Returns:
        None without a common case.
    """
    common = table.of_cases(table.common)
    if not common.materials:
        return None
    sizes = common.sizes
    difference = sizes[0] - sizes[1]
    names = sorted(set(common.materials))
    ends, p_value = None, None
    if len(names) >= LEAST_MATERIALS:
        drawn = multiplicities(names)[:, [names.index(n) for n in common.materials]]
        total = drawn.sum(axis=1)
        with np.errstate(invalid="ignore"):
            means = (drawn @ difference) / total
        ends, p_value = interval(means), two_sided(means[total > 0])
    return PairedComparison(
        n_cases=len(common.materials),
        n_materials=len(names),
        first_better=int((difference < 0).sum()),
        second_better=int((difference > 0).sum()),
        mae_first=float(sizes[0].mean()),
        mae_second=float(sizes[1].mean()),
        difference=float(difference.mean()),
        interval=ends,
        p_value=p_value,
    )


def two_sided(draws: np.ndarray) -> float:
    """Twice the smaller share of draws at or beyond zero, at least 2 / (B + 1)."""
    beyond = 1 + min((draws <= 0).sum(), (draws >= 0).sum())
    return float(min(1.0, 2 * beyond / (len(draws) + 1)))


def tier_agreement(tables: Sequence[ErrorTable], quick: Sequence[np.ndarray]) -> float:
    """Kendall's τ_b between overall skills over the quick cases and over all cases.

    Args:
        tables: One a task.
        quick: (c,) booleans a task: whether a case is of the quick tier.
    """
    pairs = [
        (task_skills(table.of_cases(few)), task_skills(table))
        for table, few in zip(tables, quick, strict=True)
        if few.any()
    ]
    if not pairs:
        return float("nan")
    equal = [1.0] * len(pairs)
    return order_agreement(
        overall_skills([few for few, _ in pairs], equal),
        overall_skills([every for _, every in pairs], equal),
    )
