"""Reading extended XYZ of others with ASE, which takes some of its numbers at their word."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ase import Atoms

_MANY_COLUMNS: Final = re.compile(r":\s*[A-Za-z]\s*:\s*[+0]*[0-9_]{5,}")


def check_columns(text: str) -> None:
    """Refuse a property of 10,000 columns or more: ASE would make room for all of them first.

    Raises:
        ValueError: Such a property.
    """
    found = _MANY_COLUMNS.search(text)
    if found:
        msg = f"a property with too many columns: '{found[0][:40]}'"
        raise ValueError(msg)


def read_frames(text: str) -> list[Atoms]:
    """All frames of a text.

    Raises:
        Exception: Whatever ASE makes of a text that is something else.
    """
    from ase.io.extxyz import read_extxyz  # slow to import

    check_columns(text)
    return list(read_extxyz(io.StringIO(text), index=slice(None)))
