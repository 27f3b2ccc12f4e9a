"""Computing what is stored once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.errors import ResultFileError, SettingsError
from uipbench.results import read_result, result_path
from uipbench.scoring import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from uipbench.plan import Job, Selection
    from uipbench.results import ResultFile
    from uipbench.runner import Observer
    from uipbench.session import Session


def stored_results(folder: Path, model: str, selection: Selection) -> dict[str, ResultFile]:
    """Stored results of a model by task.

    Raises:
        ResultFileError: A damaged file, or none at all for this model and these tasks.
    """
    tasks = {task.name for task in selection.tasks}
    here = folder / model
    found = {
        r.task: r
        for r in (read_result(path) for path in sorted(here.glob("*.json")))
        if r.model.card.name == model and r.task in tasks and r.own_data is None
    }
    if not found:
        msg = (
            f"{here}: no stored results of '{model}' to compare with; make them with "
            f"'uipbench score {model} --tier full --out {folder}'"
        )
        raise ResultFileError(msg)
    return found


def jobs_again(
    session: Session, selection: Selection, stored: Mapping[str, ResultFile]
) -> list[Job]:
    """The selected jobs that have a stored record."""
    slots = {(t, r.case_id, r.protocol) for t, result in stored.items() for r in result.records}
    return [
        job
        for job in session.jobs(selection)
        if (job.task.name, job.case.id, job.protocol) in slots
    ]


def compute_again(
    session: Session, jobs: Sequence[Job], observer: Observer | None = None
) -> dict[str, ResultFile]:
    """Fresh results by task; nothing that is there already is taken for fresh.

    Raises:
        SettingsError: The folder holds results of the model already.
        UipbenchError: Anything that does not belong to one case.
    """
    tasks = {job.task.name: job.task for job in jobs}
    name = session.record.card.name
    for task in tasks:
        path = result_path(session.options.out, name, task)
        if path.exists():
            msg = f"{path}: is there already; give --out a folder without results of '{name}'"
            raise SettingsError(msg)
    with session.lock():
        missing = session.missing(jobs)  # a run that was stopped goes on from its journal
        if missing:
            for _ in session.compute(missing, observer or SilentObserver()):
                pass
        session.write(tasks.values())
        return {task_name: session.result(task) for task_name, task in tasks.items()}
