"""Voltage profiles through the command line: a toy case folder in a task of another package."""

from __future__ import annotations

import os

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.spacegroup import crystal

from tests.factories import THEORY
from uipbench.casefiles import CaseFile, Quantity, write_case
from uipbench.reference.engine import DftStructure
from uipbench.reference.recipe import ReferenceCase
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import Evaluation
from uipbench.results import read_result
from uipbench.tasks.voltage_profile import reference_values
from uipbench.tasks.voltage_profile.structures import make_series

PLUGIN = """
from pathlib import Path

from uipbench.tasks.voltage_profile import VoltageProfile


class Toy(VoltageProfile):
    name = "toy_voltage"

    @property
    def data_folder(self):
        return Path(__file__).parent / "cases"


TASK = Toy()
"""
SETTINGS = DftSettings(cutoff_ev=1.0, kpts=(1, 1, 1), smearing_ev=0.1)


def evaluated(atoms):
    """With EMT in place of DFT."""
    copy = atoms.copy()
    copy.calc = EMT()
    evaluation = Evaluation(
        copy.get_potential_energy(), copy.get_forces(), None, None, seconds=0.0, code="EMT"
    )
    bare = atoms.copy()
    for name in set(bare.arrays) - {"numbers", "positions"}:
        del bare.arrays[name]
    bare.info.clear()
    return DftStructure(bare, evaluation, SETTINGS)


def write_toy_case(folder, case_id, structures):
    found = {role: evaluated(atoms) for role, atoms in structures.items()}
    atoms = {role: s.atoms for role, s in found.items()}
    energies = {role: s.evaluation.energy for role, s in found.items()}
    values = reference_values(make_series(atoms, "Cu", "Al"), energies)
    units = {"average_voltage": "V", "lowest_formation_energy": "eV", "stable_intermediates": "1"}
    file = CaseFile(
        schema_version=1,
        task="toy_voltage",
        id=case_id,
        title=case_id,
        material="Cu",
        elements=["Al", "Cu"],
        chemistry="alloy",
        tier="quick",
        protocols=["fixed", "relaxed"],
        references={k: Quantity(value=v, unit=units[k]) for k, v in values.items()},
        roles=list(structures),
        tags={"host": "Cu", "working_ion": "Al", "x_min": 0.0, "x_max": 1.0},
        details={},
        theory=THEORY,
        published=[],
        recipe="none",
        cpu_seconds=0.0,
    )
    write_case(folder, file, ReferenceCase(file, found).extxyz())


@pytest.fixture
def plugin(tmp_path):
    """Folder of an installed package with the task and two cases; one lacks an end of the hull."""
    package = tmp_path / "package"
    info = package / "toy_voltage-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-voltage\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[uipbench.tasks]\ntoy_voltage = toy_voltage:TASK\n")
    (package / "toy_voltage.py").write_text(PLUGIN)
    l12 = crystal(["Al", "Cu"], [(0, 0, 0), (0, 0.5, 0.5)], spacegroup=221, cellpar=[3.7] * 3)
    whole = {
        "x0": bulk("Cu", "fcc", a=3.6),
        "x1_3": l12,
        "x1": bulk("AlCu", "cesiumchloride", a=2.9),
        "metal": bulk("Al", "fcc", a=4.0),
    }
    write_toy_case(package / "cases", "whole", whole)
    part = {role: atoms for role, atoms in whole.items() if role != "x1"}
    write_toy_case(package / "cases", "half", part)
    return package


def test_score(uipbench, plugin, tmp_path):
    arguments = ["score", "emt", "--tasks", "toy_voltage", "--tier", "full"]
    done = uipbench(*arguments, PYTHONPATH=f"{plugin}:{python_path()}")
    assert done.returncode == 1, done.stdout + done.stderr  # a case failed
    assert "2 case runs failed: calculation_error (2)" in done.stdout + done.stderr
    result = read_result(tmp_path / "uipbench-results" / "emt" / "toy_voltage.json")
    outcomes = {(r.case_id, r.protocol): r.outcome for r in result.records}
    assert len(outcomes) == 4
    for protocol in ("fixed", "relaxed"):
        failed = outcomes["half", protocol]
        assert failed.status == "failed"
        assert "half: an end of the hull is missing: no x = 1, contents are" in failed.message
    fixed = outcomes["whole", "fixed"].values
    assert fixed["capacity_averaged_voltage_error"] == pytest.approx(0, abs=1e-9)
    assert fixed["hull_agreement"] == 1
    relaxed = outcomes["whole", "relaxed"]
    assert relaxed.values["capacity_averaged_voltage_error"] > 1e-3
    assert np.isfinite(relaxed.values["volume_change"])
    assert {"x0_steps", "metal_steps", "x1_3_formation_energy_ev"} <= set(relaxed.details)
    again = uipbench(*arguments, PYTHONPATH=f"{plugin}:{python_path()}")
    assert again.returncode == 1, again.stdout + again.stderr
    assert read_result(tmp_path / "uipbench-results" / "emt" / "toy_voltage.json") == result


def python_path():
    return os.environ.get("PYTHONPATH", "")
