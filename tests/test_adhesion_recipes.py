"""Every adhesion recipe builds an interface that W_ad is defined for; needs pymatgen."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.factories import theory_of
from uipbench.case import Case, ReferenceStructure
from uipbench.casefiles import CaseFile, Quantity, write_case
from uipbench.datasets import load_cases
from uipbench.errors import ReferenceEngineError
from uipbench.reference import datacard
from uipbench.reference.convergence import AS_USED
from uipbench.reference.engine import BulkState, DftStructure
from uipbench.reference.queue import load_recipes, queue_of
from uipbench.reference.steps import Evaluation
from uipbench.reference.verify import verify
from uipbench.reference_data.adhesion import checks, published
from uipbench.reference_data.adhesion.curve import (
    LONGEST_WALK,
    OFFSETS_A,
    STEP_A,
    binding_curve,
    lowest_separation,
    reference_values,
)
from uipbench.reference_data.adhesion.interfaces import (
    LARGEST_MISMATCH,
    Registry,
    Side,
    atomic_planes,
    mismatch,
    periodic,
    strained_pair,
)
from uipbench.reference_data.adhesion.recipe import FARTHEST_A, geometry, named, unnamed
from uipbench.reference_data.adhesion.recipes import (
    convergence_cases,
    convergence_variants,
    recipes,
)
from uipbench.reference_data.surface_energy.recipes import SurfaceRecipe
from uipbench.reference_data.surface_energy.slabs import MATERIALS
from uipbench.tasks.adhesion import curve_roles, in_plane_area, joined, separation
from uipbench.units import J_PER_M2

pytest.importorskip("pymatgen")

RECIPES = recipes()
BY_ID = {recipe.id: recipe for recipe in RECIPES}
WANTED = {
    ("Ag", "MgO", "001"),
    ("Al", "MgO", "001"),
    ("Ag", "LiF", "001"),
    ("Al", "LiF", "001"),
    ("LiF", "MgO", "001"),
    ("Li", "LiCl", "001"),
    ("Li", "Cu", "001"),
    ("Na", "LiF", "001"),
    ("Al", "Ag", "001"),
    ("Al", "Ag", "111"),
    ("Cu", "Ni", "111"),
    ("LiF", "LiCoO2", "104"),
}
STARTING = {
    name: {"lattice_constant_a": m.a} | ({} if m.c is None else {"lattice_constant_c": m.c})
    for name, m in MATERIALS.items()
}


class ToyEngine:
    """In place of DFT: Rose, Ferrante and Smith's curve between the two sides."""

    def __init__(self, atoms_of_a, *, work=0.7, distance=2.5, length=0.6):
        self.atoms_of_a, self.work, self.distance, self.length = atoms_of_a, work, distance, length
        self.seconds = 0.0
        self.calls = []

    def joined_calculator(self, slabs, settings):
        """The curve's structures follow each other on it."""

    def single_point(self, atoms, settings, calculator=None):  # noqa: ARG002 - DftEngine's
        energy = -1.0 * len(atoms)
        if len(atoms) > self.atoms_of_a:
            d = separation(atoms, self.atoms_of_a)
            self.calls.append(round(d, 6))
            x = (d - self.distance) / self.length
            energy -= self.work / J_PER_M2 * in_plane_area(atoms) * (1 + x) * np.exp(-x)
        forces = np.zeros((len(atoms), 3))
        evaluation = Evaluation(energy, forces, None, None, seconds=1.0, code="toy")
        self.seconds += 1.0
        return DftStructure(atoms.copy(), evaluation, settings)

    def relax_positions(self, atoms, settings, *, fmax, calculator=None):  # noqa: ARG002 - DftEngine's
        return self.single_point(atoms, settings)


