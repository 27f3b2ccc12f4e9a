"""How long a run will take, learned from the records of earlier ones.

The yardstick of a model on a machine is its pace in the conformance check: seconds an evaluation
of the same small structures. A case is worth so many of them, the median over the models that have
a record of it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from uipbench.errors import RegistryError
from uipbench.plan import Job
from uipbench.registry import load_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from uipbench.outcome import Protocol
    from uipbench.results import CheckRecord, ResultFile

Slot = tuple[str, str, str]
"""Task, case and protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run is expected to cost.

    Attributes:
        seconds: Expected seconds of each job in the model, by content key.
        models: Number of models whose records it was learned from.
        own: Whether the model's own records were among them.
    """

    seconds: Mapping[str, float]
    models: int
    own: bool

    @property
    def total(self) -> float:
        """Seconds of all jobs, one after another."""
        return sum(self.seconds.values())


def estimate(
    jobs: Sequence[Job],
    results: Sequence[ResultFile],
    *,
    model: str,
    check: CheckRecord | None,
    processor: str,
) -> Estimate | None:
    """Expected seconds of jobs, or None where nothing is known.

    Args:
        jobs: What is going to be computed.
        results: Earlier results, also of other models.
        model: Name of the model; its own records come first.
        check: Its conformance report, made on this machine.
        processor: Of this machine.
    """
    own = _worth([r for r in results if r.model.card.name == model], check, processor)
    others = [r for r in results if r.model.card.name != model]
    known = _worth(others, check, None)
    worth = {slot: median(values) for slot, values in (known | own).items()}
    seconds: dict[str, float] = {}
    rates: dict[tuple[str, Protocol], float | None] = {}
    for job in jobs:
        found = worth.get((job.task.name, job.case.id, job.protocol))
        if found is None:
            kind = (job.task.name, job.protocol)
            if kind not in rates:
                rates[kind] = _seconds_per_cost(worth, *kind)
            rate = rates[kind]
            found = None if rate is None else rate * job.cost
        if found is None:
            return None
        seconds[job.key] = found
    names = {r.model.card.name for r in results}
    return Estimate(seconds=seconds, models=len(names), own=bool(own))


def _worth(
    results: Sequence[ResultFile], check: CheckRecord | None, processor: str | None
) -> dict[Slot, list[float]]:
    """Seconds on this machine by slot, one a record."""
    found: dict[Slot, list[float]] = defaultdict(list)
    for result in results:
        same = result.provenance.processor == processor
        factor = 1.0 if same else _pace(check) / (_pace(result.check) or float("inf"))
        if not factor:
            continue
        for record in result.records:
            if record.outcome.evaluations:
                slot = (result.task, record.case_id, record.protocol)
                found[slot].append(record.outcome.seconds * factor)
    return dict(found)


def _pace(check: CheckRecord | None) -> float:
    """Seconds an evaluation of the check, or 0 where there was none."""
    return check.seconds / check.evaluations if check and check.evaluations else 0.0


def _seconds_per_cost(worth: Mapping[Slot, float], task: str, protocol: Protocol) -> float | None:
    """Of cases without a record, such as a user's own: from the public cases of the task."""
    rates = [worth[slot] / job.cost for slot, job in _public(task, protocol) if slot in worth]
    return median(rates) if rates else None


def _public(task: str, protocol: Protocol) -> Iterator[tuple[Slot, Job]]:
    try:
        known = load_task(task)
    except RegistryError:
        return
    for case in known.cases():
        yield (task, case.id, protocol), Job(known, case, protocol, key="")
