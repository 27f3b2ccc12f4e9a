"""The voltage profile of Li–Al with a real potential, against an independent ASE script."""

from __future__ import annotations

import numpy as np
import pytest
from ase.filters import UnitCellFilter
from ase.optimize import LBFGS

from uipbench.registry import load_task

STRUCTURES = {"al": (0, 1), "lial3": (1, 3), "lial": (2, 2)}
"""Lithium and aluminium atoms of each structure."""


def test_relaxed_profile_of_lithium_aluminium():
    """Other filter, other optimiser, all hulls of three points by hand: within 1 mV."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    dynamics = pytest.importorskip("chgnet.model.dynamics", reason="chgnet is not installed")
    torch.set_num_threads(1)
    calculator = dynamics.CHGNetCalculator(use_device="cpu")
    task = load_task("voltage_profile")
    case = {c.id: c for c in task.cases()}["li_al"]
    energy, volume = {}, {}
    for role in ("metal", *STRUCTURES):
        atoms = case.atoms(role)
        atoms.calc = calculator
        LBFGS(UnitCellFilter(atoms), logfile=None).run(fmax=0.002, steps=200)
        energy[role], volume[role] = atoms.get_potential_energy(), atoms.get_volume()
    lithium = energy["metal"] / len(case.atoms("metal"))
    per_al = {role: energy[role] / n for role, (_, n) in STRUCTURES.items()}
    both = -(per_al["lial"] - per_al["al"] - lithium)
    first = -3 * (per_al["lial3"] - per_al["al"] - lithium / 3)
    second = -1.5 * (per_al["lial"] - per_al["lial3"] - 2 * lithium / 3)
    model = [first, second] if first > second else [both, both]

    dft = {role: s.energy for role, s in case.structures.items()}
    dft_lithium = dft["metal"] / len(case.atoms("metal"))
    dft_al = {role: dft[role] / n for role, (_, n) in STRUCTURES.items()}
    reference = [
        -3 * (dft_al["lial3"] - dft_al["al"] - dft_lithium / 3),
        -1.5 * (dft_al["lial"] - dft_al["lial3"] - 2 * dft_lithium / 3),
    ]
    assert reference[0] > reference[1]  # LiAl3 is on the hull of DFT
    error = np.dot(np.abs(np.subtract(model, reference)), [1 / 3, 2 / 3])

    found = task.predict(case, calculator, "relaxed").values
    assert found["average_voltage"] == pytest.approx(both, abs=1e-3)
    assert found["capacity_averaged_voltage_error"] == pytest.approx(error, abs=1e-3)
    assert found["stable_intermediates"] == (first > second)
    swelling = 100 * (volume["lial"] / 2 / volume["al"] - 1)
    assert found["volume_change"] == pytest.approx(swelling, abs=0.2)
