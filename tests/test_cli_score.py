"""``uipbench score`` as a user runs it, and everything that goes wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

import uipbench as package
from tests.conftest import write_model
from uipbench.journal import Journal
from uipbench.results import read_result

COUNTING = """
import os, time
from ase.calculators.emt import EMT


class Counting(EMT):
    def calculate(self, *args, **kwargs):
        with open(os.environ["COUNT_FILE"], "a") as file:
            file.write("x")
        time.sleep(float(os.environ.get("CALL_SECONDS", "0")))
        super().calculate(*args, **kwargs)


def load(checkpoint, device, dtype):
    return Counting()
"""
FAILING = """
from ase.calculators.emt import EMT


class Failing(EMT):
    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        {action}


def load(checkpoint, device, dtype):
    return Failing()
"""


def one_line_error(done, code=2):
    """The message of a run that was refused: one line, no traceback."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


def scores(done):
    return json.loads(done.stdout)


def test_score_emt_and_again(uipbench, tmp_path):
    command = ("score", "emt", "--tasks", "surface_energy", "--cases", "al_1*", "--tier", "full")
    command += ("--page",)
    first = uipbench(*command)
    assert first.returncode == 0, first.stdout + first.stderr
    for text in ("Al(111)", "Al(100)", "MAE", "signed error", "coverage", "skill", "evaluations"):
        assert text in first.stdout
    result = read_result(tmp_path / "uipbench-results" / "emt" / "surface_energy.json")
    assert {r.outcome.status for r in result.records} == {"predicted"}
    assert {r.protocol for r in result.records} == {"fixed", "relaxed"}
    assert not list((tmp_path / "uipbench-results" / "emt").glob("*.jsonl"))
    page = re.search(r"page:\s+(\S+)", first.stdout)
    assert page is not None
    assert (tmp_path / page.group(1)).is_file()
    assert "\x1b[" not in first.stdout
    assert "level of theory: the model was fitted to no functional" in first.stdout
    assert "checks pass" in first.stdout
    again = uipbench(*command)
    assert again.returncode == 0
    assert "everything is there" in again.stdout


def test_page_is_written_once_it_is_wanted(uipbench, tmp_path):
    """Also where nothing is to compute and the page there is older than the result."""
    command = ("score", "emt", "--tasks", "surface_energy", "--protocol", "fixed")
    folder = tmp_path / "uipbench-results"
    page = folder / "site" / "index.html"
    without = uipbench(*command, "--cases", "al_111", "--no-page")
    assert without.returncode == 0, without.stderr
    assert "page:" not in without.stdout
    assert not page.exists()
    for _ in ("missing", "old"):
        done = uipbench(*command, "--cases", "al_111", "--page")
        assert "everything is there" in done.stdout
        assert "page:" in done.stdout
        assert page.stat().st_mtime > 1e9
        os.utime(page, (1e9, 1e9))


def test_json_is_only_json_on_standard_output(uipbench):
    done = uipbench("score", "emt", "--cases", "al_111", "--protocol", "fixed", "--json")
    assert done.returncode == 0
    fixed = scores(done)["emt"]["surface_energy"]["fixed"]
    assert fixed["n_predicted"] == 1
    assert fixed["mae"] > 0


def test_own_model_file(uipbench, tmp_path):
    write_model(tmp_path / "mine.py", FAILING.format(action="pass"))
    own = uipbench("score", "./mine.py", "--cases", "al_111", "--protocol", "fixed", "--json")
    emt = uipbench("score", "emt", "--cases", "al_111", "--protocol", "fixed", "--json")
    assert own.returncode == 0, own.stderr
    assert scores(own)["mine"]["surface_energy"]["fixed"]["mae"] == pytest.approx(
        scores(emt)["emt"]["surface_energy"]["fixed"]["mae"], abs=1e-12
    )
    record = read_result(tmp_path / "uipbench-results" / "mine" / "surface_energy.json")
    assert record.model.own


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chgnett"], "no model named 'chgnett'; did you mean 'chgnet'"),
        (["emt", "--tasks", "surface_energie"], "did you mean surface_energy"),
        (["emt", "--cases", "al_11"], "no case named 'al_11'; did you mean al_11"),
        (["./none.py"], "none.py"),
        (["emt", "--out", "/proc/uipbench"], "/proc/uipbench"),
    ],
)
def test_wrong_names_and_places(uipbench, arguments, message):
    assert message in one_line_error(uipbench("score", *arguments))


