"""Scores with the set of cases they were computed over, and the ranks that follow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from uipbench.metrics import Score, score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.case import Case
    from uipbench.outcome import Outcome, Protocol
    from uipbench.site.records import Entry
    from uipbench.task import Task

Scope = Literal["all", "quick", "none"]
_SCOPE_ORDER: tuple[Scope, ...] = ("all", "quick", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a model did in one task and protocol.

    Attributes:
        scope: ``all`` cases, the ``quick`` tier only, or ``none``: not run.
        score: Over the cases of the scope.
        n_task_cases: Cases of the task that have the protocol.
        n_stale: Cases whose record is out of date and not used.
    """

    scope: Scope
    score: Score
    n_task_cases: int
    n_stale: int

    @property
    def n_missing(self) -> int:
        """Cases of the scope that were never run."""
        done = self.score.n_predicted + self.score.n_failed + self.n_stale
        return max(0, self.score.n_cases - done)

    @property
    def order(self) -> tuple[int, float, float]:
        """Sort key: complete runs first, then by skill and error."""
        mae = self.score.mae
        worst = math.inf if math.isnan(mae) else mae
        return _SCOPE_ORDER.index(self.scope), -self.score.skill, worst


def standing(task: Task, entry: Entry, protocol: Protocol) -> Standing:
    """Score a model over all cases, or over the quick tier if it ran nothing else."""
    cases = [case for case in task.cases() if protocol in case.protocols]
    outcomes = entry.outcomes(task.name, protocol)
    scope = _scope(cases, outcomes)
    counted = [case for case in cases if case.tier == "quick"] if scope == "quick" else cases
    return Standing(
        scope=scope,
        score=score(counted, outcomes, task.quantity, protocol, task.absolute_error),
        n_task_cases=len(cases),
        n_stale=len(entry.stale(task.name, protocol)),
    )


def _scope(cases: Sequence[Case], outcomes: Mapping[str, Outcome]) -> Scope:
    tiers = {case.tier for case in cases if case.id in outcomes}
    if not tiers:
        return "none"
    only_quick = tiers == {"quick"} and any(case.tier != "quick" for case in cases)
    return "quick" if only_quick else "all"


def ranks(standings: Sequence[Standing]) -> list[int | None]:
    """Competition ranks by skill of standings in their order; None where not ranked.

    Only runs over all cases have a rank: others were not asked the same questions.
    """
    skills = [s.score.skill for s in standings if s.scope == "all"]
    better = [sum(other > s.score.skill for other in skills) for s in standings]
    return [
        1 + count if s.scope == "all" else None for s, count in zip(standings, better, strict=True)
    ]
