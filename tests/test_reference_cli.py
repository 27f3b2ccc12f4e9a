"""``uipbench reference`` as people type it."""

import json
import os
import subprocess
import sys

import pytest

from uipbench.reference.queue import CASES_BEFORE_CONVERGENCE, load_recipes

TASK = "surface_energy"


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "uipbench", "reference", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_list():
    cases = json.loads(run("list", TASK, "--json").stdout)
    assert [c["id"] for c in cases] == [r.id for r in load_recipes(TASK)]
    done = [c for c in cases if c["state"] == "done"]
    assert all(c["value"] > 0 and c["uncertainty"] > 0 for c in done)
    lines = run("list", TASK).stdout.splitlines()
    assert len(lines) == len(cases)
    assert lines[0].split()[:2] == ["al_111", "Al(111)"]


def test_status():
    found = json.loads(run("status", TASK, "--json").stdout)
    kinds = [job["kind"] for job in found["jobs"]]
    assert kinds.count("convergence") == 5
    assert kinds.index("convergence") == CASES_BEFORE_CONVERGENCE
    assert f"{found['done']} of {len(kinds)} done" in run("status", TASK).stdout


def test_verify():
    done = run("verify", TASK, "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["problems"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "none"], "no recipes for task 'none'; tasks with recipes: "),
        (["status", "none"], "no recipes for task 'none'"),
        (["verify", "none"], "no recipes for task 'none'"),
        (["refresh", "none"], "no recipes for task 'none'"),
        (["card", "none"], "no recipes for task 'none'"),
        (["compute", TASK, "none"], "has no recipe 'none'; see: uipbench reference list"),
        (["convergence", TASK, "none"], "has no recipe 'none'"),
        (["verify", TASK, "--recompute", "0"], "0 is not in the range x>=1"),
        (["verify", TASK, "--recompute", "99"], "finished cases"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message):
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_done_is_said_and_left_alone():
    done = run("compute", TASK, "al_111")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "al_111: done already; --again computes it once more\n"


@pytest.mark.parametrize("arguments", [["compute", TASK], ["convergence", TASK], ["check-paw"]])
def test_missing_gpaw_names_what_to_install(arguments):
    try:
        import gpaw  # noqa: F401
    except ImportError:
        done = run(*arguments)
        assert done.returncode == 2
        assert "pip install 'uipbench[dft]'" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    else:
        pytest.skip("GPAW is installed")
