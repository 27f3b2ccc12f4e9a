"""Every recipe of a voltage profile builds what it says; also orderings, starts and checks."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ase.calculators.emt import EMT
from ase.formula import Formula

from tests.factories import theory_of
from uipbench.case import Case, ReferenceStructure
from uipbench.casefiles import CaseFile
from uipbench.errors import ReferenceEngineError
from uipbench.reference import datacard
from uipbench.reference import engine as engine_module
from uipbench.reference.convergence import AS_USED
from uipbench.reference.engine import DftEngine, DftStructure
from uipbench.reference.queue import DATA_FOLDER, load_recipes, queue_of
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import Evaluation
from uipbench.reference.verify import verify
from uipbench.reference_data.voltage_profile import checks, crystals
from uipbench.reference_data.voltage_profile import recipe as recipe_module
from uipbench.reference_data.voltage_profile.hosts import ROOT_THREE, ROWS, STAGE_TWO
from uipbench.reference_data.voltage_profile.magnetism import Magnetism
from uipbench.reference_data.voltage_profile.orderings import SINGLE, orderings, reduced
from uipbench.reference_data.voltage_profile.published import convergence, uncertainty
from uipbench.reference_data.voltage_profile.recipes import (
    convergence_cases,
    convergence_variants,
    recipes,
)
from uipbench.tasks.voltage_profile.structures import METAL, make_series

spglib = pytest.importorskip("spglib")

RECIPES = recipes()
BY_ID = {recipe.id: recipe for recipe in RECIPES}
HUBBARD_EV = {"Co": 3.32, "Fe": 5.3, "Mn": 3.9, "Ni": 6.2}
LITHIUM = bulk("Li", "bcc", a=3.44)


def series(recipe):
    return make_series(recipe.structures() | {METAL: LITHIUM}, recipe.host.formula, "Li")


def spacegroup(atoms):
    cell = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
    return spglib.get_symmetry_dataset(cell, symprec=1e-3).number


def test_list():
    assert len(BY_ID) == len(RECIPES) >= 8
    hosts = {"TiS2", "CoO2", "NiO2", "Mn2O4", "FePO4", "TiO2", "Al", "Ag", "Mg", "Zn", "Si"}
    assert {recipe.host.formula for recipe in RECIPES} == hosts
    contents = [set(series(recipe).contents.values()) for recipe in RECIPES]
    assert sum(map(len, contents)) >= 24
    assert all(len(found) >= 3 for found in contents)
    lowest = {recipe.id: min(found) for recipe, found in zip(RECIPES, contents, strict=True)}
    assert {i for i, x in lowest.items() if x > 0} == {"li_al_rich"}
    assert {0.0, 0.5, 1.0} <= set(series(BY_ID["lixfepo4"]).contents.values())
    assert {0.0, 0.5, 1.0} <= set(series(BY_ID["lixcoo2"]).contents.values())


def test_queue_takes_them():
    assert [r.id for r in load_recipes("voltage_profile")] == list(BY_ID)
    tests = [j.recipe.id for j in queue_of("voltage_profile") if j.kind == "convergence"]
    assert tests == list(convergence_cases())
    pattern = CaseFile.model_json_schema()["properties"]["id"]["pattern"]
    assert all(re.match(pattern, recipe.id) for recipe in RECIPES)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_structures(recipe):
    found = series(recipe)
    assert list(found.contents.values()) == sorted(found.contents.values())
    for role, atoms in recipe.structures().items():
        assert len(atoms) <= 40
        distances = atoms.get_all_distances(mic=True) + np.diag(np.full(len(atoms), 9.0))
        assert distances.min() > checks.LEAST_DISTANCE_A
        assert 8 < atoms.get_volume() / len(atoms) < 24, role
        assert atoms.pbc.all()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_settings(recipe):
    start = next(iter(recipe.structures().values()))
    settings = recipe.settings(start)
    metals = set(Formula(recipe.host.formula).count()) & set(HUBBARD_EV)
    assert settings.cutoff_ev == 520
    assert settings.hubbard == {m: f":d,{HUBBARD_EV[m]},0" for m in metals}
    assert settings.spin_polarised == bool(metals)
    metallic = recipe.host.chemistry.startswith("alloy") or recipe.id == "lixtis2"
    wanted = 40 if metallic else 10 if recipe.id == "lixfepo4" else 25
    lengths = start.cell.lengths()
    assert all(n * a >= wanted - 1e-5 for n, a in zip(settings.kpts, lengths, strict=True))


@pytest.mark.parametrize(
    ("crystal", "number", "volume"),
    [
        (crystals.fcc("Al", 4.05), 225, 16.6),
        (crystals.diamond("Si", 5.43), 227, 20.0),
        (crystals.hcp("Mg", 3.21, 5.21), 194, 23.2),
        (crystals.l1_2("Li", "Al", 4.01), 221, 16.1),
        (crystals.b2("Li", "Ag", 3.17), 221, 15.9),
        (crystals.b32("Li", "Al", 6.37), 227, 16.2),
        (crystals.d0_3("Ag", "Li", 6.4), 225, 16.4),
        (crystals.LI3AL2, 166, 16.4),
        (crystals.LI2AL, 63, 16.5),
        (crystals.LI15SI4, 220, 16.1),
        (crystals.LITIS2, 164, 16.0),
        (crystals.LIMN2O4, 227, 10.2),
        (crystals.LIFEPO4, 62, 10.4),
        (crystals.LITIO2, 141, 8.8),
        (crystals.ANATASE, 141, 11.7),
        (crystals.layered_oxide("Co", 2.83, 14.1, 0.26), 166, 8.2),
    ],
)
def test_crystals_have_their_spacegroup_and_density(crystal, number, volume):
    atoms = crystal.primitive()
    assert spacegroup(atoms) == spacegroup(reduced(atoms)) == number
    assert atoms.get_volume() / len(atoms) == pytest.approx(volume, abs=0.2)


def test_bcc_derived_alloys_are_bcc_without_their_labels():
    """Li3Al2 and Li2Al: every atom has eight neighbours at about the same distance."""
    for crystal in (crystals.LI3AL2, crystals.LI2AL):
        atoms = make_supercell(crystal.primitive(), 3 * np.eye(3))
        distances = np.sort(atoms.get_all_distances(mic=True), axis=1)[:, 1:]
        assert (distances[:, 7] < 1.15 * distances[:, 0]).all()
        assert (distances[:, 8] > distances[:, 7] + 0.1).all()


def burnside(parent, supercell, ions):
    """Arrangements that symmetry does not relate, counted by Burnside's lemma."""
    full = make_supercell(parent, supercell)
    cell = (full.cell[:], full.get_scaled_positions(), full.numbers)
    data = spglib.get_symmetry_dataset(cell, symprec=1e-3)
    sites = np.flatnonzero(full.numbers == 3)
    scaled = full.get_scaled_positions()[sites]
    fixed = 0
    for rotation, shift in zip(data.rotations, data.translations, strict=True):
        difference = (scaled @ rotation.T + shift)[:, None] - scaled[None]
        difference -= np.rint(difference)
        image = np.abs(difference).max(axis=-1).argmin(axis=1)
        subsets = combinations(range(len(sites)), ions)
        fixed += sum({int(image[i]) for i in chosen} == set(chosen) for chosen in subsets)
    return fixed // len(data.rotations)


