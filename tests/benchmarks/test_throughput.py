"""What the harness itself costs: thousands of small cases, and a model that costs nothing.

``UIPBENCH_BENCHMARK_CASES`` sets how many (default 2000). On a busy machine, read the CPU time of
an evaluation rather than the evaluations a second.
"""

from __future__ import annotations

import os

import pytest

from tests.benchmarks.many_cases import FREE_MODEL, measured, write_cases, write_hops
from tests.conftest import write_model

pytestmark = pytest.mark.benchmark(min_rounds=1, warmup=False)
N_CASES = int(os.environ.get("UIPBENCH_BENCHMARK_CASES", "2000"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Own data of four atoms a structure: slabs of copper (two structures), hops (seven)."""
    folder = tmp_path_factory.mktemp("many")
    return {
        "slabs": write_cases(folder / "slabs", N_CASES),
        "hops": write_hops(folder / "hops", N_CASES),
    }


@pytest.mark.parametrize("executor", ["local", "dask"])
@pytest.mark.parametrize(
    ("kind", "protocol"), [("slabs", "fixed"), ("slabs", "relaxed"), ("hops", "fixed")]
)
def test_evaluations_a_second(benchmark, tmp_path, data, *, kind, protocol, executor):
    if executor == "dask":
        pytest.importorskip("distributed")
    model = write_model(tmp_path / "free.py", FREE_MODEL)
    benchmark.extra_info |= benchmark.pedantic(
        measured,
        args=(data[kind], model, tmp_path / "out"),
        kwargs={"protocol": protocol, "executor": executor},
        rounds=1,
    )
    assert benchmark.extra_info["harness_peak_mb"] < 500
