"""Outcomes of all models in one task and protocol as arrays, from records and references."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from uipbench.metrics import trivial_prediction
from uipbench.outcome import PROTOCOLS, Predicted
from uipbench.ranking import ErrorTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.case import Case
    from uipbench.outcome import Outcome, Protocol
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task

Status = Literal["predicted", "failed", "stale", "missing"]
FORCE_SUMS = ("n", "sum_abs", "sum_model_dft", "sum_dft_sq")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskTable:
    """All outcomes of a task in one protocol; m models in the records' order, c cases.

    Attributes:
        cases: Those that have the protocol and the scored quantity.
        errors: Sizes of the errors, the trivial predictor's errors, and uncertainties.
        signed: (m, c) prediction − reference of the scored quantity; NaN without a number.
        references: (c,) references.
        status: (m, c) what came of each case.
        seconds: (m, c) time of the evaluations.
        evaluations: (m, c) structures evaluated.
        forces: (m, c, 4) sums over force components, as in ``FORCE_SUMS``.
    """

    task: Task
    protocol: Protocol
    cases: tuple[Case, ...]
    errors: ErrorTable
    signed: np.ndarray
    references: np.ndarray
    status: np.ndarray
    seconds: np.ndarray
    evaluations: np.ndarray
    forces: np.ndarray

    @property
    def ran(self) -> np.ndarray:
        """(m,) whether a model has any current outcome."""
        return np.asarray(np.isin(self.status, ("predicted", "failed")).any(axis=1))


Tables = dict[tuple[str, str], TaskTable]


def all_tables(records: Records) -> Tables:
    """The table of every task and protocol, by name of the task and protocol."""
    return {(t.name, p): _table(records, t, p) for t in records.tasks for p in PROTOCOLS}


def trivial_errors(task: Task, cases: Sequence[Case]) -> list[float]:
    """Size of the error of always answering the median reference, by case."""
    if not cases:
        return []
    median = trivial_prediction([case.reference(task.quantity) for case in cases])
    guessed = (task.absolute_error(case, {task.quantity: median}) for case in cases)
    return [size or 0.0 for size in guessed]


def scored_cases(task: Task, protocol: Protocol) -> tuple[Case, ...]:
    """Cases that have the protocol and a reference of the scored quantity."""
    return tuple(
        c for c in task.cases() if protocol in c.protocols and task.quantity in c.references
    )


def _table(records: Records, task: Task, protocol: Protocol) -> TaskTable:
    cases = scored_cases(task, protocol)
    shape = (len(records.entries), len(cases))
    sizes, signed = np.full(shape, np.nan), np.full(shape, np.nan)
    status = np.full(shape, "missing", dtype=object)
    seconds, evaluations = np.zeros(shape), np.zeros(shape, dtype=int)
    forces = np.zeros((*shape, len(FORCE_SUMS)))
    for m, entry in enumerate(records.entries):
        outcomes = entry.outcomes(task.name, protocol)
        for c, case in enumerate(cases):
            outcome = outcomes.get(case.id)
            status[m, c] = _status(entry, task, case, protocol, outcome)
            if outcome is None:
                continue
            seconds[m, c], evaluations[m, c] = outcome.seconds, outcome.evaluations
            if isinstance(outcome, Predicted):
                sizes[m, c], signed[m, c] = _errors(task, case, outcome)
                forces[m, c] = _forces(outcome)
    references = [case.references[task.quantity] for case in cases]
    stated = [math.nan if r.uncertainty is None else r.uncertainty for r in references]
    errors = ErrorTable(
        name=task.name,
        materials=tuple(case.material for case in cases),
        sizes=sizes,
        trivial=np.array(trivial_errors(task, cases)),
        uncertainty=np.array(stated),
    )
    return TaskTable(
        task=task,
        protocol=protocol,
        cases=cases,
        errors=errors,
        signed=signed,
        references=np.array([r.value for r in references]),
        status=status,
        seconds=seconds,
        evaluations=evaluations,
        forces=forces,
    )


def _status(
    entry: Entry, task: Task, case: Case, protocol: Protocol, outcome: Outcome | None
) -> Status:
    if outcome is None:
        return "stale" if case.id in entry.stale(task.name, protocol) else "missing"
    if not isinstance(outcome, Predicted) or task.absolute_error(case, outcome.values) is None:
        return "failed"
    return "predicted"


def _errors(task: Task, case: Case, outcome: Predicted) -> tuple[float, float]:
    size = task.absolute_error(case, outcome.values)
    if size is None:
        return math.nan, math.nan
    value = outcome.values.get(task.quantity, math.nan)
    return size, value - case.reference(task.quantity)


def _forces(outcome: Predicted) -> list[float]:
    return [sum(s[name] for s in outcome.force_statistics.values()) for name in FORCE_SUMS]