def computed(recipe, **engine):
    """Structures as :meth:`AdhesionRecipe.compute` makes them, without DFT, and their pair."""
    pair = recipe.pair(STARTING)
    settings = recipe.settings(pair.slab_a)
    slabs = pair.slab_a, pair.slab_b
    alone = ToyEngine(99)
    found = {
        role: alone.single_point(s, settings)
        for role, s in zip(("slab_a", "slab_b"), slabs, strict=True)
    }
    toy = ToyEngine(len(pair.slab_a), **({"distance": recipe.distance} | engine))
    curve = binding_curve(toy, slabs, settings, start=recipe.distance, farthest=FARTHEST_A)
    lowest = min(curve, key=lambda s: s.evaluation.energy)
    found["interface"] = toy.relax_positions(lowest.atoms, settings, fmax=0.0)
    found |= {f"curve_{i}": s for i, s in enumerate(curve)}
    return {r: replace(s, atoms=periodic(s.atoms)) for r, s in found.items()}, pair


def as_case(recipe, found, pair):
    lattices = {s.material: STARTING[s.material] for s in (recipe.substrate, recipe.film)}
    return Case(
        task="adhesion",
        id=recipe.id,
        title=recipe.title,
        material=recipe.material,
        elements=(),
        chemistry=recipe.chemistry,
        tier=recipe.tier,
        protocols=("fixed", "relaxed"),
        structures={
            role: ReferenceStructure(s.atoms, s.evaluation.energy, s.evaluation.forces)
            for role, s in found.items()
        },
        references={n: Quantity.model_validate(q) for n, q in reference_values(found).items()},
        theory=theory_of(found),
        digest="d",
        tags=recipe.tags(pair),
        details=named(lattices) | geometry(found),
    )


def test_list():
    assert len(BY_ID) == len(RECIPES) >= 12
    assert {(r.film.material, r.substrate.material, r._digits) for r in RECIPES} >= WANTED
    assert sum(recipe.tier == "quick" for recipe in RECIPES) >= 5
    assert {"ag_mgo_001_o", "ag_mgo_001_mg"} <= set(BY_ID)
    assert BY_ID["ag_mgo_001_mg"].title == "Ag/MgO(001) on Mg"


def test_queue_takes_them():
    assert load_recipes("adhesion") is RECIPES
    jobs = queue_of("adhesion")
    assert [j.recipe.id for j in jobs if j.kind == "convergence"] == list(convergence_cases())
    pattern = CaseFile.model_json_schema()["properties"]["id"]["pattern"]
    assert all(re.match(pattern, recipe.id) for recipe in RECIPES)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_interface(recipe):
    pair = recipe.pair(STARTING)
    n, atoms = len(pair.slab_a), joined(pair.slab_a, pair.slab_b, recipe.distance)
    assert len(atoms) <= (20 if recipe.substrate.material == "LiCoO2" else 16)
    for slab, side in ((pair.slab_a, recipe.substrate), (pair.slab_b, recipe.film)):
        assert len(atomic_planes(slab)) == side.layers
        conventional = side.crystal.conventional()
        shares = (np.bincount(a.numbers, minlength=99) / len(a) for a in (slab, conventional))
        np.testing.assert_allclose(*shares)
        np.testing.assert_array_equal(slab.cell[:], atoms.cell[:])
    np.testing.assert_allclose(atoms.cell[2, :2], 0, atol=1e-9)
    np.testing.assert_allclose(atoms.cell[:2, 2], 0, atol=1e-9)
    assert list(atoms.pbc) == [True, True, False]
    assert separation(atoms, n) == pytest.approx(recipe.distance)
    assert max(map(abs, pair.mismatch)) <= LARGEST_MISMATCH
    farthest = joined(pair.slab_a, pair.slab_b, recipe.distance + FARTHEST_A)
    for structure in (atoms, farthest):
        assert list(checks.wrong_geometry(periodic(structure))) == []
    across = periodic(atoms).get_all_distances(mic=True)[:n, n:]
    assert 1.6 < across.min() < 3.5


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_layers_have_bulk_density(recipe):
    """One period more adds as many atoms as its volume has in the crystal, before any strain."""
    for side in (recipe.substrate, recipe.film):
        lattice = STARTING[side.material]
        slab = side.slab(lattice)
        period = len(atomic_planes(side.surface.structures(lattice)[0]))
        thicker = replace(side, layers=side.layers + period).slab(lattice)
        bulk = side.crystal.conventional()
        volume = in_plane_area(slab) * (
            np.ptp(thicker.positions[:, 2]) - np.ptp(slab.positions[:, 2])
        )
        added = len(thicker) - len(slab)
        assert volume / added == pytest.approx(bulk.get_volume() / len(bulk), rel=1e-6)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_no_slab_is_polar(recipe):
    """The same planes from below as from above."""
    for side in (recipe.substrate, recipe.film):
        slab = side.slab(STARTING[side.material])
        planes = [sorted(slab.symbols[p]) for p in atomic_planes(slab)]
        assert planes == planes[::-1]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_registry(recipe):
    pair = recipe.pair(STARTING)
    contact = pair.slab_b[atomic_planes(pair.slab_b)[0]]
    film = contact[contact.symbols == recipe.registry.film]
    plane = pair.slab_a[atomic_planes(pair.slab_a)[-recipe.registry.plane]]
    below = plane[plane.symbols == recipe.registry.substrate]
    offsets = film.positions[:, None, :2] - below.positions[None, :, :2]
    fractional = offsets @ np.linalg.inv(pair.slab_a.cell[:2, :2])
    fractional -= np.rint(fractional)
    assert np.abs(fractional).max(axis=-1).min() < 1e-6


