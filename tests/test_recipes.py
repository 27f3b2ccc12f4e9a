"""Every surface-energy recipe builds a slab that γ is defined for; needs pymatgen."""

from dataclasses import replace

import numpy as np
import pytest

from uipbench.errors import ReferenceEngineError
from uipbench.reference.convergence import AS_USED
from uipbench.reference.queue import CASES_BEFORE_CONVERGENCE, queue_of
from uipbench.reference_data.surface_energy.checks import area, has_equal_faces
from uipbench.reference_data.surface_energy.layered import layered_cell, layered_lattice
from uipbench.reference_data.surface_energy.recipes import (
    buckled,
    convergence_cases,
    convergence_variants,
    recipes,
)
from uipbench.reference_data.surface_energy.slabs import MATERIALS, reduce_in_plane

RECIPES = recipes()
BY_ID = {recipe.id: recipe for recipe in RECIPES}


def starting_lattice(recipe):
    material = MATERIALS[recipe.material]
    lattice = {"lattice_constant_a": material.a}
    return lattice if material.c is None else lattice | {"lattice_constant_c": material.c}


def test_list():
    assert len(BY_ID) == len(RECIPES)
    assert len(RECIPES) >= 40
    assert sum(recipe.tier == "quick" for recipe in RECIPES) >= 10


def test_convergence_tests_stand_behind_the_first_cases():
    kinds = [job.kind for job in queue_of("surface_energy")]
    start = CASES_BEFORE_CONVERGENCE
    early = {recipe.id for recipe in RECIPES[:start]} & set(convergence_cases())
    assert set(kinds[:start]) == {"case"}
    assert set(kinds[start : start + len(early)]) == {"convergence"}
    assert kinds[start + len(early)] == "case"


def test_tested_cases_are_computed_before_their_test():
    jobs = [(job.kind, job.recipe.id) for job in queue_of("surface_energy")]
    assert len(jobs) == len(RECIPES) + len(convergence_cases())
    for case in convergence_cases():
        assert jobs.index(("case", case)) < jobs.index(("convergence", case))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_slab(recipe):
    pytest.importorskip("pymatgen")
    bulk, slab = recipe.structures(starting_lattice(recipe))
    thickness = np.ptp(slab.positions[:, 2])
    assert thickness >= recipe.min_thickness - 1e-6
    assert slab.cell[2, 2] - thickness == pytest.approx(recipe.vacuum)
    assert has_equal_faces(slab, 1e-3)
    np.testing.assert_allclose(bulk.cell[:2], slab.cell[:2], atol=1e-6)
    np.testing.assert_allclose(slab.cell[2, :2], 0.0, atol=1e-6)
    first, second = (np.bincount(a.numbers, minlength=99) / len(a) for a in (bulk, slab))
    np.testing.assert_allclose(first, second)
    density = len(bulk) / bulk.get_volume()
    conventional = MATERIALS[recipe.material].conventional()
    assert density == pytest.approx(len(conventional) / conventional.get_volume())


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.id)
def test_in_plane_meshes_of_bulk_and_slab_are_equal(recipe):
    pytest.importorskip("pymatgen")
    bulk, slab = recipe.structures(starting_lattice(recipe))
    meshes = [recipe.settings(a, slab=a is slab).kpts[:2] for a in (bulk, slab)]
    assert meshes[0] == meshes[1]


def test_silicon_starts_buckled():
    """The chains of Si(110) tilt; from the cut slab forces could not tell them to."""
    recipe = BY_ID["si_110"]
    _, slab = recipe.structures(starting_lattice(recipe))
    moved = buckled(slab, recipe.buckling)
    z = np.sort(moved.positions[:, 2]) - np.sort(slab.positions[:, 2])
    assert np.allclose(z[[0, 1, -2, -1]], [-0.35, 0.35, -0.35, 0.35])
    assert np.allclose(z[2:-2], 0)
    assert has_equal_faces(moved, 1e-3)
    assert not np.allclose(moved.positions, slab.positions)
    assert {recipe.id for recipe in RECIPES if recipe.buckling} == {"si_110"}
    _, other = BY_ID["al_111"].structures(starting_lattice(BY_ID["al_111"]))
    with pytest.raises(ValueError, match="1 and 1 atoms in the outermost planes"):
        buckled(other, 0.1)


def test_nickel_is_spin_polarised():
    pytest.importorskip("pymatgen")
    recipe = BY_ID["ni_111"]
    bulk, slab = recipe.structures(starting_lattice(recipe))
    assert recipe.settings(slab, slab=True).spin_polarised
    for atoms in (bulk, slab):
        assert set(atoms.get_initial_magnetic_moments()) == {0.7}


@pytest.mark.parametrize(("case_id", "z"), [("litis2_001", 0.236), ("licoo2_104", 0.2605)])
def test_lattice_of_a_rotated_layered_crystal(case_id, z):
    material = MATERIALS[BY_ID[case_id].material].with_lattice(3.0, 9.0, z)
    cell = layered_cell(material)
    cell.rotate(33.0, (1, 2, 3), rotate_cell=True)
    cell.positions += (0.3, 0.2, 0.9)
    found = layered_lattice(cell, MATERIALS[BY_ID[case_id].material])
    expected = {
        "lattice_constant_a": 3.0,
        "lattice_constant_c": 9.0,
        "internal_coordinate_z": z,
    }
    assert found == pytest.approx(expected)


def test_facet_that_has_no_builder():
    lattice = starting_lattice(BY_ID["licoo2_104"])
    with pytest.raises(ReferenceEngineError, match="no builder for facet"):
        replace(BY_ID["licoo2_104"], miller_index=(0, 0, 1)).structures(lattice)


def test_hubbard_u_of_cobalt():
    recipe = BY_ID["licoo2_104"]
    _, slab = recipe.structures(starting_lattice(recipe))
    settings = recipe.settings(slab, slab=True)
    assert settings.hubbard == {"Co": ":d,3.32,0"}
    assert settings.spin_polarised
    assert sum(slab.get_initial_magnetic_moments()) == slab.get_chemical_symbols().count("Co")


def test_variants_change_one_setting_each():
    variants = convergence_variants(BY_ID["al_111"])
    assert variants[AS_USED] == BY_ID["al_111"]
    assert len(set(variants.values())) == len(variants)


def test_thicker_and_emptier_variants():
    pytest.importorskip("pymatgen")
    variants = convergence_variants(BY_ID["lif_100"])
    lattice = starting_lattice(BY_ID["lif_100"])
    _, used = variants[AS_USED].structures(lattice)
    _, thick = variants["thickness + 6 A"].structures(lattice)
    _, empty = variants["vacuum + 5 A"].structures(lattice)
    assert len(thick) > len(used)
    assert area(thick) == pytest.approx(area(used))
    assert empty.cell[2, 2] - used.cell[2, 2] == pytest.approx(5.0)


def test_in_plane_reduction_keeps_the_crystal():
    pytest.importorskip("pymatgen")
    bulk, _ = BY_ID["al_111"].structures(starting_lattice(BY_ID["al_111"]))
    oblique = bulk.copy()
    cell = oblique.cell.copy()
    cell[1] += 3 * cell[0]
    oblique.set_cell(cell)
    reduced = reduce_in_plane(oblique)
    assert reduced.get_volume() == pytest.approx(bulk.get_volume())
    np.testing.assert_allclose(
        np.sort(reduced.cell.lengths()[:2]), np.sort(bulk.cell.lengths()[:2]), atol=1e-6
    )


def test_another_thickness_is_another_recipe():
    thin = BY_ID["li_100"]
    assert replace(thin, min_thickness=16.0) != thin
