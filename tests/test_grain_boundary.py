"""The grain-boundary task against plain ASE scripts and its invariants."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import THEORY, structure
from tests.toy_dft import BondCounting
from uipbench.case import Case
from uipbench.casefiles import Quantity
from uipbench.errors import NotConvergedError
from uipbench.kit import relax_along_normal
from uipbench.registry import load_tasks
from uipbench.tasks.grain_boundary import (
    TASK,
    excess_volume,
    grain_boundary_energy,
    strained_boundary,
)
from uipbench.units import J_PER_M2

CRYSTAL = "ABCABCABCABC"
TWIN = "ABCABCACBACB"
LATTICE = {"Al": 4.0, "Cu": 3.6, "Ag": 4.07, "Ni": 3.5}


def stacked(symbol, layers, a=None):
    """Close-packed planes along z, one atom each."""
    a = a or LATTICE[symbol]
    d = a / np.sqrt(2)
    cell = np.array(
        [[d, 0, 0], [d / 2, d * np.sqrt(3) / 2, 0], [0, 0, len(layers) * a / np.sqrt(3)]]
    )
    places = {"A": 0.0, "B": 1 / 3, "C": 2 / 3}
    scaled = [[places[s], places[s], n / len(layers)] for n, s in enumerate(layers)]
    return Atoms([symbol] * len(layers), scaled_positions=scaled, cell=cell, pbc=True)


def boundary_case(bulk, boundary, **details):
    return Case(
        task="grain_boundary",
        id="toy",
        title="toy",
        material=bulk.get_chemical_formula(),
        elements=("Cu",),
        chemistry="fcc metal",
        tier="quick",
        protocols=("fixed", "relaxed"),
        structures={
            "bulk": structure(bulk),
            "boundary_start": structure(boundary),
            "boundary": structure(boundary),
        },
        references={"grain_boundary_energy": Quantity(value=0.03, unit="J/m^2")},
        details=details,
        theory=THEORY,
        digest="d",
    )


def twin_case(symbol="Cu"):
    return boundary_case(stacked(symbol, CRYSTAL), stacked(symbol, TWIN))


def displaced(amplitude=0.1):
    """A twin whose atoms are off their places, so that there is something to relax."""
    atoms = stacked("Cu", TWIN)
    atoms.rattle(amplitude, seed=3)
    return atoms


def test_registered_and_harmless_without_cases():
    assert load_tasks()["grain_boundary"] is TASK


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_unchanged_in_an_in_plane_supercell(protocol):
    change = np.array([[2, 0, 0], [1, 2, 0], [0, 0, 1]])
    bulk, twin = stacked("Cu", CRYSTAL), stacked("Cu", TWIN)
    large = boundary_case(make_supercell(bulk, change), make_supercell(twin, change))
    small = TASK.predict(boundary_case(bulk, twin), EMT(), protocol).values
    found = TASK.predict(large, EMT(), protocol).values
    for name, value in small.items():
        assert found[name] == pytest.approx(value, abs=1e-3 if protocol == "relaxed" else 1e-9)


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
@pytest.mark.parametrize("strain", [0.97, 0.99, 1.0, 1.02])
@pytest.mark.parametrize("symbol", ["Al", "Cu", "Ag", "Ni"])
def test_a_perfect_crystal_has_none(symbol, strain, protocol):
    """Its length is known to 1e-3 Å: the limits of stress leave the two cells that far apart."""
    bulk = stacked(symbol, CRYSTAL)
    bulk.set_cell(bulk.cell * strain, scale_atoms=True)
    elsewhere = bulk.copy()
    elsewhere.positions += (0.3, 0.2, 0.9)
    values = TASK.predict(boundary_case(bulk, elsewhere), EMT(), protocol).values
    assert abs(values.pop("excess_volume", 0.0)) < 1e-3
    assert "grain_boundary_energy" in values
    for energy in values.values():
        assert energy == pytest.approx(0.0, abs=1e-5 if protocol == "relaxed" else 1e-9)


def test_half_as_many_atoms_in_the_bulk_cell():
    """Only the bulk's energy an atom and its volume an atom enter."""
    half = boundary_case(stacked("Cu", CRYSTAL[:6]), stacked("Cu", TWIN))
    whole = TASK.predict(twin_case(), EMT(), "relaxed").values
    found = TASK.predict(half, EMT(), "relaxed").values
    assert found["grain_boundary_energy"] == pytest.approx(whole["grain_boundary_energy"], abs=1e-4)
    assert found["excess_volume"] == pytest.approx(whole["excess_volume"], abs=1e-4)


