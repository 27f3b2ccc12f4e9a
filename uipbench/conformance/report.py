"""One check, what it found, and the line of the report that it becomes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from uipbench.errors import CalculationError
from uipbench.results import CheckLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from uipbench.conformance.probe import Subject

Status = Literal["pass", "fail", "warning", "unknown"]
_MESSAGE_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found.

    Attributes:
        status: ``fail`` becomes a warning where the check is not essential.
        measured: What was found, as people read it.
        limit: What is allowed.
        value: The number compared, or None.
        bound: The largest number allowed, or None.
        unit: Unit of both in plain ASCII.
    """

    status: Status
    measured: str
    limit: str
    value: float | None = None
    bound: float | None = None
    unit: str = ""


NOT_MADE: Final = Finding(status="unknown", measured="not reached", limit="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check.

    Attributes:
        name: Short name.
        essential: Whether a model that fails it is not scored.
        meaning: What a failure means.
        find: Makes the check.
    """

    name: str
    essential: bool
    meaning: str
    find: Callable[[Subject], Finding] = lambda _subject: NOT_MADE

    def line(self, subject: Subject) -> CheckLine:
        """Make the check; a structure the model cannot answer for is a failure of it.

        Raises:
            WorkerError: The worker is gone, so that nothing further can be checked.
        """
        try:
            finding = self.find(subject)
        except CalculationError as error:
            message = " ".join(str(error).split())[:_MESSAGE_LENGTH]
            finding = Finding(status="fail", measured=message, limit="an answer")
        return self.as_line(finding)

    def as_line(self, finding: Finding) -> CheckLine:
        """The finding as a line of the report."""
        status = finding.status
        if status == "fail" and not self.essential:
            status = "warning"
        return CheckLine(
            name=self.name,
            status=status,
            measured=finding.measured,
            limit=finding.limit,
            meaning=self.meaning,
            value=_finite(finding.value),
            bound=_finite(finding.bound),
            unit=finding.unit,
        )


def judge(value: float, bound: float) -> Status:
    """``pass`` up to the bound; NaN fails, and so does a bound that overflowed."""
    return "pass" if value <= bound < math.inf else "fail"


def _finite(value: float | None) -> float | None:
    """A number that JSON has, or None."""
    return value if value is not None and math.isfinite(value) else None
