"""The workflows: valid, and nothing in them that cannot be run locally."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_there_are_workflows():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "nightly.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_of_githubs_schema(path):
    command = [sys.executable, "-m", "check_jsonschema"]
    command += ["--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ci_runs_the_two_commands_of_the_readme():
    readme = (ROOT / "README.md").read_text()
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    runs = text + (ROOT / ".ci" / "run").read_text()
    commands = re.findall(r"^pip install .*$", readme, flags=re.MULTILINE)
    assert len(commands) == 2
    assert all(command in runs for command in commands)


def test_nightly_jobs_are_those_of_the_script():
    script = (ROOT / ".ci" / "nightly").read_text()
    jobs = set(re.findall(r"^([a-z]+)\)$", script, flags=re.MULTILINE))
    called = re.findall(
        r"\.ci/nightly ([a-z]+)", (ROOT / ".github/workflows/nightly.yml").read_text()
    )
    assert jobs == set(called)
    assert len(called) == len(jobs)


def test_regression_is_of_the_models_with_stored_results():
    script = (ROOT / ".ci" / "nightly").read_text()
    found = re.search(r"^embedded=\((.*)\)$", script, flags=re.MULTILINE)
    assert found is not None
    stored = {path.name for path in (ROOT / "leaderboard" / "results").iterdir() if path.is_dir()}
    assert set(found.group(1).split()) <= stored


@pytest.mark.parametrize("name", ["run", "nightly"])
def test_scripts_are_shell(name):
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / name)], check=True)


def test_unknown_nightly_job_is_said():
    done = subprocess.run(
        [str(ROOT / ".ci" / "nightly"), "morning"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage: .ci/nightly" in done.stderr
