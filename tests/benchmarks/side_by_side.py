"""uipbench beside matcalc and a plain ASE script: same cases, potential and limits, one run.

``python tests/benchmarks/side_by_side.py OUT.json [--quick | --all] [--routes NAMES]`` in an
environment with uipbench, chgnet, matcalc and psutil, on an otherwise idle machine. It prints a
Markdown table and writes everything to the JSON file.

Each route is a process of its own, timed with its start and the loading of the model; its memory is
that of all its processes together, what they share counted once (PSS), sampled.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from uipbench.registry import load_task
from uipbench.results import read_result

CASES = {
    "surface_energy": [
        *("al_100", "al_110", "al_111", "cu_100", "cu_110", "cu_111"),
        *("li_100", "li_110", "li_111", "licl_100", "licl_110", "nacl_100", "nacl_110", "mgo_100"),
    ],
    "grain_boundary": ["al_s3_111", "li2o_s3_111"],
    "li_migration": ["licl_vacancy", "lif_vacancy"],
    "voltage_profile": ["li_al"],
}
QUICK = {"surface_energy": ["al_111", "licl_100"], "grain_boundary": ["al_s3_111"]}
QUANTITIES = {
    "surface_energy": ("surface_energy", "J/m²"),
    "grain_boundary": ("grain_boundary_energy", "J/m²"),
    "li_migration": ("migration_barrier", "eV"),
    "voltage_profile": ("average_voltage", "V"),
}
SAMPLE_EVERY = 0.25
PACKAGES = ("uipbench", "ase", "chgnet", "matcalc", "torch", "numpy")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class Route:
    """A way to compute the cases; see ``ROUTES``."""

    title: str
    kind: str
    threads: int = 1
    jobs: int = 1
    fmax: float = 0.0


@dataclass
class Measured:
    """What a route took (s, MB) and found."""

    wall: float
    memory: float
    calls: int
    values: dict[str, float]
    tasks: dict[str, dict[str, float]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)


def routes(cores):
    """All of them; a model's threads times processes are never more than the cores."""
    return {
        "uipbench": Route(f"uipbench, {cores} workers", "uipbench", jobs=cores),
        "uipbench-1": Route("uipbench, 1 worker", "uipbench"),
        "matcalc": Route(f"matcalc, {cores} threads", "matcalc", threads=cores),
        "matcalc-jobs": Route(f"matcalc, n_jobs={cores}", "matcalc", jobs=cores),
        "matcalc-loose": Route(
            f"matcalc, {cores} threads, its 0.1 eV/Å", "matcalc", threads=cores, fmax=0.1
        ),
        "ase": Route(f"ASE, {cores} threads", "ase", threads=cores),
        "ase-1": Route("ASE, 1 thread", "ase"),
        "ase-loose": Route(f"ASE, {cores} threads, its 0.05 eV/Å", "ase", threads=cores, fmax=0.05),
    }


DEFAULT_ROUTES = ("uipbench", "matcalc", "matcalc-jobs", "matcalc-loose", "ase")


