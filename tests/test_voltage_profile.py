"""The voltage-profile task against hand-made energies, plain ASE, and its invariants."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGSLineSearch
from ase.spacegroup import crystal
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from tests.factories import THEORY
from uipbench import metrics
from uipbench.case import Case, ReferenceStructure
from uipbench.casefiles import Quantity
from uipbench.errors import CalculationError, NotConvergedError
from uipbench.outcome import Failed, Predicted
from uipbench.tasks.voltage_profile import TASK, dft_profile
from uipbench.tasks.voltage_profile.profile import Profile, formation_energies, voltage_profile
from uipbench.tasks.voltage_profile.structures import (
    MP2020_ELEMENTAL_ANIONS,
    flipped_site,
    series_of,
)


class Sum(Calculator):
    """Energy from the numbers of atoms alone: no forces, no stress."""

    implemented_properties = ("energy", "forces", "stress")
    energy_corrections = "none"

    def __init__(self, energy):
        super().__init__()
        self.energy = energy

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        symbols = atoms.get_chemical_symbols()
        counts = {symbol: symbols.count(symbol) for symbol in symbols}
        self.results = {
            "energy": self.energy(counts),
            "forces": np.zeros((len(atoms), 3)),
            "stress": np.zeros(6),
        }


def host(symbol="Ag", formation=0.0, *, ion="Li", per_ion=0.0, per_host=0.0, voltage=0.3):
    """Energies of ion_x host: −voltage·x + formation·x(1 − x) a formula unit."""

    def energy(counts):
        n, ions = counts.get(symbol, 0), counts.get(ion, 0)
        if not n:
            return ions * (-1.9 + per_ion)
        x = ions / n
        inner = formation * x * (1 - x) - (voltage + 1.9) * x - 2.5
        return n * inner + per_ion * ions + per_host * n

    return Sum(energy)


def atoms_of(host_symbol="Ag", ion="Li"):
    """Contents 0, 1/3 and 1, and the ion's metal."""
    l12 = crystal([ion, host_symbol], [(0, 0, 0), (0, 0.5, 0.5)], spacegroup=221, cellpar=[4.0] * 3)
    return {
        "x0": bulk(host_symbol, "fcc", a=4.1),
        "x1_3": l12,
        "x1": bulk(ion + host_symbol, "cesiumchloride", a=3.2),
        "metal": bulk(ion, "bcc", a=3.4),
    }


def make_case(calculator, atoms=None, **tags):
    """A case whose "DFT" energies are the calculator's."""
    atoms = atoms or atoms_of()
    structures = {role: structure(a, energy_of(a, calculator)) for role, a in atoms.items()}
    return Case(
        task="voltage_profile",
        id="li_ag",
        title="Li–Ag",
        material="Ag",
        elements=("Ag", "Li"),
        chemistry="alloy",
        tier="quick",
        protocols=("fixed", "relaxed"),
        structures=structures,
        references={},
        theory=THEORY,
        digest="d",
        tags={"host": "Ag"} | tags,
    )


def structure(atoms, energy=0.0, magmoms=None):
    bare = atoms.copy()
    for name in set(bare.arrays) - {"numbers", "positions", "initial_magmoms"}:
        del bare.arrays[name]
    return ReferenceStructure(bare, energy, np.zeros((len(atoms), 3)), magmoms)


def energy_of(atoms, calculator):
    copy = atoms.copy()
    copy.calc = calculator
    return copy.get_potential_energy()


def changed(case, **roles):
    structures = {r: s for r, s in (dict(case.structures) | roles).items() if s is not None}
    return replace(case, structures=structures)


contents = st.lists(st.integers(1, 11), min_size=0, max_size=6, unique=True)
energies = st.floats(-3, 3, allow_nan=False)


@st.composite
def hulls(draw):
    """Energies by content: the ends 0 and 12 and some between."""
    x = [0, *draw(contents), 12]
    return {n / 12: draw(energies) for n in x}


@settings(deadline=None)
@given(hulls(), energies)
def test_voltages_never_rise(points, metal):
    found = voltage_profile(points, metal)
    assert all(b < a for a, b in pairwise(found.voltages))
    assert (found.contents[0], found.contents[-1]) == (0.0, 1.0)