@pytest.mark.parametrize(
    ("crystal", "supercell", "ions"),
    [
        (crystals.LITIS2, ROWS, 1),
        (crystals.LITIS2, STAGE_TWO, 1),
        (crystals.LITIS2, ROOT_THREE, 2),
        (crystals.LITIS2, ((2, 0, 0), (0, 2, 0), (0, 0, 2)), 4),
        (crystals.LIFEPO4, SINGLE, 2),
        (crystals.LIFEPO4, SINGLE, 1),
        (crystals.LIMN2O4, SINGLE, 1),
        (crystals.LITIO2, ((2, 0, 0), (0, 1, 0), (0, 0, 1)), 2),
    ],
)
def test_orderings_are_all_and_no_two_alike(crystal, supercell, ions):
    parent = reduced(crystal.primitive())
    found = orderings(parent, supercell, ions)
    assert len(found) == burnside(parent, supercell, ions)
    sites = round(abs(np.linalg.det(supercell))) * parent.get_chemical_symbols().count("Li")
    assert len(found) <= comb(sites, ions)
    for atoms in found:
        assert atoms.get_chemical_symbols().count("Li") == ions


def test_more_ions_than_sites():
    with pytest.raises(ReferenceEngineError, match="2 Li on 1 sites; choose a larger supercell"):
        orderings(crystals.LITIS2.primitive(), SINGLE, 2)