def test_twins_of_four_metals_are_as_a_plain_script_says():
    """EMT makes the twins of Cu and Ni slightly negative; the sign is the potential's, and kept."""
    plain = {}
    for symbol, a in LATTICE.items():
        bulk, twin = stacked(symbol, CRYSTAL), stacked(symbol, TWIN)
        bulk.calc = twin.calc = EMT()
        difference = twin.get_potential_energy() - bulk.get_potential_energy()
        plain[symbol] = difference / (2 * a**2 * np.sqrt(3) / 4) * 16.021766
    found = {
        s: TASK.predict(twin_case(s), EMT(), "fixed").values["grain_boundary_energy"]
        for s in LATTICE
    }
    assert found == pytest.approx(plain, rel=1e-6)
    assert sorted(found, key=found.get) == ["Ni", "Cu", "Ag", "Al"]


def test_relaxed_equals_a_scan_over_the_height():
    """Bulk from an equation of state, FIRE at fixed heights and a parabola, instead of stress."""
    bulk = stacked("Cu", CRYSTAL)
    bulk.calc = EMT()
    FIRE(FrechetCellFilter(bulk), logfile=None).run(fmax=1e-5, steps=2000)
    a = float(bulk.cell.lengths()[0] * np.sqrt(2))
    start = stacked("Cu", TWIN, a)
    start.set_cell([*bulk.cell[:2], bulk.cell[2]], scale_atoms=True)
    heights, energies = [], []
    for stretch in (0.994, 0.998, 1.002, 1.006):
        atoms = start.copy()
        atoms.set_cell([*start.cell[:2], start.cell[2] * stretch], scale_atoms=True)
        atoms.calc = EMT()
        FIRE(atoms, logfile=None).run(fmax=1e-4, steps=2000)
        heights.append(float(atoms.cell[2, 2]))
        energies.append(atoms.get_potential_energy())
    p = np.polyfit(heights, energies, 2)
    lowest = -p[1] / (2 * p[0])
    area = float(np.linalg.norm(np.cross(bulk.cell[0], bulk.cell[1])))
    gamma = (np.polyval(p, lowest) - bulk.get_potential_energy()) / (2 * area) * J_PER_M2
    found = TASK.predict(twin_case(), EMT(), "relaxed").values
    assert found["grain_boundary_energy"] == pytest.approx(gamma, abs=1e-3)
    expected = (lowest - float(bulk.cell[2, 2])) / 2
    assert found["excess_volume"] == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_coherent_twin_breaks_no_bond(protocol):
    """All atoms keep their 12 neighbours."""
    model = BondCounting(reach=3.0)
    found = TASK.predict(twin_case(), model, protocol).values["grain_boundary_energy"]
    assert found == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_missing_plane_costs_its_bonds(protocol):
    """Two planes out of a crystal: 2 × 3 bonds a surface atom are broken, as by two surfaces."""
    crystal = stacked("Cu", CRYSTAL)
    cut = crystal[[n for n in range(12) if n not in (0, 6)]]
    model = BondCounting(reach=3.0)
    found = TASK.predict(boundary_case(crystal, cut), model, protocol).values
    area = 3.6**2 * np.sqrt(3) / 4
    assert found["grain_boundary_energy"] == pytest.approx(3 / area * 16.021766, rel=1e-7)


def test_fixed_reports_every_structure_and_changes_none():
    case = boundary_case(stacked("Cu", CRYSTAL), displaced())
    before = {role: s.atoms for role, s in case.structures.items()}
    for protocol in ("fixed", "relaxed"):
        TASK.predict(case, EMT(), protocol)
        for role, atoms in before.items():
            assert np.array_equal(case.atoms(role).positions, atoms.positions)
            assert np.array_equal(case.atoms(role).cell[:], atoms.cell[:])
    assert set(TASK.predict(case, EMT(), "fixed").evaluated) == set(case.structures)


def test_the_same_twice():
    case = boundary_case(stacked("Cu", CRYSTAL), displaced())
    first, second = (TASK.predict(case, EMT(), "relaxed") for _ in range(2))
    assert first.values == second.values
    assert first.details == second.details


def test_fixed_only_case_has_no_start():
    case = twin_case()
    structures = {r: s for r, s in case.structures.items() if r != "boundary_start"}
    fields = {f: getattr(case, f) for f in case.__slots__ if f != "structures"}
    values = TASK.predict(Case(**fields, structures=structures), EMT(), "fixed").values
    assert set(values) == {"grain_boundary_energy"}


