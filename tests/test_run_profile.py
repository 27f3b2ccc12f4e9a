"""Where the time goes: parts that add up, measured on a model whose seconds are known."""

from __future__ import annotations

import json

import pytest

from tests.conftest import write_model
from uipbench.run_profile import PROFILE_NAME

SLEEPY = """
import time
from ase.calculators.emt import EMT


class Sleepy(EMT):
    graph_seconds = 0.0

    def calculate(self, *args, **kwargs):
        start = time.perf_counter()
        time.sleep(0.02)
        self.graph_seconds += time.perf_counter() - start
        time.sleep(0.03)
        super().calculate(*args, **kwargs)


def load(checkpoint, device, dtype):
    return Sleepy()
"""


def test_the_parts_of_a_run_add_up(uipbench, tmp_path):
    write_model(tmp_path / "m.py", SLEEPY)
    command = "score m.py --tasks surface_energy --cases al_1* --offline --force --workers 2"
    done = uipbench(*command.split(), "--out", "o", "--profile")
    assert done.returncode == 0, done.stderr
    assert "model evaluation" in done.stdout
    assert "expected: about" in done.stdout
    found = json.loads((tmp_path / "o" / "m" / PROFILE_NAME).read_text())
    records = json.loads((tmp_path / "o" / "m" / "surface_energy.json").read_text())["records"]
    outcomes = [record["outcome"] for record in records]
    assert found["evaluations"] == sum(o["evaluations"] for o in outcomes)
    rounding = 1e-3 * len(outcomes)
    assert found["model"] == pytest.approx(sum(o["seconds"] for o in outcomes), abs=rounding)
    assert 0.02 * found["evaluations"] <= found["graph"] <= found["model"] - 0.03
    parts = ("model", "wire", "loading", "idle", "tail")
    assert all(found[part] >= 0 for part in parts)
    assert sum(found[part] for part in parts) == pytest.approx(2 * found["wall"], rel=1e-3)
    assert found["optimiser"] > 0
    assert found["io"] > 0


@pytest.mark.parametrize("options", ["--scheduler tcp://127.0.0.1:1", "--executor dask --profile"])
def test_options_that_do_not_go_together(uipbench, options):
    done = uipbench("score", "emt", *options.split())
    assert done.returncode == 2
    assert "--" in done.stderr.splitlines()[-1]
