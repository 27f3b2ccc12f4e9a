"""What has to be computed: selection of cases, content keys, and what is there already."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from uipbench.errors import RegistryError, SettingsError
from uipbench.outcome import PROTOCOLS, Protocol
from uipbench.registry import task_version, unknown
from uipbench.results import FailedRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.case import Case
    from uipbench.results import CaseRecord, ModelRecord, RunSettings
    from uipbench.task import Task

Tier = Literal["quick", "full"]

RELAXATION_EVALUATIONS = 30
"""Typical evaluations of a relaxed case relative to a fixed one, for the estimate of time."""


TRIED_AGAIN = frozenset({"worker_crashed", "timed_out", "worker_protocol", "out_of_memory"})
"""Kinds of failure that the next run tries again."""


@dataclass(frozen=True, slots=True)
class Job:
    """One case in one protocol.

    Attributes:
        task: The task.
        case: The case.
        protocol: ``fixed`` or ``relaxed``.
        key: Content key of the outcome.
    """

    task: Task
    case: Case
    protocol: Protocol
    key: str

    @property
    def cost(self) -> float:
        """Expected cost relative to other jobs: atoms times evaluations."""
        atoms = sum(len(s.forces) for s in self.case.structures.values())
        return float(atoms * (RELAXATION_EVALUATIONS if self.protocol == "relaxed" else 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which cases of which tasks.

    Attributes:
        tasks: Tasks.
        tier: ``quick``: every case fixed, the quick cases also relaxed; ``full``: everything.
        cases: Patterns such as ``li_*``, or empty for all.
        protocols: Protocols.
    """

    tasks: Sequence[Task]
    tier: Tier = "quick"
    cases: Sequence[str] = ()
    protocols: Sequence[Protocol] = PROTOCOLS


def in_tier(case: Case, protocol: str, tier: Tier) -> bool:
    """Whether the tier computes this case in this protocol."""
    return protocol in case.protocols and (
        tier == "full" or protocol == "fixed" or case.tier == "quick"
    )


def make_jobs(selection: Selection, model: ModelRecord, settings: RunSettings) -> list[Job]:
    """The jobs of a selection.

    Raises:
        RegistryError: A pattern that matches no case.
    """
    jobs = []
    for task in selection.tasks:
        version = physics_version(task, model)
        for case in selected_cases(task, selection.cases):
            for protocol in selection.protocols:
                if in_tier(case, protocol, selection.tier):
                    key = content_key(model, settings, version, task, case, protocol)
                    jobs.append(Job(task, case, protocol, key))
    _check_patterns(selection)
    return jobs


def physics_version(task: Task, model: ModelRecord) -> str:
    """Version of the task, and the model's energy corrections where they matter to it."""
    corrections = model.card.energy_corrections
    if task.corrections_cancel or corrections == "none":
        return task_version(task)
    return f"{task_version(task)}+{corrections}"


def content_key(  # noqa: PLR0913, PLR0917
    model: ModelRecord,
    settings: RunSettings,
    version: str,
    task: Task,
    case: Case,
    protocol: str,
) -> str:
    """Digest of everything that determines the outcome.

    Args:
        model: The model.
        settings: Options that change predictions.
        version: Of the task for this model: :func:`physics_version`.
        task: Says what it uses of the case beside the structures.
        case: The case.
        protocol: ``fixed`` or ``relaxed``.
    """
    inputs = task.inputs(case)
    content: Mapping[str, object] = {
        "weights": model.weights_sha256,
        "code": model.code_sha256,
        "packages": model.packages,
        "settings": settings.model_dump(),
        "task": [case.task, version],
        "case": [case.id, case.digest, *([inputs] if inputs else [])],
        "protocol": protocol,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def worth_another_try(record: CaseRecord) -> bool:
    """Whether a failure may be the machine's rather than the model's."""
    outcome = record.outcome
    return isinstance(outcome, FailedRecord) and outcome.kind in TRIED_AGAIN


def selected_cases(task: Task, patterns: Sequence[str]) -> list[Case]:
    """Cases whose identifier matches a pattern; all where there is none."""
    return [
        case
        for case in task.cases()
        if not patterns or any(fnmatch.fnmatchcase(case.id, pattern) for pattern in patterns)
    ]


def _check_patterns(selection: Selection) -> None:
    ids = [case.id for task in selection.tasks for case in task.cases()]
    if not ids:
        names = ", ".join(task.name for task in selection.tasks)
        msg = f"no reference cases for {names}; see: uipbench list cases"
        raise SettingsError(msg)
    for pattern in selection.cases:
        if not any(fnmatch.fnmatchcase(i, pattern) for i in ids):
            raise RegistryError(unknown("case", pattern, ids))
