"""One case: the fresh record against the stored one."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from uipbench.regress.tolerances import force_tolerance, value_tolerance
from uipbench.results import FailedRecord, PredictedRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from uipbench.outcome import Protocol
    from uipbench.results import CaseRecord

Status = Literal["same", "drift", "failure", "changed", "note"]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A number that was stored and computed again.

    Attributes:
        quantity: Its name; ``force_rms[role]`` is the root-mean-square force on a DFT structure.
        unit: Its unit, or None.
        stored: The stored value.
        fresh: The fresh one.
        tolerance: Largest deviation that is no drift.
    """

    quantity: str
    unit: str | None
    stored: float
    fresh: float
    tolerance: float

    @property
    def relative(self) -> float:
        """Deviation in units of the tolerance."""
        return abs(self.fresh - self.stored) / self.tolerance

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.quantity} {self.stored:.6g} → {self.fresh:.6g}{unit} "
            f"({self.fresh - self.stored:+.2g}, tolerance {self.tolerance:.2g})"
        )


@dataclass(frozen=True, slots=True)
class CaseComparison:
    """What came of one case.

    Attributes:
        task: Name of the task.
        case_id: Identifier of the case.
        protocol: ``fixed`` or ``relaxed``.
        status: ``same`` within the tolerances; ``drift`` beyond one; ``failure``: had a number and
            has none now; ``changed``: the structures of the case are others than in the stored run;
            ``note``: another reason of failure than stored, or a number where there was none.
        message: One line for anything but ``same``.
        deviations: All numbers that were compared.
        seconds: Fresh time of evaluation.
        pace: Fresh seconds an evaluation, or None.
        stored_pace: The same as stored.
    """

    task: str
    case_id: str
    protocol: Protocol
    status: Status
    message: str = ""
    deviations: tuple[Deviation, ...] = ()
    seconds: float = 0.0
    pace: float | None = None
    stored_pace: float | None = None

    @property
    def worst(self) -> float:
        """Largest deviation in units of its tolerance; 0 where nothing was compared."""
        return max((d.relative for d in self.deviations), default=0.0)


def compare_records(
    task: str, stored: CaseRecord, fresh: CaseRecord | None, units: Mapping[str, str]
) -> CaseComparison:
    """Compare one case in one protocol.

    Args:
        task: Name of the task.
        stored: The stored record.
        fresh: The fresh one of the same case and protocol, or None where it is missing.
        units: Unit by quantity.
    """
    place = (task, stored.case_id, stored.protocol)
    if fresh is None:
        return CaseComparison(*place, "failure", "stored, but missing in the fresh results")
    before, after = stored.outcome, fresh.outcome
    if isinstance(after, FailedRecord):
        said = f"{after.kind}: {after.message}"
        if isinstance(before, PredictedRecord):
            return CaseComparison(*place, "failure", f"had a number, now {said}", (), after.seconds)
        if before.kind == after.kind:
            return CaseComparison(*place, "same", seconds=after.seconds)
        return CaseComparison(*place, "note", f"failed as {before.kind}, now as {said}")
    if isinstance(before, FailedRecord):
        return CaseComparison(*place, "note", f"failed as {before.kind}, now has a number")
    deviations = tuple(_deviations(before, after, stored.protocol, units))
    lost = sorted(set(before.values) - set(after.values))
    beyond = [str(d) for d in deviations if not d.relative <= 1]
    message = "; ".join([*(f"{name} is no longer predicted" for name in lost), *beyond])
    return CaseComparison(
        *place,
        "drift" if message else "same",
        message,
        deviations,
        after.seconds,
        _pace(after),
        _pace(before),
    )


def _deviations(
    before: PredictedRecord, after: PredictedRecord, protocol: Protocol, units: Mapping[str, str]
) -> Iterator[Deviation]:
    for name in sorted(set(before.values) & set(after.values)):
        old, unit = before.values[name], units.get(name)
        yield Deviation(name, unit, old, after.values[name], value_tolerance(unit, protocol, old))
    for role in sorted(set(before.force_statistics) & set(after.force_statistics)):
        old = rms_force(before.force_statistics[role])
        new = rms_force(after.force_statistics[role])
        yield Deviation(f"force_rms[{role}]", "eV/A", old, new, force_tolerance(old))


def pooled_forces(pairs: Iterable[tuple[CaseRecord, CaseRecord]]) -> Deviation | None:
    """Root-mean-square force over all DFT structures of a task; None where there are no forces.

    Args:
        pairs: Stored and fresh records of the cases that can be compared.
    """
    old, new = Counter[str](), Counter[str]()
    for stored, fresh in pairs:
        before, after = stored.outcome, fresh.outcome
        if isinstance(before, PredictedRecord) and isinstance(after, PredictedRecord):
            for role in set(before.force_statistics) & set(after.force_statistics):
                old.update(before.force_statistics[role])
                new.update(after.force_statistics[role])
    if not old["n"]:
        return None
    was, is_ = rms_force(old), rms_force(new)
    return Deviation("force_rms", "eV/A", was, is_, force_tolerance(was, pooled=True))


def rms_force(sums: Mapping[str, float]) -> float:
    """Root mean square of the model's force components in eV/Å, from the sums of a record.

    Σm² = Σ(m − d)² + 2Σmd − Σd².
    """
    squares = sums["sum_sq"] + 2 * sums["sum_model_dft"] - sums["sum_dft_sq"]
    return math.sqrt(max(0.0, squares) / sums["n"])


def _pace(record: PredictedRecord) -> float | None:
    return record.seconds / record.evaluations if record.evaluations and record.seconds else None
