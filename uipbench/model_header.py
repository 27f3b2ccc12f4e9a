"""The PEP 723 header of a model file, read as text."""

from __future__ import annotations

import errno
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from uipbench.bounded import read_bounded
from uipbench.errors import RegistryError
from uipbench.suggestions import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BLOCK: Final = re.compile(
    r"(?m)^# /// script[ \t]*$\n(?P<content>(?:^#(?:| .*)$\n)*?)^# ///[ \t]*$"
)
_START: Final = re.compile(r"(?m)^# /// script[ \t]*$")
_HEADER_KEYS: Final = frozenset({"requires-python", "dependencies", "tool"})
_MAX_BYTES: Final = 2**20


def read_source(path: Path) -> str:
    """Text of a model file.

    Raises:
        RegistryError: It cannot be read, is no UTF-8, or far too large for a model file.
    """
    try:
        content = read_bounded(path, _MAX_BYTES)
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}; give the path of a model file"
        if error.errno == errno.EFBIG:
            msg = f"{path}: {error.strerror}, too large for a model file; is this the checkpoint?"
        raise RegistryError(msg) from error
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        msg = f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); is it a model file?"
        raise RegistryError(msg) from error


def read_header(path: Path, source: str) -> dict[str, Any]:
    """The PEP 723 header as a dictionary.

    Raises:
        RegistryError: No header, two, not closed, not TOML, or unknown keys.
    """
    blocks = list(_BLOCK.finditer(source))
    start = _START.search(source)
    if start is None:
        msg = f"{path}: no '# /// script' header; see docs/models.md for a template"
        raise RegistryError(msg)
    line = source.count("\n", 0, start.start()) + 1
    if not blocks:
        msg = (
            f"{path}:{line}: the '# /// script' header is not closed; every line of it starts with "
            "'# ' and the last one is '# ///'"
        )
        raise RegistryError(msg)
    if len(blocks) > 1:
        msg = f"{path}: {len(blocks)} '# /// script' headers, expected one; remove the others"
        raise RegistryError(msg)
    text = "".join(row[2:] + "\n" for row in blocks[0]["content"].splitlines())
    try:
        header = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of too many digits
        msg = f"{path}: the header that starts in line {line} is not TOML: {error}; mend that line"
        raise RegistryError(msg) from error
    HeaderTable(path, "the header", header).check_keys(_HEADER_KEYS)
    return header


def card_table(path: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    """The ``[tool.uipbench]`` table, ``-`` in its keys replaced by ``_``; empty where missing.

    Raises:
        RegistryError: Not a table.
    """
    tool = header.get("tool", {})
    table = tool.get("uipbench", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        msg = f"{path}: [tool.uipbench] is {type(table).__name__}, expected a table"
        raise RegistryError(msg)
    return {key.replace("-", "_"): value for key, value in table.items()}


def variant_tables(path: Path, card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The variants of a card by name, with keys as in :func:`card_table`.

    Raises:
        RegistryError: Not tables, or none.
    """
    variants = card["variants"]
    tables = list(variants.values()) if isinstance(variants, dict) else []
    if "name" in card or not tables or not all(isinstance(table, dict) for table in tables):
        msg = f"{path}: [tool.uipbench]: 'variants' must be tables by name, instead of 'name'"
        raise RegistryError(msg)
    return {
        name: {key.replace("-", "_"): value for key, value in table.items()}
        for name, table in variants.items()
    }


@dataclass(frozen=True, slots=True)
class HeaderTable:
    """A table of the header, with errors that say where they are."""

    path: Path
    where: str
    values: Mapping[str, Any]

    def fail(self, key: str, expected: str) -> NoReturn:
        """Raise the error of a key that has a wrong value.

        Raises:
            RegistryError: Always.
        """
        found = repr(self.values.get(key))[:80]
        msg = f"{self.path}: {self.where}: '{key}' is {found}, expected {expected}"
        raise RegistryError(msg)

    def check_keys(self, known: frozenset[str]) -> None:
        """Raise for the first key that is not known.

        Raises:
            RegistryError: Has the nearest known keys.
        """
        for key in self.values:
            if key not in known:
                hint = suggestion(key, known)
                msg = f"{self.path}: {self.where}: unknown key '{key}'; {hint}"
                raise RegistryError(msg)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where missing.

        Raises:
            RegistryError: Something else.
        """
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            self.fail(key, "a list of texts")
        return tuple(values)

    def texts_by_name(self, key: str) -> dict[str, str]:
        """A table of texts; empty where missing.

        Raises:
            RegistryError: Something else.
        """
        values = self.values.get(key, {})
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            self.fail(key, "a table of texts")
        return dict(values)
