"""How long a user waits, and how much of it is not the model.

Numbers are reported, not asserted: a busy machine is no bug. Targets: ``uipbench list`` below
0.5 s, a warm rerun below 2 s, harness below 5 % of a run.
"""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from uipbench.results import read_result

pytestmark = pytest.mark.benchmark(min_rounds=3, warmup=False)
CASES = ("al_111", "li_100", "lif_100")


def uipbench(*arguments: str, cwd) -> None:
    subprocess.run(
        [sys.executable, "-m", "uipbench", *arguments], cwd=cwd, check=True, capture_output=True
    )


def test_list(benchmark, tmp_path):
    benchmark.pedantic(uipbench, args=("list",), kwargs={"cwd": tmp_path}, rounds=5)


def test_warm_rerun_of_everything(benchmark, tmp_path):
    pytest.importorskip("chgnet")
    command = ("score", "chgnet", "--protocol", "fixed")
    uipbench(*command, cwd=tmp_path)
    benchmark.pedantic(uipbench, args=command, kwargs={"cwd": tmp_path}, rounds=5)


def test_harness_share_of_a_run(benchmark, tmp_path):
    """Wall time between the first and the last evaluation, less the model's own seconds."""
    pytest.importorskip("chgnet")
    from uipbench.plan import Selection
    from uipbench.registry import load_task
    from uipbench.scoring import SilentObserver, open_session
    from uipbench.session import RunOptions

    session = open_session("chgnet", RunOptions(out=tmp_path, workers=1))
    task = load_task("surface_energy")
    jobs = session.jobs(Selection(tasks=[task], tier="full", cases=CASES))
    started: list[float] = []

    class Clock(SilentObserver):
        """Notes when the first evaluation has come back; loading the model is not in it."""

        __slots__ = ()

        def evaluated(self) -> None:
            started.append(time.perf_counter())

    def run() -> float:
        started.clear()
        for _ in session.compute(jobs, Clock()):
            pass
        return time.perf_counter() - started[0]

    wall = benchmark.pedantic(run, rounds=1)
    session.write([task])
    result = read_result(tmp_path / "chgnet" / "surface_energy.json")
    model = sum(record.outcome.seconds for record in result.records)
    benchmark.extra_info["model_seconds"] = model
    benchmark.extra_info["harness_share_percent"] = 100 * (wall - model) / wall