class Memory(threading.Thread):
    """Samples the memory of a process and its descendants."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.process, self.peak, self.ended = psutil.Process(pid), 0.0, threading.Event()

    def run(self):
        """Until the process is over."""
        while not self.ended.wait(SAMPLE_EVERY):
            try:
                processes = [self.process, *self.process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self.peak = max(self.peak, sum(map(pss, processes)) / 2**20)


def pss(process):
    """Bytes of a process, pages shared by n processes counted as 1/n."""
    try:
        return process.memory_full_info().pss
    except psutil.Error:
        return 0


def timed(command, folder, threads):
    """Standard output of a command, its wall time in s and its peak memory in MB."""
    variables = os.environ | dict.fromkeys(THREADS, str(threads))
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory = Memory(process.pid)
    memory.start()
    out, errors = process.communicate()
    wall = time.perf_counter() - start
    memory.ended.set()
    return process.returncode, out, errors, wall, memory.peak


def rival(route, cases, steps, folder):
    """matcalc or ASE."""
    request = asdict(route) | {"route": route.kind, "cases": cases, "max_steps": steps}
    request["calls"] = str(folder / "calls")
    path = folder / "request.json"
    path.write_text(json.dumps(request))
    script = Path(__file__).with_name("rivals.py")
    command = [sys.executable, "-W", "ignore", str(script), str(path)]
    code, out, errors, wall, memory = timed(command, folder, route.threads)
    if code:
        raise SystemExit(errors)
    told = json.loads(out.splitlines()[-1])
    messages = [line for line in errors.splitlines() if "did not converge" in line]
    return Measured(wall, memory, told["calls"], told["values"], told["tasks"], messages)


def uipbench(route, cases, folder):
    """The command line; values and calls are those of the result files."""
    command = [sys.executable, "-m", "uipbench", "score", "chgnet", "--offline", "--profile"]
    command += ["--tier", "full", "--protocol", "relaxed", "--out", str(folder)]
    command += ["--workers", str(route.jobs)]
    for name in cases:
        command += ["--tasks", name]
    for case in (case for found in cases.values() for case in found):
        command += ["--cases", case]
    code, _, errors, wall, memory = timed(command, folder, route.threads)
    if code not in {0, 1}:
        raise SystemExit(errors)
    values, tasks, messages = {}, {}, []
    for name in cases:
        records = read_result(folder / "chgnet" / f"{name}.json").records
        outcomes = {f"{name}/{record.case_id}": record.outcome for record in records}
        for key, outcome in outcomes.items():
            if outcome.status == "predicted":
                values[key] = outcome.values[QUANTITIES[name][0]]
            else:
                messages.append(f"{key}: {outcome.message}")
        tasks[name] = {
            "seconds": sum(outcome.seconds for outcome in outcomes.values()),
            "calls": sum(outcome.evaluations for outcome in outcomes.values()),
        }
    calls = sum(task["calls"] for task in tasks.values())
    return Measured(wall, memory, calls, values, tasks, messages)


def table(found, titles):
    """Markdown: a row a route, ratios to the first of uipbench's."""
    first = next(iter(found.values()))
    rows = ["| route | wall s | ratio | force calls | ratio | peak MB | largest difference |"]
    rows.append("|---" * 7 + "|")
    for name, m in found.items():
        ratios = (m.wall / first.wall, m.calls / first.calls)
        rows.append(
            f"| {titles[name]} | {m.wall:.1f} | {ratios[0]:.2f} | {m.calls} | {ratios[1]:.2f} "
            f"| {m.memory:.0f} | {differences(m.values, first.values)} |"
        )
    rows += ["", "| case | " + " | ".join(titles[n] for n in found) + " |"]
    rows.append("|---" * (len(found) + 1) + "|")
    for key in first.values:
        unit = QUANTITIES[key.split("/")[0]][1]
        cells = (f"{m.values[key]:.4f}" if key in m.values else "–" for m in found.values())
        rows.append(f"| {key}, {unit} | " + " | ".join(cells) + " |")
    rows += ["", *(f"{titles[n]}: {text}" for n, m in found.items() for text in m.messages)]
    return "\n".join(rows)


def differences(values, others):
    """The largest of each task, in the unit of its quantity."""
    worst: dict[str, float] = {}
    for key, value in values.items():
        if key in others:
            task = key.split("/")[0]
            worst[task] = max(worst.get(task, 0.0), abs(value - others[key]))
    return ", ".join(f"{w:.4f} {QUANTITIES[task][1]}" for task, w in worst.items())


def packages():
    """Versions of what is compared."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def main():
    """Run the routes one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true", help="three cases, to try the script")
    parser.add_argument("--all", action="store_true", help="every case of the four tasks")
    parser.add_argument("--routes", default=",".join(DEFAULT_ROUTES))
    parser.add_argument("--cases", help="TASK/CASE,… instead of the chosen ones")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--max-steps", type=int, default=1000, help="of a rival's optimiser")
    given = parser.parse_args()
    cases: dict[str, list[str]] = {} if given.cases else QUICK if given.quick else CASES
    if given.all:
        cases = {name: [case.id for case in load_task(name).cases()] for name in QUANTITIES}
    for case in (given.cases or "").split(",") if given.cases else ():
        name, case_id = case.split("/")
        cases.setdefault(name, []).append(case_id)
    known, found = routes(given.cores), {}
    check = [sys.executable, "-m", "uipbench", "check", "chgnet", "--offline"]
    subprocess.run(check, check=True, stdout=subprocess.DEVNULL)  # once a machine, not once a run
    for name in given.routes.split(","):
        route = known[name]
        with tempfile.TemporaryDirectory() as folder:
            if route.kind == "uipbench":
                found[name] = uipbench(route, cases, Path(folder))
            else:
                found[name] = rival(route, cases, given.max_steps, Path(folder))
        print(f"{route.title}: {found[name].wall:.1f} s", file=sys.stderr)  # noqa: T201
        titles = {key: known[key].title for key in found}
        measured = {key: asdict(m) for key, m in found.items()}
        about = {"packages": packages(), "cores": given.cores, "max_steps": given.max_steps}
        given.out.write_text(json.dumps(about | {"routes": measured}, indent=1) + "\n")
    print(table(found, titles))  # noqa: T201


if __name__ == "__main__":
    main()
