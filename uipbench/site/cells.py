"""One prediction beside its reference: number, error, colour level, or why there is none."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from uipbench.errors import CaseError
from uipbench.outcome import Failed, Predicted
from uipbench.site.tables import trivial_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uipbench.case import Case
    from uipbench.outcome import Protocol
    from uipbench.site.records import Entry
    from uipbench.task import Task

_LEVELS = (0.1, 0.3, 0.6, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a table shows of one outcome.

    Attributes:
        status: Whether there is a number, a reason for none, or no run.
        value: Prediction in the task's unit, or None.
        error: Prediction − reference, or None.
        level: Colour level from −4 (far too low) over 0 to 4 (far too high).
        kind: Kind of the failure, as people read it.
        message: The failure's message.
    """

    status: Literal["predicted", "failed", "missing", "stale", "none"]
    value: float | None = None
    error: float | None = None
    level: int = 0
    kind: str = ""
    message: str = ""

    @property
    def sort(self) -> float | None:
        """Sort key: size of the error."""
        return None if self.error is None else abs(self.error)


@dataclass(frozen=True, slots=True)
class ErrorScale:
    """Limits of the colour levels in the task's unit.

    They are fractions of the mean error of the trivial predictor (always the median reference),
    so that the same colour means the same loss of skill in every task.
    """

    limits: tuple[float, ...]

    def level(self, error: float) -> int:
        """Colour level of a signed error."""
        size = bisect_right(self.limits, abs(error))
        return size if error > 0 else -size


def error_scale(task: Task) -> ErrorScale:
    """The colour scale of a task."""
    sizes = trivial_errors(task, [c for c in task.cases() if task.quantity in c.references])
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    return ErrorScale(tuple(mean * fraction for fraction in _LEVELS) if mean else ())


@dataclass(frozen=True, slots=True)
class CellMaker:
    """Makes the cells of a task.

    Attributes:
        task: The task.
        scale: Its colour scale.
    """

    task: Task
    scale: ErrorScale

    def __call__(self, entry: Entry, case: Case, protocol: Protocol, quantity: str = "") -> Cell:
        """The cell of a model, case and protocol, for the scored quantity or another one."""
        name = quantity or self.task.quantity
        outcome = entry.outcomes(self.task.name, protocol).get(case.id)
        if isinstance(outcome, Predicted):
            return _number_cell(outcome, case, self, name)
        if name != self.task.quantity:
            return Cell(status="none")
        if isinstance(outcome, Failed):
            kind = outcome.kind.replace("_", " ")
            return Cell(status="failed", kind=kind, message=outcome.message)
        stale = case.id in entry.stale(self.task.name, protocol)
        return Cell(status="stale" if stale else "missing")


def cell_maker(task: Task) -> CellMaker:
    """The maker of a task's cells."""
    return CellMaker(task, error_scale(task))


def _number_cell(outcome: Predicted, case: Case, maker: CellMaker, name: str) -> Cell:
    error = maker.task.errors(case, outcome.values).get(name)
    if error is None:
        return Cell(status="none")
    return Cell(
        status="predicted",
        value=outcome.values[name],
        error=error,
        level=maker.scale.level(error) if _is_of_scale(case, maker.task, name) else 0,
    )


def _is_of_scale(case: Case, task: Task, name: str) -> bool:
    """Whether the colours of the task's errors mean something for a quantity."""
    return name == task.quantity or case.references[name].unit == task.unit


def failure_meanings() -> dict[str, str]:
    """What each kind of failure means, from the errors' own documentation."""
    meanings: dict[str, str] = {}
    for error in _subclasses(CaseError):
        text = (error.__doc__ or "").strip().splitlines()
        meanings.setdefault(error.kind.replace("_", " "), text[0] if text else "")
    return meanings


def _subclasses(error: type[CaseError]) -> Iterator[type[CaseError]]:
    for child in error.__subclasses__():
        if child.__module__ == CaseError.__module__:
            yield child
            yield from _subclasses(child)