@settings(deadline=None)
@given(hulls(), energies)
def test_hull_equals_scipy(points, metal):
    """Joggled by a point far above, so that a hull of two contents has an area too."""
    xy = np.array([*points.items(), (0.5, 100.0)])
    hull = ConvexHull(xy)
    lower = hull.equations[:, 1] < -1e-9
    corners = {float(xy[i, 0]) for s in hull.simplices[lower] for i in s}
    found = voltage_profile(points, metal)
    for x in corners ^ set(found.contents):  # within the tolerance of either
        line = np.interp(x, found.contents, [points[c] for c in found.contents])
        assert points[x] == pytest.approx(line, abs=2e-6)


@settings(deadline=None)
@given(hulls(), energies)
def test_only_phases_that_no_pair_beats_are_on_the_hull(points, metal):
    found = voltage_profile(points, metal)
    for x in found.contents[1:-1]:
        for a, b in combinations(points, 2):
            if min(a, b) < x < max(a, b):
                pair = points[a] + (points[b] - points[a]) * (x - a) / (b - a)
                assert points[x] < pair + 1e-9


@settings(deadline=None)
@given(hulls(), energies, energies, energies)
def test_constants_per_ion_and_per_host_do_not_count(points, metal, per_ion, per_host):
    shifted = {x: e + per_ion * x + per_host for x, e in points.items()}
    plain, moved = voltage_profile(points, metal), voltage_profile(shifted, metal + per_ion)
    assert moved.mean_distance(plain) == pytest.approx(0, abs=1e-5)
    assert moved.average == pytest.approx(plain.average)


@settings(max_examples=50, deadline=None)
@given(hulls(), hulls(), hulls(), energies)
def test_distance_of_profiles_is_a_metric(first, second, third, metal):
    a, b, c = (voltage_profile(p, metal) for p in (first, second, third))
    assert a.mean_distance(b) == pytest.approx(b.mean_distance(a))
    assert a.mean_distance(a) == 0
    assert a.mean_distance(c) <= a.mean_distance(b) + b.mean_distance(c) + 1e-9
    assert a.mean_distance(b) >= abs(a.average - b.average) - 1e-9


def test_distance_by_hand():
    """4 V to x = 1/2 and 3 V behind it against 3.8 V throughout: (0.2 + 0.8)/2."""
    steps, flat = Profile((0.0, 0.5, 1.0), (4.0, 3.0)), Profile((0.0, 1.0), (3.8,))
    assert steps.mean_distance(flat) == pytest.approx(0.5)
    assert steps.average == pytest.approx(3.5)


def test_profile_by_hand():
    """E = −2.2 x − 0.4 x(1 − x): steps of slope −(0.4·2/3) − 2.2 and −2.2 + 0.4/3."""
    model = host(formation=-0.4)
    found = TASK.predict(make_case(model), model, "fixed")
    first, second = 0.3 + 0.4 * 2 / 3, 0.3 - 0.4 / 3
    assert found.details["voltage_x0_to_x0.3333_v"] == pytest.approx(first)
    assert found.details["voltage_x0.3333_to_x1_v"] == pytest.approx(second)
    assert found.values["average_voltage"] == pytest.approx(0.3)
    assert found.values["stable_intermediates"] == 1
    assert found.values["lowest_formation_energy"] == pytest.approx(-0.4 * 2 / 9)
    assert found.details["x1_3_formation_energy_ev"] == pytest.approx(-0.4 * 2 / 9)
    assert found.values["capacity_averaged_voltage_error"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_solid_solution_against_two_phases(protocol):
    """DFT separates into two phases, the model does not: same average, another shape."""
    case = make_case(host(formation=0.3))
    values = TASK.predict(case, host(formation=-0.3), protocol).values
    assert values["hull_agreement"] == 0
    assert values["stable_intermediates"] == 1
    assert values["lowest_formation_energy"] < 0
    assert values["average_voltage"] == pytest.approx(0.3)
    expected = (0.3 * 2 / 3) / 3 + (0.3 / 3) * 2 / 3
    assert values["capacity_averaged_voltage_error"] == pytest.approx(expected)
    same = TASK.predict(case, host(formation=0.3), protocol).values
    assert same["hull_agreement"] == 1
    assert same["stable_intermediates"] == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-0.5, 0.5))
