"""Every grain-boundary recipe builds what its name says; needs pymatgen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from uipbench.casefiles import Quantity, write_case
from uipbench.datasets import load_cases
from uipbench.errors import ReferenceDataError, ReferenceEngineError
from uipbench.reference.convergence import AS_USED
from uipbench.reference.engine import DftEngine
from uipbench.reference.grid_symmetry import symmetry_options
from uipbench.reference.queue import case_folder, queue_of
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import Evaluation
from uipbench.reference.verify import differences
from uipbench.reference_data.grain_boundary.boundaries import (
    Boundary,
    Translation,
    bicrystal,
    bond_length,
    bulk_cell,
    coincidence_index,
    has_equivalent_boundaries,
    oriented_crystal,
    rotation_angle,
    shortest_distance,
    symmetry_operations,
)
from uipbench.reference_data.grain_boundary.checks import LEAST_DISTANCE_A, problems
from uipbench.reference_data.grain_boundary.published import (
    published_rows,
    published_values,
    surface_energy,
)
from uipbench.reference_data.grain_boundary.recipes import (
    convergence_cases,
    convergence_variants,
    recipes,
)
from uipbench.reference_data.grain_boundary.starts import FOLDER, read_start, symmetrised
from uipbench.reference_data.grain_boundary.values import area
from uipbench.reference_data.surface_energy.slabs import MATERIALS
from uipbench.tasks.grain_boundary import TASK, grain_boundary_energy

RECIPES = recipes()
BY_ID = {recipe.id: recipe for recipe in RECIPES}
MIRROR = Translation(shifted_centre=False, shift=(0.0, 0.0), gap=0.0, merged_below=0.5)

every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)


def needs_start(recipe):
    start = FOLDER / f"{recipe.id}.json"
    assert start.exists(), "make it: python -m uipbench.reference_data.grain_boundary.scan"


def lattice_of(recipe, stretch=1.0):
    material = MATERIALS[recipe.material]
    lattice = {"lattice_constant_a": material.a * stretch}
    return lattice if material.c is None else lattice | {"lattice_constant_c": material.c}


def composition(atoms):
    return np.bincount(atoms.numbers, minlength=99) / len(atoms)


def test_list():
    assert len(BY_ID) == len(RECIPES)
    assert len(RECIPES) >= 16
    assert sum(recipe.tier == "quick" for recipe in RECIPES) >= 8
    assert {len(BY_ID[i].protocols) for i in convergence_cases()} == {2}
    assert len(queue_of("grain_boundary")) == len(RECIPES) + len(convergence_cases())


@every_recipe
def test_name(recipe):
    """Σ by Grimmer's theorem, the angle by pymatgen, against 2·atan of the plane's slope."""
    pytest.importorskip("pymatgen")
    material, boundary = MATERIALS[recipe.material], recipe.boundary
    assert coincidence_index(material, boundary) == boundary.coincidence_index
    angle = rotation_angle(material, boundary)
    expected = {
        (2, 1, 0): 90 - np.degrees(2 * np.arctan(1 / 2)),
        (3, 1, 0): 90 - np.degrees(2 * np.arctan(1 / 3)),
        (1, 1, 1): 180 - np.degrees(np.arccos(1 / 3)),
        (1, 1, 2): np.degrees(np.arccos(1 / 3)),
        (0, 0, 1): 180.0,
    }
    assert angle == pytest.approx(expected[boundary.plane], abs=1e-6)


@every_recipe
@pytest.mark.parametrize("stretch", [0.99, 1.0, 1.013])
def test_structures(recipe, stretch):
    pytest.importorskip("pymatgen")
    needs_start(recipe)
    bulk, start = recipe.structures(lattice_of(recipe, stretch))
    np.testing.assert_allclose(bulk.cell[:2], start.cell[:2], atol=1e-6)
    np.testing.assert_allclose(start.cell[2, :2], 0.0, atol=1e-6)
    np.testing.assert_allclose(composition(bulk), composition(start))
    assert start.cell[2, 2] / 2 >= LEAST_DISTANCE_A
    assert shortest_distance(start) >= 0.75 * bond_length(bulk)
    assert has_equivalent_boundaries(start, 1e-4)
    widening = (start.get_volume() - len(start) / len(bulk) * bulk.get_volume()) / area(start) / 2
    assert -0.2 < widening < 1.5
    heights = np.sort(start.positions[:, 2])
    assert np.diff(heights).max() < bond_length(bulk)  # a boundary, not two surfaces
    conventional = recipe.material_at(lattice_of(recipe, stretch)).conventional()
    density = len(conventional) / conventional.get_volume()
    assert len(bulk) / bulk.get_volume() == pytest.approx(density)
    assert bond_length(bulk) == pytest.approx(bond_length(conventional), rel=1e-6)


@every_recipe
def test_mesh(recipe):
    pytest.importorskip("pymatgen")
    needs_start(recipe)
    _, start = recipe.structures(lattice_of(recipe))
    mesh = recipe.settings(start).kpts
    material = MATERIALS[recipe.material]
    least = 40.0 if recipe.material in {"Li", "Na"} else material.kpoint_length
    assert all(n * a >= least - 1e-6 for n, a in zip(mesh, start.cell.lengths(), strict=True))


@every_recipe
def test_start_is_the_best_of_its_scan(recipe):
    needs_start(recipe)
    start = read_start(recipe.id)
    assert start.boundary == recipe.boundary.name
    relaxed = [c.relaxed for c in start.candidates if c.relaxed is not None]
    assert start.chosen == start.candidates[0]
    assert start.chosen.relaxed == min(relaxed)
    assert start.chosen.atoms == len(start.symbols)
    assert len(relaxed) >= 3


def test_fixed_only_cases_say_so():
    pytest.importorskip("pymatgen")
    for recipe in RECIPES:
        bulk = bulk_cell(MATERIALS[recipe.material], recipe.boundary)
        dear = len(bulk) > 32 or (recipe.material == "Cu" and len(bulk) > 12)
        assert ("relaxed" in recipe.protocols) != dear
        assert ("relaxed" in recipe.protocols) != ("Fixed only" in recipe.comment)


def test_the_first_cases_of_the_queue_can_be_computed():
    assert all((FOLDER / f"{recipe.id}.json").exists() for recipe in RECIPES[:10])


def test_mirror_twin_of_copper_is_the_one_of_pymatgen():
    """The same EMT energy as GrainBoundaryGenerator's Σ3 twin of four times the area."""
    pytest.importorskip("pymatgen")
    from pymatgen.core.interface import GrainBoundaryGenerator
    from pymatgen.io.ase import AseAtomsAdaptor

    material = MATERIALS["Cu"]
    ours = bicrystal(material, BY_ID["cu_s3_111"].boundary, MIRROR)
    structure = AseAtomsAdaptor.get_structure(material.conventional())
    theirs = GrainBoundaryGenerator(structure).gb_from_parameters(
        (1, 1, 1), 60.0, expand_times=2, plane=(1, 1, 1), rm_ratio=0.3
    )
    other = AseAtomsAdaptor.get_atoms(theirs, msonable=False)
    assert theirs.sigma == 3
    bulk = material.conventional()
    bulk.calc = EMT()
    reference = bulk.get_potential_energy() / len(bulk)
    gammas = []
    for atoms in (ours, other):
        atoms.calc = EMT()
        gammas.append(grain_boundary_energy(atoms, atoms.get_potential_energy(), reference))
    assert gammas[0] == pytest.approx(gammas[1], abs=1e-6)


