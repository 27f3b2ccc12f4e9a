"""The lower convex hull of energy against content, and the voltages that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

ON_HULL_EV = 1e-6
"""A phase this far below the line between its neighbours (eV per formula unit) is on the hull."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Voltage against content, constant between two corners of the hull.

    Attributes:
        contents: Corners of the hull in ions per formula unit, rising.
        voltages: V between neighbouring corners, one fewer.
    """

    contents: tuple[float, ...]
    voltages: tuple[float, ...]

    @property
    def average(self) -> float:
        """Voltage averaged over the capacity."""
        return float(np.dot(self.voltages, np.diff(self.contents)) / np.ptp(self.contents))

    def mean_distance(self, other: Profile) -> float:
        """1/Δx ∫|V − V'| dx in V of two profiles between the same ends."""
        edges = np.unique([*self.contents, *other.contents])
        middles = (edges[1:] + edges[:-1]) / 2
        difference = np.abs(self._at(middles) - other._at(middles))
        return float(np.dot(difference, np.diff(edges)) / np.ptp(edges))

    def _at(self, contents: np.ndarray) -> np.ndarray:
        steps = np.searchsorted(self.contents, contents) - 1
        return np.asarray(self.voltages)[np.clip(steps, 0, len(self.voltages) - 1)]


def voltage_profile(energies: Mapping[float, float], metal: float) -> Profile:
    """Voltages between the corners of the lower convex hull.

    Args:
        energies: Lowest energy of each content in eV per formula unit, by content.
        metal: Energy of the metal in eV an atom.
    """
    corners: list[tuple[float, float]] = []
    for point in formation_energies(energies).items():
        while len(corners) > 1 and _above(corners[-2], corners[-1], point) > -ON_HULL_EV:
            corners.pop()
        corners.append(point)
    x = tuple(content for content, _ in corners)
    return Profile(x, tuple(metal - (energies[b] - energies[a]) / (b - a) for a, b in pairwise(x)))


def _above(
    left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]
) -> float:
    share = (middle[0] - left[0]) / (right[0] - left[0])
    return middle[1] - left[1] - share * (right[1] - left[1])


def formation_energies(energies: Mapping[float, float]) -> dict[float, float]:
    """Energy of every content above the line between the two ends, by rising content."""
    first, last = min(energies), max(energies)
    slope = (energies[last] - energies[first]) / (last - first)
    return {x: energies[x] - energies[first] - slope * (x - first) for x in sorted(energies)}
