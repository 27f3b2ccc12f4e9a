"""The result file: one JSON a (model, task), validated whenever it is read or written.

It holds every per-case prediction in both protocols and the provenance. Scores are not in it:
they are recomputed from the records (:mod:`uipbench.metrics`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uipbench.bounded import read_bounded
from uipbench.casefiles import write_atomically
from uipbench.digests import content_digest
from uipbench.energy_convention import EnergyCorrections  # noqa: TC001 - pydantic reads it
from uipbench.errors import ResultFileError
from uipbench.outcome import Failed, Outcome, Predicted

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION = 1
PUBLIC_RESULTS = Path(__file__).parent / "leaderboard" / "results"
"""Folder of the committed results."""

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", max_length=80)]
ModelName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.@-]*$", max_length=80)]
Text = Annotated[str, Field(max_length=2000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CardRecord(_Strict):
    """The model card, as it was when the model was run."""

    name: ModelName
    title: Text
    family: Text
    checkpoint: Text
    licence: Text
    training_data: Text
    xc: Text
    parameters: Annotated[int, Field(ge=0, le=10**15)] | None
    elements: list[str]
    energy_convention: Text
    energy_corrections: EnergyCorrections = "none"
    citation: Text
    url: Text


class ModelRecord(_Strict):
    """Which model made the predictions.

    Attributes:
        card: The model card.
        weights_sha256: Digest of the weights file, or None for a model without one.
        code_sha256: Digest of the model file's code without comments.
        packages: Versions of the packages that the model file names.
        own: Whether the model is a user's own file rather than a registry entry.
    """

    card: CardRecord
    weights_sha256: str | None
    code_sha256: str
    packages: dict[str, str]
    own: bool

    @property
    def key(self) -> dict[str, object]:
        """What of the model decides its predictions."""
        return self.model_dump(include={"weights_sha256", "code_sha256", "packages"})


class RunSettings(_Strict):
    """Options that change predictions."""

    device: Text
    dtype: Text


class Provenance(_Strict):
    """Where and with what a record was computed; does not decide whether it is stale."""

    uipbench_version: str
    commit: str | None
    python: str
    platform: str
    processor: str
    started: str


class PredictedRecord(_Strict):
    """A case with a number; fields as in :class:`uipbench.outcome.Predicted`."""

    status: Literal["predicted"] = "predicted"
    values: dict[str, float]
    force_statistics: dict[str, dict[str, float]]
    details: dict[str, float]
    seconds: float
    evaluations: int


class FailedRecord(_Strict):
    """A case without a number; fields as in :class:`uipbench.outcome.Failed`."""

    status: Literal["failed"] = "failed"
    kind: Name
    message: Text
    seconds: float
    evaluations: int


class CaseRecord(_Strict):
    """Outcome of one case in one protocol.

    Attributes:
        case_id: Identifier of the case.
        protocol: ``fixed`` or ``relaxed``.
        key: Content key: model, packages, task version, case digest and settings.
        outcome: The outcome.
    """

    case_id: Name
    protocol: Literal["fixed", "relaxed"]
    key: str
    outcome: Annotated[PredictedRecord | FailedRecord, Field(discriminator="status")]

    def as_outcome(self) -> Outcome:
        """The outcome as the harness knows it."""
        fields = self.outcome.model_dump(exclude={"status"})
        kind = Predicted if isinstance(self.outcome, PredictedRecord) else Failed
        return kind(**fields)


class OwnDataRecord(_Strict):
    """A user's own set of cases.

    Attributes:
        name: Its name.
        sha256: Digest of its table and structure files.
    """

    name: Text
    sha256: str


class CheckLine(_Strict):
    """One line of a conformance report.

    Attributes:
        name: Of the check, such as ``forces``.
        status: ``fail`` is an essential check beyond its limit, ``warning`` one that scoring
            can live with, ``unknown`` one that could not be made.
        measured: What was found, as people read it.
        limit: What was allowed.
        meaning: What a failure would mean.
        value: The number that was compared, in ``unit``, or None.
        bound: The largest number allowed, or None.
        unit: Unit in plain ASCII.
    """

    name: Name
    status: Literal["pass", "fail", "warning", "unknown"]
    measured: Text
    limit: Text
    meaning: Text
    value: float | None = None
    bound: float | None = None
    unit: Text = ""


class CheckRecord(_Strict):
    """Conformance report of a model, see :mod:`uipbench.conformance`.

    Attributes:
        version: Digest of the code of the checks.
        lines: One a check.
        evaluations: Structures evaluated.
        seconds: Time they took in the model.
    """

    version: Text
    lines: list[CheckLine]
    evaluations: int
    seconds: float

    def names(self, status: str) -> list[str]:
        """Names of the checks with a status."""
        return [line.name for line in self.lines if line.status == status]

    @property
    def verdict(self) -> dict[str, str]:
        """Status by check: what two reports of one model have in common."""
        return {line.name: line.status for line in self.lines}


class ResultFile(_Strict):
    """Everything one model predicted in one task.

    ``check`` is None in files written before there were conformance reports, and ``sha256``, the
    digest of everything else, in those from before there were digests.
    """

    schema_version: Literal[1]
    task: Name
    task_version: str
    model: ModelRecord
    settings: RunSettings
    provenance: Provenance
    records: list[CaseRecord]
    check: CheckRecord | None = None
    own_data: OwnDataRecord | None = None
    sha256: str | None = None


def outcome_record(outcome: Outcome) -> PredictedRecord | FailedRecord:
    """The outcome as it is written to disk."""
    fields = {name: getattr(outcome, name) for name in type(outcome).__slots__}
    if isinstance(outcome, Predicted):
        return PredictedRecord(**fields)
    return FailedRecord(**fields | {"message": outcome.message[:2000]})


def result_path(folder: Path, model: str, task: str) -> Path:
    """``<folder>/<model>/<task>.json``."""
    return folder / model / f"{task}.json"


def read_result(path: Path) -> ResultFile:
    """Read and validate one result file.

    Raises:
        ResultFileError: Unreadable, not JSON, or not of the schema; names the field.
    """
    try:
        return parse_result(read_bounded(path), str(path))
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}; move it away or make it readable"
        raise ResultFileError(msg) from error


def parse_result(content: bytes, name: str) -> ResultFile:
    """Validate the bytes of a result file.

    Raises:
        ResultFileError: Not JSON, not of the schema, or with another digest than it states.
    """
    remedy = "move the file away and score again"
    try:
        result = ResultFile.model_validate_json(content)
        stated = json.loads(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        msg = f"{name}: {where}: {first['msg']}; {remedy}"
        raise ResultFileError(msg) from error
    except ValueError as error:
        msg = f"{name}: {error}; {remedy}"
        raise ResultFileError(msg) from error
    if result.sha256 is not None and result.sha256 != _digest(stated):
        msg = f"{name}: sha256 differs from the stated one: damaged or edited; {remedy}"
        raise ResultFileError(msg)
    return result


def _digest(content: dict[str, Any]) -> str:
    return content_digest({key: value for key, value in content.items() if key != "sha256"})


def write_result(path: Path, result: ResultFile) -> None:
    """Write one result file so that it appears whole or not at all, records sorted.

    Raises:
        ResultFileError: The folder cannot be written or the disk is full.
    """
    records = sorted(result.records, key=lambda r: (r.case_id, r.protocol))
    dump: dict[str, Any] = result.model_copy(update={"records": records}).model_dump(mode="json")
    dump["sha256"] = _digest(dump)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(dump, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}; choose another folder with --out"
        raise ResultFileError(msg) from error


def load_results(*folders: Path) -> list[ResultFile]:
    """All result files under the folders, sorted by model and task.

    Raises:
        ResultFileError: A file that is not a result file.
    """
    paths: Iterable[Path] = (p for folder in folders for p in folder.glob("*/*.json"))
    found = [read_result(path) for path in paths]
    return sorted(found, key=lambda r: (r.model.card.name, r.task))
