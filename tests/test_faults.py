"""Models and machines that misbehave; more of them in test_cli_score and test_worker_process."""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import uipbench as package
from tests.conftest import write_model
from tests.test_own_data import HEAD, ROW, copper
from uipbench.datasets import load_cases, reference_folder
from uipbench.errors import ReferenceDataError, ResultFileError
from uipbench.machine import physical_memory
from uipbench.own_data.structures import extxyz
from uipbench.paths import cache_folder
from uipbench.results import read_result
from uipbench.session import RunOptions

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
JUMPING = """
import time
from ase.calculators.emt import EMT

clock, n = time.time, 0


def jumping():
    global n
    n += 1
    return clock() + {jump} * (n % 2)


time.time = jumping


def load(checkpoint, device, dtype):
    return EMT()
"""

MODEL = """
import os, resource, signal
import numpy as np
from ase.calculators.emt import EMT


class Broken(EMT):
    n = 0

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        Broken.n += 1
        {action}


def load(checkpoint, device, dtype):
    return Broken()
"""


@pytest.fixture
def folder(tmp_path):
    """One small case of own data, so that a relaxation is quick."""
    (tmp_path / "cases.toml").write_text(HEAD + ROW)
    (tmp_path / "a.extxyz").write_text(extxyz(copper()))
    return tmp_path


@pytest.mark.parametrize(
    ("action", "kinds"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", {"worker_crashed"}),
        ("os.kill(os.getpid(), signal.SIGKILL)", {"worker_crashed"}),
        (
            "f = self.results['forces']; f += np.random.default_rng(self.n).normal(0, 9, f.shape)",
            {"not_converged"},
        ),
        ("self.results['forces'] += (-1) ** self.n", {"not_converged"}),
        (
            "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); np.ones(2**30)",
            {"out_of_memory"},
        ),
        ("raise RuntimeError('DefaultCPUAllocator: not enough memory')", {"out_of_memory"}),
    ],
    ids=["segfault", "killed for memory", "exploding", "endless", "out of memory", "torch's"],
)
def test_a_relaxation_that_breaks_has_a_reason(folder, action, kinds):
    model = write_model(folder / "m.py", MODEL.format(action=action))
    found = package.score(
        str(model), out=folder / "r", data=folder, protocols=["relaxed"], force=True
    )
    (record,) = found["surface_energy"].records
    assert record.outcome.status == "failed"
    assert record.outcome.kind in kinds
    assert record.outcome.message


@pytest.mark.parametrize(
    ("action", "kind", "said"),
    [
        ("self.results['forces'][:] = 1e300", "non_finite", "too large to be compared"),
        ("self.results['forces'] = self.results['forces'] * 1j", "non_finite", "forces is complex"),
        (r"raise ValueError('\ud800 \x1b[31m é')", "model_raised", "ValueError: ? ?[31m é"),
        ("os.closerange(0, 50); __import__('time').sleep(99)", "worker_crashed", "closed its pipe"),
    ],
    ids=["huge", "complex", "unprintable", "closed pipe"],
)
def test_an_odd_answer_costs_its_case_alone(folder, action, kind, said):
    model = write_model(folder / "m.py", MODEL.format(action=action))
    found = package.score(
        str(model), out=folder / "r", data=folder, protocols=["fixed"], force=True
    )
    (record,) = found["surface_energy"].records
    assert record.outcome.kind == kind
    assert said in record.outcome.message


def test_a_model_that_changes_the_clock_is_timed_all_the_same(folder):
    action = "__import__('time').perf_counter = lambda: float('nan')"
    model = write_model(folder / "m.py", MODEL.format(action=action))
    found = package.score(
        str(model), out=folder / "r", data=folder, protocols=["fixed"], force=True
    )
    assert 0 <= found["surface_energy"].records[0].outcome.seconds < 60


def test_folder_deleted_in_a_run_is_said(tmp_path):
    """A deleted journal takes lines as long as it is open, and nobody would ever read them."""
    result = tmp_path / "r" / "m"
    action = f"import shutil; os.path.exists({str(result / 'surface_energy.journal.jsonl')!r}) and "
    action += f"shutil.rmtree({str(result)!r}, ignore_errors=True)"
    model = write_model(tmp_path / "m.py", MODEL.format(action=action))
    options = {"tasks": ["surface_energy"], "cases": ["[ac][glu]_*"], "protocols": ["fixed"]}
    with pytest.raises(ResultFileError, match=r"surface_energy.journal.jsonl: .*deleted"):
        package.score(str(model), out=tmp_path / "r", force=True, **options)