def test_lithium_layers_of_the_layered_oxide():
    """√3×√3: the lithium neighbours of a layer are √3 lattice constants apart."""
    atoms = BY_ID["lixcoo2"].structures()["x1_3"]
    lithium = make_supercell(atoms, 3 * np.eye(3))
    lithium = lithium[lithium.numbers == 3]
    nearest = np.sort(lithium.get_all_distances(mic=True), axis=1)[:, 1]
    assert nearest == pytest.approx(2.83 * np.sqrt(3), abs=0.15)
    rows = BY_ID["lixcoo2"].structures()["x1_2"]
    assert min(rows.cell.lengths()) == pytest.approx(2.83, abs=0.01)


def test_jahn_teller_starts_have_no_threefold_axis():
    assert spacegroup(BY_ID["lixnio2"].structures()["x1"]) == 12  # C2/m
    assert spacegroup(BY_ID["lixcoo2"].structures()["x1"]) == 166


# --- magnetic starts -----------------------------------------------------------------------------

IRON = Magnetism(symbol="Fe", oxidised=4.2, reduced=3.7, antiferromagnetic=True, non_magnetic=True)


def test_magnetic_starts_of_the_olivine():
    half = BY_ID["lixfepo4"].structures()["x1_2_1"]
    starts = IRON.starts(half)
    assert set(starts) == {"fm_mixed", "fm_localised", "afm_mixed", "afm_localised", "nm"}
    iron = half.numbers == 26
    moments = {name: a.get_initial_magnetic_moments() for name, a in starts.items()}
    assert all(not m[~iron].any() for m in moments.values())
    assert moments["fm_mixed"][iron] == pytest.approx([3.95] * 4)
    assert sorted(np.abs(moments["afm_localised"][iron])) == pytest.approx([3.7, 3.7, 4.2, 4.2])
    assert np.sign(moments["afm_mixed"][iron]).sum() == 0
    near = [half.get_distances(i, half.numbers == 3, mic=True).min() for i in np.flatnonzero(iron)]
    reduced_sites = np.argsort(moments["fm_localised"][iron], kind="stable")[:2]
    assert max(np.array(near)[reduced_sites]) <= min(np.delete(near, reduced_sites)) + 1e-3
    assert not moments["nm"].any()
    assert not half.has("initial_magmoms")


def test_ends_have_one_valence():
    ends = BY_ID["lixfepo4"].structures()
    for role, moment in (("x0", 4.2), ("x1", 3.7)):
        starts = IRON.starts(ends[role])
        assert set(starts) == {"fm", "afm", "nm"}
        sizes = np.abs(starts["afm"].get_initial_magnetic_moments())
        assert sizes[ends[role].numbers == 26] == pytest.approx([moment] * 4)


