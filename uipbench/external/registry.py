"""The registry of external sets: a TOML file, ours (``sets.toml``) or a user's own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from uipbench.bounded import read_bounded
from uipbench.errors import ReferenceDataError, RegistryError
from uipbench.suggestions import suggestion

OURS: Final = Path(__file__).parent / "sets.toml"
MOST_BYTES: Final = 2**20
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
Line = Annotated[str, Field(min_length=1, max_length=500)]


class ExternalSet(BaseModel):
    """One set.

    Attributes:
        name: Name in the registry.
        title: What people read.
        url: Where the file is, at a fixed revision.
        revision: Commit, version or record that ``url`` names.
        sha256: Digest of the file.
        licence: Licence of the data, as its authors state it.
        citation: What to cite.
        converter: How the file becomes a folder of own data, see
            :mod:`uipbench.external.converters`.
        options: Of the converter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=80)
    title: Line
    url: Line
    revision: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: Line
    citation: Line
    converter: Literal["own-data", "pymatgen-slabs"]
    options: dict[str, str | float] = {}

    @model_validator(mode="after")
    def _fixed(self) -> Self:
        try:
            parts = urlsplit(self.url)
            host = parts.hostname
        except ValueError as error:
            msg = f"url {self.url[:80]!r} is none"
            raise ValueError(msg) from error
        secure = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
        if not secure or not host:
            msg = f"url {self.url[:80]!r} must start with https://"
            raise ValueError(msg)
        if self.revision not in parts.path + "?" + parts.query:
            msg = f"url must name the revision '{self.revision}', so that it stays what it is"
            raise ValueError(msg)
        return self


class _SetsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    set: list[ExternalSet] = []


def read_sets(own: Path | None = None) -> dict[str, ExternalSet]:
    """Sets by name: those of uipbench and of a user's own file.

    Raises:
        ReferenceDataError: The file is damaged; names the field.
    """
    found: dict[str, ExternalSet] = {}
    for path in [OURS] if own is None else [OURS, own]:
        for entry in _read(path).set:
            if entry.name in found:
                msg = f"{path}: a set named '{entry.name}' is there already; rename it"
                raise ReferenceDataError(msg)
            found[entry.name] = entry
    return found


def _read(path: Path) -> _SetsFile:
    try:
        raw = tomllib.loads(read_bounded(path, MOST_BYTES).decode())
        return _SetsFile.model_validate(raw)
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}; give a registry with --sets"
        raise ReferenceDataError(msg) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"{path}: field '{where[:200]}': {first['msg']}; see docs/own_data.md"
        raise ReferenceDataError(" ".join(msg.split())) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path}: is not TOML: {error}"
        raise ReferenceDataError(" ".join(msg.split())) from error


def find_set(name: str, sets: dict[str, ExternalSet]) -> ExternalSet:
    """One set by name.

    Raises:
        RegistryError: Unknown; has the nearest names.
    """
    if name not in sets:
        known = suggestion(name, sets) if sets else "none is registered; give a file with --sets"
        msg = f"no external set '{re.sub(r'[^ -~]', '?', name)[:80]}'; {known}"
        raise RegistryError(msg)
    return sets[name]
