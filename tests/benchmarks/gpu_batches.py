"""What batches are worth on a GPU: calls of a model, and whole runs, one by one and together.

``python -m tests.benchmarks.gpu_batches MODEL [--checkpoint PATH] [--device cuda] [--out FILE]``

First the model's batch evaluator in this process, on structures of the reference cases in turn:
milliseconds a structure by size of the batch, the peak of the GPU's memory, and the largest
difference from the same structures one by one. Then ``uipbench score --tier full`` of all cases, or
with ``--copies N`` of N slabs, by processes and batch: wall time, and the largest difference of a
value from the first run, one process with one structure at a time. The model's packages must be in
this environment.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.cheaper_calls import find, import_file
from tests.benchmarks.many_cases import write_pairs
from uipbench.edges import n_edges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

SIZES = (1, 4, 16, 32, 64, 128)
RUNS = ((1, 1), (1, 32), (2, 32), (4, 32), (8, 16), (8, 32))  # processes, batch
STRUCTURES = 128
PROPERTIES = ("energy", "forces")


def main() -> None:
    """Measure both, print as it comes, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--checkpoint")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", default="gpu_batches.json")
    parser.add_argument("--runs", default="", help="Such as 1x1,4x32; 'none' leaves them out.")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--cases", nargs="*", default=[])
    parser.add_argument("--least-atoms", type=int, default=1, help="Of the calls.")
    parser.add_argument("--copies", type=int, default=0, help="Slabs: the facets, scaled by 1 %%.")
    given = parser.parse_args()
    words = [] if given.runs == "none" else given.runs.split(",")
    runs = [tuple(map(int, word.split("x"))) for word in words] if given.runs else RUNS
    found: dict[str, Any] = {"model": given.model, "device": given.device}
    for name, measured in (
        ("calls", calls(given, [int(size) for size in given.sizes.split(",")])),
        ("runs", whole_runs(given, runs)),
    ):
        found[name] = []
        for line in measured:
            print(name, json.dumps(line), flush=True)  # noqa: T201
            found[name].append(line)
            Path(given.out).write_text(json.dumps(found, indent=1) + "\n")


def calls(given: argparse.Namespace, sizes: list[int]) -> Iterator[dict[str, float]]:
    """Of the batch evaluator, by size of the batch."""
    import torch

    model, arguments = find(given.model, given.checkpoint, given.device)
    module = import_file(model.path)
    calculator, batch = module.load(*arguments), module.load_batch(*arguments)
    on_gpu = given.device != "cpu"
    made = structures(given.least_atoms)
    one_by_one = [evaluated(calculator, batch, [atoms])[0] for atoms in made]
    for size in sizes:
        parts = [made[i : i + size] for i in range(0, len(made), size)]
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        results = [result for part in parts for result in evaluated(calculator, batch, part)]
        seconds = time.perf_counter() - start
        apart = [
            (
                abs(float(a["energy"]) - float(b["energy"])) / len(atoms),
                np.abs(np.asarray(a["forces"]) - np.asarray(b["forces"])).max(),
            )
            for a, b, atoms in zip(results, one_by_one, made, strict=True)
        ]
        yield {
            "batch": size,
            "ms_per_structure": 1000 * seconds / len(made),
            "us_per_atom": 1e6 * seconds / sum(map(len, made)),
            "most_edges": max(sum(map(n_edges, part)) for part in parts),
            "gpu_gb": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else 0.0,
            "energy_apart_ev_per_atom": max(float(energy) for energy, _ in apart),
            "forces_apart_ev_per_a": max(float(forces) for _, forces in apart),
        }


def evaluated(calculator: Any, batch: Any, part: list[Atoms]) -> list[dict[str, Any]]:
    """A batch in one call; a structure alone as the harness does it, by the calculator."""
    if len(part) > 1:
        return list(batch([atoms.copy() for atoms in part], PROPERTIES))
    calculator.reset()
    calculator.calculate(part[0].copy(), list(PROPERTIES), ["positions"])
    return [dict(calculator.results)]


def structures(least_atoms: int = 1) -> list[Atoms]:
    """As many of the cases' structures, small and large in turn as the cases come."""
    from uipbench.registry import load_tasks

    made = [
        case.atoms(role)
        for task in load_tasks().values()
        for case in task.cases()
        for role in case.structures
        if len(case.atoms(role)) >= least_atoms
    ]
    order = np.random.default_rng(1).permutation(len(made))[:STRUCTURES]
    chosen = [made[i].copy() for i in order]
    for atoms in chosen:
        atoms.calc = None
        atoms.rattle(0.02, seed=1)
    return chosen


def whole_runs(
    given: argparse.Namespace, runs: list[tuple[int, ...]] | tuple[tuple[int, int], ...]
) -> Iterator[dict[str, Any]]:
    """Of the command, by processes and batch."""
    first: dict[str, float] = {}
    for workers, batch in runs:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as data:
            command = [sys.executable, "-m", "uipbench", "score", given.model, "--tier", "full"]
            command += ["--device", given.device, "--workers", str(workers), "--batch", str(batch)]
            command += ["--force", "--profile", "--out", folder]
            command += ["--checkpoint", given.checkpoint] if given.checkpoint else []
            command += [word for case in given.cases for word in ("--cases", case)]
            if given.copies:
                write_copies(Path(data), given.copies)
                command += ["--data", data]
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            seconds = time.perf_counter() - start
            values, evaluations, failed = read(Path(folder))
            profile = next(iter(Path(folder).rglob("profile.dat")), None)
            first = first or values
            apart = {name: abs(values[name] - first[name]) for name in first if name in values}
            worst = max(apart, key=lambda name: apart[name], default="")
            yield {
                "workers": workers,
                "batch": batch,
                "seconds": seconds,
                "evaluations": evaluations,
                "failed": failed,
                "values": len(values),
                "apart": apart.get(worst),
                "where": worst,
                "exit": done.returncode,
                "error": "" if values else done.stderr[-600:],
                "profile": json.loads(profile.read_text()) if profile else None,
            }


def write_copies(folder: Path, copies: int) -> None:
    """Own data of the facets in turn, scaled by up to 1 %."""
    from uipbench.registry import load_task

    cases = load_task("surface_energy").cases()
    rng = np.random.default_rng(3)
    pairs = []
    for i in range(copies):
        scale = rng.uniform(0.99, 1.01)
        pair = [cases[i % len(cases)].atoms(role).copy() for role in ("bulk", "slab")]
        for atoms in pair:
            atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        pairs.append(pair)
    write_pairs(folder, pairs)


def read(folder: Path) -> tuple[dict[str, float], int, int]:
    """Values by name of task, case, protocol and quantity, evaluations, and failures."""
    values: dict[str, float] = {}
    evaluations = failed = 0
    for path in sorted(folder.rglob("*.json")):
        content = json.loads(path.read_text())
        for record in content.get("records", []):
            outcome = record["outcome"]
            evaluations += outcome.get("evaluations") or 0
            failed += "values" not in outcome
            for name, value in outcome.get("values", {}).items():
                key = f"{path.stem} {record['case_id']} {record['protocol']} {name}"
                values[key] = float(value)
    return values, evaluations, failed


if __name__ == "__main__":
    main()
