"""Many small cases of own data, and a run over them that measures the harness.

``python -m tests.benchmarks.many_cases DATA MODEL OUT PROTOCOL EXECUTOR WORKERS`` prints JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from ase.build import fcc111
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

ROOT = Path(__file__).parents[2]
WARM = 20
FREE_MODEL = """
import numpy as np
from ase.calculators.calculator import Calculator


class Free(Calculator):
    implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        n = len(atoms)
        energy = -1.0 * n - 0.01 * (atoms.positions[-1, 0] - 1.0) ** 2
        self.results = {"energy": energy, "forces": np.zeros((n, 3)), "stress": np.zeros(6)}


def load(checkpoint, device, dtype):
    return Free()
"""


def write_cases(folder: Path, n: int, repeat: int = 1) -> Path:
    """Copper slabs of 4 · repeat² atoms, and bulk of 3 · repeat², at n lattice constants."""
    size, pairs = (repeat, repeat), []
    for a in np.linspace(3.4, 3.8, n):
        slab, bulk = fcc111("Cu", (*size, 4), a=a, vacuum=6.0), fcc111("Cu", (*size, 3), a=a)
        bulk.set_cell([*bulk.cell[:2], [0, 0, a * np.sqrt(3)]])
        pairs.append((bulk, slab))
    return write_pairs(folder, pairs)


def write_pairs(folder: Path, pairs) -> Path:
    """Own data of bulks and slabs, whose energies are no references: only time is of interest."""
    cases = (
        [_frame(bulk, "bulk", -3.0 * len(bulk)), _frame(slab, "slab", -2.75 * len(slab))]
        for bulk, slab in pairs
    )
    return _write(folder, "surface_energy", cases)


def write_hops(folder: Path, n: int) -> Path:
    """Paths of seven images: an atom that crosses three layers of copper, four atoms in all."""
    cases = []
    for a in np.linspace(3.4, 3.8, n):
        slab = fcc111("Cu", (1, 1, 3), a=a, vacuum=6.0)
        images = [slab.copy() for _ in range(7)]
        for x, image in zip(np.linspace(0.0, 2.0, 7), images, strict=True):
            image.append("Cu")
            image.positions[-1] = [x, 0.0, 12.0]
        energies = -11.0 - 0.3 * np.linspace(-1, 1, 7) ** 2
        cases.append([_frame(images[i], f"image_{i}", energies[i]) for i in range(7)])
    return _write(folder, "li_migration", cases)


def _write(folder: Path, task: str, cases) -> Path:
    rows = ['format = 1\nname = "many"\n[theory]\nxc = "PBE"\ncode = "none"\ncutoff_ev = 500\n']
    folder.mkdir(parents=True, exist_ok=True)
    for i, frames in enumerate(cases):
        write(folder / f"c{i:05d}.extxyz", frames, format="extxyz")
        rows.append(f'[[case]]\ntask = "{task}"\nid = "c{i:05d}"\n')
    (folder / "cases.toml").write_text("\n".join(rows))
    return folder


def _frame(atoms, role, energy):
    atoms.pbc = True
    atoms.info = {"role": role}
    forces = np.zeros((len(atoms), 3))
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


def measured(data, model, out, *, protocol="fixed", executor="local", workers=0):
    """What a run in a process of its own says of itself."""
    command = [sys.executable, "-m", "tests.benchmarks.many_cases"]
    command += map(str, (data, model, out, protocol, executor, workers))
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def used():
    """Seconds of processors."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_memory():
    """In MB: of this process, and of the largest of its ended children or of its parent."""
    own = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    return own // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


class Count:
    """Counts evaluations, and starts the clock when whatever is imported late has been."""

    def __init__(self):
        self.n, self.start, self.cpu = 0, 0.0, 0.0

    def evaluated(self):
        """One structure was evaluated."""
        self.n += 1
        if self.n == WARM:
            self.start, self.cpu = time.perf_counter(), used()

    def finished(self, job, outcome):
        """One case is finished."""


def main(arguments):
    """Run all cases and print the numbers."""
    from uipbench.plan import Selection
    from uipbench.scoring import open_session, own_tasks
    from uipbench.session import RunOptions

    data, model, out, protocol, executor, workers = arguments
    begin, count = time.perf_counter(), Count()
    own, tasks = own_tasks(Path(data), (), Path(out))
    options = RunOptions(out=Path(out), own_data=own, executor=executor, workers=int(workers))
    session = open_session(model, options, offline=True)
    jobs = session.missing(session.jobs(Selection(tasks=tasks, tier="full", protocols=[protocol])))
    ready = time.perf_counter()
    for _ in session.compute(jobs, count):
        pass
    wall, cpu, n = time.perf_counter() - count.start, used() - count.cpu, count.n - WARM
    session.write(tasks)
    harness, worker = peak_memory()
    told = {
        "cases": len(jobs),
        "evaluations": count.n,
        "evaluations_per_second": round(n / wall, 1),
        "harness_cpu_us_per_evaluation": round(1e6 * cpu / n, 1),
        "prepare_seconds": round(ready - begin, 2),
        "seconds": round(time.perf_counter() - begin, 2),
        "harness_peak_mb": harness,
        "worker_peak_mb": worker,
    }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