@pytest.mark.parametrize("fails", ["replace", "fsync"])
def test_disk_that_is_full_for_the_result_file_leaves_the_journal(folder, monkeypatch, fails):
    """Nothing half written stays either, which would take the room that the next run needs."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    sync, move = os.fsync, Path.replace

    def moved(path, target):
        return full() if target.name == "surface_energy.json" else move(path, target)

    with monkeypatch.context() as patch:
        if fails == "replace":
            patch.setattr(Path, "replace", moved)
        else:
            partial = lambda n: "partial" in str(Path(f"/proc/self/fd/{n}").readlink())  # noqa: E731
            patch.setattr(os, "fsync", lambda n: full() if partial(n) else sync(n))
        with pytest.raises(ResultFileError, match="No space left on device; choose"):
            package.score("emt", out=folder / "r", data=folder, protocols=["fixed"])
    names = {path.name for path in (folder / "r" / "emt").iterdir()}
    assert names == {".lock", "surface_energy.own-data.journal.jsonl"}
    again = package.score("emt", out=folder / "r", data=folder, protocols=["fixed"])
    assert len(again["surface_energy"].records) == 1


def test_empty_variable_of_the_cache_is_none(monkeypatch):
    """Else environments would be made where the user happens to be."""
    monkeypatch.setenv("UIPBENCH_CACHE", "")
    assert cache_folder().is_absolute()


def test_output_that_is_closed_ends_nothing(tmp_path):
    """As the standard output of a job under some schedulers."""
    command = f"{sys.executable} -m uipbench score emt --cases al_111 --protocol fixed >&- 2>&-"
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    assert read_result(tmp_path / "uipbench-results" / "emt" / "surface_energy.json").records


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts memory as is said here")
def test_limit_of_memory_is_kept_and_its_case_is_tried_again(uipbench, tmp_path):
    greedy = "np.ones(int(os.environ['GREED']) * 10**6 // 8)"
    write_model(tmp_path / "m.py", MODEL.format(action=greedy))
    command = ("score", "m.py", "--force", "--cases", "al_111", "--protocol", "fixed")
    done = uipbench(*command, "--memory", "0.5", GREED="3000")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "failed: al_111 (fixed): out_of_memory" in said
    result = read_result(tmp_path / "uipbench-results" / "m" / "surface_energy.json")
    assert "(limit 0.5 GB, --memory)" in result.records[0].outcome.message
    assert uipbench(*command, "--memory", "0.5", GREED="30").returncode == 0


def test_a_worker_may_use_what_the_machine_has(tmp_path):
    assert RunOptions(out=tmp_path).memory_bytes == physical_memory() > 2**28
    assert RunOptions(out=tmp_path, device="cuda").memory_bytes is None
    assert RunOptions(out=tmp_path, device="cuda", memory=3.0).memory_bytes == 3 * 10**9


def without_the_right_to_write_anywhere():
    """Root may write into read-only folders; without this capability it may not, as others."""
    if os.geteuid() == 0:
        assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_read_only_folder_is_one_line(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r").chmod(stat.S_IRUSR | stat.S_IXUSR)
    done = subprocess.run(
        [sys.executable, "-m", "uipbench", "score", "emt", "--cases", "al_111", "--out", "r"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=without_the_right_to_write_anywhere,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "r/emt: cannot be written: Permission denied; choose another --out" in line


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_clock_that_jumps_changes_nothing(folder, monkeypatch, jump):
    """Neither the harness's clock nor the worker's is asked for anything but the date."""
    calls = itertools.count()
    clock = time.time
    model = write_model(folder / "m.py", JUMPING.format(jump=jump))
    found = []
    for out in ("still", "jumping"):
        results = package.score(
            str(model), out=folder / out, data=folder, protocols=["fixed"], force=True
        )
        found.append(results["surface_energy"].records[0].outcome)
        monkeypatch.setattr(time, "time", lambda: clock() + jump * (next(calls) % 2))
    assert found[0].values == found[1].values
    assert 0 <= found[1].seconds < 60


def test_only_clocks_that_do_not_jump_measure_time():
    """``time.time`` and dates without a zone are nowhere in the package."""
    for path in Path(package.__file__).parent.rglob("*.py"):
        text = path.read_text()
        assert "time.time()" not in text, path
        assert "datetime.now()" not in text, path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_flipped_bit_in_a_result_file_is_never_believed(tmp_path, data):
    if not (tmp_path / "emt").is_dir():
        package.score("emt", out=tmp_path, cases=["al_111"], protocols=["fixed"])
    path = tmp_path / "emt" / "surface_energy.json"
    whole, content = read_result(path), bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] ^= 1 << data.draw(st.integers(0, 7))
    damaged = tmp_path / "damaged.json"
    damaged.write_bytes(content)
    try:
        found = read_result(damaged)
    except ResultFileError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert found == whole  # layout only


def test_reference_files_cut_or_flipped_are_refused(tmp_path):
    source = reference_folder("surface_energy")
    for name in ("al_111.json", "al_111.extxyz", "lock.json"):
        content = (source / name).read_bytes()
        for damaged in (content[:-7], bytes([content[0] ^ 1]) + content[1:], b""):
            shutil.copytree(source, tmp_path / "c", dirs_exist_ok=True)
            (tmp_path / "c" / name).write_bytes(damaged)
            with pytest.raises(ReferenceDataError, match=re.escape(name)):
                load_cases(tmp_path / "c", "surface_energy")
