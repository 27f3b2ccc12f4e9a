"""The workflows: valid, and nothing in them that cannot be run locally."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_there_are_workflows():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "nightly.yml", "submission.yml"]


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


@pytest.mark.parametrize("name", ["run", "nightly", "submission"])
def test_scripts_are_shell(name):
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / name)], check=True)


def test_unknown_nightly_job_is_said():
    done = subprocess.run(
        [str(ROOT / ".ci" / "nightly"), "morning"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage: .ci/nightly" in done.stderr


def test_submission_workflow_runs_nothing_of_the_pull_request():
    text = (ROOT / ".github/workflows/submission.yml").read_text()
    assert "permissions:\n  contents: read\n" in text
    assert "secrets." not in text
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")
    runs = re.findall(r"run: (.*)", text)
    assert runs == ["pip install .", '.ci/submission submission "$BASE"']
    # Installed before the pull request is there, and from the checkout beside it.
    assert text.index("pip install .") < text.index("path: submission")


@pytest.fixture
def pull_request(tmp_path):
    """A repository with stored results; what is committed next is the pull request."""

    def git(*arguments):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True
        )

    def judge(change):
        git("init", "--initial-branch", "main")
        shutil.copytree(ROOT / "leaderboard/results/chgnet", tmp_path / RESULTS / "chgnet")
        (tmp_path / "setup.py").write_text("raise SystemExit('run')")
        git("add", "-A")
        git("commit", "-m", "base")
        git("tag", "base")
        change(tmp_path / RESULTS)
        git("add", "-A")
        git("commit", "-m", "pull request")
        programs = Path(sys.executable).parent
        return subprocess.run(
            [str(ROOT / ".ci" / "submission"), str(tmp_path), "base"],
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return judge


RESULTS = "leaderboard/results"


def edited(folder):
    path = folder / "chgnet" / "surface_energy.json"
    content = json.loads(path.read_text())
    content.pop("sha256", None)
    content["records"][0]["key"] = "0" * 32
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (edited, 1, "its key is not that of this model"),
        (lambda f: (f / "run.py").write_text("x"), 1, "only leaderboard/results/MODEL/TASK.json"),
        (lambda f: (f / "x").symlink_to("/etc"), 1, "results/x: only"),
        (lambda f: (f.parent.parent / "README").write_text("x"), 0, ""),
    ],
    ids=["edited record", "program", "link", "elsewhere"],
)
def test_pull_requests_are_judged(pull_request, change, code, message):
    done = pull_request(change)
    assert done.returncode == code, done.stdout + done.stderr
    assert message in done.stderr
