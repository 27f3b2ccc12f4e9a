"""What the records say about a claim of the literature, model by model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uipbench.metrics import LEAST_CASES, LEAST_DFT_FORCE
from uipbench.outcome import Predicted
from uipbench.resampling import LEAST_MATERIALS, interval, multiplicities
from uipbench.site.secondary import secondary_by_protocol
from uipbench.site.text import number, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from uipbench.case import Case
    from uipbench.site.records import Entry, Records
    from uipbench.site.tables import Tables, TaskTable

    About = Callable[[Case], bool]

IRON_PHOSPHATE = frozenset({"Fe", "P", "O"})
WITH_MAGNETIC_MOMENTS = frozenset({"CHGNet"})
"""Families that predict magnetic moments, from which they infer charges."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one model says about a claim.

    Attributes:
        shown: The number, as people read it.
        agrees: True, False, or None where the cases do not decide.
        cases: Cases that it is of.
    """

    entry: Entry
    shown: str
    agrees: bool | None
    cases: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A ratio of sums over cases with its 95 % interval over materials.

    Attributes:
        low: Lower end of the interval; NaN with fewer than five materials.
        high: Upper end of it.
    """

    value: float
    low: float
    high: float

    def show(self, text: Callable[[float], str]) -> str:
        """The value, and the interval where there is one."""
        if math.isnan(self.low):
            return text(self.value)
        return f"{text(self.value)} ({text(self.low)} … {text(self.high)})"


def estimate(
    materials: Sequence[str], above: np.ndarray, below: np.ndarray | None = None
) -> Estimate:
    """Σ above / Σ below with its bootstrap interval over materials.

    Args:
        materials: (c,) material of each case.
        above: (c,) numerators.
        below: (c,) denominators; without them 1 each, which makes it a mean.
    """
    below = np.ones(len(above)) if below is None else below
    value = float(above.sum() / below.sum())
    names = sorted(set(materials))
    if len(names) < LEAST_MATERIALS:
        return Estimate(value, math.nan, math.nan)
    counts = multiplicities(names)[:, [names.index(name) for name in materials]]
    with np.errstate(invalid="ignore"):
        low, high = interval((counts @ above) / (counts @ below))
    return Estimate(value, low, high)


def signed_errors(records: Records, tables: Tables, task: str, about: About) -> list[Evidence]:
    """Mean signed errors; an interval below zero agrees, one above zero is against."""
    found = []
    for entry, table, m, keep in _models(records, tables, task, about):
        mean = estimate(_materials(table, keep), table.signed[m, keep])
        agrees = True if mean.high < 0 else False if mean.low > 0 else None
        shown = mean.show(signed)
        found.append(Evidence(entry, shown, agrees, int(keep.sum())))
    return found


def absolute_errors(records: Records, tables: Tables, task: str, about: About) -> list[Evidence]:
    """Mean absolute errors; an interval above the references' mean uncertainty agrees."""
    found = []
    for entry, table, m, keep in _models(records, tables, task, about):
        mean = estimate(_materials(table, keep), table.errors.sizes[m, keep])
        stated = table.errors.uncertainty[keep]
        limit = float(np.nanmean(stated)) if not np.isnan(stated).all() else 0.0
        agrees = True if mean.low > limit else False if mean.high < limit else None
        shown = f"{mean.show(number)}; DFT ± {number(limit)}"
        found.append(Evidence(entry, shown, agrees, int(keep.sum())))
    return found


def softening_slopes(records: Records, tables: Tables, task: str, about: About) -> list[Evidence]:
    """Slope of model forces on DFT forces over all tasks; an interval below 1 agrees.

    The same tasks as in the board's overall column; ``task`` is not used.
    """
    del task
    counted = [
        table
        for (_, protocol), table in tables.items()
        if protocol == "fixed" and table.ran.any() and len(table.cases) >= LEAST_CASES
    ]
    found = []
    for m, entry in enumerate(records.entries):
        parts = [(table, _keep(table, m, about)) for table in counted]
        sums = np.vstack([np.zeros((0, 4)), *(t.forces[m, keep] for t, keep in parts)])
        n, _, _, loudness = sums.sum(axis=0)
        if not loudness > n * LEAST_DFT_FORCE**2:
            continue
        materials = [name for table, keep in parts for name in _materials(table, keep)]
        slope = estimate(materials, sums[:, 2], sums[:, 3])
        agrees = True if slope.high < 1 else False if slope.low > 1 else None
        shown = slope.show(lambda value: number(value, 2))
        found.append(Evidence(entry, shown, agrees, len(materials)))
    return found


