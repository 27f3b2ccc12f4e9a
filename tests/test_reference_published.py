"""Published values and the uncertainty rule."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uipbench.reference.catalogue import read_case_files
from uipbench.reference.published import DISTANCE, EXPLANATIONS_NAME, MARK, with_uncertainty
from uipbench.reference.queue import case_folder, load_recipes
from uipbench.reference_data.surface_energy.published import (
    LEAST_J_PER_M2,
    TEST_OF_CLASS,
    TEST_OF_MATERIAL,
    annotate,
    published_rows,
    published_values,
    relative_convergence,
    uncertainty,
)
from uipbench.reference_data.surface_energy.recipes import convergence_cases
from uipbench.reference_data.surface_energy.slabs import MATERIALS

FILES = read_case_files(case_folder("surface_energy"))
GAMMA = st.floats(0.01, 4.0)


@given(GAMMA, st.floats(0.0, 0.2), GAMMA | st.none())
def test_uncertainty_covers_the_published_value(value, relative, published):
    found = uncertainty(value, relative, published)
    assert found >= max(LEAST_J_PER_M2, relative * value)
    if published is not None:
        assert abs(value - published) <= found


@pytest.mark.parametrize(
    ("value", "relative", "published", "expected"),
    [(0.8, 0.03, None, 0.024), (0.1, 0.03, None, 0.005), (0.8, 0.03, 0.9, 0.1)],
)
def test_uncertainty_by_hand(value, relative, published, expected):
    assert uncertainty(value, relative, published) == pytest.approx(expected)


def test_every_row_has_a_source_and_belongs_to_a_case():
    facets = {r.id for r in load_recipes("surface_energy")}
    for row in published_rows():
        assert re.fullmatch(r"10\.\d{4,9}/\S+", row["doi"]), row
        assert row["method"], row
        assert float(row["value"]) > 0
        assert row["material"] in MATERIALS
        if row["miller_index"]:
            assert f"{row['material'].lower()}_{row['miller_index']}" in facets


def test_values_of_a_facet_and_its_bulk():
    found = {p.quantity: p.value for p in published_values("Cu", "111")}
    assert found["surface_energy"] == 1.3188
    assert found["lattice_constant_a"] == 3.6293
    assert "surface_energy" not in {p.quantity for p in published_values("Cu", "999")}


def test_every_class_of_materials_has_a_convergence_test():
    for name, material in MATERIALS.items():
        relative, sentence = relative_convergence(name, material.chemistry)
        assert 0.0 < relative < 0.2
        assert "%" in sentence
    used = {*TEST_OF_CLASS.values(), *TEST_OF_MATERIAL.values()}
    assert used == set(convergence_cases())


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.id)
def test_files_are_refreshed(file):
    """If this fails: uipbench reference refresh surface_energy."""
    assert annotate(file) == file
    assert annotate(annotate(file)) == annotate(file)


@pytest.mark.parametrize(
    "task", ["surface_energy", "grain_boundary", "li_migration", "adhesion", "voltage_profile"]
)
def test_titles_tiers_and_comments_are_those_of_the_recipes(task):
    """If this fails: uipbench reference refresh."""
    recipes = {recipe.id: recipe for recipe in load_recipes(task)}
    for file in read_case_files(case_folder(task)):
        recipe = recipes[file.id]
        assert (file.title, file.tier) == (recipe.title, recipe.tier)
        own, generated = file.comment.split(MARK)
        assert own.strip() == recipe.comment.strip()
        assert re.match(r" the (larger|largest) of .* and ", generated)


def test_a_comment_names_terms_explanation_and_projections(tmp_path):
    file = FILES[0].model_copy(update={"comment": "Own words. Uncertainty: old ones."})
    assert with_uncertainty(file, "3 %", "5 mJ", folder=tmp_path / "none") == (
        "Own words. Uncertainty: the larger of 3 % and 5 mJ."
    )
    (tmp_path / EXPLANATIONS_NAME).write_text(json.dumps({file.id: "It is old."}))
    theory = file.theory.model_copy(update={"hubbard_u_ev": {"Co": 3.32}})
    file = file.model_copy(update={"theory": theory, "comment": ""})
    comment = with_uncertainty(file, "a", "b", DISTANCE, folder=tmp_path)
    assert comment == (
        "Uncertainty: the largest of a, b and the distance to the published value. "
        "On the published value: It is old. U acts on projections that are not normalised."
    )
    again = file.model_copy(update={"comment": comment})
    assert with_uncertainty(again, "a", "b", DISTANCE, folder=tmp_path) == comment
