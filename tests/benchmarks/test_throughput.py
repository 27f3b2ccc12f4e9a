"""What the harness itself costs: thousands of small cases, and a model that costs nothing.

``UIPBENCH_BENCHMARK_CASES`` sets how many (default 2000). On a busy machine, read the CPU time of
an evaluation rather than the evaluations a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from ase.build import fcc111
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from tests.conftest import write_model

pytestmark = pytest.mark.benchmark(min_rounds=1, warmup=False)
N_CASES = int(os.environ.get("UIPBENCH_BENCHMARK_CASES", "2000"))
FREE_MODEL = """
import numpy as np
from ase.calculators.calculator import Calculator


class Free(Calculator):
    implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        n = len(atoms)
        self.results = {"energy": -1.0 * n, "forces": np.zeros((n, 3)), "stress": np.zeros(6)}


def load(checkpoint, device, dtype):
    return Free()
"""
RUN = """
import json, resource, sys, time
from pathlib import Path
from uipbench.plan import Selection
from uipbench.scoring import own_tasks, open_session
from uipbench.session import RunOptions

def usage():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

class Count:
    n = 0
    def evaluated(self):
        Count.n += 1
        if Count.n == 50:  # whatever is imported late has been
            Count.start = Count.n, time.perf_counter(), usage()
    def finished(self, job, outcome): pass

def main():
    data, model, out, protocol, executor = sys.argv[1:]
    begin = time.perf_counter()
    own, tasks = own_tasks(Path(data), (), Path(out))
    options = RunOptions(out=Path(out), own_data=own, executor=executor)
    session = open_session(model, options, offline=True)
    jobs = session.missing(session.jobs(Selection(tasks=tasks, tier="full", protocols=[protocol])))
    ready = time.perf_counter()
    for _ in session.compute(jobs, Count()): pass
    n, start, cpu = Count.start
    wall, spent, n = time.perf_counter() - start, usage() - cpu, Count.n - n
    session.write(tasks)
    print(json.dumps({
        "cases": len(jobs),
        "evaluations": Count.n,
        "evaluations_per_second": round(n / wall, 1),
        "harness_cpu_us_per_evaluation": round(1e6 * spent / n, 1),
        "prepare_seconds": round(ready - begin, 2),
        "harness_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))

if __name__ == "__main__":
    main()
"""


def frame(atoms, role, energy):
    atoms.pbc = True
    atoms.info = {"role": role}
    forces = np.zeros((len(atoms), 3))
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Own data: copper slabs of four atoms with many lattice constants."""
    folder = tmp_path_factory.mktemp("many")
    rows = ['format = 1\nname = "many"\n[theory]\nxc = "PBE"\ncode = "none"\ncutoff_ev = 500\n']
    for i, a in enumerate(np.linspace(3.4, 3.8, N_CASES)):
        slab, bulk = fcc111("Cu", (1, 1, 4), a=a, vacuum=6.0), fcc111("Cu", (1, 1, 3), a=a)
        bulk.set_cell([*bulk.cell[:2], [0, 0, a * np.sqrt(3)]])
        path = folder / f"c{i:05d}.extxyz"
        write(path, [frame(bulk, "bulk", -9.0), frame(slab, "slab", -11.0)], format="extxyz")
        rows.append(f'[[case]]\ntask = "surface_energy"\nid = "c{i:05d}"\n')
    (folder / "cases.toml").write_text("\n".join(rows))
    return folder


@pytest.mark.parametrize("executor", ["local", "dask"])
@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_evaluations_a_second(benchmark, tmp_path, data, protocol, executor):
    if executor == "dask":
        pytest.importorskip("distributed")
    model = write_model(tmp_path / "free.py", FREE_MODEL)
    script = tmp_path / "run.py"
    script.write_text(RUN)
    command = [sys.executable, script, data, model, tmp_path / "out", protocol, executor]

    def run() -> dict[str, float]:
        done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    benchmark.extra_info |= benchmark.pedantic(run, rounds=1)
    assert benchmark.extra_info["harness_peak_mb"] < 500