def test_energies_of_emt_are_ordered():
    """A coherent twin costs much less than tilt boundaries, which are positive."""
    pytest.importorskip("pymatgen")
    gammas = {}
    for case_id in ("al_s3_111", "al_s5_210", "al_s5_310"):
        bulk, start = BY_ID[case_id].structures(lattice_of(BY_ID[case_id]))
        bulk.calc, start.calc = EMT(), EMT()
        energy = bulk.get_potential_energy() / len(bulk)
        gammas[case_id] = grain_boundary_energy(start, start.get_potential_energy(), energy)
    twin = abs(gammas.pop("al_s3_111"))
    assert all(gamma > 5 * twin for gamma in gammas.values())


def test_wrong_sigma_is_refused():
    pytest.importorskip("pymatgen")
    wrong = replace(BY_ID["al_s5_210"].boundary, coincidence_index=7)
    with pytest.raises(ReferenceEngineError, match=r"mirror twin in \(2, 1, 0\) is not Σ7\(210\)"):
        bicrystal(MATERIALS["Al"], wrong, MIRROR)
    axis = replace(BY_ID["al_s5_210"].boundary, rotation_axis=(1, 1, 1), coincidence_index=7)
    with pytest.raises(ReferenceEngineError, match="no rotation about the axis"):
        rotation_angle(MATERIALS["Al"], axis)


