"""The adhesion task against a potential with a known answer, plain ASE, and its invariants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc100, make_supercell
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import THEORY, structure
from uipbench.case import Case
from uipbench.errors import CalculationError, NotConvergedError
from uipbench.tasks.adhesion import (
    EV_PER_NM2,
    TASK,
    curve_minimum,
    in_plane_area,
    joined,
    separation,
    work_of_adhesion,
)
from uipbench.units import J_PER_M2

OFFSETS = (-0.4, -0.2, 0.0, 0.2, 0.4, 0.7, 1.1, 1.6, 2.5)


class Universal(Calculator):
    """Gold over copper, each rigid, with Rose, Ferrante and Smith's curve between them.

    E = −W·A·(1 + x)·exp(−x), x = (d − d0)/l; the largest traction is W/(e·l) at d0 + l.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, work=0.8, distance=2.4, length=0.6, shift=0.0):
        super().__init__()
        self.work, self.distance, self.length, self.shift = work, distance, length, shift

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        gold = np.flatnonzero(atoms.numbers == 79)
        copper = np.flatnonzero(atoms.numbers == 29)
        energy, forces = self.shift * len(atoms), np.zeros((len(atoms), 3))
        if len(gold) and len(copper):
            low = gold[np.argmin(atoms.positions[gold, 2])]
            high = copper[np.argmax(atoms.positions[copper, 2])]
            x = (atoms.positions[low, 2] - atoms.positions[high, 2] - self.distance) / self.length
            scale = self.work / J_PER_M2 * in_plane_area(atoms)
            energy -= scale * (1 + x) * np.exp(-x)
            slope = scale * x * np.exp(-x) / self.length
            forces[gold, 2], forces[copper, 2] = -slope / len(gold), slope / len(copper)
        self.results = {"energy": energy, "forces": forces}


def slab(symbol, layers, *, a=3.7, z=5.0, vacuum=14.0):
    atoms = fcc100(symbol, (1, 1, layers), a=a)
    atoms.positions[:, 2] += z - atoms.positions[:, 2].min()
    atoms.set_cell([*atoms.cell[:2], [0, 0, 2 * vacuum + 12]])
    atoms.pbc = True
    return atoms


def make_case(calculator, *, symbols=("Cu", "Au"), layers=(3, 3), distance=2.4, a=3.7):
    """A case whose "DFT" energies are the calculator's."""
    slab_a, slab_b = (slab(s, n, a=a) for s, n in zip(symbols, layers, strict=True))
    hollow = 0.5 * (slab_a.cell[0] + slab_a.cell[1])
    if layers[0] % 2:
        slab_b.positions += hollow
    atoms = {
        "slab_a": slab_a,
        "slab_b": slab_b,
        "interface": joined(slab_a, slab_b, distance),
    }
    atoms |= {f"curve_{i}": joined(slab_a, slab_b, distance + d) for i, d in enumerate(OFFSETS)}
    structures = {role: structure(a, energy_of(a, calculator)) for role, a in atoms.items()}
    return Case(
        task="adhesion",
        id="au_cu_001",
        title="Au/Cu(001)",
        material="Au/Cu",
        elements=("Au", "Cu"),
        chemistry="metal on metal",
        tier="quick",
        protocols=("fixed", "relaxed"),
        structures=structures,
        references={},
        theory=THEORY,
        digest="d",
    )


def energy_of(atoms, calculator):
    copy = atoms.copy()
    copy.calc = calculator
    return copy.get_potential_energy()


def changed(case, **roles):
    """The case with other structures; None drops a role."""
    structures = dict(case.structures) | roles
    return replace(case, structures={r: s for r, s in structures.items() if s is not None})


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_universal_curve_is_recovered(protocol):
    model = Universal(work=0.8, distance=2.4, length=0.6, shift=-3.0)
    values = TASK.predict(make_case(model), model, protocol).values
    assert values["work_of_adhesion"] == pytest.approx(0.8, abs=1e-5)
    assert values["equilibrium_distance"] == pytest.approx(2.4, abs=0.005)
    traction_gpa = 0.8 / (np.e * 0.6e-10) / 1e9
    assert values["largest_traction"] == pytest.approx(traction_gpa, rel=0.01)


