"""The machine that a run is made on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from uipbench.results import Provenance


def physical_memory() -> int | None:
    """Bytes of memory of the machine, or None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def provenance(started: str, processors: str = "") -> Provenance:
    """Where this process runs, and of which uipbench.

    Args:
        started: When the run began.
        processors: What the models ran on, where it is not this machine.
    """
    return Provenance(
        uipbench_version=version("uipbench"),
        commit=_commit(),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=processors or processor(),
        started=started,
    )


def _commit() -> str | None:
    """Commit of the checkout that uipbench runs from, with ``-dirty``; None when installed."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def processor() -> str:
    """Name of this machine's processor and its number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else "unknown"