def test_prediction_ignores_constants_per_atom(per_ion, per_host, formation):
    case = make_case(host(formation=0.1))
    plain = TASK.predict(case, host(formation=formation), "fixed").values
    model = host(formation=formation, per_ion=per_ion, per_host=per_host)
    moved = TASK.predict(case, model, "fixed").values
    assert dict(moved) == pytest.approx(dict(plain), abs=1e-7)


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_unchanged_in_supercells(protocol):
    case = make_case(EMT(), atoms_of("Cu", "Al"), host="Cu", working_ion="Al")
    shapes = {"x0": np.diag([2, 1, 1]), "x1_3": np.diag([1, 2, 1]), "metal": np.diag([2, 2, 1])}
    larger = {
        role: structure(make_supercell(case.atoms(role), shape), 1.0)
        for role, shape in shapes.items()
    }
    plain = TASK.predict(case, EMT(), protocol)
    large = changed(case, **larger)
    for role in shapes:
        energy = energy_of(large.atoms(role), EMT())
        large = changed(large, **{role: structure(large.atoms(role), energy)})
    found = TASK.predict(large, EMT(), protocol)
    tolerance = 2e-3 if protocol == "relaxed" else 1e-7
    for name, value in plain.values.items():
        wide = 0.1 if name == "volume_change" else tolerance  # %, V
        assert found.values[name] == pytest.approx(value, abs=wide)


def test_profile_equals_a_plain_ase_script():
    """Al entering copper with EMT, other optimiser, tighter forces: within 1 mV."""
    case = make_case(host("Cu", ion="Al"), atoms_of("Cu", "Al"), host="Cu", working_ion="Al")
    relaxed, volume = {}, {}
    for role in ("x0", "x1_3", "x1", "metal"):
        atoms = case.atoms(role)
        atoms.calc = EMT()
        BFGSLineSearch(FrechetCellFilter(atoms), logfile=None).run(fmax=0.001, steps=200)
        relaxed[role], volume[role] = atoms.get_potential_energy(), atoms.get_volume()
    cu, al, cu3al, cual = (relaxed[r] for r in ("x0", "metal", "x1_3", "x1"))
    straight = (2 * cu + cual) / 3  # a third of CuAl, two thirds of Cu, a formula unit
    if cu3al / 3 < straight:
        steps = [-(cu3al - 3 * cu - al), -(3 * cual - cu3al - 2 * al) / 2]
        widths = [1 / 3, 2 / 3]
    else:
        steps, widths = [-(cual - cu - al)], [1.0]
    found = TASK.predict(case, EMT(), "relaxed")
    voltages = [v for name, v in found.details.items() if name.startswith("voltage_")]
    assert voltages == pytest.approx(steps, abs=1e-3)
    average = float(np.dot(steps, widths))
    assert found.values["average_voltage"] == pytest.approx(average, abs=1e-3)
    swelling = 100 * (volume["x1"] / volume["x0"] - 1)
    assert found.values["volume_change"] == pytest.approx(swelling, abs=0.05)