def test_nearest_iron_neighbours_alternate():
    atoms = BY_ID["lixfepo4"].structures()["x1"]
    spins = IRON.starts(atoms)["afm"].get_initial_magnetic_moments()[atoms.numbers == 26]
    distances = atoms[atoms.numbers == 26].get_all_distances(mic=True)
    np.fill_diagonal(distances, np.inf)
    assert all(spins[i] * spins[row.argmin()] < 0 for i, row in enumerate(distances))


# --- computed without DFT ------------------------------------------------------------------------


def basis_work(atoms):
    """A sum over atoms, in eV."""
    return -0.01 * len(atoms) - 0.02 * atoms.get_chemical_symbols().count("O")


class ToyEngine:
    """In place of DFT: energies by content, moments kept or changed."""

    def __init__(self, energy, *, moments=lambda start: 0.95 * start):
        self.energy, self.moments, self.seconds = energy, moments, 0.0
        self.pressures, self.points, self.measured = [], [], []

    def single_point(self, atoms, settings):
        start = atoms.get_initial_magnetic_moments()
        magmoms = self.moments(start) if settings.spin_polarised else None
        forces = np.zeros((len(atoms), 3))
        self.points.append(start)
        evaluation = Evaluation(self.energy(atoms), forces, None, magmoms, seconds=1.0, code="toy")
        return DftStructure(atoms.copy(), evaluation, settings)

    def good_start(self, atoms, settings):  # noqa: ARG002 - DftEngine's
        return atoms

    def basis_pressure(self, atoms, settings, cutoff_ev):  # noqa: ARG002 - DftEngine's
        self.pressures.append(cutoff_ev)
        self.measured.append(atoms.get_chemical_symbols())
        return basis_work(atoms) / atoms.get_volume()

    def relax_to_pressure(self, atoms, settings, *, fmax, pressure):
        assert fmax == recipe_module.FMAX_EV_PER_A
        assert pressure * atoms.get_volume() == pytest.approx(basis_work(atoms))
        return self.single_point(atoms, settings)

    def equation_of_state(self, atoms, settings):  # noqa: ARG002 - DftEngine's
        return type("State", (), {"strain": -0.001, "bulk_modulus_gpa": 14.0})()


def toy_energy(atoms, *, formation=0.4, voltage=3.5):
    """Two phases; a formula unit of FePO4 has one phosphorus."""
    symbols = atoms.get_chemical_symbols()
    lithium, units = symbols.count("Li"), symbols.count("P")
    if not units:
        return -1.9 * lithium
    x = lithium / units
    energy = units * (formation * x * (1 - x) - (voltage + 1.9) * x - 60.0)
    return energy - 1e-3 * np.abs(np.sign(atoms.get_initial_magnetic_moments()).sum())


def computed(recipe, found, states):
    """The case that :meth:`VoltageRecipe.compute` would write, without GPAW's names of sets."""
    energies = {role: s.evaluation.energy for role, s in found.items()}
    atoms = {role: s.atoms for role, s in found.items()}
    values = recipe_module.reference_values(recipe.host.formula, atoms, energies)
    quantity = CaseFile.model_fields["references"].annotation.__args__[1]
    return Case(
        task="voltage_profile",
        id=recipe.id,
        title=recipe.title,
        material=recipe.host.formula,
        elements=(),
        chemistry=recipe.host.chemistry,
        tier=recipe.tier,
        protocols=("fixed", "relaxed"),
        structures={
            role: ReferenceStructure(
                s.atoms, s.evaluation.energy, s.evaluation.forces, s.evaluation.magmoms
            )
            for role, s in found.items()
        },
        references={k: quantity(value=v, unit=recipe_module.UNITS[k]) for k, v in values.items()},
        theory=theory_of(found),
        digest="d",
        tags=recipe.tags(found, states),
        details=recipe_module.details(found),
    )