def test_fcc_stacking_goes_on_through_the_interface():
    """ABC|ABC: copper's second plane is over nickel's second plane, not over its third."""
    pair = BY_ID["cu_ni_111"].pair(STARTING)
    lower, upper = (
        [s.positions[p[0], :2] for p in atomic_planes(s)] for s in (pair.slab_a, pair.slab_b)
    )
    inverse = np.linalg.inv(pair.slab_a.cell[:2, :2])
    fractional = (upper[1] - lower[-2]) @ inverse
    np.testing.assert_allclose(fractional - np.rint(fractional), 0, atol=1e-6)


def test_settings_are_one_set_for_all_structures():
    found, pair = computed(BY_ID["al_mgo_001_o"])
    assert len({str(s.settings) for s in found.values()}) == 1
    settings = found["interface"].settings
    assert settings.dipole_layer
    assert (settings.cutoff_ev, settings.smearing_ev) == (520.0, 0.1)
    assert settings.kpts[2] == 1
    length = pair.slab_a.cell.lengths()[0]
    assert settings.kpts[0] * length >= 30.0 > (settings.kpts[0] - 1) * length


def test_spin_and_hubbard_u_of_the_magnetic_sides():
    nickel, cathode = BY_ID["cu_ni_111"], BY_ID["lif_licoo2_104_co"]
    for recipe, moment in ((nickel, 5 * 0.7), (cathode, 3.0)):
        pair = recipe.pair(STARTING)
        both = joined(pair.slab_a, pair.slab_b, recipe.distance)
        assert recipe.settings(both).spin_polarised
        assert both.get_initial_magnetic_moments().sum() == pytest.approx(moment)
        assert not pair.slab_b.get_initial_magnetic_moments().any()
    assert cathode.settings(both).hubbard == {"Co": ":d,3.32,0"}


@pytest.mark.parametrize("material", ["LiF", "Ag", "LiCoO2"])
def test_lattice_constants_are_the_steps_of_the_surface_set(material):
    side = next(s for r in RECIPES for s in (r.film, r.substrate) if s.material == material)

    class Recorder:
        def equation_of_state(self, atoms, settings):
            raise LookupError(atoms.todict(), settings)

        def relax_cell(self, atoms, settings, *, fmax):
            raise LookupError(atoms.todict(), settings, fmax)

    asked = []
    for recipe in (side, SurfaceRecipe(material=material, miller_index=(1, 1, 1))):
        with pytest.raises(LookupError) as caught:
            recipe.lattice(Recorder())
        asked.append(caught.value.args)
    assert str(asked[0]) == str(asked[1])


