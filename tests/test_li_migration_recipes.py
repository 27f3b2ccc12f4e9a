"""Every migration recipe builds a hop that a barrier is defined for; needs pymatgen and spglib."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.optimize import BFGS

from tests.factories import theory_of
from uipbench.case import Case, ReferenceStructure
from uipbench.casefiles import Quantity, write_case
from uipbench.datasets import load_cases
from uipbench.errors import ReferenceEngineError
from uipbench.reference import datacard
from uipbench.reference.catalogue import read_case_files
from uipbench.reference.convergence import AS_USED
from uipbench.reference.engine import BulkState, DftStructure
from uipbench.reference.queue import case_folder, load_recipes, queue_of
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import Evaluation, step_key
from uipbench.reference.verify import verify
from uipbench.reference_data.li_migration import checks, published
from uipbench.reference_data.li_migration.crystals import (
    FCC,
    MATERIALS,
    PRIMITIVE,
    at_lattice,
    crystal_cell,
    lattice_of,
    primitive_vectors,
    starting_lattice,
)
from uipbench.reference_data.li_migration.hops import vacancy_hop
from uipbench.reference_data.li_migration.mirror import needed_reversal, reversal
from uipbench.reference_data.li_migration.recipe import MigrationRecipe
from uipbench.reference_data.li_migration.recipes import (
    convergence_cases,
    convergence_variants,
    recipes,
)
from uipbench.reference_data.li_migration.sites import CrystalVacancy
from uipbench.reference_data.li_migration.values import (
    check_magnetic_state,
    largest_rise,
    reference_values,
)
from uipbench.reference_data.surface_energy.recipes import SurfaceRecipe

pytest.importorskip("pymatgen")
pytest.importorskip("spglib")

RECIPES = recipes()
BY_ID = {recipe.id: recipe for recipe in RECIPES}
WANTED = {"Li", "LiF", "LiCl", "LiBr", "LiI", "Li2O", "Li2S", "Li3N", "Li3OCl", "Li3OBr"}
WANTED |= {"LiTiS2", "LiCoO2", "LiFePO4", "Cu", "Ag", "Al", "LiAl", "Li2Se"}
CLOSED_SHELL = {"LiF", "LiCl", "LiBr", "LiI", "Li2O", "Li2S", "Li3N", "Li3OCl", "Li3OBr", "Li2Se"}
CLOSED_SHELL |= {"LiCoO2"}

COPPER = MigrationRecipe(
    id="cu_vacancy",
    title="Cu, vacancy",
    site=CrystalVacancy(
        material="Cu", vectors=FCC, repeat=(2, 2, 2), start=(0, 0, 0), end=(0.5, 0.5, 0.0)
    ),
    crystal=MATERIALS["Cu"],
    charge=0.0,
    other_charge=-1.0,
    kpoint_length=10.0,
)
"""A hop that EMT knows; not one of the set."""


def hop_of(recipe):
    try:
        lattice = starting_lattice(recipe.material)
    except KeyError:
        lattice = recipe.site.lattice(None)
    return recipe.hop(lattice)


class ToyEngine:
    """In place of DFT: EMT, and moments where they are wanted."""

    def __init__(self):
        self.seconds = 0.0
        self.asked = []

    def evaluate(self, atoms):
        copy = atoms.copy()
        copy.pbc = True
        copy.calc = EMT()
        self.seconds += 1.0
        return Evaluation(
            copy.get_potential_energy(), copy.get_forces(), None, None, seconds=1.0, code="toy"
        )

    def calculator(self, settings):  # noqa: ARG002 - DftEngine's
        return self

    def log(self, line):
        pass

    def single_point(self, atoms, settings):
        self.asked.append(settings)
        return DftStructure(atoms.copy(), self.evaluate(atoms), settings)

    def relax_positions(self, atoms, settings, *, fmax):
        moving = atoms.copy()
        moving.calc = EMT()
        BFGS(moving, logfile=None).run(fmax=fmax)
        moving.calc = None
        return self.single_point(moving, settings)

    def equation_of_state(self, atoms, settings):  # noqa: ARG002 - DftEngine's
        return BulkState(atoms.copy(), 140.0, 0.0)


@pytest.fixture(scope="module")
def copper():
    """Path of the copper hop as the recipe computes it, without DFT."""
    return COPPER.path(ToyEngine(), hop_of(COPPER))


def as_case(path, recipe=COPPER, lattice=None):
    found = {f"image_{i}": s for i, s in enumerate(path)}
    structures = {
        role: ReferenceStructure(s.atoms, s.evaluation.energy, s.evaluation.forces)
        for role, s in found.items()
    }
    details = recipe.details(hop_of(recipe), path) | (lattice or starting_lattice("Cu"))
    return Case(
        task="li_migration",
        id=recipe.id,
        title=recipe.title,
        material=recipe.material,
        elements=("Cu",),
        chemistry="fcc metal",
        tier="full",
        protocols=("fixed", "relaxed"),
        structures=structures,
        references={k: Quantity(**v) for k, v in reference_values(found).items()},
        theory=theory_of(found),
        digest="d",
        tags={"charge": recipe.charge},
        details=details,
    )


def test_list():
    assert len(BY_ID) == len(RECIPES) >= 16
    assert {recipe.material for recipe in RECIPES} == WANTED
    assert sum(recipe.tier == "quick" for recipe in RECIPES) >= 6
    assert sum(recipe.other_charge is not None for recipe in RECIPES) == 2
    assert any("Σ" in recipe.title for recipe in RECIPES)


def test_queue_takes_them():
    assert list(load_recipes("li_migration")) == list(RECIPES)
    assert {j.recipe.id for j in queue_of("li_migration") if j.kind == "convergence"} == set(
        convergence_cases()
    )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_hop(recipe):
    hop = hop_of(recipe)
    for atoms in (hop.midpoint, hop.final):
        np.testing.assert_array_equal(atoms.numbers, hop.initial.numbers)
        np.testing.assert_allclose(atoms.cell[:], hop.initial.cell[:])
        resting = np.delete(np.arange(len(atoms)), hop.mover)
        np.testing.assert_allclose(atoms.positions[resting], hop.initial.positions[resting])
    assert hop.initial.get_chemical_symbols()[hop.mover] == "Li"
    assert 1.4 < hop.length < 4.4
    assert len(hop.initial) <= 31
    for atoms in (hop.initial, hop.midpoint, hop.final):
        distances = atoms.get_all_distances(mic=True) + 99 * np.eye(len(atoms))
        assert distances.min() > 1.3
    assert (reversal(hop) is not None) == recipe.symmetric


@pytest.mark.parametrize(
    ("case_id", "ends", "middle"),
    [
        ("al_111_adatom", 3, 2),
        ("cu_111_adatom", 3, 2),
        ("ag_111_adatom", 3, 2),
        ("li_100_adatom", 4, 2),
        ("li_110_adatom", 2, 2),
    ],
)
def test_adatoms_hop_from_hollow_to_hollow_over_a_bridge(case_id, ends, middle):
    """Number of nearest surface atoms, all at one distance."""
    hop = hop_of(BY_ID[case_id])

    def neighbours(atoms):
        others = np.delete(np.arange(len(atoms)), hop.mover)
        apart = np.sort(atoms.get_distances(hop.mover, others, mic=True))
        return int(np.sum(apart < apart[0] + 0.05))

    found = [neighbours(atoms) for atoms in (hop.initial, hop.midpoint, hop.final)]
    assert found == [ends, middle, ends]
    nearest = hop.initial.get_distances(hop.mover, range(len(hop.initial) - 1), mic=True).min()
    assert 2.0 < nearest < 3.2


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_charge_spin_and_mesh(recipe):
    hop = hop_of(recipe)
    settings = recipe.settings(hop.initial)
    assert settings.charge == (-1.0 if recipe.material in CLOSED_SHELL else 0.0)
    assert settings.spin_polarised == (recipe.material == "LiFePO4")
    assert settings.spin_polarised == bool(np.any(hop.initial.get_initial_magnetic_moments()))
    assert set(settings.hubbard) <= {"Co", "Fe"}
    assert all(u.endswith(",0") for u in settings.hubbard.values())
    assert settings.dipole_layer == recipe.slab == (not hop.initial.pbc.all())
    assert (settings.kpts[2] == 1) or not recipe.slab


def test_one_lithium_atom_is_missing():
    recipe = BY_ID["li2o_vacancy"]
    symbols = hop_of(recipe).initial.get_chemical_symbols()
    assert (symbols.count("Li"), symbols.count("O")) == (15, 8)


@pytest.mark.parametrize("name", sorted({*PRIMITIVE, "Li3N", "Li3OCl", "Li3OBr", "LiTiS2"}))
def test_cells_have_the_density_of_the_crystal(name):
    material = at_lattice(name, starting_lattice(name))
    conventional = material.conventional()
    cell = crystal_cell(material, primitive_vectors(name), (2, 1, 2))
    density = len(conventional) / conventional.get_volume()
    assert len(cell) / cell.get_volume() == pytest.approx(density)
    distances = cell.repeat(2).get_all_distances(mic=True) + 99 * np.eye(8 * len(cell))
    expected = conventional.repeat(2).get_all_distances(mic=True)
    assert distances.min() == pytest.approx(expected[expected > 0.1].min(), abs=1e-5)


def test_vectors_that_are_no_lattice_vectors():
    with pytest.raises(ReferenceEngineError, match="are not lattice vectors"):
        crystal_cell(MATERIALS["LiCl"], np.diag([0.3, 1, 1]))


def test_hop_from_where_no_atom_is():
    crystal = crystal_cell(MATERIALS["LiCl"], FCC, (2, 2, 2))
    with pytest.raises(ReferenceEngineError, match=re.escape("no atom at [0.7, 0.0, 0.0] Å")):
        vacancy_hop(crystal, np.array([0.7, 0, 0]), np.zeros(3), np.zeros(3))


def test_lattice_constants_are_the_steps_of_the_surface_set():
    asked = []

    class Recorder:
        def equation_of_state(self, atoms, settings):
            asked.append((atoms, settings))
            return BulkState(atoms.copy(), 30.0, 0.01)

    lattice_of("LiCl", Recorder())
    SurfaceRecipe(material="LiCl", miller_index=(1, 1, 0)).lattice(Recorder())
    (first, settings), (second, other) = asked
    assert step_key(first, settings, "code") == step_key(second, other, "code")


def test_step_keys_of_neutral_cells_are_those_of_old():
    """Finished steps must be found again; the charge is part of the key."""
    atoms = crystal_cell(MATERIALS["LiCl"].with_lattice(5.15), FCC)
    settings = DftSettings(cutoff_ev=520.0, kpts=(7, 7, 7), smearing_ev=0.01)
    neutral = step_key(atoms, settings, "gpaw 26.7.0, gpaw-data 1.2.1")
    assert neutral == "3a66770701ab79047b721969d1b3d5673c7ffc96"
    assert (
        step_key(atoms, replace(settings, charge=-1.0), "gpaw 26.7.0, gpaw-data 1.2.1") != neutral
    )


@pytest.mark.parametrize(
    "case_id", ["licl_vacancy", "li2s_vacancy", "li_vacancy", "licoo2_vacancy"]
)
def test_reversal_exchanges_the_end_points_and_keeps_the_midpoint(case_id):
    hop = hop_of(BY_ID[case_id])
    turn = needed_reversal(hop)
    turned = turn.structure(hop.initial, hop.midpoint)
    np.testing.assert_allclose(turned.positions, hop.final.positions, atol=1e-3)
    again = turn.structure(hop.midpoint, hop.midpoint)
    np.testing.assert_allclose(again.positions, hop.midpoint.positions, atol=1e-3)


def test_mirrored_calculation_is_what_a_calculator_says_of_the_mirror_image(copper):
    """Energy and forces of the far half, which were never computed, against EMT."""
    assert len(copper) == 7
    for structure in copper:
        found = ToyEngine().evaluate(structure.atoms)
        assert structure.evaluation.energy == pytest.approx(found.energy, abs=1e-5)
        np.testing.assert_allclose(structure.evaluation.forces, found.forces, atol=1e-3)
    assert copper[-1].evaluation.seconds == 0


def test_hop_without_symmetry_is_refused_and_takes_a_band():
    hop = hop_of(COPPER)
    bent = hop.midpoint.copy()
    bent.positions[3] += (0.1, 0.05, 0.2)
    with pytest.raises(ReferenceEngineError, match="give the hop a band"):
        needed_reversal(replace(hop, midpoint=bent))
    band = replace(COPPER, symmetric=False).path(ToyEngine(), hop)
    assert len(band) == 5
    mirrored = COPPER.path(ToyEngine(), hop)
    tops = [max(s.evaluation.energy for s in path) for path in (band, mirrored)]
    assert tops[0] == pytest.approx(tops[1], abs=0.002)


def test_checks_find_nothing_in_a_right_case(copper):
    assert list(checks.problems(as_case(copper), COPPER)) == []


def changed(case, role, **changes):
    structure = replace(case.structures[role], **changes)
    return replace(case, structures=dict(case.structures) | {role: structure})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: changed(c, "image_3", energy=99.0), "migration_barrier is .* give"),
        (lambda c: changed(c, "image_6", energy=99.0), "highest image in DFT, image_6, is an end"),
        (lambda c: changed(c, "image_0", forces=np.ones((7, 3))), "largest force of image_0"),
        (lambda c: changed(c, "image_2", energy=c.structures["image_2"].energy - 0.01), "mirror"),
        (
            lambda c: replace(c, theory=c.theory.model_copy(update={"grid_spacing_a": 0.3})),
            "grid spacing .* is 0.3, the recipe's is None",
        ),
        (lambda c: replace(c, tags={"charge": -1.0}), "charge is -1.0; the recipe's is 0.0"),
        (
            lambda c: replace(c, details=dict(c.details) | {"lattice_constant_a": 3.9}),
            "image_0: the recipe builds another cell",
        ),
        (
            lambda c: replace(
                c, structures={f"image_{i}": c.structures["image_0"] for i in (0, 1)}
            ),
            "2 images, a path needs at least 3",
        ),
    ],
)
def test_checks_find(copper, change, message):
    found = "\n".join(checks.problems(change(as_case(copper)), COPPER))
    assert re.search(message, found), found


def test_a_saddle_point_between_two_images_is_found(copper):
    """Forces that pull both images apart: the path rises between them."""
    case = as_case(copper)
    first, second = (case.structures[f"image_{i}"] for i in (2, 3))
    step = second.atoms.positions - first.atoms.positions
    length = float(np.linalg.norm(step))
    pull = 0.4 * step / length
    apart = changed(changed(case, "image_2", forces=-pull), "image_3", forces=pull)
    # A cubic through equal ends with slopes of ±0.4 eV/Å rises to 0.1 eV/Å × length.
    rise = largest_rise([first.atoms, second.atoms], [0.0, 0.0], [-pull, pull])
    assert rise == pytest.approx(0.1 * length)
    assert largest_rise([first.atoms, second.atoms], [0.0, 0.0], [pull, -pull]) == 0.0
    found = "\n".join(checks.problems(apart, COPPER))
    assert "the path rises between two images" in found
    assert "rise_between_images_ev is 0.0" in found


def test_a_rise_between_images_is_part_of_the_uncertainty():
    """Also in the comment, where it is more than the least uncertainty."""
    (file,) = (f for f in read_case_files(case_folder("li_migration")) if f.id == "licl_vacancy")
    assert file.references["migration_barrier"].uncertainty == 0.01
    details = dict(file.details) | {"rise_between_images_ev": 0.035}
    file = published.annotate(file.model_copy(update={"details": details}))
    assert file.references["migration_barrier"].uncertainty >= 0.035
    assert "the 35 meV that its slopes let the path rise between two images" in file.comment


def test_magnetic_state_that_flips_is_refused(copper):
    def with_moment(structure, moment):
        moments = np.full(len(structure.atoms), moment / len(structure.atoms))
        return replace(structure, evaluation=replace(structure.evaluation, magmoms=moments))

    check_magnetic_state(copper)
    check_magnetic_state([with_moment(s, 3.0) for s in copper])
    with pytest.raises(ReferenceEngineError, match=r"moments of the images 3\.00, .* 1\.00 µB"):
        check_magnetic_state(
            [*(with_moment(s, 3.0) for s in copper[:-1]), with_moment(copper[0], 1)]
        )


def test_electron_on_one_site_here_and_on_two_there_is_refused(copper):
    def with_moments(structure, *moments):
        every = np.zeros(len(structure.atoms))
        every[: len(moments)] = moments
        return replace(structure, evaluation=replace(structure.evaluation, magmoms=every))

    first, middle = copper[0], copper[1]
    check_magnetic_state([with_moments(first, 1.0, 0.0), with_moments(middle, 0.05, 1.1)])
    with pytest.raises(ReferenceEngineError, match=r"one site in the images 1\.04, 0\.40 µB"):
        check_magnetic_state([with_moments(first, 1.04), with_moments(middle, 0.4, 0.4)])


def test_the_layered_oxide_has_no_moments_where_a_lithium_ion_is_missing():
    recipe = BY_ID["licoo2_vacancy"]
    hop = hop_of(recipe)
    bulk = recipe.site.bulk(starting_lattice("LiCoO2"))
    for atoms in (bulk, hop.initial, hop.midpoint, hop.final):
        assert not atoms.get_initial_magnetic_moments().any()
    assert not recipe.settings(hop.initial).spin_polarised
    assert recipe.settings(hop.initial).hubbard == {"Co": ":d,3.32,0"}
    assert reversal(hop) is not None


def test_hole_of_olivine_is_beside_the_vacancy_at_both_ends_and_off_the_path():
    hop = hop_of(BY_ID["lifepo4_010_vacancy"])
    moments = hop.midpoint.get_initial_magnetic_moments()
    iron = np.flatnonzero(np.array(hop.midpoint.get_chemical_symbols()) == "Fe")
    (site,) = np.flatnonzero(moments == 5.0)
    assert site in iron
    assert sorted(moments[iron]) == [4.0, 4.0, 4.0, 5.0]
    vacant = (hop.final.positions[hop.mover], hop.initial.positions[hop.mover])
    for atoms, position in zip((hop.initial, hop.final), vacant, strict=True):
        probe = atoms.copy()
        probe.positions[hop.mover] = position
        distances = probe.get_distances(hop.mover, iron, mic=True)
        assert distances[iron == site] == pytest.approx(distances.min(), abs=1e-3)
        assert np.array_equal(atoms.get_initial_magnetic_moments(), moments)
        oxygen = np.flatnonzero(np.array(atoms.get_chemical_symbols()) == "O")
        bonds = {i: np.sort(atoms.get_distances(i, oxygen, mic=True))[:6].mean() for i in iron}
        assert min(bonds, key=bonds.__getitem__) == site
    apart = hop.midpoint.get_distances(hop.mover, iron, mic=True)
    assert apart[iron == site] > apart.min() + 0.5


def test_path_without_a_barrier_is_refused(copper):
    found = {"image_0": copper[0], "image_1": copper[1], "image_2": copper[3]}
    with pytest.raises(ReferenceEngineError, match="image_2, an end point"):
        reference_values(found)


def test_variants_change_one_setting_each():
    recipe = BY_ID["licl_vacancy"]
    variants = convergence_variants(recipe)
    assert variants[AS_USED] == recipe
    atoms = hop_of(recipe).initial
    assert variants["cutoff x 1.3"].settings(atoms).cutoff_ev == pytest.approx(676.0)
    assert variants["k-points x 1.5"].settings(atoms).kpts == (3, 3, 3)


def test_convergence_point_is_a_barrier_of_relaxed_structures(copper):
    point = replace(COPPER, cutoff_factor=1.3).convergence_point(ToyEngine())
    energies = [s.evaluation.energy for s in copper]
    assert point.value == pytest.approx(max(energies) - energies[0], abs=1e-6)
    assert set(point.structures) == {"initial", "saddle"}


def test_uncertainty_rule():
    assert published.uncertainty(0.5, 0.004, None) == pytest.approx(0.01)
    assert published.uncertainty(0.5, 0.03, None) == pytest.approx(0.03)
    assert published.uncertainty(0.5, 0.03, 0.42) == pytest.approx(0.08)


def test_published_values_have_a_source():
    for row in published.published_rows():
        assert row["case"] in BY_ID
        assert row["doi"].startswith("10.")
        assert float(row["value"]) > 0
        assert row["same_cell"] in {"yes", "no"}


def test_card_and_verification():
    assert f"of {len(RECIPES)} planned hops" in datacard.card_text("li_migration")
    assert verify("li_migration").problems == ()


def test_compute_writes_a_case_that_can_be_scored(tmp_path):
    """Everything but the DFT energies; needs GPAW for the names of code and PAW sets."""
    pytest.importorskip("gpaw")
    case = COPPER.compute(ToyEngine())
    write_case(tmp_path, case.file, case.extxyz())
    (loaded,) = load_cases(tmp_path, "li_migration")
    assert list(checks.problems(loaded, COPPER)) == []
    assert loaded.tags["method"] == "symmetric midpoint"
    other = loaded.details["symmetric_midpoint_charge_-1_ev"]
    assert other == pytest.approx(loaded.reference("migration_barrier"), abs=1e-3)
    assert "bulk" in loaded.structures
    assert loaded.references["migration_barrier"].uncertainty >= 0.01