def test_model_that_binds_elsewhere_finds_its_own_minimum():
    case = make_case(Universal(distance=2.4))
    model = Universal(work=0.5, distance=1.7, length=0.5)
    prediction = TASK.predict(case, model, "relaxed")
    assert prediction.values["work_of_adhesion"] == pytest.approx(0.5, abs=1e-3)
    assert prediction.values["equilibrium_distance"] == pytest.approx(1.7, abs=0.01)
    assert prediction.details["interface_distance_a"] == pytest.approx(1.7, abs=0.05)
    assert prediction.details["rigid_work_of_adhesion_j_per_m2"] == pytest.approx(0.5, abs=2e-3)


def test_curve_rmse_is_the_deviation_of_the_curve_alone():
    case = make_case(Universal(work=0.8, shift=-3.0))
    same = TASK.predict(case, Universal(work=0.8, shift=5.0), "fixed").values
    assert same["curve_rmse"] == pytest.approx(0, abs=1e-9)
    half = TASK.predict(case, Universal(work=0.4), "fixed").values
    x = np.array(OFFSETS) / 0.6
    expected = 0.4 * np.sqrt(np.mean(((1 + x) * np.exp(-x)) ** 2))
    assert half["curve_rmse"] == pytest.approx(expected)


def test_repulsive_model_has_a_negative_work_and_no_distance():
    case, model = make_case(Universal(distance=2.4)), Universal(work=-1.5, distance=2.2)
    values = TASK.predict(case, model, "fixed").values
    x = 0.2 / 0.6
    assert values["work_of_adhesion"] == pytest.approx(-1.5 * (1 + x) * np.exp(-x))
    assert set(values) == {"work_of_adhesion", "curve_rmse"}
    relaxed = TASK.predict(case, model, "relaxed")
    assert set(relaxed.values) == {"work_of_adhesion"}
    assert relaxed.values["work_of_adhesion"] <= 0
    assert relaxed.details["interface_distance_a"] > 3.5


def test_fixed_equals_ten_lines_of_ase():
    case = make_case(EMT())
    total = {}
    for role in ("slab_a", "slab_b", "interface"):
        atoms = case.atoms(role)
        atoms.calc = EMT()
        total[role] = atoms.get_potential_energy()
    area = (3.7 / np.sqrt(2)) ** 2
    expected = (total["slab_a"] + total["slab_b"] - total["interface"]) / area * 16.021766
    prediction = TASK.predict(case, EMT(), "fixed")
    assert prediction.values["work_of_adhesion"] == pytest.approx(expected, rel=1e-7)
    assert expected > 0
    per_nm2 = expected / 16.021766 * 100
    found = prediction.details["work_of_adhesion_ev_per_nm2"]
    assert found == pytest.approx(per_nm2, rel=1e-7)
    assert pytest.approx(6.2415, abs=1e-4) == EV_PER_NM2


def test_two_halves_of_a_crystal_give_twice_the_surface_energy():
    """Unrelaxed, γ from bulk fcc copper; EMT reaches over fewer layers than the slabs have."""
    a = 3.6
    case = make_case(EMT(), symbols=("Cu", "Cu"), layers=(7, 7), distance=a / 2, a=a)
    cell = fcc100("Cu", (1, 1, 2), a=a)
    cell.set_cell([*cell.cell[:2], [0, 0, a]])
    cell.pbc = True
    bulk, slab_a = energy_of(cell, EMT()) / 2, case.atoms("slab_a")
    gamma = (energy_of(slab_a, EMT()) - 7 * bulk) / (2 * in_plane_area(slab_a)) * J_PER_M2
    values = TASK.predict(case, EMT(), "fixed").values
    assert values["work_of_adhesion"] == pytest.approx(2 * gamma, abs=1e-3)
    assert values["equilibrium_distance"] == pytest.approx(a / 2, abs=0.1)


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_unchanged_in_an_in_plane_supercell(protocol):
    case = make_case(EMT())
    larger = {
        role: structure(supercell(s.atoms), 4 * s.energy) for role, s in case.structures.items()
    }
    small = TASK.predict(case, EMT(), protocol).values
    large = TASK.predict(replace(case, structures=larger), EMT(), protocol).values
    assert set(large) == set(small)
    for name, value in small.items():
        tolerance = 2e-3 if protocol == "relaxed" else 1e-7
        assert large[name] == pytest.approx(value, rel=tolerance, abs=1e-9)