def test_too_large_a_mismatch_and_another_angle():
    square = Side(material="Li", miller_index=(0, 0, 1), layers=2).slab(STARTING["Li"])
    small = Side(material="LiF", miller_index=(0, 0, 1), layers=2).slab(STARTING["LiF"])
    oblique = Side(material="Cu", miller_index=(1, 1, 1), layers=2).slab(STARTING["Cu"])
    with pytest.raises(ReferenceEngineError, match=r"Li2 on Li2F2|strain -0.16"):
        mismatch(small, square)
    oblique.set_cell([*(oblique.cell[:2] * 3.44 / oblique.cell.lengths()[0]), oblique.cell[2]])
    with pytest.raises(ReferenceEngineError, match=r"and 30.0°"):
        mismatch(square, oblique)


@pytest.mark.parametrize(("symbol", "plane"), [("F", 1), ("O", 9)])
def test_registry_of_an_atom_that_is_not_there(symbol, plane):
    registry = Registry(film="Ag", substrate=symbol, plane=plane)
    recipe = BY_ID["ag_mgo_001_o"]
    slabs = tuple(s.slab(STARTING[s.material]) for s in (recipe.substrate, recipe.film))
    with pytest.raises(ReferenceEngineError, match=r"no [FO] in plane -"):
        strained_pair(slabs, registry, distance=2.5, vacuum=13.0, room=2.5)


def test_bond_lengths_of_the_layered_cathode_interface():
    """Rocksalt goes on: every fluorine of the contact plane is over a cation."""
    pair = BY_ID["lif_licoo2_104_co"].pair(STARTING)
    contact = pair.slab_b[atomic_planes(pair.slab_b)[0]]
    top = pair.slab_a[atomic_planes(pair.slab_a)[-1]]
    cations = top[top.numbers != 8]
    for fluorine in contact[contact.symbols == "F"]:
        offsets = (cations.positions - fluorine.position)[:, :2] @ np.linalg.inv(
            pair.slab_a.cell[:2, :2]
        )
        offsets -= np.rint(offsets)
        assert np.linalg.norm(offsets @ pair.slab_a.cell[:2, :2], axis=1).min() < 0.5


@pytest.mark.parametrize("minimum", [1.9, 2.31, 2.5, 2.74, 3.2])
def test_curve_is_centred_on_the_minimum(minimum):
    recipe = BY_ID["ag_mgo_001_o"]
    found, pair = computed(recipe, distance=minimum)
    n = len(pair.slab_a)
    distances = [separation(found[r].atoms, n) for r in curve_roles(list(found))]
    assert len(distances) == len(OFFSETS_A) + 1
    assert distances[2] == pytest.approx(minimum, abs=STEP_A / 2 + 1e-6)
    assert distances[-1] - distances[2] == pytest.approx(FARTHEST_A)
    assert separation(found["interface"].atoms, n) == pytest.approx(distances[2])
    values = reference_values(found)
    assert values["work_of_adhesion"]["value"] == pytest.approx(0.7, rel=0.03)
    assert values["equilibrium_distance"]["value"] == pytest.approx(minimum, abs=0.005)
    for structure in found.values():
        assert structure.atoms.pbc.all()


def test_no_separation_is_computed_twice():
    recipe = BY_ID["al_ag_001"]
    pair = recipe.pair(STARTING)
    toy = ToyEngine(len(pair.slab_a), distance=recipe.distance)
    slabs = pair.slab_a, pair.slab_b
    settings = recipe.settings(pair.slab_a)
    binding_curve(toy, slabs, settings, start=recipe.distance, farthest=FARTHEST_A)
    assert len(toy.calls) == len(set(toy.calls)) == len(OFFSETS_A) + 1