def test_work_of_separation_where_the_surface_energy_is_known():
    case = boundary_case(stacked("Cu", CRYSTAL), stacked("Cu", TWIN), surface_energy_j_per_m2=1.3)
    for protocol in ("fixed", "relaxed"):
        values = TASK.predict(case, EMT(), protocol).values
        assert values["work_of_separation"] == pytest.approx(2.6 - values["grain_boundary_energy"])
    assert "work_of_separation" not in TASK.predict(twin_case(), EMT(), "fixed").values


@settings(max_examples=25, deadline=None)
@given(st.floats(-2, 2), st.floats(-6, 0), st.integers(1, 5))
def test_formula_and_units(gamma, bulk_energy, removed):
    """γ of an energy made from γ; atoms that were removed take the bulk's energy with them."""
    boundary = stacked("Cu", TWIN)[removed:]
    area = 3.6**2 * np.sqrt(3) / 4
    energy = len(boundary) * bulk_energy + 2 * area * gamma / 16.021766
    found = grain_boundary_energy(boundary, energy, bulk_energy)
    assert found == pytest.approx(gamma, rel=1e-6, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1))
def test_excess_volume_is_the_widening_of_one_boundary(widening):
    bulk, twin = stacked("Cu", CRYSTAL), stacked("Cu", TWIN)
    twin.set_cell([*twin.cell[:2], twin.cell[2] + [0, 0, 2 * widening]])
    assert excess_volume(twin, bulk) == pytest.approx(widening, abs=1e-9)
    assert excess_volume(twin, bulk[:6]) != pytest.approx(widening, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05), st.floats(0, 360))
def test_strained_boundary_follows_the_bulk(in_plane, normal, angle):
    bulk, twin = stacked("Cu", CRYSTAL), displaced()
    relaxed = bulk.copy()
    stretch = np.diag([1 + in_plane, 1 + in_plane, 1 + normal])
    relaxed.set_cell(bulk.cell[:] @ stretch, scale_atoms=True)
    relaxed.rotate(angle, (1, 2, 3), rotate_cell=True)
    strained = strained_boundary(twin, bulk, relaxed)
    assert strained.cell.lengths() == pytest.approx(twin.cell.lengths() @ stretch)
    assert strained.get_scaled_positions() == pytest.approx(twin.get_scaled_positions())


def test_oblique_third_vector_keeps_its_place_in_the_plane():
    bulk, twin = stacked("Cu", CRYSTAL), stacked("Cu", TWIN)
    oblique = twin.cell[:].copy()
    oblique[2] += 0.25 * oblique[0] + 0.5 * oblique[1]
    twin.set_cell(oblique)
    assert strained_boundary(twin, bulk, bulk).cell[:] == pytest.approx(oblique, abs=1e-9)


class Spring(Calculator):
    """E = K (height − rest)² / 2; no forces on atoms."""

    implemented_properties = ("energy", "forces", "stress")
    rest, constant = 9.0, 2.0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        height = float(atoms.cell[2, 2])
        stretch = height - self.rest
        stress = np.zeros(6)
        stress[:2] = 7.0
        stress[2] = self.constant * stretch * height / atoms.get_volume()
        self.results = {
            "energy": self.constant * stretch**2 / 2,
            "forces": np.zeros((len(atoms), 3)),
            "stress": stress,
        }


def test_only_the_length_along_the_normal_is_free():
    start = stacked("Cu", CRYSTAL[:3])
    start.set_cell([*start.cell[:2], [0, 0, 8.7]], scale_atoms=True)
    relaxed = relax_along_normal(start, Spring(), fmax=1e-4)
    assert relaxed.atoms.cell[2, 2] == pytest.approx(Spring.rest, abs=1e-3)
    assert relaxed.energy == pytest.approx(0.0, abs=1e-6)
    assert relaxed.atoms.cell[:2] == pytest.approx(start.cell[:2], abs=1e-12)
    assert relaxed.atoms.cell[2, :2] == pytest.approx([0, 0], abs=1e-12)
    assert start.cell[2, 2] == pytest.approx(8.7)


def test_not_converged_is_an_error_that_says_how_far():
    with pytest.raises(NotConvergedError, match=r"Cu12: \d\.\d+ eV/Å left after 2 steps, limit"):
        relax_along_normal(displaced(), EMT(), fmax=1e-6, max_steps=2)
