"""Speed, apart from the numbers: noisy, so that only a clear change counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uipbench.regress.comparison import CaseComparison

FEWEST_CASES = 4
"""A median of fewer ratios says nothing."""

SLOWDOWN = 1.5
"""Default factor; repeated runs on a shared machine differ by up to a third."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Time of an evaluation relative to the stored run, over the cases.

    Attributes:
        n: Cases with both times.
        median: Median of the ratios, above 1 is slower.
        lower: Lower quartile of the ratios.
        excuse: Why the times cannot be compared, or empty.
        limit: Factor beyond which the median counts as slower.
    """

    n: int
    median: float
    lower: float
    excuse: str
    limit: float

    @property
    def slower(self) -> bool:
        """Median beyond the limit and three quarters of the cases slower at all."""
        return (
            not self.excuse
            and self.n >= FEWEST_CASES
            and self.median > self.limit
            and self.lower > 1
        )


def speed_of(
    comparisons: Iterable[CaseComparison], *, excuse: str = "", limit: float = SLOWDOWN
) -> Speed | None:
    """Speed over all cases, or None where no case has both times."""
    ratios = [c.pace / c.stored_pace for c in comparisons if c.pace and c.stored_pace]
    if not ratios:
        return None
    lower, median = (float(q) for q in np.quantile(ratios, (0.25, 0.5)))
    return Speed(len(ratios), median, lower, excuse, limit)