def too_low_and_mixed(records: Records, tables: Tables, task: str, about: About) -> list[Evidence]:
    """Phases between the ends of a host, and the voltage.

    Phases on the hull with a voltage that is too low by more than the uncertainty agree; no phase
    between, or a voltage that is too high, is against.
    """
    found = []
    for entry, case, phases, error in _phases(records, tables, task, about):
        uncertainty = case.references[_table(tables, task).task.quantity].uncertainty or 0.0
        low = error < -uncertainty
        agrees = True if phases and low else False if not phases or error > uncertainty else None
        found.append(Evidence(entry, _profile(phases, error), agrees, 1))
    return found


def mixed_without_moments(
    records: Records, tables: Tables, task: str, about: About
) -> list[Evidence]:
    """Whether only the models with magnetic moments find two phases."""
    found = []
    for entry, _, phases, error in _phases(records, tables, task, about):
        agrees = (phases == 0) == (entry.card.family in WITH_MAGNETIC_MOMENTS)
        found.append(Evidence(entry, _profile(phases, error), agrees, 1))
    return found


def orientations(records: Records, tables: Tables, task: str, about: About) -> list[Evidence]:
    """Share of the orientations of the same two solids that are in the order of DFT."""
    del about
    if (task, "relaxed") not in tables:
        return []
    of_task = _table(tables, task).task
    found = []
    for entry in records.entries:
        metrics = {m.name: m for m in secondary_by_protocol(of_task, entry)["relaxed"]}
        pairs = metrics.get("orientations_in_order")
        if pairs is not None and pairs.n_used:
            in_order = round(pairs.value * pairs.n_used)
            shown = f"{in_order} of {pairs.n_used} pairs"
            found.append(Evidence(entry, shown, in_order == pairs.n_used, pairs.n_used))
    return found


def no_measure(records: Records, tables: Tables, task: str, about: About) -> list[Evidence]:
    """Nothing: the cases that a claim needs are not there yet."""
    del records, tables, task, about
    return []


def _models(
    records: Records, tables: Tables, task: str, about: About
) -> Iterator[tuple[Entry, TaskTable, int, np.ndarray]]:
    """Models that have numbers in the relaxed protocol, and which cases these are of."""
    table = tables.get((task, "relaxed"))
    if table is None:
        return
    for m, entry in enumerate(records.entries):
        keep = _keep(table, m, about) & ~np.isnan(table.signed[m])
        if keep.any():
            yield entry, table, m, keep


def _keep(table: TaskTable, model: int, about: About) -> np.ndarray:
    wanted = np.array([about(case) for case in table.cases], dtype=bool)
    return np.asarray(wanted & (table.status[model] == "predicted"))


def _materials(table: TaskTable, keep: np.ndarray) -> list[str]:
    return [table.cases[i].material for i in np.flatnonzero(keep)]


def _table(tables: Tables, task: str) -> TaskTable:
    return tables[task, "relaxed"]


def _phases(
    records: Records, tables: Tables, task: str, about: About
) -> Iterator[tuple[Entry, Case, int, float]]:
    """Stable contents between the ends, and the error of the average voltage in V."""
    if (task, "relaxed") not in tables:
        return
    table = _table(tables, task)
    for case in filter(about, table.cases):
        for entry in records.entries:
            outcome = entry.outcomes(task, "relaxed").get(case.id)
            if isinstance(outcome, Predicted) and "stable_intermediates" in outcome.values:
                quantity = table.task.quantity
                error = outcome.values[quantity] - case.reference(quantity)
                yield entry, case, round(outcome.values["stable_intermediates"]), error


def _profile(phases: int, error: float) -> str:
    return f"{phases} phases between, {signed(error, 2)} V"
