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


def read_frames(text: str, *, plain: bool = False) -> list[Atoms]:
    """All frames of a text.

    Args:
        text: Of the file.
        plain: ASE wrote it, which takes 40 % less time to read: its comment lines have none of the
            older ways of quoting.

    Raises:
        Exception: Whatever ASE makes of a text that is something else.
    """
    from ase.io import extxyz  # slow to import

    check_columns(text)
    parser = extxyz.key_val_str_to_dict_regex if plain else extxyz.key_val_str_to_dict
    return list(extxyz.read_extxyz(io.StringIO(text), slice(None), properties_parser=parser))
