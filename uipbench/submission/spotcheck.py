"""Computing a few predictions of a bundle again, with a model that is known here."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from uipbench.errors import RegistryError, SubmissionError
from uipbench.model_registry import find_model, list_models
from uipbench.plan import Selection
from uipbench.registry import load_tasks
from uipbench.regress.comparison import compare_records
from uipbench.regress.fresh import compute_again, jobs_again
from uipbench.scoring import open_session
from uipbench.session import RunOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from uipbench.results import ResultFile


def trusted_model(results: Mapping[str, ResultFile]) -> str | None:
    """Registered model that made the results; a bundle's own code is never run."""
    record = next(iter(results.values())).model
    name = record.card.name
    known = name in list_models() and find_model(name).code_sha256 == record.code_sha256
    return name if known else None


def spot_check(  # noqa: PLR0913 - all but two are named
    results: Mapping[str, ResultFile],
    n: int,
    *,
    model: str | None = None,
    checkpoint: Path | None = None,
    seed: int = 0,
    offline: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Compute ``n`` case runs again and compare them under the tolerances of a regression.

    Args:
        results: Result file by task.
        n: How many, chosen at random.
        model: Model file that is trusted; None for the registered model.
        checkpoint: The weights, where they are a user's own.
        seed: Of the choice; the same seed chooses the same.
        offline: Install and download nothing.
        report: Called with one line of progress now and then.

    Returns:
        What differs, one line each.

    Raises:
        SubmissionError: The model cannot be had, or is another one.
        UipbenchError: It cannot be run.
    """
    chosen = model or trusted_model(results)
    first = next(iter(results.values()))
    name = first.model.card.name
    if chosen is None:
        msg = f"'{name}' is not registered here: give the model file with --model, if you trust it"
        raise SubmissionError(msg)
    tasks = [load_tasks()[task] for task in results]
    with tempfile.TemporaryDirectory(prefix="uipbench-spotcheck-") as folder:
        settings = first.settings
        options = RunOptions(
            out=Path(folder), checkpoint=checkpoint, device=settings.device, dtype=settings.dtype
        )
        named = name if first.model.own else None
        try:
            session = open_session(chosen, options, name=named, offline=offline, report=report)
        except RegistryError as error:
            raise SubmissionError(str(error)) from error
        if session.record.weights_sha256 != first.model.weights_sha256:
            msg = f"'{name}': the weights here are others than those of the results"
            raise SubmissionError(msg)
        jobs = jobs_again(session, Selection(tasks=tasks, tier="full"), results)
        jobs = random.Random(seed).sample(jobs, min(n, len(jobs)))  # noqa: S311 - no secret
        for job in jobs:
            report(f"computing {job.task.name}/{job.case.id} ({job.protocol}) again")
        fresh = compute_again(session, jobs)
        return _differences(results, fresh)


def _differences(stored: Mapping[str, ResultFile], fresh: Mapping[str, ResultFile]) -> list[str]:
    tasks, found = load_tasks(), []
    for name, result in fresh.items():
        before = {(r.case_id, r.protocol): r for r in stored[name].records}
        cases = {case.id: case for case in tasks[name].cases()}
        for record in result.records:
            units = {tasks[name].quantity: tasks[name].unit}
            units |= {q: r.unit for q, r in cases[record.case_id].references.items()}
            old = before[record.case_id, record.protocol]
            compared = compare_records(name, old, record, units)
            if compared.status != "same":
                where = f"{name}/{record.case_id} ({record.protocol})"
                found.append(f"{where}: computed again, {compared.message}")
    return found