@pytest.fixture(scope="module")
def olivine():
    """The olivine computed with the toy energy; ferromagnetic states are the lowest."""
    recipe, engine = BY_ID["lixfepo4"], ToyEngine(toy_energy)
    pairs = {role: recipe.relaxed(engine, atoms) for role, atoms in recipe.structures().items()}
    states = {role: state for role, (state, _) in pairs.items()}
    found = {role: structure for role, (_, structure) in pairs.items()}
    found[METAL] = recipe.lithium(engine)
    return recipe, computed(recipe, found, states), engine


def test_olivine_case(olivine):
    recipe, case, engine = olivine
    assert case.reference("average_voltage") == pytest.approx(3.5, abs=0.01)
    assert case.reference("lowest_formation_energy") == pytest.approx(0.1, abs=1e-6)
    assert case.reference("stable_intermediates") == 0
    assert case.tags["phase_behaviour"] == "two phases"
    assert (case.tags["x_min"], case.tags["x_max"]) == (0.0, 1.0)
    assert case.tags["magnetic_state_x0"] == "fm"
    assert case.structures[METAL].atoms.get_chemical_symbols() == ["Li"]
    assert set(engine.pressures) == {900.0}
    assert list(checks.problems(case, recipe)) == []


def test_other_magnetic_states_are_tried_and_the_best_is_relaxed():
    recipe = BY_ID["lixfepo4"]

    def lower_fm(atoms):
        return toy_energy(atoms) - np.abs(atoms.get_initial_magnetic_moments().sum())

    class Swelling(ToyEngine):
        """The relaxed cell is larger: a mesh of its own would be coarser."""

        def relax_to_pressure(self, atoms, settings, *, fmax, pressure):
            larger = atoms.copy()
            larger.set_cell(atoms.cell[:] * 1.2, scale_atoms=True)
            pressure /= 1.2**3
            return super().relax_to_pressure(larger, settings, fmax=fmax, pressure=pressure)

    start = recipe.structures()["x1_2_2"]
    engine = Swelling(lower_fm)
    state, found = recipe.relaxed(engine, start)
    assert state == "fm_localised"
    assert found.evaluation.magmoms.sum() > 15
    assert found.settings == recipe.settings(start)
    assert len(engine.points) == 3  # two localised states, the better one relaxed again


@pytest.mark.parametrize(("role", "state"), [("x0", "fm"), ("x1", "nm")])
def test_a_state_without_moments_is_called_non_magnetic(role, state):
    """Low-spin cobalt(III), whose first state starts without them."""
    recipe = BY_ID["lixcoo2"]
    engine = ToyEngine(lambda atoms: toy_energy(atoms) - atoms.get_initial_magnetic_moments().sum())
    assert recipe.relaxed(engine, recipe.structures()[role])[0] == state


def test_the_pressure_of_the_basis_is_measured_at_both_ends_alone():
    engine = ToyEngine(toy_energy)
    recipe = BY_ID["lixfepo4"]
    for atoms in recipe.structures().values():
        recipe.relaxed(engine, atoms)
    assert {symbols.count("Li") for symbols in engine.measured} == {0, 4}


def test_a_mixed_state_is_computed_where_no_anion_has_moved():
    recipe = BY_ID["lixnio2"]
    start = recipe.structures()["x1_2"]

    class Noting(ToyEngine):
        def single_point(self, atoms, settings):
            seen.append(atoms.positions.copy())
            return super().single_point(atoms, settings)

    seen = []
    state, _ = recipe.relaxed(Noting(toy_energy), start)
    assert state == "fm_localised"
    localised, mixed = seen
    assert np.array_equal(mixed, start.positions)
    assert not np.allclose(localised, mixed)


