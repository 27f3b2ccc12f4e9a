"""What moving references do to skills and ranks: invariants, and a route case by case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from uipbench import ranking, sensitivity
from uipbench.ranking import ErrorTable

N_CASES = 6
MATERIALS = ("Al", "Al", "Li", "LiF", "MgO", "Ni")
signed_errors = arrays(float, (3, N_CASES), elements=st.floats(-1, 1, width=32))
uncertainties = arrays(float, N_CASES, elements=st.floats(0, 0.25, width=32))


def table(signed, uncertainty, *, name="task", trivial=1.0) -> ErrorTable:
    return ErrorTable(
        name=name,
        materials=MATERIALS,
        sizes=np.abs(signed),
        trivial=np.full(N_CASES, trivial),
        uncertainty=np.asarray(uncertainty, dtype=float),
    )


@settings(max_examples=20, deadline=None)
@given(signed_errors, uncertainties)
def test_skill_moves_by_no_more_than_the_references(signed, uncertainty) -> None:
    found = table(signed, uncertainty)
    still = ranking.task_skills(found)
    moved = sensitivity.moved_skills(found, signed)
    assert (np.abs(moved - still) <= uncertainty.sum() / N_CASES + 1e-9).all()


@settings(max_examples=20, deadline=None)
@given(signed_errors)
def test_exact_references_move_nothing(signed) -> None:
    for uncertainty in (0.0, np.nan):
        found = table(signed, np.full(N_CASES, uncertainty))
        assert sensitivity.moved_skills(found, signed) == pytest.approx(
            np.tile(ranking.task_skills(found), (sensitivity.DRAWS, 1))
        )


@settings(max_examples=20, deadline=None)
@given(signed_errors, uncertainties)
def test_a_model_ahead_by_twice_the_uncertainty_stays_first(signed, uncertainty) -> None:
    signed[0] = 0
    signed[1:] = np.where(signed[1:] < 0, -1, 1) * (np.abs(signed[1:]) + 2 * uncertainty + 0.01)
    found = table(signed, uncertainty, trivial=10.0)
    one = sensitivity.reference_sensitivity([found], [signed], [1.0])
    assert one.first[0] == 1
    assert list(one.rank[0]) == [1, 1]


@settings(max_examples=10, deadline=None)
@given(signed_errors, uncertainties, st.permutations(range(3)))
def test_the_order_of_the_models_does_not_matter(signed, uncertainty, order) -> None:
    one = sensitivity.reference_sensitivity([table(signed, uncertainty)], [signed], [1.0])
    other = signed[order]
    two = sensitivity.reference_sensitivity([table(other, uncertainty)], [other], [1.0])
    assert two.skill == pytest.approx(one.skill[order])
    assert np.array_equal(two.rank, one.rank[order])


def test_a_draw_is_the_skill_with_moved_references() -> None:
    """Independent route: predictions and references moved by hand, case by case."""
    rng = np.random.default_rng(3)
    references, predictions = rng.uniform(0.5, 1.5, N_CASES), rng.uniform(0.5, 1.5, (2, N_CASES))
    spread = rng.uniform(0.0, 0.2, N_CASES)
    predictions[1, 2] = np.nan
    signed = predictions - references
    found = sensitivity.moved_skills(table(signed, spread), signed)
    for b in (0, 7, 499):
        for m in range(2):
            errors = 0.0
            for c, material in enumerate(MATERIALS):
                steps = sensitivity.moves("task", [material])[b, 0]
                reference = references[c] + (-0.9 + 0.2 * steps) * spread[c]
                failed = np.isnan(predictions[m, c])
                errors += 1.0 if failed else abs(predictions[m, c] - reference)
            assert found[b, m] == pytest.approx(max(0.0, 1 - errors / N_CASES))


def test_draws_are_even_and_independent_but_for_one_material() -> None:
    many = [f"m{i}" for i in range(40)]
    found = sensitivity.fractions(sensitivity.moves("task", many))
    assert found.min() == pytest.approx(-0.9)
    assert found.max() == pytest.approx(0.9)
    assert found.mean() == pytest.approx(0, abs=0.02)
    assert found.var() == pytest.approx(0.33, abs=0.01)
    correlation = np.corrcoef(found.T) - np.eye(40)
    # 780 pairs of 500 draws: the largest of their correlations is about 3.2 / √500.
    assert np.abs(correlation).max() < 0.2
    twice = sensitivity.moves("task", ["Al", "Li", "Al"])
    assert np.array_equal(twice[:, 0], twice[:, 2])
    assert not np.array_equal(twice[:, 0], sensitivity.moves("other", ["Al"])[:, 0])