def supercell(atoms):
    """Twice along both in-plane vectors, the atoms of A still first."""
    repeated = make_supercell(atoms, np.diag([2, 2, 1]))
    return repeated[np.argsort(-(repeated.numbers == 29).astype(int), kind="stable")]


def test_no_work_at_large_separation():
    case = make_case(EMT())
    apart = joined(case.atoms("slab_a"), case.atoms("slab_b"), 12.0)
    far = changed(case, interface=structure(apart))
    work = TASK.predict(far, EMT(), "fixed").values["work_of_adhesion"]
    assert work == pytest.approx(0, abs=1e-9)


def test_relaxation_lowers_the_interface_and_respects_the_cell():
    """Rigid slabs bind by less than relaxed ones: relaxing the interface can only add."""
    case = make_case(EMT())
    prediction = TASK.predict(case, EMT(), "relaxed")
    rigid = prediction.details["rigid_work_of_adhesion_j_per_m2"]
    assert prediction.values["work_of_adhesion"] >= rigid - 1e-3
    assert prediction.details["interface_max_force_ev_per_a"] <= 0.01


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_deterministic_and_the_case_is_not_changed(protocol):
    case = make_case(EMT())
    before = {role: s.atoms for role, s in case.structures.items()}
    first = TASK.predict(case, EMT(), protocol)
    second = TASK.predict(case, EMT(), protocol)
    assert dict(first.values) == dict(second.values)
    assert dict(first.details) == dict(second.details)
    for role, atoms in before.items():
        assert case.atoms(role) == atoms
    assert set(first.evaluated) == (set(case.structures) if protocol == "fixed" else set())


def test_not_converged_is_an_error():
    class Noise(Universal):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            wave = np.sin(1e3 * self.atoms.positions)
            self.results["forces"] = wave + np.where(wave < 0, -1.0, 1.0)

    with pytest.raises(NotConvergedError, match=r"Cu3: .* left after 300 steps, limit 0.01"):
        TASK.predict(make_case(Universal()), Noise(), "relaxed")


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"slab_b": None}, "au_cu_001: no structure with role slab_b"),
        ({"interface": None, "slab_a": None}, "no structure with role interface, slab_a"),
        ({f"curve_{i}": None for i in range(5, 9)}, "5 separations, a binding curve needs 6"),
        ({f"curve_{i}": None for i in range(9)}, "no structure with role curve_0"),
        ({"interface": structure(slab("Cu", 6))}, "atoms of interface are not those of slab_a"),
        ({"slab_a": structure(slab("Cu", 3, a=3.8))}, "and interface have different in-plane"),
    ],
)
@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_bad_data(roles, message, protocol):
    with pytest.raises(CalculationError, match=message):
        TASK.predict(changed(make_case(Universal()), **roles), Universal(), protocol)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.1, 4.0), st.floats(0.45, 1.0), st.floats(-0.1, 0.1), st.floats(1.6, 3.2))
def test_spline_reads_universal_curves(work, length, shift, distance):
    """The stated accuracy: 0.005 Å and 1 %, wherever the minimum lies between the points."""
    d = distance + shift + np.array(OFFSETS)
    x = (d - distance) / length
    found = curve_minimum(d, -work * (1 + x) * np.exp(-x))
    assert found.distance == pytest.approx(distance, abs=0.005)
    assert found.energy == pytest.approx(-work, rel=0.002)
    assert found.largest_traction == pytest.approx(10 * work / (np.e * length), rel=0.01)


def test_curve_without_a_minimum():
    d = np.arange(2.0, 4.0, 0.3)
    assert curve_minimum(d, d) is None
    assert curve_minimum(d, -d) is None


def test_sign_and_units():
    assert work_of_adhesion(2.0, -10.0, -20.0, -31.0) == pytest.approx(0.5 * 16.021766, rel=1e-7)
    both = joined(slab("Cu", 2), slab("Au", 2), 2.7)
    assert separation(both, 2) == pytest.approx(2.7)
    assert isinstance(both, Atoms)
