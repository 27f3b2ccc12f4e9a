"""Rows of the board: the numbers of every model under a selection of cases and weights.

``assets/statistics.js`` computes the same in the browser; a test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from uipbench.metrics import LEAST_CASES, LEAST_DFT_FORCE
from uipbench.ranking import Ranking, rank_models, task_skills, uncertainty_limit
from uipbench.sensitivity import ReferenceSensitivity, reference_sensitivity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.case import Case
    from uipbench.outcome import Protocol
    from uipbench.site.tables import Tables, TaskTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which cases count.

    Attributes:
        elements: Chemical symbols; empty for all cases.
        any_element: Whether one of the elements is enough; otherwise a case must have all.
        materials: Names; empty for all.
        chemistries: Classes; empty for all.
        quick: Whether only the quick tier counts.
        common: Whether only cases count for which every model that ran has a number.
    """

    elements: frozenset[str] = frozenset()
    any_element: bool = False
    materials: frozenset[str] = frozenset()
    chemistries: frozenset[str] = frozenset()
    quick: bool = False
    common: bool = False

    def holds(self, case: Case) -> bool:
        """Whether a case counts, apart from ``common``."""
        match = any if self.any_element else all
        return (
            (not self.elements or match(e in case.elements for e in self.elements))
            and (not self.materials or case.material in self.materials)
            and (not self.chemistries or case.chemistry in self.chemistries)
            and (not self.quick or case.tier == "quick")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a board shows.

    Attributes:
        protocol: ``fixed`` or ``relaxed``.
        task: Name of a task, or nothing for all tasks together.
        selection: Cases that count.
        weights: Of the tasks in the overall skill; 1 where none is given.
    """

    protocol: Protocol = "relaxed"
    task: str = ""
    selection: Selection = field(default_factory=Selection)
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Numbers of a model; NaN where there is none.

    Attributes:
        rank: Competition rank by skill; None if the model was not run here.
        rank_low: Best rank of the interval, or None.
        rank_high: Worst rank of the interval, or None.
        rank_moved_low: Best rank when the references move within their uncertainty, or None.
        rank_moved_high: Worst rank then, or None.
        first_moved: Share of those draws in which the model is first.
        group: Tie group, or None.
        skill: Of the task, or the weighted mean over tasks.
        task_skills: Skill by task; tasks without a selected case are not in it.
        mae: Mean size of the error over predicted cases; of one task only.
        mean_signed_error: Of one task only.
        mape: In percent; of one task only.
        ran: Names of the tasks in which the model has an outcome.
        seconds_per_case: Time of the evaluations over cases with an outcome.
    """

    rank: int | None
    rank_low: int | None
    rank_high: int | None
    rank_moved_low: int | None
    rank_moved_high: int | None
    first_moved: float
    group: int | None
    skill: float
    skill_low: float
    skill_high: float
    task_skills: dict[str, float]
    mae: float
    mean_signed_error: float
    mape: float
    coverage: float
    n_predicted: int
    n_failed: int
    n_stale: int
    n_missing: int
    n_cases: int
    force_mae: float
    softening_slope: float
    seconds: float
    seconds_per_case: float
    evaluations: int
    ran: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A computed board.

    Attributes:
        rows: In the order of the records' entries.
        tasks: Names of the tasks that count, in their order.
        limit: Skill of a model as wrong as the references are uncertain, by task.
        n_materials: Materials of the selected cases.
    """

    view: View
    rows: tuple[Row, ...]
    tasks: tuple[str, ...]
    limit: dict[str, float]
    n_materials: int

    @property
    def order(self) -> list[int]:
        """Indices of the rows, best first; those that were not run last, in their order."""
        ranked = [(row.rank or math.inf, i) for i, row in enumerate(self.rows)]
        return [i for _, i in sorted(ranked)]

    @property
    def overall_limit(self) -> float:
        """Weighted mean of the tasks' limits; NaN where one has none."""
        weights = [self.view.weights.get(t, 1.0) for t in self.tasks]
        used = [(self.limit[t], w) for t, w in zip(self.tasks, weights, strict=True) if w > 0]
        total = sum(w for _, w in used)
        return sum(limit * w for limit, w in used) / total if total else math.nan


def compute_board(tables: Tables, view: View) -> Board:
    """The board of a view.

    All tasks count that have :data:`~uipbench.metrics.LEAST_CASES`, in which a model was run and a
    selected case is left; or the view's task.
    """
    shown = _counted(tables, view, view.protocol)
    fixed = _counted(tables, view, "fixed")
    n_models = len(next(iter(tables.values())).status) if tables else 0
    standing, places = _rank(shown, view)
    rows = [_row(m, shown, fixed, standing, places.get(m)) for m in range(n_models)]
    return Board(
        view=view,
        rows=tuple(rows),
        tasks=tuple(table.task.name for table, _ in shown),
        limit={t.task.name: uncertainty_limit(t.errors.of_cases(keep)) for t, keep in shown},
        n_materials=len({n for t, keep in shown for n in t.errors.of_cases(keep).materials}),
    )


Counted = list[tuple["TaskTable", np.ndarray]]


def _counted(tables: Tables, view: View, protocol: str) -> Counted:
    """Tables of the view with the cases that count."""
    found: Counted = []
    for (name, of_protocol), table in tables.items():
        if of_protocol != protocol or view.task not in {"", name}:
            continue
        if not view.task and not (table.ran.any() and len(table.cases) >= LEAST_CASES):
            continue
        keep = np.array([view.selection.holds(case) for case in table.cases], dtype=bool)
        if view.selection.common:
            keep &= table.errors.of_models(table.ran).common
        if keep.any():
            found.append((table, keep))
    return found


Standing = tuple[Ranking, ReferenceSensitivity]
"""The models' ranking, and how moving references change it."""


def _rank(shown: Counted, view: View) -> tuple[Standing | None, dict[int, int]]:
    """Standing of the models that were run in a task with weight, and the place of each in it."""
    given = [1.0 if view.task else view.weights.get(t.task.name, 1.0) for t, _ in shown]
    used = [
        (*pair, weight)
        for pair, weight in zip(shown, given, strict=True)
        if weight > 0 and len(pair[0].cases) >= LEAST_CASES
    ]
    if not used:
        return None, {}
    models = np.flatnonzero(np.any([table.ran for table, _, _ in used], axis=0))
    if not len(models):
        return None, {}
    tables = [table.errors.of_cases(keep).of_models(models) for table, keep, _ in used]
    weights = [weight for _, _, weight in used]
    signed = [table.signed[np.ix_(models, np.flatnonzero(keep))] for table, keep, _ in used]
    standing = rank_models(tables, weights), reference_sensitivity(tables, signed, weights)
    return standing, {int(m): i for i, m in enumerate(models)}


def _row(
    model: int, shown: Counted, fixed: Counted, standing: Standing | None, place: int | None
) -> Row:
    statuses = [s for table, keep in shown for s in table.status[model, keep]]
    done = [s in {"predicted", "failed"} for s in statuses]
    seconds = float(sum(table.seconds[model, keep].sum() for table, keep in shown))
    n_predicted = statuses.count("predicted")
    return Row(
        **_placed(standing, place),
        task_skills={t.task.name: _skill(t, keep, model) for t, keep in shown},
        **_errors(model, shown),
        coverage=n_predicted / len(statuses) if statuses else math.nan,
        n_predicted=n_predicted,
        n_failed=statuses.count("failed"),
        n_stale=statuses.count("stale"),
        n_missing=statuses.count("missing"),
        n_cases=len(statuses),
        **_force_numbers(model, fixed),
        seconds=seconds,
        seconds_per_case=seconds / sum(done) if any(done) else math.nan,
        evaluations=int(sum(table.evaluations[model, keep].sum() for table, keep in shown)),
        ran=tuple(table.task.name for table, _ in shown if table.ran[model]),
    )


def _skill(table: TaskTable, keep: np.ndarray, model: int) -> float:
    if not table.ran[model]:
        return math.nan
    return float(task_skills(table.errors.of_cases(keep).of_models(np.array([model])))[0])


def _placed(standing: Standing | None, place: int | None) -> dict[str, Any]:
    """The part of a row that the ranking says."""
    if standing is None or place is None:
        ranks = ("rank", "rank_low", "rank_high", "rank_moved_low", "rank_moved_high", "group")
        skills = ("skill", "skill_low", "skill_high", "first_moved")
        return dict.fromkeys(ranks) | dict.fromkeys(skills, math.nan)
    ranking, moved = standing
    spread = None if ranking.rank_interval is None else ranking.rank_interval[place]
    ends = (math.nan, math.nan)
    if ranking.skill_interval is not None:
        ends = tuple(ranking.skill_interval[place])
    return {
        "rank": int(ranking.rank[place]),
        "rank_low": None if spread is None else int(spread[0]),
        "rank_high": None if spread is None else int(spread[1]),
        "rank_moved_low": int(moved.rank[place][0]),
        "rank_moved_high": int(moved.rank[place][1]),
        "first_moved": float(moved.first[place]),
        "group": None if ranking.group is None else ranking.group[place],
        "skill": float(ranking.skill[place]),
        "skill_low": float(ends[0]),
        "skill_high": float(ends[1]),
    }


def _errors(model: int, shown: Counted) -> dict[str, Any]:
    """Mean errors, which have one unit only where there is one task."""
    if len(shown) != 1:
        return dict.fromkeys(("mae", "mean_signed_error", "mape"), math.nan)
    table, keep = shown[0]
    sizes, signed = table.errors.sizes[model, keep], table.signed[model, keep]
    references = table.references[keep]
    relative = [100 * s / abs(r) for s, r in zip(sizes, references, strict=True) if r != 0]
    return {"mae": _mean(sizes), "mean_signed_error": _mean(signed), "mape": _mean(relative)}


def _force_numbers(model: int, fixed: Counted) -> dict[str, Any]:
    """Force error and softening slope, from the protocol that has DFT's geometries."""
    n, sum_abs, model_dft, dft_sq = sum(
        (table.forces[model, keep].sum(axis=0) for table, keep in fixed), start=np.zeros(4)
    )
    loud = dft_sq > n * LEAST_DFT_FORCE**2
    return {
        "force_mae": float(sum_abs / n) if n else math.nan,
        "softening_slope": float(model_dft / dft_sq) if loud else math.nan,
    }


def _mean(values: Sequence[float] | np.ndarray) -> float:
    known = [v for v in values if not math.isnan(v)]
    return float(math.fsum(known) / len(known)) if known else math.nan
