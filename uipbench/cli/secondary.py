"""What ``uipbench score`` shows and returns beside the scores."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from uipbench.metrics import ForceScore, Score, force_score, forces_by_kind
from uipbench.outcome import PROTOCOLS
from uipbench.plan import Tier, in_tier, selected_cases
from uipbench.scoring import outcomes_by_protocol
from uipbench.secondary import SecondaryMetric, secondary_metrics
from uipbench.secondary_tables import force_table, secondary_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from uipbench.case import Case
    from uipbench.outcome import Outcome
    from uipbench.plan import Selection
    from uipbench.results import ResultFile
    from uipbench.task import Task


def plain(row: Score | ForceScore | SecondaryMetric) -> dict[str, Any]:
    """Fields of a score as JSON has them: no NaN."""
    return {
        k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(row).items()
    }


def show_more(
    task: Task,
    cases: Sequence[Case],
    outcomes: Mapping[str, Mapping[str, Outcome]],
    tier: Tier,
    console: Console,
) -> dict[str, dict[str, Any]]:
    """Show secondary metrics, and forces by kind of structure; the same for JSON, by protocol."""
    counted = {p: [case for case in cases if in_tier(case, p, tier)] for p in PROTOCOLS}
    metrics: dict[str, list[SecondaryMetric]] = {
        p: secondary_metrics(task, counted[p], outcomes[p], p) for p in PROTOCOLS
    }
    fixed = [outcomes["fixed"][c.id] for c in counted["fixed"] if c.id in outcomes["fixed"]]
    forces = forces_by_kind(fixed)
    for table in (secondary_table(metrics), force_table(forces)):
        if table is not None:
            console.print()
            console.print(table)
    more: dict[str, dict[str, Any]] = {
        p: {"secondary": {m.name: plain(m) for m in metrics[p]}} for p in PROTOCOLS
    }
    more["fixed"]["forces"] = {kind: plain(row) for kind, row in forces.items()}
    return more


def show_softening(
    results: Mapping[str, ResultFile], selection: Selection, console: Console
) -> dict[str, Any]:
    """Show forces over all tasks, where there are several: ``all_tasks`` in the JSON."""
    fixed = [
        [found[case.id] for case in selected_cases(task, selection.cases) if case.id in found]
        for task in selection.tasks
        if (found := outcomes_by_protocol(results[task.name].records)["fixed"])
    ]
    if sum(bool(outcomes) for outcomes in fixed) <= 1:
        return {}
    overall = force_score(outcome for of_task in fixed for outcome in of_task)
    console.print()
    slope = overall.softening_slope
    said = "no softening slope (DFT forces too weak)"
    if not math.isnan(slope):
        said = f"softening slope {slope:.2f}"
    console.print(
        f"all tasks: {said}, force MAE {overall.mae:.3f} eV/Å over {overall.n_structures} DFT "
        "structures"
    )
    return {"all_tasks": {"fixed": {"forces": plain(overall)}}}
