"""Shared fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

Run = subprocess.CompletedProcess[str]

settings.register_profile("uipbench", deadline=None)  # what is slow on a busy machine is not wrong
settings.load_profile("uipbench")


@pytest.fixture
def uipbench(tmp_path: Path) -> Callable[..., Run]:
    """Run the command line as a user does, in an empty folder."""

    def run(*arguments: str, timeout: float = 600, **environment: str) -> Run:
        return subprocess.run(
            [sys.executable, "-m", "uipbench", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


def write_model(path: Path, body: str, *, name: str | None = None, extra: str = "") -> Path:
    """Write a model file with a minimal header."""
    path.write_text(
        "# /// script\n"
        '# requires-python = ">=3.11"\n'
        '# dependencies = ["ase"]\n'
        "# [tool.uipbench]\n"
        f'# name = "{name or path.stem}"\n' + extra + "# ///\n" + body
    )
    return path
