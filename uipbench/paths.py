"""Folders outside the project: the cache (environments, DFT steps)."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """``$UIPBENCH_CACHE``, or, unset or empty, the platform's cache folder for uipbench."""
    return Path(os.environ.get("UIPBENCH_CACHE") or user_cache_path("uipbench"))
