"""Time and memory against the number of cases, atoms and workers, on an idle machine.

``python -m tests.benchmarks.growth FIGURE.svg [--quick]`` in an environment with uipbench, chgnet
and matplotlib draws the figure, writes the numbers beside it (JSON) and prints a Markdown table of
the quick suite on one worker and on two. Cases are counted with a potential that costs nothing,
atoms and the suite are CHGNet's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.many_cases import FREE_MODEL, measured, write_cases
from tests.conftest import write_model

MODEL = "chgnet"
WORKERS = (1, 2)
CASES = (250, 500, 1000, 2000, 4000)
REPEATS = (1, 2, 3, 4, 5)
CASES_OF_A_SIZE = 30
ATOMS = 4
SUITE = ("--tier", "quick")


def main():
    """Measure, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", type=Path)
    parser.add_argument("--quick", action="store_true", help="small numbers, to try the script")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    counts, repeats = ((60, 120), (1, 2)) if given.quick else (CASES, REPEATS)
    suite = ("--tier", "quick", "--cases", "na_*") if given.quick else SUITE
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "cases": by_cases(Path(folder), counts),
            "atoms": by_atoms(Path(folder), repeats),
            "suite": by_workers(Path(folder), suite),
        }
    given.figure.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    draw(found, given.figure)
    print(table(found["suite"]))  # noqa: T201


def by_cases(folder, counts):
    """Runs of a free model, a row a number of cases and workers."""
    model = write_model(folder / "free.py", FREE_MODEL)
    rows = []
    for n in counts:
        data = write_cases(folder / f"cases-{n}", n)
        for workers in WORKERS:
            out = folder / f"out-{n}-{workers}"
            rows.append({"workers": workers} | measured(data, model, out, workers=workers))
    return rows


def by_atoms(folder, repeats):
    """Runs of the model, a row a size of slab and number of workers."""
    rows = []
    for repeat in repeats:
        data = write_cases(folder / f"size-{repeat}", CASES_OF_A_SIZE, repeat)
        for workers in WORKERS:
            out = folder / f"out-size-{repeat}-{workers}"
            row = {"workers": workers, "atoms": ATOMS * repeat**2}
            rows.append(row | measured(data, MODEL, out, workers=workers))
    return rows


def by_workers(folder, suite):
    """The command line as a user types it, with its profile."""
    command = [sys.executable, "-m", "uipbench", "check", MODEL, "--offline"]
    subprocess.run(command, check=True, capture_output=True)  # once a machine, not once a run
    rows = []
    for workers in WORKERS:
        out = folder / f"suite-{workers}"
        command = [sys.executable, "-m", "uipbench", "score", MODEL, "--offline", "--profile"]
        command += [*suite, "--workers", str(workers), "--out", str(out)]
        start = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        wall = time.perf_counter() - start
        if done.returncode not in {0, 1}:  # 1: some case failed, which is a result
            raise SystemExit(done.stderr)
        profile = json.loads((out / MODEL / "profile.dat").read_text())
        rows.append({"workers": workers, "seconds": wall, "profile": profile})
    return rows


def table(rows):
    """Markdown: the suite on one worker and on more."""
    lines = ["| workers | wall s | ratio | model s | wire + idle, of the model's | optimisers s |"]
    lines.append("|---" * 6 + "|")
    for row in rows:
        profile, ratio = row["profile"], rows[0]["seconds"] / row["seconds"]
        lines.append(
            f"| {row['workers']} | {row['seconds']:.1f} | {ratio:.2f} | {profile['model']:.1f} "
            f"| {profile['added']:.1%} | {profile['optimiser']:.1f} |"
        )
    return "\n".join(lines)


def draw(found, path):
    """Four panels: time above, memory below; cases on the left, atoms on the right."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "uipbench", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9, 7), layout="constrained")
        panels = figure.subplots(2, 2)
        lines(panels[0][0], found["cases"], "cases", "seconds")
        lines(panels[1][0], found["cases"], "cases", "harness_peak_mb")
        lines(panels[0][1], found["atoms"], "atoms", "milliseconds")
        lines(panels[1][1], found["atoms"], "atoms", "worker_peak_mb")
        panels[0][0].set(xlabel="cases", ylabel="run (s), a model that costs nothing")
        panels[1][0].set(xlabel="cases", ylabel="peak memory of the harness (MB)")
        panels[0][1].set(xlabel="atoms of the slab", ylabel="wall time an evaluation, CHGNet (ms)")
        panels[1][1].set(xlabel="atoms of the slab", ylabel="peak memory of a worker (MB)")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "uipbench"})


def lines(axes, rows, x, y):
    """A line a number of workers."""
    for workers in WORKERS:
        mine = [row for row in rows if row["workers"] == workers]
        values = [1000 / r["evaluations_per_second"] if y == "milliseconds" else r[y] for r in mine]
        axes.plot([r[x] for r in mine], values, "o-", ms=4, label=f"workers: {workers}")
    axes.set_ylim(bottom=0)
    axes.legend()


if __name__ == "__main__":
    main()
