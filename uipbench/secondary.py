"""Metrics beside a task's primary one: orders and the errors of further quantities.

They are computed from references and records whenever they are shown, never stored. A task adds
its own in ``metrics.py`` of its folder, which is not part of the task's version: a metric can
change without making predictions stale.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from uipbench.outcome import Predicted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from uipbench.case import Case
    from uipbench.outcome import Outcome
    from uipbench.task import Task

FEWEST_TO_ORDER = 3
"""Two values have a right and a wrong order only: pairs are counted by :func:`pairs_in_order`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondaryMetric:
    """A number beside the primary metric.

    Attributes:
        name: Identifier, such as ``facet_order``.
        title: What people read.
        value: NaN where nothing can be compared.
        unit: Unit in plain ASCII, or nothing.
        n_used: Cases (or pairs of cases) that went into ``value``.
        n_possible: Cases (or pairs) that could have, had all of them a number.
        of: What is counted, such as ``facets``.
        explanation: One sentence: what it is, and which value is best.
    """

    name: str
    title: str
    value: float
    unit: str = ""
    n_used: int
    n_possible: int
    of: str = "cases"
    explanation: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A reference and what a model makes of it.

    Attributes:
        reference: Reference value.
        uncertainty: Of the reference; zero where it is not stated.
        predicted: Prediction, or None where there is none.
    """

    reference: float
    uncertainty: float
    predicted: float | None


def secondary_metrics(
    task: Task, cases: Sequence[Case], outcomes: Mapping[str, Outcome], protocol: str
) -> list[SecondaryMetric]:
    """All secondary metrics of a task in one protocol, over the cases that have it."""
    scored = [case for case in cases if protocol in case.protocols]
    known = {case.id: outcomes[case.id] for case in scored if case.id in outcomes}
    return [m for m in task.secondary_metrics(scored, known) if m.n_possible]


def metrics_of_folder(
    module: str,
) -> Callable[[Sequence[Case], Mapping[str, Outcome]], Iterable[SecondaryMetric]]:
    """``secondary_metrics`` of ``metrics.py`` beside a task's module; one without any if none."""
    package = importlib.import_module(module)
    name = f"{module}.metrics"
    if not hasattr(package, "__path__") or importlib.util.find_spec(name) is None:
        return lambda _cases, _outcomes: ()
    found: Callable[..., Iterable[SecondaryMetric]]
    found = importlib.import_module(name).secondary_metrics
    return found


def compared(
    cases: Iterable[Case], outcomes: Mapping[str, Outcome], quantity: str
) -> list[Compared]:
    """The cases that have a reference of the quantity."""
    return [
        Compared(
            case.references[quantity].value,
            case.references[quantity].uncertainty or 0.0,
            predicted_value(outcomes.get(case.id), quantity),
        )
        for case in cases
        if quantity in case.references
    ]


def predicted_value(outcome: Outcome | None, quantity: str) -> float | None:
    """What was predicted, or None for a failure, a case that was not run, or no such quantity."""
    return outcome.values.get(quantity) if isinstance(outcome, Predicted) else None


def by_material(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """Cases grouped by material, in their order."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.material].append(case)
    return dict(groups)


def spearman(pairs: Sequence[Compared]) -> float:
    """Spearman's rank correlation of predictions and references; NaN where it has no meaning.

    The correlation of the ranks, ties with their mean rank (Spearman, Am. J. Psychol. 15, 72
    (1904), doi:10.2307/1412159). A model that gives every case the same value has no order: 0.
    """
    known = [(p.reference, p.predicted) for p in pairs if p.predicted is not None]
    if len(known) < FEWEST_TO_ORDER:
        return math.nan
    references, predictions = (mean_ranks(values) for values in np.array(known).T)
    if np.ptp(references) == 0:
        return math.nan
    if np.ptp(predictions) == 0:
        return 0.0
    return float(np.corrcoef(references, predictions)[0, 1])


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """(n,) ranks from 1 on, ties with their mean rank.

    As SciPy's ``rankdata``, whose import takes longer than a whole rerun should.
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def mean_spearman(
    groups: Iterable[Sequence[Compared]], *, name: str, title: str, of: str, explanation: str
) -> SecondaryMetric:
    """Mean of :func:`spearman` over the groups with at least three cases.

    A case without a number is left out of its group; ``n_used`` says so.
    """
    large = [group for group in groups if len(group) >= FEWEST_TO_ORDER]
    ordered = [(spearman(group), _known(group)) for group in large]
    found = [(value, n) for value, n in ordered if not math.isnan(value)]
    return SecondaryMetric(
        name=name,
        title=title,
        value=mean_or_nan([value for value, _ in found]),
        n_used=sum(n for _, n in found),
        n_possible=sum(map(len, large)),
        of=of,
        explanation=explanation,
    )


def pairs_in_order(
    groups: Iterable[Sequence[Compared]], *, name: str, title: str, explanation: str
) -> SecondaryMetric:
    """Share of the pairs within a group whose order is that of the references.

    Pairs count whose references differ by more than the root of their summed squared
    uncertainties; a tie of the model is not in order.
    """
    pairs = [
        (a, b)
        for group in groups
        for a, b in combinations(group, 2)
        if abs(a.reference - b.reference) > math.hypot(a.uncertainty, b.uncertainty)
    ]
    known = [
        (a.predicted - b.predicted) * (a.reference - b.reference) > 0
        for a, b in pairs
        if a.predicted is not None and b.predicted is not None
    ]
    return SecondaryMetric(
        name=name,
        title=title,
        value=mean_or_nan([float(right) for right in known]),
        n_used=len(known),
        n_possible=len(pairs),
        of="pairs",
        explanation=explanation,
    )


def mean_absolute_errors(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome], scored: str
) -> list[SecondaryMetric]:
    """Mean absolute error of every quantity with a reference that is not the scored one.

    A quantity that no prediction has, such as one of the other protocol, is left out.
    """
    names = dict.fromkeys(name for case in cases for name in case.references if name != scored)
    predicted = {n for o in outcomes.values() if isinstance(o, Predicted) for n in o.values}
    return [_mean_absolute_error(cases, outcomes, name) for name in names if name in predicted]


def _mean_absolute_error(
    cases: Sequence[Case], outcomes: Mapping[str, Outcome], name: str
) -> SecondaryMetric:
    found = compared(cases, outcomes, name)
    errors = [abs(p.predicted - p.reference) for p in found if p.predicted is not None]
    words = name.replace("_", " ")
    return SecondaryMetric(
        name=f"{name}_mae",
        title=f"MAE of the {words}",
        value=mean_or_nan(errors),
        unit=next(c.references[name].unit for c in cases if name in c.references),
        n_used=len(errors),
        n_possible=len(found),
        explanation=f"Mean absolute error of the {words}, over the cases that have a number.",
    )


def _known(group: Sequence[Compared]) -> int:
    return sum(pair.predicted is not None for pair in group)


def mean_or_nan(values: Sequence[float]) -> float:
    """Mean, or NaN of nothing."""
    return math.fsum(values) / len(values) if values else math.nan