def test_walk_gives_up():
    with pytest.raises(ReferenceEngineError, match=r"within 0.8 Å of 2.00 Å"):
        lowest_separation(lambda d: d, 2.0)
    edge = 2.0 + LONGEST_WALK * STEP_A
    assert lowest_separation(lambda d: (d - edge) ** 2, 2.0) == pytest.approx(edge)


def test_checks_find_nothing_in_a_right_case():
    recipe = BY_ID["al_lif_001_f"]
    assert list(checks.problems(as_case(recipe, *computed(recipe)), recipe)) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("energy", "work_of_adhesion is .* but its energies give"),
        ("force", "largest force of interface is 0.5000, limit 0.015"),
        ("mesh", "slab_a: another k-point mesh"),
        ("mesh", r"mesh of slab_a is \(3, 3, 1\), the recipe's is"),
        ("smearing", "smearing .* is 0.5, the recipe's is 0.1"),
        ("cell", "slab_b: another cell than the interface's"),
        ("rigid", "curve_3: its slabs are not the relaxed ones"),
        ("overlap", r"interface: atoms 1.00 Å apart, at least 1.6"),
        ("strain", "mismatch_a is 0.5; the recipe's is"),
    ],
)
def test_checks_find(change, message):
    recipe = BY_ID["al_lif_001_f"]
    found, pair = computed(recipe)
    case = as_case(recipe, found, pair)
    structures = dict(case.structures)
    moved = {"rigid": ("curve_3", 0.01), "overlap": ("interface", -1.8)}
    if change == "energy":
        structures["interface"] = replace(structures["interface"], energy=-20.0)
    elif change == "force":
        forces = np.full((13, 3), [0.0, 0.0, 0.5])
        structures["interface"] = replace(structures["interface"], forces=forces)
    elif change in moved:
        role, shift = moved[change]
        atoms = structures[role].atoms
        atoms.positions[len(pair.slab_a), 2] += shift
        structures[role] = replace(structures[role], _atoms=atoms)
    elif change == "cell":
        atoms = structures["slab_b"].atoms
        atoms.cell[2, 2] += 1.0
        structures["slab_b"] = replace(structures["slab_b"], _atoms=atoms)
    theory = case.theory
    if change == "mesh":
        theory = theory.model_copy(update={"kpts": theory.kpts | {"slab_a": (3, 3, 1)}})
    elif change == "smearing":
        theory = theory.model_copy(update={"smearing": ("fermi-dirac", 0.5)})
    tags = dict(case.tags) | ({"mismatch_a": 0.5} if change == "strain" else {})
    wrong = replace(case, structures=structures, theory=theory, tags=tags)
    lines = "\n".join(checks.problems(wrong, recipe))
    assert re.search(message, lines), lines


def test_named_lattices_come_back():
    lattices = {"Li": STARTING["Li"], "LiCoO2": STARTING["LiCoO2"]}
    for material, lattice in lattices.items():
        assert unnamed(named(lattices), material) == lattice


def test_variants_change_one_setting_each():
    recipe = BY_ID["al_ag_001"]
    variants = convergence_variants(recipe)
    assert variants[AS_USED] == recipe
    assert len(set(variants.values())) == len(variants) == 6
    grids = {
        name: v.settings(recipe.pair(STARTING).slab_a).grid_spacing_a
        for name, v in variants.items()
    }
    assert {name for name, grid in grids.items() if grid is not None} == {"grid of 0.16 A"}
    pair = recipe.pair(STARTING)
    thick = variants["2 more planes of each"].pair(STARTING)
    assert len(thick.slab_a) + len(thick.slab_b) == 14
    empty = variants["vacuum + 5 A"].pair(STARTING)
    assert empty.slab_a.cell[2, 2] - pair.slab_a.cell[2, 2] == pytest.approx(5.0)
    mesh = variants["k-points x 1.5"].settings(pair.slab_a).kpts
    assert mesh[0] > recipe.settings(pair.slab_a).kpts[0]
    assert variants["cutoff x 1.3"].settings(pair.slab_a).cutoff_ev == pytest.approx(676)


