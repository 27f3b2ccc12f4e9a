"""One model: all its tasks compared, and the verdict."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np

from uipbench.history import HistoryMetrics, known_metrics
from uipbench.metrics import score
from uipbench.outcome import PROTOCOLS
from uipbench.plan import in_tier, selected_cases
from uipbench.reference_calculator import disagreements
from uipbench.regress.changes import Change, changed_cases, changes
from uipbench.regress.comparison import (
    CaseComparison,
    Deviation,
    compare_records,
    pooled_forces,
)
from uipbench.regress.speed import SLOWDOWN, Speed, speed_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from uipbench.outcome import Outcome, Protocol
    from uipbench.plan import Selection
    from uipbench.results import ResultFile
    from uipbench.task import Task

Verdict = Literal["ok", "slower", "drift", "failure"]


@dataclass(frozen=True, slots=True)
class TaskRegression:
    """One task of one model.

    Attributes:
        task: The task.
        comparisons: One a stored (case, protocol) that was selected.
        changes: What is not as in the stored run.
        forces: Forces on all DFT structures together, or None without any.
        references: References that do not follow from their own energies, one line each.
        history: Numbers for the history by protocol.
    """

    task: Task
    comparisons: tuple[CaseComparison, ...]
    changes: tuple[Change, ...]
    forces: Deviation | None
    references: tuple[str, ...]
    history: Mapping[str, HistoryMetrics]


@dataclass(frozen=True, slots=True)
class ModelRegression:
    """One model.

    Attributes:
        name: Name of the model.
        tasks: Its tasks.
        speed: Speed over all cases, or None.
    """

    name: str
    tasks: tuple[TaskRegression, ...]
    speed: Speed | None

    @property
    def comparisons(self) -> tuple[CaseComparison, ...]:
        """Those of all tasks."""
        return tuple(chain.from_iterable(t.comparisons for t in self.tasks))

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those of all tasks, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(t.changes for t in self.tasks)))

    @property
    def references(self) -> tuple[str, ...]:
        """Inconsistent references of all tasks."""
        return tuple(chain.from_iterable(t.references for t in self.tasks))

    @property
    def forces(self) -> tuple[str, ...]:
        """Tasks whose forces as a whole are beyond the tolerance."""
        found = ((t.task.name, t.forces) for t in self.tasks if t.forces is not None)
        return tuple(f"{name}: all forces: {d}" for name, d in found if not d.relative <= 1)

    @property
    def verdict(self) -> Verdict:
        """The worst of: a case without its number, drift, slowdown."""
        count = Counter(c.status for c in self.comparisons)
        if count["failure"]:
            return "failure"
        if count["drift"] or count["changed"] or self.references or self.forces:
            return "drift"
        if any(change.serious for change in self.changes):
            return "drift"
        return "slower" if self.speed is not None and self.speed.slower else "ok"


def compare_model(
    pairs: Sequence[tuple[Task, ResultFile, ResultFile]],
    selection: Selection,
    *,
    pinned: Collection[str] | None = None,
    slowdown: float = SLOWDOWN,
    busy: bool = False,
) -> ModelRegression:
    """Compare all tasks of one model.

    Args:
        pairs: Task, stored and fresh result of each; not empty.
        selection: What was computed.
        pinned: Packages that the model pins to one version; None where that is not known.
        slowdown: Factor beyond which the model counts as slower.
        busy: Whether the machine had other work, so that times say nothing.
    """
    tasks = tuple(_compare_task(*pair, selection, pinned) for pair in pairs)
    _, stored, fresh = pairs[0]
    same = stored.provenance.processor == fresh.provenance.processor
    excuse = "the machine was busy" if busy else "" if same else "another processor"
    comparisons = chain.from_iterable(t.comparisons for t in tasks)
    speed = speed_of(comparisons, excuse=excuse, limit=slowdown)
    return ModelRegression(stored.model.card.name, tasks, speed)


def _compare_task(
    task: Task,
    stored: ResultFile,
    fresh: ResultFile,
    selection: Selection,
    pinned: Collection[str] | None,
) -> TaskRegression:
    cases = {case.id: case for case in selected_cases(task, selection.cases)}
    known = changed_cases(task, stored, {case.id: case for case in task.cases()})
    records = {(r.case_id, r.protocol): r for r in fresh.records}
    comparisons, comparable = [], []
    for record in stored.records:
        case = cases.get(record.case_id)
        slot = (record.case_id, record.protocol)
        if case is None or record.protocol not in selection.protocols:
            continue
        if not in_tier(case, record.protocol, selection.tier):
            continue
        if slot in known:
            message = "the structures of the case are others than in the stored run; score again"
            comparisons.append(CaseComparison(task.name, *slot, "changed", message))
            continue
        units = {task.quantity: task.unit} | {q: r.unit for q, r in case.references.items()}
        comparisons.append(compare_records(task.name, record, records.get(slot), units))
        if slot in records:
            comparable.append((record, records[slot]))
    history = _history(task, fresh, selection, comparisons)
    found = tuple(changes(stored, fresh, pinned))
    references = tuple(_inconsistent(task, selection))
    forces = pooled_forces(comparable)
    return TaskRegression(task, tuple(comparisons), found, forces, references, history)


def _inconsistent(task: Task, selection: Selection) -> Iterator[str]:
    for case in selected_cases(task, selection.cases):
        for quantity, (stored, follows) in disagreements(task, case).items():
            unit = case.references[quantity].unit
            yield (
                f"{task.name}/{case.id}: the reference {quantity} is {stored:.6g} {unit}, but its "
                f"own DFT energies give {follows:.6g}"
            )


def _history(
    task: Task, fresh: ResultFile, selection: Selection, comparisons: Sequence[CaseComparison]
) -> dict[str, HistoryMetrics]:
    history: dict[str, HistoryMetrics] = {}
    for protocol in PROTOCOLS:
        outcomes = {r.case_id: r.as_outcome() for r in fresh.records if r.protocol == protocol}
        mine = [c for c in comparisons if c.protocol == protocol]
        if outcomes and mine:
            history[protocol] = _metrics(task, outcomes, protocol, selection, mine)
    return history


def _metrics(
    task: Task,
    outcomes: Mapping[str, Outcome],
    protocol: Protocol,
    selection: Selection,
    mine: Sequence[CaseComparison],
) -> HistoryMetrics:
    cases = [case for case in selected_cases(task, selection.cases) if case.id in outcomes]
    paces = [c.pace for c in mine if c.pace]
    ratios = [c.pace / c.stored_pace for c in mine if c.pace and c.stored_pace]
    return HistoryMetrics(
        metrics=known_metrics(score(cases, outcomes, task.quantity, protocol)),
        n_cases=len(cases),
        largest_deviation=min(1e9, max(c.worst for c in mine)),
        seconds_per_evaluation=float(np.median(paces)) if paces else None,
        speed_ratio=float(np.median(ratios)) if ratios else None,
    )
