"""A reference case on disk: ``<id>.json`` beside ``<id>.extxyz``, digests in ``lock.json``.

The JSON holds what was derived (values, units, uncertainties, level of theory, sources), the
extended-XYZ file every structure with its DFT energy, forces and moments.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uipbench.bounded import read_bounded
from uipbench.errors import ReferenceDataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SCHEMA_VERSION = 1
LOCK_NAME = "lock.json"
Positive = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Quantity(_Strict):
    """A reference value.

    Attributes:
        value: The value in ``unit``.
        unit: Unit in plain ASCII, such as ``J/m^2``.
        uncertainty: Estimated distance to the converged value of the same functional.
    """

    value: float
    unit: str
    uncertainty: float | None = Field(default=None, ge=0)


class Published(_Strict):
    """A value from the literature to compare with; never a reference itself."""

    quantity: str
    value: float
    unit: str
    doi: str
    method: str
    comment: str = ""


class PawSet(_Strict):
    """Projector-augmented-wave set of one element."""

    name: str
    valence_electrons: int
    sha256: str


class LevelOfTheory(_Strict):
    """Machine-readable level of theory of a case.

    Attributes:
        xc: Exchange-correlation functional.
        hubbard_u_ev: U in eV by element; empty without +U.
        code: Code and version.
        paw: Set by element.
        cutoff_ev: Plane-wave cutoff in eV.
        kpts: Mesh by role of the structure.
        grid_spacing_a: Largest spacing of the real-space grid in Å; None for the code's own choice.
        smearing: Kind and width in eV.
        spin_polarised: Whether spin densities may differ.
        dispersion: Name of a dispersion correction, or ``none``.
    """

    xc: str
    hubbard_u_ev: dict[str, float]
    code: str
    paw: dict[str, PawSet]
    cutoff_ev: Positive
    kpts: dict[str, tuple[int, int, int]]
    grid_spacing_a: Positive | None = None
    smearing: tuple[str, float]
    spin_polarised: bool
    dispersion: str


class CaseFile(_Strict):
    """Contents of ``<id>.json``."""

    schema_version: Literal[1]
    task: str
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)
    title: str
    material: str
    elements: list[str]
    chemistry: str
    tier: Literal["quick", "full"]
    protocols: list[Literal["fixed", "relaxed"]]
    references: dict[str, Quantity]
    roles: list[str]
    tags: dict[str, str | int | float | list[int]]
    details: dict[str, float]
    theory: LevelOfTheory
    published: list[Published]
    recipe: str
    cpu_seconds: float
    licence: Literal["CC-BY-4.0", "own"] = "CC-BY-4.0"
    comment: str = ""


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_lock(folder: Path) -> dict[str, str]:
    """Digest by file name of a reference folder.

    Raises:
        ReferenceDataError: The lock is missing or is not a JSON object of strings.
    """
    path = folder / LOCK_NAME
    try:
        lock = json.loads(read_bounded(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path}: not a readable JSON file ({error}); restore it from the release"
        raise ReferenceDataError(msg) from error
    if not isinstance(lock, dict) or not all(isinstance(v, str) for v in lock.values()):
        msg = f"{path}: expected an object of file names and sha256 digests; restore it"
        raise ReferenceDataError(msg)
    return lock


def case_digest(lock: dict[str, str], case_id: str) -> str:
    """Digest of what predictions depend on: the structures, not the reference values.

    Raises:
        ReferenceDataError: The lock lacks the case's structures.
    """
    name = f"{case_id}.extxyz"
    if name not in lock:
        msg = f"{LOCK_NAME}: has {case_id}.json but not {name}; restore it"
        raise ReferenceDataError(msg)
    return lock[name]


def read_verified(folder: Path, name: str, lock: dict[str, str]) -> bytes:
    """Bytes of ``folder/name``, which must have the digest of the lock.

    Raises:
        ReferenceDataError: Missing, not in the lock, or with another digest.
    """
    path = folder / name
    expected = lock.get(name)
    if expected is None:
        msg = f"{path}: not in {LOCK_NAME}; write reference files with 'uipbench reference compute'"
        raise ReferenceDataError(msg)
    try:
        content = read_bounded(path)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); reinstall uipbench or restore the file"
        raise ReferenceDataError(msg) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        msg = (
            f"{path}: sha256 {found[:12]}… differs from {expected[:12]}… in {LOCK_NAME}; "
            "the file is damaged or was edited: restore it"
        )
        raise ReferenceDataError(msg)
    return content


def parse_case_file(content: bytes, path: Path) -> CaseFile:
    """Validate the JSON of a case.

    Raises:
        ReferenceDataError: Not JSON, or not of the schema; names the field.
    """
    try:
        return CaseFile.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        msg = f"{path}: {where}: {first['msg']}; see docs/references.md"
        raise ReferenceDataError(msg) from error


def read_case_file(folder: Path, case_id: str) -> CaseFile:
    """The JSON part of a case, verified.

    Raises:
        ReferenceDataError: The file is missing, damaged or not of the schema.
    """
    name = f"{case_id}.json"
    return parse_case_file(read_verified(folder, name, read_lock(folder)), folder / name)


def write_atomically(path: Path, content: str) -> None:
    """Write a text file so that it appears whole or not at all."""
    write_atomically_bytes(path, content.encode())


def write_atomically_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)  # on a full disk it would take what others need
        raise


def write_case(folder: Path, file: CaseFile, extxyz: str) -> None:
    """Write both files of a case and enter their digests into the lock."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        lock = read_lock(folder)
        for name, text in _texts(file, extxyz).items():
            write_atomically(folder / name, text)
            lock[name] = _sha256(text)
        write_atomically(folder / LOCK_NAME, _json(dict(sorted(lock.items()))))


def write_new_folder(folder: Path, cases: Iterable[tuple[CaseFile, str]]) -> None:
    """Write many cases into a folder that nobody else sees yet; the lock only once."""
    folder.mkdir(parents=True)
    lock = {}
    for file, extxyz in cases:
        for name, text in _texts(file, extxyz).items():
            (folder / name).write_text(text, encoding="utf-8")
            lock[name] = _sha256(text)
    (folder / LOCK_NAME).write_text(_json(dict(sorted(lock.items()))), encoding="utf-8")


def _texts(file: CaseFile, extxyz: str) -> dict[str, str]:
    """Contents of both files of a case by name."""
    return {f"{file.id}.extxyz": extxyz, f"{file.id}.json": _json(file.model_dump(mode="json"))}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
