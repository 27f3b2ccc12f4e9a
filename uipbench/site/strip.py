"""The dot strip of a case page: every prediction of a case on one axis, a row a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 240
_MARGIN = 16
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MAX_INTERVALS = 4


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis, ``WIDTH`` pixels wide.

    Attributes:
        low: Value at the left end.
        high: Value at the right end.
        step: Distance of the ticks.
    """

    low: float
    high: float
    step: float

    def x(self, value: float) -> float:
        """Position of a value in pixels."""
        share = (value - self.low) / (self.high - self.low)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1)

    def width(self, size: float) -> float:
        """Length of an interval in pixels."""
        return round(size / (self.high - self.low) * (WIDTH - 2 * _MARGIN), 1)

    @property
    def digits(self) -> int:
        """Decimals that the tick labels need."""
        digits = max(0, -math.floor(math.log10(self.step) + 1e-9))
        return digits if math.isclose(self.step, round(self.step, digits)) else digits + 1

    @property
    def ticks(self) -> list[float]:
        """Values of the ticks."""
        count = round((self.high - self.low) / self.step)
        return [self.low + i * self.step for i in range(count + 1)]


def make_axis(values: Sequence[float]) -> Axis:
    """An axis with round ends that holds all values.

    Raises:
        ValueError: No values.
    """
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    step = _round_step(span / _MAX_INTERVALS)
    start = math.floor(low / step + 1e-9) * step
    end = math.ceil(high / step - 1e-9) * step
    return Axis(start, max(end, start + step), step)


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(s for s in _STEPS if s * power >= raw * (1 - 1e-9)) * power