def test_flipped_state_is_an_error_with_case_and_remedy():
    recipe = BY_ID["lixfepo4"]
    engine = ToyEngine(toy_energy, moments=lambda start: 0.2 * start)
    message = r"lixfepo4: .* as afm: the moment of atom \d+ \(Fe\) is .* flipped; make that state a"
    with pytest.raises(ReferenceEngineError, match=message):
        recipe.relaxed(engine, recipe.structures()["x0"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: {"references": {}}, r"values are \[\], its structures give"),
        (lambda c: {"tags": {**c.tags, "x_max": 2.0}}, "no x = 2, contents are 0, 0.5, 1"),
        (lambda c: {"tags": {**c.tags, "phase_behaviour": "x"}}, "phase_behaviour is 'x'; its"),
        (lambda c: {"structures": without(c, METAL)}, "no structure 'metal' of Li"),
        (lambda c: {"structures": without(c, "x1_2_3")}, "the recipe's are"),
        (lambda c: {"structures": moved(c, "x1", energy=1.0)}, "average_voltage is 3.5"),
        (lambda c: {"structures": moved(c, "x0", force=0.03)}, "x0: largest force is 0.0300"),
        (lambda c: {"structures": moved(c, "x0", moment=-9.0)}, "x0: the moment of atom 0"),
        (lambda c: {"structures": moved(c, "x1", scale=1.1)}, r"x1: volume changed by \+33 %"),
        (lambda c: {"theory": c.theory.model_copy(update={"kpts": meshes(c)})}, "mesh of x0 is"),
    ],
)
def test_checks_name_what_is_wrong(olivine, change, message):
    recipe, case, _ = olivine
    found = list(checks.problems(replace(case, **change(case)), recipe))
    assert any(re.search(message, line) for line in found), found


def without(case, role):
    return {r: s for r, s in case.structures.items() if r != role}


def moved(case, role, *, energy=0.0, force=0.0, moment=0.0, scale=1.0):
    old = case.structures[role]
    atoms = old.atoms
    atoms.set_cell(atoms.cell[:] * scale, scale_atoms=True)
    magmoms, forces = old.magmoms.copy(), old.forces.copy()
    magmoms[0] += moment
    forces[0, 0] += force
    new = ReferenceStructure(atoms, old.energy + energy, forces, magmoms)
    return {**case.structures, role: new}


def meshes(case):
    return dict.fromkeys(case.structures, (1, 1, 1))


def test_lithium_is_computed_once_for_all_hosts():
    """All recipes ask for the same step, whatever their host."""
    asked = []

    class Recorder(ToyEngine):
        def single_point(self, atoms, settings):
            asked.append((atoms.todict(), settings))
            return super().single_point(atoms, settings)

    for recipe in RECIPES:
        recipe.lithium(Recorder(toy_energy))
    assert len({str(one) for one in asked}) == 1
    assert asked[0][1].kpts[0] * 3.44 * np.sqrt(3) / 2 >= 40


def test_convergence_variants_change_one_setting():
    recipe = BY_ID["lixtis2"]
    variants = convergence_variants(recipe)
    start = recipe.structures()["x0"]
    base = variants.pop(AS_USED).settings(start)
    assert base == recipe.settings(start)
    for variant in variants.values():
        changed = variant.settings(start)
        assert (changed.cutoff_ev != base.cutoff_ev) != (changed.kpts != base.kpts)
    point = BY_ID["lixfepo4"].convergence_point(ToyEngine(toy_energy))
    assert point.value == pytest.approx(3.5, abs=0.01)
    assert set(point.structures) == {"x0", "x1", METAL}


def test_basis_pressure_is_the_difference_of_two_cutoffs(tmp_path, monkeypatch):
    """Pressure of the coarse basis minus that of the fine one; relaxing to it is at rest."""
    settings = DftSettings(cutoff_ev=520.0, kpts=(1, 1, 1), smearing_ev=0.1)

    def stress_point(self, atoms, used):  # noqa: ARG001 - DftEngine's
        stress = np.array([0.03, 0.06, 0.09, 1, 1, 1]) if used.cutoff_ev == 520 else np.zeros(6)
        evaluation = Evaluation(0.0, np.zeros((1, 3)), stress, None, seconds=0.0, code="toy")
        return DftStructure(atoms, evaluation, used)

    monkeypatch.setattr(DftEngine, "stress_point", stress_point)
    pressure = DftEngine(tmp_path).basis_pressure(bulk("Al"), settings, 900.0)
    assert pressure == pytest.approx(-0.06)