def test_plane_without_coincidence_lattice():
    pytest.importorskip("pymatgen")
    boundary = Boundary(coincidence_index=1, rotation_axis=(0, 0, 1), plane=(1, 0, 4), steps=4)
    assert coincidence_index(MATERIALS["LiCoO2"], boundary) is None


def test_gap_widens_both_boundaries_and_nothing_else():
    pytest.importorskip("pymatgen")
    boundary = BY_ID["licl_s5_210"].boundary
    narrow, wide = (
        bicrystal(MATERIALS["LiCl"], boundary, replace(MIRROR, shift=(0.5, 0.5), gap=gap))
        for gap in (0.0, 0.5)
    )
    assert wide.cell[2, 2] - narrow.cell[2, 2] == pytest.approx(1.0)
    assert len(wide) == len(narrow)
    assert has_equivalent_boundaries(wide, 1e-4)


@pytest.mark.parametrize(
    ("a", "plane"), [(3.63, (3, 1, 0)), (4.26, (3, 1, 0)), (4.041984, (2, 1, 0))]
)
def test_oriented_crystal_is_the_crystal(a, plane):
    """Lattice constants at which tolerances of other builders gave another cell."""
    pytest.importorskip("pymatgen")
    material = MATERIALS["MgO"].with_lattice(a)
    crystal = oriented_crystal(material, plane)
    assert len(crystal) == 2
    assert bond_length(crystal) == pytest.approx(a / 2)
    assert crystal.get_volume() == pytest.approx(a**3 / 4)
    bulk = bulk_cell(material, BY_ID["mgo_s5_210"].boundary)
    assert bond_length(bulk) == pytest.approx(a / 2)


def test_symmetrised_removes_noise_only():
    pytest.importorskip("pymatgen")
    _, start = BY_ID["al_s5_210"].structures(lattice_of(BY_ID["al_s5_210"]))
    noisy = start.copy()
    noisy.rattle(1e-3, seed=1)
    assert not has_equivalent_boundaries(noisy, 1e-5)
    clean = symmetrised(noisy, 0.02)
    assert has_equivalent_boundaries(clean, 1e-5)
    np.testing.assert_allclose(clean.positions, start.positions, atol=5e-3)


def test_missing_start_names_the_command():
    with pytest.raises(ReferenceDataError, match=r"no start; make it with: python -m .*scan none"):
        read_start("none")


def test_variants_change_one_setting_each():
    pytest.importorskip("pymatgen")
    recipe = BY_ID["li_s5_310"]
    variants = convergence_variants(recipe)
    assert variants[AS_USED] == recipe
    assert len({repr(v) for v in variants.values()}) == len(variants)
    used = read_start(recipe.id).chosen.translation
    material = MATERIALS["Li"]
    cells = [bicrystal(material, v.boundary, used) for v in (recipe, variants["thicker grains"])]
    assert area(cells[0]) == pytest.approx(area(cells[1]))
    assert cells[1].cell[2, 2] / cells[0].cell[2, 2] == pytest.approx(1.6, abs=0.1)


def test_no_bulk_has_a_cubic_grid_for_a_long_cell():
    """No rotation that is used turns the normal into the plane."""
    pytest.importorskip("gpaw")
    for recipe in RECIPES:
        bulk = bulk_cell(MATERIALS[recipe.material], recipe.boundary)
        rotations = symmetry_options(bulk, recipe.settings(bulk)).get("rotations")
        if rotations is None:
            rotations, _ = symmetry_operations(bulk, 1e-5)
        assert not rotations[:, 2, :2].any(), recipe.id
        assert not rotations[:, :2, 2].any(), recipe.id


@pytest.mark.parametrize("case_id", convergence_cases())
def test_thicker_bulk_is_as_upright_as_the_recipes(case_id):
    pytest.importorskip("pymatgen")
    recipe = BY_ID[case_id]
    thick = convergence_variants(recipe)["thicker grains"].boundary
    used, more = (bulk_cell(MATERIALS[recipe.material], b) for b in (recipe.boundary, thick))
    assert len(more) >= 1.5 * len(used)
    if np.allclose(used.cell.angles()[:2], 90):
        np.testing.assert_allclose(more.cell.angles()[:2], 90)


