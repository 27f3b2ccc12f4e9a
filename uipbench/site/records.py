"""What the site is made of: tasks with their cases, and models with their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from uipbench.errors import ResultFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.outcome import Outcome, Protocol
    from uipbench.results import CardRecord, ResultFile
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

    @property
    def name(self) -> str:
        """Name of the model, which is also the name of its page."""
        return self.card.name

    def outcomes(self, task: str, protocol: Protocol) -> Mapping[str, Outcome]:
        """Outcome by case identifier; empty if the model was not run."""
        return self._outcomes.get((task, protocol), {})


@dataclass(frozen=True, slots=True)
class Records:
    """Everything the pages are a function of.

    Attributes:
        tasks: In the order in which they are shown.
        entries: Sorted by name.
    """

    tasks: tuple[Task, ...]
    entries: tuple[Entry, ...]


def gather(results: Sequence[ResultFile], tasks: Sequence[Task], own: frozenset[str]) -> Records:
    """Group result files by model; results of tasks that are not given are left out.

    Raises:
        ResultFileError: Two result files of one model and task.
    """
    names = {task.name for task in tasks}
    grouped: dict[str, dict[str, ResultFile]] = {}
    for result in results:
        if result.task not in names:
            continue
        of_model = grouped.setdefault(result.model.card.name, {})
        if result.task in of_model:
            msg = (
                f"two results of model '{result.model.card.name}' in task '{result.task}'; "
                "leave one of the folders out or rename the model"
            )
            raise ResultFileError(msg)
        of_model[result.task] = result
    entries = (_entry(name, grouped[name], own) for name in sorted(grouped))
    return Records(tuple(tasks), tuple(entries))


def _entry(name: str, results: dict[str, ResultFile], own: frozenset[str]) -> Entry:
    ordered = dict(sorted(results.items()))
    first = next(iter(ordered.values()))
    marked = name in own or any(result.model.own for result in ordered.values())
    return Entry(first.model.card, marked, ordered, _outcomes(ordered))


def _outcomes(results: dict[str, ResultFile]) -> dict[tuple[str, str], dict[str, Outcome]]:
    found: dict[tuple[str, str], dict[str, Outcome]] = {}
    for task, result in results.items():
        for record in result.records:
            found.setdefault((task, record.protocol), {})[record.case_id] = record.as_outcome()
    return found
