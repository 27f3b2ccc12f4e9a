"""The nearest known names to one that is not known."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, names: list[str]) -> list[str]:
    """Up to three of the names that are spelt much like this one."""
    return difflib.get_close_matches(name, names, n=3, cutoff=0.5)


def suggestion(name: str, known: Iterable[str]) -> str:
    """``did you mean 'a' or 'b'?``, or all known names where none is near."""
    names = sorted(known)
    near = nearest(name, names)
    if near:
        return f"did you mean {' or '.join(repr(n) for n in near)}?"
    return f"known: {', '.join(names) or 'none'}"