def test_a_slip_in_the_last_name_is_told_before_the_first_model_runs(uipbench, tmp_path):
    done = uipbench("score", "emt", "chgnett", "--tasks", "surface_energy", "--out", "r")
    assert "no model named 'chgnett'" in one_line_error(done)
    assert not (tmp_path / "r").exists()
    done = uipbench("score", "emt", "--tasks", "surface_energy", "adhesion")
    assert "'adhesion' is a task, no model; say --tasks adhesion" in done.stderr
    assert done.returncode == 2


def test_usage_errors_are_clicks(uipbench):
    done = uipbench("score", "emt", "--tier", "medium")
    assert done.returncode == 2
    assert "'quick', 'full'" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("def load(checkpoint, device, dtype): ...\n", "script"),
        ("# /// script\n# dependencies = []\n# ///\n", "load"),
        ("# /// script\n# dependencies = [\n# ///\ndef load(c, d, t): ...\n", "TOML"),
        ("# /// script\n# dependencies = []\n# ///\ndef load(:\n", "m.py:4"),
    ],
)
def test_broken_model_files(uipbench, tmp_path, content, message):
    (tmp_path / "m.py").write_text(content)
    line = one_line_error(uipbench("score", "m.py"))
    assert "m.py" in line
    assert message in line


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("raise RuntimeError('no such thing')", "model_raised"),
        ("self.results['energy'] = float('nan')", "non_finite"),
        ("self.results['forces'] = self.results['forces'][:1]", "non_finite"),
        ("import os; os._exit(3)", "worker_crashed"),
        ("import time; time.sleep(1000)", "timed_out"),
    ],
)
def test_models_that_break_fail_by_case_with_a_reason(uipbench, tmp_path, action, kind):
    write_model(tmp_path / "m.py", FAILING.format(action=action))
    limit = "3" if kind == "timed_out" else "60"
    done = uipbench(
        *("score", "m.py", "--force", "--cases", "al_111", "--protocol", "fixed"),
        *("--limit", limit),
        timeout=90,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"failed: al_111 (fixed): {kind}" in done.stdout
    assert f"1 case runs failed: {kind} (1)" in done.stdout
    record = read_result(tmp_path / "uipbench-results" / "m" / "surface_energy.json").records[0]
    assert record.outcome.kind == kind


def test_crash_is_tried_again_and_replaced(uipbench, tmp_path):
    crash_once = "import os; flag = os.environ['FLAG']\n        "
    crash_once += "os._exit(3) if os.path.exists(flag) else None"
    write_model(tmp_path / "m.py", FAILING.format(action=crash_once))
    flag = tmp_path / "flag"
    flag.touch()
    command = ("score", "m.py", "--force", "--cases", "al_111", "--protocol", "fixed")
    assert uipbench(*command, FLAG=str(flag)).returncode == 1
    flag.unlink()
    done = uipbench(*command, FLAG=str(flag))
    assert done.returncode == 0, done.stdout + done.stderr
    result = read_result(tmp_path / "uipbench-results" / "m" / "surface_energy.json")
    assert [r.outcome.status for r in result.records] == ["predicted"]


def test_model_that_cannot_load_is_one_line(uipbench, tmp_path):
    write_model(
        tmp_path / "m.py", "def load(checkpoint, device, dtype):\n    raise OSError('no file')\n"
    )
    line = one_line_error(uipbench("score", "m.py", "--cases", "al_111"))
    assert "m.py: the model cannot be loaded" in line
    assert "no file" in line


def test_missing_element_is_a_failure_with_a_reason(uipbench):
    done = uipbench("score", "emt", "--cases", "li_100", "--protocol", "fixed")
    assert done.returncode == 1
    assert "li_100 (fixed): unsupported_elements: the model's card does not list Li" in done.stdout


def test_damaged_result_file_is_named_and_kept(uipbench, tmp_path):
    command = ("score", "emt", "--cases", "al_111", "--protocol", "fixed")
    uipbench(*command)
    path = tmp_path / "uipbench-results" / "emt" / "surface_energy.json"
    damaged = path.read_text()[:-200]
    path.write_text(damaged)
    line = one_line_error(uipbench(*command))
    assert "surface_energy.json" in line
    assert "move the file away" in line
    assert path.read_text() == damaged


def test_damaged_journal_lines_are_computed_again(uipbench, tmp_path):
    folder = tmp_path / "uipbench-results" / "emt"
    folder.mkdir(parents=True)
    (folder / "surface_energy.journal.jsonl").write_bytes(
        b'{"sha256": "x", "record": "y"}\n\x00\xff'
    )
    done = uipbench("score", "emt", "--cases", "al_111", "--protocol", "fixed")
    assert done.returncode == 0, done.stderr
    assert "2 damaged journal lines left out" in done.stdout


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of two pages, enough for one finished case."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command on this system")
    if done.returncode:
        pytest.skip(f"a small file system needs root: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_said_and_finished_cases_are_kept(uipbench, tiny_disk):
    command = ("score", "emt", "--tasks", "surface_energy", "--cases", "[ac][glu]_*")
    command += ("--protocol", "fixed", "--out", "tiny")
    line = one_line_error(uipbench(*command, "--workers", "1"))
    assert "No space left on device" in line
    kept, _ = Journal(tiny_disk / "emt" / "surface_energy.journal.jsonl").read()
    assert kept
    subprocess.run(["mount", "-o", "remount,size=50m", str(tiny_disk)], check=True)
    done = uipbench(*command)
    assert done.returncode == 0, done.stderr
    result = read_result(tiny_disk / "emt" / "surface_energy.json")
    assert [r for r in result.records if r in kept] == sorted(kept, key=lambda r: r.case_id)


def test_a_terminal_without_our_letters_ends_nothing(uipbench):
    command = ("score", "emt", "--cases", "al_111", "--protocol", "fixed")
    done = uipbench(*command, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


def test_two_runs_into_one_folder(uipbench, tmp_path):
    folder = tmp_path / "uipbench-results" / "emt"
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        line = one_line_error(uipbench("score", "emt", "--cases", "al_111"))
    assert "another run writes here" in line


def test_damaged_reference_file(uipbench, tmp_path):
    source = Path(package.__file__).parent
    shutil.copytree(source, tmp_path / "copy" / "uipbench", ignore=shutil.ignore_patterns("site"))
    shutil.copytree(source / "site", tmp_path / "copy" / "uipbench" / "site")
    case = tmp_path / "copy/uipbench/reference_data/surface_energy/cases/al_111.extxyz"
    case.write_text(case.read_text().replace("1", "2", 1))
    done = uipbench("score", "emt", PYTHONPATH=str(tmp_path / "copy"))
    line = one_line_error(done)
    assert "al_111.extxyz: sha256" in line
    assert "restore it" in line


@pytest.fixture
def heard_interrupts():
    """Shells start background jobs with SIGINT ignored, which every child inherits."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_interrupts")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_run_loses_nothing_and_computes_nothing_twice(tmp_path, sign):
    write_model(tmp_path / "m.py", COUNTING)
    count, whole = tmp_path / "count", tmp_path / "whole"
    command = [sys.executable, "-m", "uipbench", "score", "m.py", "--protocol", "fixed"]
    command += [
        "--tasks",
        "surface_energy",
        "--cases",
        "[ac][glu]_*",
        "--workers",
        "1",
        "--no-page",
    ]
    slow = {**os.environ, "COUNT_FILE": str(count), "CALL_SECONDS": "0.2"}
    check = [sys.executable, "-m", "uipbench", "check", "m.py"]
    unhurried = {**os.environ, "COUNT_FILE": os.devnull}
    subprocess.run(check, cwd=tmp_path, env=unhurried, capture_output=True, check=True)
    journal = tmp_path / "uipbench-results" / "m" / "surface_energy.journal.jsonl"
    process = subprocess.Popen(
        command, cwd=tmp_path, env=slow, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(sign)
    said = process.communicate(timeout=30)[0]
    if sign == signal.SIGINT:
        assert process.returncode == 130
        assert "finished cases are kept" in said
    finished = journal.read_bytes().count(b"\n")
    before = len(count.read_text())
    fast = {**os.environ, "COUNT_FILE": str(count)}
    done = subprocess.run(
        command, cwd=tmp_path, env=fast, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result = read_result(tmp_path / "uipbench-results" / "m" / "surface_energy.json")
    assert len(count.read_text()) - before == 3 * (len(result.records) - finished)
    fresh = {**os.environ, "COUNT_FILE": str(whole)}
    subprocess.run(
        [*command, "--out", "o"], cwd=tmp_path, env=fresh, capture_output=True, check=True
    )
    undisturbed = read_result(tmp_path / "o" / "m" / "surface_energy.json")
    assert [r.outcome.values for r in result.records] == [
        r.outcome.values for r in undisturbed.records
    ]


def test_a_checkout_without_an_installation_is_refused_before_the_work(tmp_path):
    """Results name the version, which only an installation has."""
    script = """
import sys
from importlib import metadata

def version(name, known=metadata.version):
    if name == "uipbench":
        raise metadata.PackageNotFoundError(name)
    return known(name)

metadata.version = version
from uipbench.cli import main
sys.argv = ["uipbench", "score", "emt"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = one_line_error(done)
    assert "is not installed; run pip install -e " in said
    assert not [*tmp_path.iterdir()]
