"""The format of a bundle: a zip file whose ``submission.json`` names every other file's digest.

``results/TASK.json``, ``predictions/TASK.json`` (the model's energies and forces on the DFT
structures), ``model.py``, ``environment.lock``, ``check.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uipbench.archives import ArchiveError, archive_bytes, read_archive
from uipbench.casefiles import write_atomically_bytes
from uipbench.errors import SubmissionError
from uipbench.results import CheckRecord, ModelName, ResultFile, Text, parse_result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = "submission.json"
MODEL = "model.py"
LOCK = "environment.lock"
CHECK = "check.json"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Manifest(_Strict):
    """Contents of ``submission.json``.

    Attributes:
        model: Name of the model.
        created: ISO time.
        uipbench_version: Version that made the bundle.
        python: Version of the environment's interpreter.
        files: sha256 of every other file.
        scores: Metrics by ``task/protocol``; stated to be compared, never believed.
    """

    schema_version: Literal[1] = 1
    model: ModelName
    created: Text
    uipbench_version: Text
    python: Text
    files: dict[str, Sha256]
    scores: dict[str, dict[str, float | None]]


class RawPrediction(_Strict):
    """The model's answer to one DFT structure: eV, and (n, 3) eV/Å."""

    energy: float
    forces: list[tuple[float, float, float]]


class PredictionsFile(_Strict):
    """Contents of ``predictions/TASK.json``: answers by case and role."""

    schema_version: Literal[1] = 1
    task: Text
    cases: dict[str, dict[str, RawPrediction]]


Parsed = TypeVar("Parsed", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files have the digests of its manifest and are of their schemas.

    Attributes:
        manifest: ``submission.json``.
        results: Result file by task.
        predictions: Raw predictions by task.
        model_source: ``model.py``, which is read but never run.
        lock: Version by package.
        check: The conformance report.
    """

    manifest: Manifest
    results: Mapping[str, ResultFile]
    predictions: Mapping[str, PredictionsFile]
    model_source: bytes
    lock: Mapping[str, str] = field(default_factory=dict)
    check: CheckRecord | None = None


def read_bundle(path: Path) -> Bundle:
    """Read a bundle, a zip file or a folder, without running anything of it.

    Raises:
        SubmissionError: One line on the first thing that is wrong.
    """
    try:
        files = read_archive(path)
    except ArchiveError as error:
        raise SubmissionError(str(error)) from error
    if MANIFEST not in files:
        msg = f"{path}: has no {MANIFEST}; make bundles with: uipbench submit MODEL"
        raise SubmissionError(msg)
    manifest = _parsed(Manifest, files.pop(MANIFEST), f"{path}: {MANIFEST}")
    _check_digests(path, manifest, files)
    for name in (MODEL, LOCK, CHECK):
        if name not in files:
            msg = f"{path}: has no {name}; make the bundle again"
            raise SubmissionError(msg)
    results, predictions = {}, {}
    for name, content in files.items():
        folder, _, file = name.rpartition("/")
        task = file.removesuffix(".json")
        if folder == "results":
            results[task] = parse_result(content, f"{path}: {name}")
        elif folder == "predictions":
            predictions[task] = _parsed(PredictionsFile, content, f"{path}: {name}")
        elif name not in {MODEL, LOCK, CHECK}:
            msg = f"{path}: '{name}' is no file of a bundle; remove it"
            raise SubmissionError(msg)
    return Bundle(
        manifest,
        results,
        predictions,
        files[MODEL],
        _lock(files[LOCK], f"{path}: {LOCK}"),
        _parsed(CheckRecord, files[CHECK], f"{path}: {CHECK}"),
    )


def _check_digests(path: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    for name in sorted({*files, *manifest.files}):
        if name not in files or name not in manifest.files:
            where = "the manifest only" if name in manifest.files else "no manifest"
            msg = f"{path}: '{name}' is in {where}; the bundle is not as it was made"
            raise SubmissionError(msg)
        if hashlib.sha256(files[name]).hexdigest() != manifest.files[name]:
            msg = f"{path}: '{name}' has another sha256 than in the manifest; it was changed"
            raise SubmissionError(msg)


def _parsed(kind: type[Parsed], content: bytes, where: str) -> Parsed:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])[:200] or "the whole file"
        msg = f"{where}: {place}: {first['msg']}; make the bundle again"
        raise SubmissionError(" ".join(msg.split())) from error


def _lock(content: bytes, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        match = re.fullmatch(r"([a-z0-9][a-z0-9._-]{0,99})==([A-Za-z0-9.!+_-]{1,60})", line)
        if match is None or match[1] in found:
            msg = f"{where}: line {number}: {line[:60]!r} is no 'name==version', or is there twice"
            raise SubmissionError(msg)
        found[match[1]] = match[2]
    return found


def write_bundle(path: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write a bundle so that it appears whole or not at all.

    Raises:
        SubmissionError: It cannot be written.
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    whole = manifest.model_copy(update={"files": dict(sorted(digests.items()))})
    text = json.dumps(whole.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically_bytes(path, archive_bytes({**files, MANIFEST: text.encode()}))
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}; choose another file with --bundle"
        raise SubmissionError(msg) from error
