"""Where a model is strong: skill by element, as a periodic table, and by class of material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.data import chemical_symbols

from uipbench.metrics import LEAST_CASES
from uipbench.ranking import task_skills

if TYPE_CHECKING:
    from collections.abc import Callable

    from uipbench.case import Case
    from uipbench.outcome import Protocol
    from uipbench.site.tables import Tables

_LIMITS = (0.0, 0.25, 0.5, 0.75)
_NOBLE = (0, 2, 10, 18, 36, 54, 86, 118)
_F_BLOCK = 14
_LONG_PERIOD = 32


@dataclass(frozen=True, slots=True)
class Strength:
    """Skill over the cases that share something; tasks count by their cases.

    Tasks of too few cases for a skill are left out.

    Attributes:
        name: Element or class.
        skill: NaN if the model was not run in any of the cases.
        n_cases: Cases, also failed and missing ones.
        level: From 0 (no better than the guess) to 4 (skill above 0.75).
    """

    name: str
    skill: float
    n_cases: int

    @property
    def level(self) -> int:
        """Colour level."""
        return sum(self.skill > limit for limit in _LIMITS)


@dataclass(frozen=True, slots=True)
class ElementCell:
    """A place in the periodic table."""

    symbol: str
    row: int
    column: int
    strength: Strength | None


def by_chemistry(tables: Tables, model: int, protocol: Protocol) -> list[Strength]:
    """Skill of a model in each class of material, best first."""
    names = _values(tables, protocol, lambda case: (case.chemistry,))
    found = [_strength(tables, model, protocol, n, lambda c: (c.chemistry,)) for n in names]
    return sorted((s for s in found if s), key=lambda s: -s.skill)


def periodic_table(tables: Tables, model: int, protocol: Protocol) -> list[ElementCell]:
    """All elements in their places, with the model's skill in the cases that hold them."""
    present = set(_values(tables, protocol, lambda case: case.elements))
    return [
        ElementCell(
            symbol,
            *place(number),
            _strength(tables, model, protocol, symbol, lambda c: c.elements)
            if symbol in present
            else None,
        )
        for number, symbol in enumerate(chemical_symbols)
        if 0 < number <= _NOBLE[-1]
    ]


def place(number: int) -> tuple[int, int]:
    """Row and column of an element in the table of 18 columns; the f block is in rows 9 and 10."""
    period = next(p for p, end in enumerate(_NOBLE) if number <= end)
    index, length = number - _NOBLE[period - 1], _NOBLE[period] - _NOBLE[period - 1]
    if length == _LONG_PERIOD and 2 < index <= 2 + _F_BLOCK:  # noqa: PLR2004 - behind group 2
        return period + 3, index
    from_end = length - index
    in_front = 1 if length == 2 else 2  # noqa: PLR2004 - hydrogen and helium
    return period, index if index <= in_front else 18 - from_end


def _values(tables: Tables, protocol: Protocol, of: Callable[[Case], tuple[str, ...]]) -> list[str]:
    cases = (case for (_, p), t in tables.items() if p == protocol for case in t.cases)
    return sorted({value for case in cases for value in of(case)})


def _strength(
    tables: Tables,
    model: int,
    protocol: Protocol,
    name: str,
    of: Callable[[Case], tuple[str, ...]],
) -> Strength | None:
    skills, counts = [], []
    for (_, of_protocol), table in tables.items():
        keep = np.array([name in of(case) for case in table.cases], dtype=bool)
        enough = keep.any() and len(table.cases) >= LEAST_CASES
        if of_protocol != protocol or not enough or not table.ran[model]:
            continue
        one = table.errors.of_cases(keep).of_models(np.array([model]))
        skills.append(float(task_skills(one)[0]))
        counts.append(int(keep.sum()))
    if not counts:
        return None
    return Strength(name, float(np.average(skills, weights=counts)), sum(counts))
