"""The conformance check of a model: made once for a content, and stored in the cache."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from uipbench.bounded import read_bounded
from uipbench.casefiles import write_atomically
from uipbench.conformance.report import Finding
from uipbench.conformance.version import suite_version
from uipbench.environments import package_versions
from uipbench.errors import CaseError, ConformanceError, EnvironmentSetupError, RegistryError
from uipbench.paths import cache_folder
from uipbench.registry import load_tasks
from uipbench.results import CheckRecord
from uipbench.weights import stated_sha256, warn_of_pickle, weights_sha256
from uipbench.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from uipbench.environments import Environment
    from uipbench.modelfile import ModelFile
    from uipbench.session import Session

START_LIMIT: Final = 600.0
STRUCTURE_LIMIT: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A model as it is checked.

    Attributes:
        model: The model file.
        environment: Its environment, which exists.
        checkpoint: A user's own weights, or None for the model's.
        device: Device of the model.
        dtype: Precision of the model.
        limit: Seconds one structure may take.
        memory: Bytes that evaluations may use, or None for no limit.
    """

    model: ModelFile
    environment: Environment
    checkpoint: Path | None = None
    device: str = "cpu"
    dtype: str = "default"
    limit: float = STRUCTURE_LIMIT
    memory: int | None = None

    def worker(self) -> WorkerProcess:
        """A worker that is not started."""
        return WorkerProcess(
            self.model,
            self.environment,
            checkpoint=self.checkpoint,
            device=self.device,
            dtype=self.dtype,
            memory=self.memory,
        )


def check_model(checked: Checked) -> CheckRecord:
    """Make all checks now, and store the report.

    Raises:
        EnvironmentSetupError: The model cannot be loaded.
        RegistryError: A golden structure that is not known, or a checkpoint that is not there.
    """
    from uipbench.conformance.probe import Claims, Probe
    from uipbench.conformance.suite import WEIGHTS, report, run_suite

    weights, digest = _weights(checked)
    if weights.status == "fail":
        return report([WEIGHTS.as_line(weights)])
    claims = Claims(
        model=checked.model,
        own_weights=checked.checkpoint is not None and weights.status != "pass",
        case_elements=case_elements(),
    )
    warn_of_pickle(checked.model, digest)
    with checked.worker() as worker:
        _start(checked, worker)
        record, lost = run_suite(Probe(worker, limit=checked.limit), claims, weights)
    if lost is None:
        _store(_path(checked, digest), record)
    return record


def stored_check(checked: Checked, weights: str | None) -> CheckRecord | None:
    """The stored report of the same weights, code, packages, settings, card and checks."""
    try:
        return CheckRecord.model_validate_json(read_bounded(_path(checked, weights)))
    except (OSError, ValidationError):
        return None


def check_before_scoring(
    session: Session, *, force: bool, announce: Callable[[str], None] = lambda _: None
) -> CheckRecord:
    """The report of a session's model, which goes into its result files.

    Args:
        session: The model that is going to be scored.
        force: Go on although an essential check failed.
        announce: Called with one line before checks are made.

    Raises:
        ConformanceError: An essential check failed.
        EnvironmentSetupError: The model cannot be loaded.
    """
    options = session.options
    checked = Checked(
        model=session.model,
        environment=session.environment,
        checkpoint=options.checkpoint,
        device=options.device,
        dtype=options.dtype,
        limit=min(options.limit, STRUCTURE_LIMIT),
        memory=options.memory_bytes,
    )
    record = stored_check(checked, session.record.weights_sha256)
    if record is None:
        announce(f"checking {session.model.card.name} on small structures")
        record = check_model(checked)
    session.check = record
    failed = [line for line in record.lines if line.status == "fail"]
    if failed and not force:
        model = session.model
        own = f" --checkpoint {options.checkpoint}" if options.checkpoint else ""
        shown = model.address + own
        first = failed[0]
        names = " and ".join(f"'{line.name}'" for line in failed)
        what = (
            f"check {names} failed:"
            if len(failed) == 1
            else f"checks {names} failed, {first.name}:"
        )
        msg = (
            f"model '{model.card.name}' is not scored: {what} {first.measured}; "
            f"see: uipbench check {shown}, or score it with --force"
        )
        raise ConformanceError(msg)
    return record


def golden_energies(checked: Checked) -> dict[str, float]:
    """Energies in eV/atom of golden structures by name, for a card.

    Raises:
        CaseError: The model cannot do them.
        EnvironmentSetupError: The model cannot be loaded.
        RegistryError: The card states no elements.
    """
    from uipbench.conformance.identity import golden_energy
    from uipbench.conformance.probe import Probe
    from uipbench.conformance.structures import golden_names

    card = checked.model.card
    stated = [golden.structure for golden in checked.model.golden]
    names = stated or golden_names(card.elements)
    if not names:
        msg = f"{checked.model.path}: golden energies need 'elements' in the card; state them"
        raise RegistryError(msg)
    with checked.worker() as worker:
        _start(checked, worker)
        probe = Probe(worker, limit=checked.limit)
        return {name: golden_energy(probe, name) for name in names}


def case_elements() -> tuple[str, ...]:
    """Elements of all cases of all tasks, sorted."""
    return tuple(sorted({e for t in load_tasks().values() for c in t.cases() for e in c.elements}))


def _start(checked: Checked, worker: WorkerProcess) -> None:
    try:
        worker.start(START_LIMIT)
    except CaseError as error:
        model, checkpoint = checked.model, checked.checkpoint
        msg = f"{model.path.name}: the model cannot be loaded: {error}"
        if checkpoint is not None:
            msg = (
                f"{checkpoint}: this checkpoint cannot be loaded as {model.address}: {error}; "
                f"expected weights of that architecture, as its package saves them"
            )
        raise EnvironmentSetupError(msg) from error


def _weights(checked: Checked) -> tuple[Finding, str | None]:
    """What the digest of the weights says, and the digest."""
    limit = "the card's sha256"
    try:
        digest = weights_sha256(checked.model, checked.environment, checked.checkpoint)
    except EnvironmentSetupError as error:
        return Finding(status="fail", measured=str(error), limit=limit), None
    if digest is None:
        return Finding(status="unknown", measured="no digest in the card", limit=limit), None
    stated = stated_sha256(checked.model.weights)
    if checked.checkpoint is not None and digest != stated:
        measured = f"own weights, sha256 {digest[:12]}…"
        return Finding(status="unknown", measured=measured, limit=limit), digest
    return Finding(status="pass", measured=f"sha256 {digest[:12]}…", limit=limit), digest


def _path(checked: Checked, weights: str | None) -> Path:
    model = checked.model
    content = [
        suite_version(),
        weights,
        model.code_sha256,
        package_versions(model, checked.environment),
        checked.device,
        checked.dtype,
        checked.checkpoint is not None,
        model.card.elements,
        [(g.structure, g.energy_per_atom) for g in model.golden],
        model.approximate,
        case_elements(),
    ]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
    return cache_folder() / "checks" / f"{key}.json"


def _store(path: Path, record: CheckRecord) -> None:
    """Best effort: a cache that cannot be written costs seconds, not the run."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, record.model_dump_json(indent=1) + "\n")
