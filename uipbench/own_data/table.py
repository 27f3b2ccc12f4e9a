"""The table of a folder of own data, ``cases.toml``."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uipbench.errors import ReferenceDataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TABLE_NAME = "cases.toml"
MOST_BYTES = 64 * 2**20
"""Of one file; far more than any set of structures that a potential is benchmarked on."""

Line = Annotated[str, Field(max_length=500)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class OwnTheory(_Strict):
    """Level of theory of the set, as far as a reader must know it."""

    xc: Line
    code: Line
    cutoff_ev: float = Field(gt=0)
    hubbard_u_ev: dict[str, float] = {}
    spin_polarised: bool = False
    dispersion: Line = "none"


class OwnCase(_Strict):
    """One row of the table.

    Attributes:
        task: Name of the task.
        id: Identifier within the task.
        structures: File with one frame a role; default ``<id>.extxyz``.
        title: What people read; default the identifier.
        material: Cases of one material are not independent; default the formula of the first
            structure.
        chemistry: Class such as ``halide``.
        tier: ``quick`` cases are also relaxed in the quick tier.
        protocols: Protocols in which the case is scored.
        value: Reference value in the task's unit; None: from the energies of the structures.
        uncertainty: Of the value, in the same unit.
        source: Where it is from, such as a DOI.
        tags: Facts that the task needs, such as ``host``.
    """

    task: str
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)
    structures: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    title: Line | None = None
    material: Line | None = None
    chemistry: Line = "own"
    tier: Literal["quick", "full"] = "quick"
    protocols: list[Literal["fixed", "relaxed"]] = Field(
        default=["fixed", "relaxed"], min_length=1, max_length=2
    )
    value: float | None = None
    uncertainty: float | None = Field(default=None, ge=0)
    source: Line = ""
    tags: dict[str, str | int | float | list[int]] = {}

    @property
    def file_name(self) -> str:
        """Name of the structure file."""
        return self.structures or f"{self.id}.extxyz"


class OwnTable(_Strict):
    """Contents of ``cases.toml``."""

    format: Literal[1]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_ .-]*$", max_length=80)
    theory: OwnTheory
    case: list[OwnCase] = []


def read_table(folder: Path) -> OwnTable:
    """Read and validate the table.

    Raises:
        ReferenceDataError: Names file, line, row and field.
    """
    path = folder / TABLE_NAME
    text = read_bounded(path).decode(errors="replace")
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of too many digits
        msg = f"{path}: is not TOML: {error}"
        raise ReferenceDataError(msg) from error
    try:
        table = OwnTable.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = _where(text, raw, [str(part) for part in first["loc"]])
        msg = f"{path}: {where}: {first['msg']}; see docs/own_data.md"
        raise ReferenceDataError(msg) from error
    _check_twice(path, text, table)
    return table


def read_bounded(path: Path) -> bytes:
    """Bytes of a file.

    Raises:
        ReferenceDataError: Missing, unreadable, or too large.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            msg = f"{path}: larger than {MOST_BYTES // 2**20} MB; split the set"
            raise ReferenceDataError(msg)
        return path.read_bytes()
    except OSError as error:
        hint = "; make a folder of own data with: uipbench data new FOLDER"
        msg = f"{path}: cannot be read: {error.strerror}" + hint * (path.name == TABLE_NAME)
        raise ReferenceDataError(msg) from error


def row_names(folder: Path, table: OwnTable) -> list[str]:
    """Of every row, such as ``line 12, case 2 ('mgo_100')``."""
    lines = _first_lines((folder / TABLE_NAME).read_text(errors="replace"))
    return [_row_name(lines, index, row.id) for index, row in enumerate(table.case)]


def _first_lines(text: str) -> list[int]:
    """Line numbers at which rows begin."""
    begin = re.compile(r"[ \t]*\[\[[ \t]*case[ \t]*\]\]")
    return [n for n, line in enumerate(text.split("\n"), start=1) if begin.match(line)]


def _row_name(lines: Sequence[int], index: int, case_id: str) -> str:
    line = f"line {lines[index]}, " if index < len(lines) else ""
    return f"{line}case {index + 1} ('{case_id}')"


def _where(text: str, raw: dict[str, Any], location: list[str]) -> str:
    if len(location) > 1 and location[0] == "case" and location[1].isdigit():
        index = int(location[1])
        row = raw["case"][index]
        name = str(row.get("id", "no id"))[:80] if isinstance(row, dict) else "not a table"
        field = ".".join(location[2:])
        return _row_name(_first_lines(text), index, name) + (f", field '{field}'" if field else "")
    return f"field '{'.'.join(location)}'"


def _check_twice(path: Path, text: str, table: OwnTable) -> None:
    seen: set[tuple[str, str]] = set()
    for index, case in enumerate(table.case):
        if (case.task, case.id) in seen:
            where = _row_name(_first_lines(text), index, case.id)
            msg = f"{path}: {where}, field 'id': there is a {case.task} case '{case.id}' above"
            raise ReferenceDataError(msg)
        seen.add((case.task, case.id))