def test_published_values_are_those_of_cases():
    materials = {(r.material, r.boundary.coincidence_index, r.boundary.plane) for r in RECIPES}
    assert len(published_rows()) >= 12
    for row in published_rows():
        plane = tuple(int(digit) for digit in row["plane"])
        assert (row["material"], int(row["coincidence_index"]), plane) in materials
        assert row["doi"].startswith("10.")
    (found,) = published_values("Cu", 5, "210")
    assert found.unit == "J/m^2"
    assert published_values("Cu", 5, "999") == []


class StoredEmt(Calculator):
    """EMT in place of DFT, with a stress added as a finite basis adds one."""

    implemented_properties = ("energy", "forces", "stress")
    basis_stress = 0.01
    seconds = 0.0

    def __init__(self, *_):
        super().__init__()

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        found = self.evaluate(atoms, stress=True)
        self.results = {"energy": found.energy, "forces": found.forces, "stress": found.stress}

    def evaluate(self, atoms, *, stress=False):
        copy = atoms.copy()
        copy.calc = EMT()
        offset = np.array([1, 1, 1, 0, 0, 0]) * self.basis_stress
        return Evaluation(
            copy.get_potential_energy(),
            copy.get_forces(),
            copy.get_stress() + offset if stress else None,
            None,
            1.0,
            "EMT",
        )


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.setattr("uipbench.reference.engine.StoredDft", StoredEmt)
    monkeypatch.setattr("uipbench.reference.recipe.code_version", lambda: "EMT")
    monkeypatch.setattr("uipbench.reference.recipe.paw_sets", lambda *_: {})
    return DftEngine(tmp_path, lambda _: None)


def test_stress_of_the_crystal_is_what_the_basis_adds(engine):
    """Relaxed to the stress of the crystal, the stretched crystal gets its height back."""
    pytest.importorskip("pymatgen")
    bulk = bulk_cell(MATERIALS["Cu"].with_lattice(3.59), BY_ID["cu_s3_111"].boundary)
    settings = DftSettings(cutoff_ev=1.0, kpts=(1, 1, 1), smearing_ev=0.1)
    stress = engine.stress_point(bulk, settings).evaluation.stress[2]
    stretched = bulk.copy()
    cell = bulk.cell[:].copy()
    cell[2, 2] *= 1.01
    stretched.set_cell(cell, scale_atoms=True)
    relaxed = engine.relax_along_normal(stretched, settings, fmax=0.002, normal_stress=stress)
    assert relaxed.atoms.cell[2, 2] == pytest.approx(bulk.cell[2, 2], rel=2e-4)
    np.testing.assert_allclose(relaxed.atoms.cell[:2], bulk.cell[:2], atol=1e-9)


def test_from_recipe_to_a_case_without_problems(engine, tmp_path):
    """EMT instead of DFT; the relaxed protocol of the same potential finds the same minimum."""
    pytest.importorskip("pymatgen")
    recipe = BY_ID["al_s5_210"]
    computed = recipe.compute(engine)
    write_case(tmp_path / "cases", computed.file, computed.extxyz())
    (case,) = load_cases(tmp_path / "cases", "grain_boundary")
    assert list(problems(case, recipe)) == []
    assert set(case.structures) == {"bulk", "boundary_start", "boundary"}
    bulk = computed.structures["bulk"].atoms
    fine, coarse = (recipe.settings(bulk, coarse=c).kpts for c in (False, True))
    assert {s.settings.kpts for s in computed.structures.values()} == {fine} != {coarse}
    assert case.tags["rotation_angle_deg"] == pytest.approx(36.8699)
    assert case.published[0].quantity == "grain_boundary_energy"
    gamma = case.reference("grain_boundary_energy")
    fixed = TASK.predict(case, EMT(), "fixed").values
    relaxed = TASK.predict(case, EMT(), "relaxed").values
    assert TASK.errors(case, fixed) == pytest.approx(dict.fromkeys(fixed, 0.0), abs=1e-6)
    assert relaxed["grain_boundary_energy"] == pytest.approx(gamma, abs=2e-3)
    assert relaxed["excess_volume"] == pytest.approx(case.reference("excess_volume"), abs=5e-3)


