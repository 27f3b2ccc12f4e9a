"""Version of the checks, without importing them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from uipbench.digests import code_digest


@cache
def suite_version() -> str:
    """Digest of the code of the checks."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return code_digest(*(file.read_text("utf-8") for file in files))[:12]