def test_best_ordering_counts():
    case = make_case(host(formation=0.2))
    worse = structure(case.atoms("x1"), case.structures["x1"].energy + 0.5)
    assert dft_profile(changed(case, x1_b=worse), series_of(case)) is not None
    more = changed(case, x1_b=worse)
    assert dft_profile(more, series_of(more)).average == pytest.approx(0.3)
    best = structure(case.atoms("x1"), case.structures["x1"].energy - 0.5)
    more = changed(case, x1_b=best)
    assert dft_profile(more, series_of(more)).average == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("roles", "tags", "message"),
    [
        ({"metal": None}, {}, "li_ag: no structure 'metal' of Li"),
        ({"metal": structure(bulk("Na"))}, {}, "li_ag: metal is Na, expected Li alone"),
        ({"x1": None}, {"x_max": 1.0}, "an end of the hull is missing: no x = 1, contents are 0, "),
        ({"x0": None}, {"x_min": 0.0}, "an end of the hull is missing: no x = 0, contents are 0.3"),
        ({"x1": None, "x1_3": None}, {}, "a voltage needs two contents, found 0"),
        ({"x0": structure(bulk("Au"))}, {}, "li_ag: x0 is Au, expected Ag with Li"),
        ({}, {"host": "Ag2O"}, "li_ag: x0 is Ag, expected Ag2O with Li"),
    ],
)
@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_bad_data_is_one_line_with_the_case(roles, tags, message, protocol):
    case = changed(make_case(host(), **tags), **roles)
    with pytest.raises(CalculationError, match=message) as caught:
        TASK.predict(case, host(), protocol)
    assert "\n" not in str(caught.value)


def test_no_host_tag():
    case = replace(make_case(host()), tags={})
    with pytest.raises(CalculationError, match="li_ag: no tag 'host'"):
        TASK.predict(case, host(), "fixed")


def test_flipped_magnetic_state_is_reported_by_case():
    case = make_case(host())
    atoms = case.atoms("x1")
    atoms.set_initial_magnetic_moments([0.0, 2.0])
    kept = structure(atoms, -1.0, np.array([0.05, -1.8]))
    TASK.predict(changed(case, x1=kept), host(), "fixed")
    lost = structure(atoms, -1.0, np.array([0.05, 0.2]))
    message = r"li_ag: x1: the moment of atom 1 \(Ag\) is 0.20 µB, it started with 2.00: the magn"
    with pytest.raises(CalculationError, match=message):
        TASK.predict(changed(case, x1=lost), host(), "fixed")


@pytest.mark.parametrize(
    ("start", "found", "site"),
    [
        ([4.2, -4.2], [4.3, -4.3], None),
        ([4.2, -4.2], [-4.3, 4.3], None),  # all signs: the same state
        ([4.2, -4.2], [4.3, 4.2], 1),
        ([4.2, 3.7], [3.7, 4.2], None),  # an electron on the other site
        ([1.0, 1.0], [0.9, 0.1], 1),
        ([0.0, 0.0], [0.0, 2.9], 1),
        ([0.0, 0.0], [0.3, -0.3], None),
        ([3.0], [1.0], 0),  # high spin to low spin
    ],
)
def test_flipped_site(start, found, site):
    assert flipped_site(np.array(start), np.array(found)) == site


def test_not_converged_is_an_error():
    class Noise(Sum):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = np.sin(1e3 * self.atoms.positions)
            self.results["stress"] = np.sin(1e4 * self.atoms.cell[:].ravel()[:6])

    with pytest.raises(NotConvergedError, match="left after 300 steps"):
        TASK.predict(make_case(host()), Noise(lambda _: 0.0), "relaxed")


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_deterministic_and_the_case_is_not_changed(protocol):
    case = make_case(EMT(), atoms_of("Cu", "Al"), host="Cu", working_ion="Al")
    before = {role: s.atoms for role, s in case.structures.items()}
    first, second = (TASK.predict(case, EMT(), protocol) for _ in range(2))
    assert dict(first.values) == dict(second.values)
    assert dict(first.details) == dict(second.details)
    assert all(case.atoms(role) == atoms for role, atoms in before.items())
    assert set(first.evaluated) == (set(case.structures) if protocol == "fixed" else set())


def test_metal_is_relaxed_once_a_case():
    class Counting(Sum):
        formulas: list[str]

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.formulas.append(str(self.atoms.symbols))

    model = Counting(host().energy)
    model.formulas = []
    TASK.predict(make_case(host()), model, "relaxed")
    assert model.formulas.count("Li") == 1  # it has no forces: one evaluation


# --- corrections of a model's energies -----------------------------------------------------------


def corrected(model, symbol, value, corrections):
    """The model with ``value`` eV on every ``symbol`` that is in a compound."""

    def energy(counts):
        return model.energy(counts) + (value * counts.get(symbol, 0) if len(counts) > 1 else 0)

    found = Sum(energy)
    found.energy_corrections = corrections
    return found