def test_relaxes_cell_and_positions_to_the_pressure(tmp_path, monkeypatch):
    """EMT in place of GPAW, a sheared and rattled cell: isotropic stress, no forces."""

    class StoredEmt(EMT):
        seconds = 0.0

        def __init__(self, *_):
            super().__init__()

        def evaluate(self, atoms, *, stress):
            assert stress
            self.calculate(atoms)
            return Evaluation(0.0, self.results["forces"], self.results["stress"], None, 0.0, "emt")

    monkeypatch.setattr(engine_module, "StoredDft", StoredEmt)
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(atoms.cell[:] @ np.diag([1.02, 1.0, 0.97]), scale_atoms=True)
    atoms.rattle(0.05, seed=1)
    settings = DftSettings(cutoff_ev=520.0, kpts=(1, 1, 1), smearing_ev=0.1)
    engine = DftEngine(tmp_path, log=lambda _: None)
    found = engine.relax_to_pressure(atoms, settings, fmax=0.001, pressure=-0.02)
    assert found.max_force < 0.001
    limit = 0.001 * 2 / found.atoms.get_volume()
    wanted = 0.02 * atoms.get_volume() / found.atoms.get_volume()
    assert found.evaluation.stress == pytest.approx([wanted] * 3 + [0.0] * 3, abs=2 * limit)
    with pytest.raises(ReferenceEngineError, match=r"not relaxed to 0.001 eV/Å in 1 steps"):
        engine.relax_to_pressure(atoms, settings, fmax=0.001, pressure=0.0, max_steps=1)


def test_committed_cases_pass_and_the_card_is_current():
    """If this fails: uipbench reference verify, or card, voltage_profile."""
    assert verify("voltage_profile").problems == ()
    card = DATA_FOLDER / "voltage_profile" / datacard.CARD_NAME
    assert card.read_text(encoding="utf-8") == datacard.card_text("voltage_profile")


def test_uncertainty_rule():
    assert uncertainty(3.9, 0.05, None) == 0.05
    assert uncertainty(3.9, 0.001, 3.85) == pytest.approx(0.05)
    assert uncertainty(3.9, 0.001, None) == 0.01
    for recipe in RECIPES:
        converged, sentence = convergence(recipe.host.chemistry)
        assert converged > 0
        assert "mV" in sentence


def test_localised_states_start_with_anions_around_their_electrons():
    """Bonds of iron with an electron are longer, those without shorter, and nothing else moves."""
    cobalt = BY_ID["lixcoo2"]
    plain = cobalt.structures()["x1_3"]
    assert np.array_equal(cobalt.starts(plain)["fm_localised"].positions, plain.positions)
    atoms = BY_ID["lixfepo4"].structures()["x1_2_2"]
    starts = IRON.starts(atoms)
    oxygen = [atom.index for atom in atoms if atom.symbol == "O"]
    others = [atom.index for atom in atoms if atom.symbol != "O"]
    assert starts["afm_mixed"].positions == pytest.approx(atoms.positions)
    found = starts["afm_localised"]
    assert found.positions[others] == pytest.approx(atoms.positions[others])
    for site in (atom.index for atom in atoms if atom.symbol == "Fe"):
        bonds, before = (np.sort(a.get_distances(site, oxygen, mic=True)) for a in (found, atoms))
        change = (bonds - before)[:6].mean()
        has_electron = abs(found.get_initial_magnetic_moments()[site]) < 4
        assert 0.02 < (change if has_electron else -change) < 0.1  # shared anions move twice
