"""Bootstrap over materials: how much a number depends on which materials were asked.

Cases of one material are not independent, so whole materials are drawn. The Poisson bootstrap is
used (Hanley and MacGibbon, Comput. Methods Programs Biomed. 83, 57 (2006),
doi:10.1016/j.cmpb.2006.04.006): a material counts k times in a replicate, k from a Poisson
distribution with mean 1. Unlike drawing a fixed number, the draws of one material do not depend on
which others there are, so that the same replicates serve all tasks, every selection of cases and
every later release.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

REPLICATES = 1000
SEED = 20260101
LEVEL = 0.95
LEAST_MATERIALS = 5
"""With fewer materials there is no interval: a replicate would be one or two of them."""

TOLERANCE = 1e-9
"""Scores closer than this are equal; it is far below any digit shown."""

_MOST = 9


def multiplicities(
    materials: Sequence[str], *, replicates: int = REPLICATES, seed: int = SEED
) -> np.ndarray:
    """How often each material counts in each replicate.

    Args:
        materials: (m,) names; equal names have equal draws.
        replicates: Number of replicates B.
        seed: Seed of all draws.

    Returns:
        (B, m) integers from 0 to 9; 10 and more, of probability 1e-7, are taken as 9.
    """
    draws = np.zeros((replicates, len(materials)), dtype=np.int64)
    for column, name in enumerate(materials):
        stream = np.random.default_rng([seed, crc32(name.encode())])
        draws[:, column] = np.minimum(stream.poisson(1.0, replicates), _MOST)
    return draws


def interval(draws: np.ndarray, *, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of a bootstrapped number.

    The ends are order statistics (no interpolation), so that the interval of a rank is of ranks.

    Args:
        draws: (B,) values; NaN, a replicate without a case, is left out.
        level: Probability inside.

    Returns:
        Lower and upper end; NaN without draws.
    """
    known = np.sort(draws[~np.isnan(draws)])
    if not len(known):
        return math.nan, math.nan
    low, high = (order_index(q, len(known)) for q in ((1 - level) / 2, (1 + level) / 2))
    return float(known[low]), float(known[high])


def order_index(share: float, count: int) -> int:
    """Index of the smallest value that at least this share of sorted values does not exceed."""
    return min(max(math.ceil(share * count - TOLERANCE) - 1, 0), count - 1)


def differs(draws: np.ndarray, *, level: float = LEVEL) -> bool:
    """Whether the interval of bootstrapped differences leaves out zero."""
    low, high = interval(draws, level=level)
    return low > TOLERANCE or high < -TOLERANCE