def test_mp2020_of_an_elemental_host_is_taken_out():
    atoms = atoms_of("Si")
    plain = host("Si", formation=-0.2)
    case = make_case(plain, atoms, host="Si")
    silicon = MP2020_ELEMENTAL_ANIONS["Si"]
    model = corrected(plain, "Si", silicon, "MP2020")
    found = TASK.predict(case, model, "fixed").values
    assert dict(found) == pytest.approx(dict(TASK.predict(case, plain, "fixed").values), abs=1e-9)
    unstated = corrected(plain, "Si", silicon, "none")
    wrong = TASK.predict(case, unstated, "fixed").values["average_voltage"]
    assert wrong == pytest.approx(0.3 - silicon)


def test_mp2020_cancels_in_other_hosts():
    model = host("Ag", formation=-0.2)
    case = make_case(model)
    stated = corrected(model, "Ag", 0.0, "MP2020")
    assert dict(TASK.predict(case, stated, "relaxed").values) == pytest.approx(
        dict(TASK.predict(case, model, "relaxed").values)
    )


# --- the headline metric -------------------------------------------------------------------------


def scored_cases():
    case = make_case(host(formation=0.3))
    low, high, median = (
        replace(
            make_case(host(formation=0.3, voltage=v)),
            id=f"v{v}",
            references={"average_voltage": Quantity(value=v, unit="V")},
        )
        for v in (1.0, 3.0, 2.0)
    )
    assert case.id == "li_ag"
    return [low, high, median]


def predicted(case, model):
    found = TASK.predict(case, model, "fixed")
    return Predicted(
        values=found.values, force_statistics={}, details={}, seconds=0.0, evaluations=1
    )


def test_headline_is_the_capacity_averaged_error():
    cases = scored_cases()
    models = [host(formation=-0.3, voltage=1.0), host(formation=0.3, voltage=3.1)]
    models.append(host(formation=0.3, voltage=2.0))  # exact
    outcomes = {c.id: predicted(c, m) for c, m in zip(cases, models, strict=True)}
    found = metrics.score(cases, outcomes, "average_voltage", "fixed", TASK.absolute_error)
    shape = (0.3 * 2 / 3) / 3 + (0.3 / 3) * 2 / 3
    assert found.mae == pytest.approx((shape + 0.1) / 3)
    assert found.mean_signed_error == pytest.approx(0.1 / 3)
    assert found.skill == pytest.approx(1 - (shape + 0.1) / 2)  # the median, 2 V, is off by 1, 1, 0
    simple = metrics.score(cases, outcomes, "average_voltage", "fixed")
    assert simple.mae == pytest.approx(0.1 / 3)


def test_a_failure_counts_as_a_flat_profile_at_the_median():
    cases = scored_cases()
    exact = predicted(cases[0], host(formation=0.3, voltage=1.0))
    outcomes = {cases[0].id: exact, cases[1].id: Failed(kind="not_converged", message="")}
    outcomes[cases[2].id] = predicted(cases[2], host(formation=0.3, voltage=2.0))
    found = metrics.score(cases, outcomes, "average_voltage", "fixed", TASK.absolute_error)
    assert found.skill == pytest.approx(0.5)
    assert found.mae == pytest.approx(0)


def test_flat_profile_of_a_stepped_case_is_off_by_the_steps():
    case = replace(
        make_case(host(formation=-0.6)),
        references={"average_voltage": Quantity(value=0.3, unit="V")},
    )
    shape = (0.6 * 2 / 3) / 3 + (0.6 / 3) * 2 / 3
    assert TASK.absolute_error(case, {"average_voltage": 0.3}) == pytest.approx(shape)
    assert TASK.absolute_error(case, {}) is None


def test_formation_energies_vanish_at_the_ends():
    assert formation_energies({0.0: 1.0, 0.25: 0.0, 1.0: -3.0}) == pytest.approx(
        {0.0: 0.0, 0.25: 0.0, 1.0: 0.0}
    )
