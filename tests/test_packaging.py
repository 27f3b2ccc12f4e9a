"""Wheel and source distribution hold tasks, references and results, whichever way they are made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import uipbench
from uipbench.datasets import case_ids
from uipbench.registry import load_tasks

ROOT = Path(__file__).parent.parent
REPORT = """
import json
import uipbench
from uipbench.datasets import case_ids
from uipbench.model_registry import list_models
from uipbench.registry import load_tasks
from uipbench.site.build import build_site

tasks = load_tasks()
print(json.dumps({
    "file": uipbench.__file__,
    "tasks": {name: case_ids(task.data_folder) for name, task in tasks.items()},
    "models": sorted(list_models()),
    "values": [c.reference(t.quantity) for t in tasks.values() for c in t.cases()],
}))
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A source distribution, and a wheel made from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), cwd=ROOT)
    return folder


def report(folder: Path, *distribution: str, tmp_path: Path) -> dict:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*pip, "--target", str(folder), *distribution, cwd=tmp_path)
    output = run(sys.executable, "-c", REPORT, cwd=tmp_path, PYTHONPATH=str(folder))
    return json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_installed_distribution_is_complete(built, tmp_path, kind):
    (distribution,) = built.glob(kind)
    found = report(tmp_path / "site", str(distribution), tmp_path=tmp_path)
    assert Path(found["file"]).is_relative_to(tmp_path)
    assert found["tasks"] == {n: case_ids(t.data_folder) for n, t in load_tasks().items()}
    assert "surface_energy" in found["tasks"]
    assert len(found["values"]) == sum(map(len, found["tasks"].values())) > 0
    assert {"chgnet", "emt", "sevennet-0"} <= set(found["models"])


def test_editable_install_sees_the_folders_at_the_top():
    package = Path(uipbench.__file__).parent
    if not (package.parent / "pyproject.toml").exists():
        pytest.skip("uipbench is not installed in editable mode")
    for name in ("tasks", "reference_data", "leaderboard"):
        link = package / name
        assert link.is_symlink(), f"{link} must be a symbolic link: see CONTRIBUTING.md"
        assert link.resolve() == package.parent / name


def test_public_names_are_complete_and_importable():
    assert uipbench.__all__ == sorted(uipbench.__all__)
    assert set(uipbench._HOME) == set(uipbench.__all__)
    for name in uipbench.__all__:
        assert getattr(uipbench, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        uipbench.nothing  # noqa: B018
