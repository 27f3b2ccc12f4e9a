"""Making a bundle: stored results, the raw predictions behind them, and what made them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from uipbench.checking import check_before_scoring
from uipbench.errors import CaseError, SubmissionError
from uipbench.installed import all_versions
from uipbench.plan import Selection
from uipbench.registry import load_tasks
from uipbench.results import CheckRecord, PredictedRecord, read_result, result_path
from uipbench.submission.bundle import (
    CHECK,
    LOCK,
    MODEL,
    Manifest,
    PredictionsFile,
    RawPrediction,
    read_bundle,
    write_bundle,
)
from uipbench.submission.scores import scores_of
from uipbench.submission.verifying import verify_bundle
from uipbench.worker_process import Evaluation, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from uipbench.case import Case
    from uipbench.plan import Tier
    from uipbench.results import ResultFile
    from uipbench.session import Session
    from uipbench.task import Task

PROPERTIES = ("energy", "forces")
START_LIMIT = 600.0


def submit(
    session: Session,
    bundle: Path,
    *,
    tier: Tier = "full",
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Make a bundle of a model's stored results, and verify it as others will.

    The model is asked once more for every DFT structure, so that the bundle has the energies and
    forces from which its numbers follow.

    Args:
        session: The model; its folder of results is where they are read.
        bundle: The zip file to write.
        tier: What must be there.
        report: Called with one line of progress now and then.

    Raises:
        SubmissionError: Results are missing, stale, failed the check, or do not follow.
        UipbenchError: The model cannot be run.
    """
    name = session.record.card.name
    if not session.record.card.xc or session.options.own_data is not None:
        msg = f"model '{name}': results on own data cannot be submitted; score the public cases"
        raise SubmissionError(msg)
    pairs = _stored(session, tier)
    check = check_before_scoring(session, force=False, announce=report)
    manifest = Manifest(
        model=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        uipbench_version=version("uipbench"),
        python=pairs[0][1].provenance.python,
        files={},
        scores=scores_of(pairs),
    )
    report(f"asking {name} once more for the structures of {len(pairs)} tasks")
    write_bundle(bundle, manifest, _files(session, pairs, check))
    verdict = verify_bundle(read_bundle(bundle))
    if verdict.problems:
        bundle.unlink()
        msg = f"{bundle}: {verdict.problems[0]}; the results do not follow from this model"
        raise SubmissionError(msg)


def _stored(session: Session, tier: Tier) -> list[tuple[Task, ResultFile]]:
    tasks = [task for task in load_tasks().values() if task.cases()]
    missing = session.missing(session.jobs(Selection(tasks=tasks, tier=tier)))
    name = session.record.card.name
    if missing:
        first = missing[0]
        msg = (
            f"model '{name}': {len(missing)} case runs of the {tier} tier are missing, stale or "
            f"to be tried again, such as {first.task.name}/{first.case.id} ({first.protocol}); "
            f"first: uipbench score {session.model.address} --tier {tier} "
            f"--out {session.options.out}"
        )
        raise SubmissionError(msg)
    paths = {task.name: result_path(session.options.out, name, task.name) for task in tasks}
    return [(task, read_result(paths[task.name])) for task in tasks if paths[task.name].exists()]


def _files(
    session: Session, pairs: Sequence[tuple[Task, ResultFile]], check: CheckRecord
) -> dict[str, bytes]:
    files = {
        MODEL: session.model.path.read_bytes(),
        LOCK: "".join(f"{n}=={v}\n" for n, v in _versions(session).items()).encode(),
        CHECK: _json(check.model_dump(mode="json")),
    }
    with _worker(session) as worker:
        try:
            worker.start(START_LIMIT)
            for task, result in pairs:
                predictions = _predictions(worker, session, task, result)
                files[f"predictions/{task.name}.json"] = _json(predictions.model_dump(mode="json"))
                path = result_path(session.options.out, session.record.card.name, task.name)
                files[f"results/{task.name}.json"] = path.read_bytes()
        except CaseError as error:
            msg = f"model '{session.record.card.name}' no longer answers: {error}"
            raise SubmissionError(msg) from error
    return files


def _json(content: Any) -> bytes:  # noqa: ANN401 - any JSON
    return (json.dumps(content, ensure_ascii=False) + "\n").encode()


def _versions(session: Session) -> dict[str, str]:
    """Every package of the model's environment."""
    environment = session.environment
    known = all_versions(environment.site_packages)
    return dict(sorted((known | dict(session.record.packages)).items()))


def _worker(session: Session) -> WorkerProcess:
    options = session.options
    return WorkerProcess(
        session.model,
        session.environment,
        checkpoint=options.checkpoint,
        device=options.device,
        dtype=options.dtype,
        memory=options.memory_bytes,
    )


def _predictions(
    worker: WorkerProcess, session: Session, task: Task, result: ResultFile
) -> PredictionsFile:
    done = {
        r.case_id
        for r in result.records
        if r.protocol == "fixed" and isinstance(r.outcome, PredictedRecord)
    }
    limit = session.options.limit
    return PredictionsFile(
        task=task.name,
        cases={case.id: _answers(worker, case, limit) for case in task.cases() if case.id in done},
    )


def _answers(worker: WorkerProcess, case: Case, limit: float) -> dict[str, RawPrediction]:
    found = {}
    for role in case.structures:
        (answer,) = worker.evaluate([case.atoms(role)], PROPERTIES, limit)
        if not isinstance(answer, Evaluation):
            raise answer
        found[role] = RawPrediction(energy=answer.energy, forces=answer.forces.tolist())
    return found