def test_the_work_of_separation_comes_with_the_case_of_the_facet(engine):
    """Al(111) is one; (210) may become one, and `reference refresh` brings it then."""
    pytest.importorskip("pymatgen")
    file = BY_ID["al_s3_111"].compute(engine).file
    facets = load_cases(case_folder("surface_energy"), "surface_energy")
    (facet,) = (case for case in facets if case.id == "al_111")
    surface = file.details["surface_energy_j_per_m2"]
    gamma = file.references["grain_boundary_energy"].value
    assert surface == facet.reference("surface_energy")
    assert file.references["work_of_separation"].value == pytest.approx(2 * surface - gamma)
    assert surface_energy("Al", "112") is None


def test_a_case_computed_again_is_held_against_the_stored_one(engine, tmp_path):
    """Energies to 1 meV and 1 mJ/m², lengths and tractions as what they follow from allows."""
    pytest.importorskip("pymatgen")
    fresh = BY_ID["cu_s3_111"].compute(engine)
    write_case(tmp_path / "cases", fresh.file, fresh.extxyz())
    (stored,) = load_cases(tmp_path / "cases", "grain_boundary")
    assert list(differences(stored, fresh)) == []
    for name, unit, change, differs in (
        ("grain_boundary_energy", "J/m^2", 0.0009, False),
        ("grain_boundary_energy", "J/m^2", 0.0011, True),
        ("excess_volume", "A", 0.004, False),
        ("excess_volume", "A", 0.006, True),
        ("excess_volume", "GPa", 0.019, False),  # as a traction would be
        ("excess_volume", "GPa", 0.021, True),
    ):
        known = fresh.file.references
        value = known[name].value + change
        moved = known[name].model_copy(update={"value": value, "unit": unit})
        file = fresh.file.model_copy(update={"references": dict(known) | {name: moved}})
        found = list(differences(stored, replace(fresh, file=file)))
        assert [name in line for line in found] == [True] * differs
    bulk = fresh.structures["bulk"]
    higher = replace(bulk.evaluation, energy=bulk.evaluation.energy + 0.002)
    structures = dict(fresh.structures) | {"bulk": replace(bulk, evaluation=higher)}
    (line,) = differences(stored, replace(fresh, structures=structures))
    assert line == "cu_s3_111: energy of bulk differs by 2.00 meV"


def test_fixed_only_case_has_no_start(engine):
    pytest.importorskip("pymatgen")
    recipe = replace(BY_ID["cu_s3_111"], protocols=("fixed",))
    file = recipe.compute(engine).file
    assert file.roles == ["bulk", "boundary"]
    assert file.protocols == ["fixed"]
    assert set(file.references) == {"grain_boundary_energy", "work_of_separation"}


def test_checks_name_what_is_wrong(engine, tmp_path):
    pytest.importorskip("pymatgen")
    recipe = BY_ID["cu_s3_111"]
    computed = recipe.compute(engine)
    wrong = dict(computed.file.references)
    wrong["grain_boundary_energy"] = Quantity(value=0.5, unit="J/m^2", uncertainty=0.1)
    details = computed.file.details | {"residual_normal_stress_gpa": 3.0}
    theory = computed.file.theory.model_copy(update={"cutoff_ev": 400.0})
    changes = {"references": wrong, "details": details, "theory": theory}
    file = computed.file.model_copy(update=changes)
    write_case(tmp_path / "cases", file, computed.extxyz())
    (case,) = load_cases(tmp_path / "cases", "grain_boundary")
    found = " ".join(problems(case, recipe))
    assert "grain_boundary_energy is 0.500000, but its energies give" in found
    assert "normal stress of the relaxed boundary is 3.00" in found
    assert "cutoff (eV) is 400.0, the recipe's is 520.0" in found


def test_convergence_points_are_of_the_boundary_as_built(engine):
    pytest.importorskip("pymatgen")
    variants = convergence_variants(BY_ID["al_s3_111"])
    points = {name: v.convergence_point(engine).value for name, v in variants.items()}
    assert points["thicker grains"] == pytest.approx(points[AS_USED], abs=1e-6)
