"""What the site is made of: tasks with their cases, and models with their results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uipbench.errors import ResultFileError
from uipbench.plan import content_key, physics_version
from uipbench.secondary import secondary_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.history import HistoryEntry
    from uipbench.outcome import Outcome, Protocol
    from uipbench.results import (
        CardRecord,
        CheckRecord,
        FailedRecord,
        PredictedRecord,
        ResultFile,
    )
    from uipbench.secondary import SecondaryMetric
    from uipbench.task import Task


@dataclass(frozen=True, slots=True)
class Entry:
    """One model with all its results.

    Attributes:
        card: The model card of its first result.
        own: Whether it is the visitor's own model or run rather than a public one.
        results: Result file by name of the task.
    """

    card: CardRecord
    own: bool
    results: Mapping[str, ResultFile]
    _outcomes: Mapping[tuple[str, str], Mapping[str, Outcome]]
    _stale: Mapping[tuple[str, str], frozenset[str]]
    _records: Mapping[tuple[str, str], Mapping[str, PredictedRecord | FailedRecord]]
    _secondary: dict[tuple[str, str], list[SecondaryMetric]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def name(self) -> str:
        """Name of the model, which is also the name of its page."""
        return self.card.name

    @property
    def check(self) -> CheckRecord | None:
        """Conformance report of its first result that has one."""
        return next((r.check for r in self.results.values() if r.check), None)

    @property
    def failed_checks(self) -> list[str]:
        """Names of the essential checks that the model failed before any of its results."""
        reports = [r.check for r in self.results.values() if r.check]
        return list(dict.fromkeys(name for report in reports for name in report.names("fail")))

    def outcomes(self, task: str, protocol: Protocol) -> Mapping[str, Outcome]:
        """Outcome by case identifier; empty if the model was not run. Stale ones are left out."""
        return self._outcomes.get((task, protocol), {})

    def secondary(self, task: Task, protocol: Protocol) -> list[SecondaryMetric]:
        """Secondary metrics over all cases of a task; several pages show them, so they are kept."""
        place = (task.name, protocol)
        if place not in self._secondary:
            outcomes = self.outcomes(task.name, protocol)
            self._secondary[place] = secondary_metrics(task, task.cases(), outcomes, protocol)
        return self._secondary[place]

    def records_of(self, task: str, case_id: str) -> Mapping[str, PredictedRecord | FailedRecord]:
        """Records of a case by protocol, also stale ones."""
        return self._records.get((task, case_id), {})

    def stale(self, task: str, protocol: Protocol) -> frozenset[str]:
        """Cases whose record was made with another version of the task or of the case."""
        return self._stale.get((task, protocol), frozenset())


@dataclass(frozen=True, slots=True)
class Records:
    """Everything the pages are a function of.

    Attributes:
        tasks: In the order in which they are shown.
        entries: Sorted by name.
        history: Nights of the regression in order; None where no history was given.
    """

    tasks: tuple[Task, ...]
    entries: tuple[Entry, ...]
    history: tuple[HistoryEntry, ...] | None = None


def gather(
    results: Sequence[ResultFile],
    tasks: Sequence[Task],
    own: frozenset[str],
    history: Sequence[HistoryEntry] | None = None,
) -> Records:
    """Group result files by model; results of tasks that are not given are left out.

    Raises:
        ResultFileError: Two result files of one model and task.
    """
    by_name = {task.name: task for task in tasks}
    grouped: dict[str, dict[str, ResultFile]] = {}
    for result in results:
        if result.task not in by_name or not _of_same_cases(result, by_name[result.task]):
            continue
        of_model = grouped.setdefault(result.model.card.name, {})
        if result.task in of_model:
            msg = (
                f"two results of model '{result.model.card.name}' in task '{result.task}'; "
                "leave one of the folders out or rename the model"
            )
            raise ResultFileError(msg)
        of_model[result.task] = result
    entries = (_entry(name, grouped[name], by_name, own) for name in sorted(grouped))
    nights = None if history is None else tuple(sorted(history, key=lambda e: (e.date, e.model)))
    return Records(tuple(tasks), tuple(entries), nights)


def _of_same_cases(result: ResultFile, task: Task) -> bool:
    """Results on a user's own cases are never shown with the public ones."""
    name = None if result.own_data is None else result.own_data.name
    return name == getattr(task, "own_data", None)


def _entry(
    name: str, results: dict[str, ResultFile], tasks: Mapping[str, Task], own: frozenset[str]
) -> Entry:
    ordered = dict(sorted(results.items()))
    first = next(iter(ordered.values()))
    marked = name in own or any(result.model.own for result in ordered.values())
    split = [_split(result, tasks[task]) for task, result in ordered.items()]
    outcomes = {place: found for current, _ in split for place, found in current.items()}
    stale = {place: frozenset(ids) for _, old in split for place, ids in old.items()}
    records: dict[tuple[str, str], dict[str, PredictedRecord | FailedRecord]] = {}
    for task, result in ordered.items():
        for record in result.records:
            records.setdefault((task, record.case_id), {})[record.protocol] = record.outcome
    return Entry(first.model.card, marked, ordered, outcomes, stale, records)


def _split(
    result: ResultFile, task: Task
) -> tuple[dict[tuple[str, str], dict[str, Outcome]], dict[tuple[str, str], set[str]]]:
    """Current outcomes and identifiers of stale ones; records of unknown cases are in neither."""
    version = physics_version(task, result.model)
    cases = {case.id: case for case in task.cases()}
    current: dict[tuple[str, str], dict[str, Outcome]] = {}
    stale: dict[tuple[str, str], set[str]] = {}
    for record in result.records:
        case = cases.get(record.case_id)
        if case is None:
            continue
        place = (task.name, record.protocol)
        key = content_key(result.model, result.settings, version, task, case, record.protocol)
        if record.key == key:
            current.setdefault(place, {})[case.id] = record.as_outcome()
        else:
            stale.setdefault(place, set()).add(case.id)
    return current, stale
