"""A real potential on real references, against an independent script with the same package."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE

from uipbench.registry import load_task
from uipbench.results import read_result

CASES = ("al_111", "li_100", "lif_100")


@pytest.fixture(scope="module")
def calculator():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    dynamics = pytest.importorskip("chgnet.model.dynamics", reason="chgnet is not installed")
    torch.set_num_threads(1)
    calculator = dynamics.CHGNetCalculator(use_device="cpu")
    # Energies of the elements are the same in slab and bulk; the package adds them in single
    # precision, in steps of several µeV of a slab.
    calculator.model.composition_model = None
    return calculator


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """One run of the command line: three cases in both protocols."""
    folder = tmp_path_factory.mktemp("chgnet")
    patterns = [argument for case in CASES for argument in ("--cases", case)]
    command = [sys.executable, "-m", "uipbench", "score", "chgnet", "--no-page", *patterns]
    command += ["--tier", "full"]
    done = subprocess.run(
        [*command, "--tasks", "surface_energy"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return read_result(folder / "uipbench-results" / "chgnet" / "surface_energy.json")


def gamma(slab, bulk):
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    n = len(slab) / len(bulk)
    # CHGNet's energies are float32; their difference would be rounded to 2 µeV.
    difference = float(slab.get_potential_energy()) - n * float(bulk.get_potential_energy())
    return difference / (2 * area) * 16.0217663


def predicted(result, case_id, protocol):
    (record,) = [r for r in result.records if (r.case_id, r.protocol) == (case_id, protocol)]
    return record.outcome.values["surface_energy"]


@pytest.mark.parametrize("case_id", CASES)
def test_fixed_equals_a_plain_ase_script(result, calculator, case_id):
    case = {c.id: c for c in load_task("surface_energy").cases()}[case_id]
    bulk, slab = case.atoms("bulk"), case.atoms("slab")
    bulk.calc = slab.calc = calculator
    found = predicted(result, case_id, "fixed")
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    # 1 µeV in the difference of the two total energies.
    assert found == pytest.approx(gamma(slab, bulk), abs=1e-6 / (2 * area) * 16.0217663)


@pytest.mark.parametrize("case_id", CASES)
def test_relaxed_equals_a_plain_ase_script(result, calculator, case_id):
    """Other optimiser, own strain of the slab, tighter forces: within 1 mJ/m²."""
    case = {c.id: c for c in load_task("surface_energy").cases()}[case_id]
    bulk, slab = case.atoms("bulk"), case.atoms("slab")
    start = bulk.cell.copy()
    bulk.calc = calculator
    FIRE(FrechetCellFilter(bulk), logfile=None).run(fmax=0.001, steps=300)
    ratio = bulk.cell.lengths() / start.lengths()
    z = slab.positions[:, 2] - slab.positions[:, 2].mean()
    strained = [slab.cell[0] * ratio[0], slab.cell[1] * ratio[1], slab.cell[2]]
    slab.set_cell(strained, scale_atoms=True)
    slab.positions[:, 2] = slab.cell[2, 2] / 2 + z * ratio[2]
    slab.calc = calculator
    FIRE(slab, logfile=None).run(fmax=0.005, steps=400)
    assert predicted(result, case_id, "relaxed") == pytest.approx(gamma(slab, bulk), abs=1e-3)