def test_uncertainty_rule():
    def by_rule(name, value, converged, work=1.0, literature=None):
        return published.uncertainty(
            name, value, converged=converged, work=work, published=literature
        )

    assert by_rule("work_of_adhesion", 1.0, 0.05) == pytest.approx(0.05)
    assert by_rule("work_of_adhesion", 0.1, 0.005, 0.1) == pytest.approx(0.01)
    assert by_rule("work_of_adhesion", 1.0, 0.05, literature=0.8) == pytest.approx(0.2)
    assert by_rule("equilibrium_distance", 2.5, 0.05) == pytest.approx(0.02)
    assert by_rule("largest_traction", 5.0, 0.001) == pytest.approx(0.05)
    assert by_rule("largest_traction", 0.3, 0.014, 0.028) == pytest.approx(0.15)
    assert by_rule("largest_traction", 0.3, 0.002, 0.02) == pytest.approx(0.15)


def test_convergence_is_absolute_once_there_is_a_test(monkeypatch):
    """The work of the test itself may be near zero."""
    monkeypatch.setattr(published, "read_convergence", lambda *_: None)
    assert published.convergence("metal on oxide", 0.4)[0] == pytest.approx(0.02)
    test = SimpleNamespace(deviation=0.014)
    monkeypatch.setattr(published, "read_convergence", lambda *_: test)
    for value in (0.001, 0.4):
        assert published.convergence("metal on oxide", value)[0] == pytest.approx(0.014)


def test_a_kind_without_a_test_is_not_surer_than_one_with(monkeypatch):
    tests = {published.TEST_FOR_WANT_OF_ONE: SimpleNamespace(deviation=0.026)}
    monkeypatch.setattr(published, "read_convergence", lambda _, name: tests.get(name))
    deviation, sentence = published.convergence("metal on oxide", 0.05)
    assert deviation == pytest.approx(0.026)
    assert "no test of its kind yet" in sentence
    assert published.convergence("metal on oxide", 2.0)[0] == pytest.approx(0.1)


def test_every_kind_of_interface_has_a_convergence_test():
    assert {r.chemistry for r in RECIPES} <= set(published.TEST_OF_CHEMISTRY)
    assert set(published.TEST_OF_CHEMISTRY.values()) == set(convergence_cases())
    assert set(convergence_cases()) <= set(BY_ID)


def test_published_values_have_a_source():
    for row in published.published_rows():
        assert row["case"] in BY_ID
        assert row["doi"].startswith("10.")
        assert float(row["value"]) > 0


def test_card_and_verification_without_cases():
    assert f"of {len(RECIPES)} planned interfaces" in datacard.card_text("adhesion")
    assert verify("adhesion").problems == ()


def test_compute_writes_a_case_that_can_be_scored(tmp_path):
    """Everything but the DFT energies; needs GPAW for the names of code and PAW sets."""
    pytest.importorskip("gpaw")
    recipe = BY_ID["al_lif_001_f"]
    pair = recipe.pair(STARTING)

    class Engine(ToyEngine):
        def equation_of_state(self, atoms, settings):  # noqa: ARG002 - DftEngine's
            return BulkState(atoms.copy(), 70.0, 0.0)

    case = recipe.compute(Engine(len(pair.slab_a), distance=2.7))
    write_case(tmp_path, case.file, case.extxyz())
    (loaded,) = load_cases(tmp_path, "adhesion")
    assert list(checks.problems(loaded, recipe)) == []
    assert loaded.tags["strained_side"] == "film"
    assert loaded.details["lif_lattice_constant_a"] == pytest.approx(4.07)
    assert loaded.references["work_of_adhesion"].uncertainty >= 0.01
    for role in loaded.structures:
        assert loaded.atoms(role).pbc.all()
