"""Ranks, intervals and tie groups: invariants, and numbers computed by another route."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from uipbench import ranking, resampling, stability
from uipbench.ranking import ErrorTable

if TYPE_CHECKING:
    import random

N_CASES = 8
MATERIALS = ("Al", "Al", "Cu", "Li", "Li", "LiF", "MgO", "Ni")
sizes = st.floats(0.0078125, 2.0, width=32)


def table(errors, *, trivial=None, materials=MATERIALS, name="task") -> ErrorTable:
    errors = np.asarray(errors, dtype=float)
    known = np.ones(errors.shape[1]) if trivial is None else np.asarray(trivial, dtype=float)
    return ErrorTable(
        name=name,
        materials=tuple(materials),
        sizes=np.abs(errors),
        trivial=known,
        uncertainty=np.full(errors.shape[1], 0.1),
    )


error_arrays = arrays(float, (3, N_CASES), elements=st.floats(-2, 2, width=32))


def test_skill_by_hand() -> None:
    found = ranking.task_skills(
        table([[0.5] * 4, [-2.0] * 4, [np.nan] * 4], materials=MATERIALS[:4])
    )
    assert found == pytest.approx([0.5, 0.0, 0.0])


@given(error_arrays)
def test_a_missing_number_counts_as_the_trivial_error(errors) -> None:
    missing = errors.copy()
    missing[0, 3] = np.nan
    charged = errors.copy()
    charged[0, 3] = 1.0
    one, two = ranking.task_skills(table(missing)), ranking.task_skills(table(charged))
    assert one == pytest.approx(two)


@settings(max_examples=15, deadline=None)
@given(error_arrays, st.randoms())
def test_order_of_cases_and_models_does_not_matter(errors, order: random.Random) -> None:
    cases, models = list(range(N_CASES)), list(range(3))
    order.shuffle(cases)
    order.shuffle(models)
    shuffled = table(errors[models][:, cases], materials=[MATERIALS[i] for i in cases])
    one = ranking.rank_models([table(errors)], [1.0])
    two = ranking.rank_models([shuffled], [1.0])
    assert one.skill_interval is not None
    assert two.skill_interval is not None
    assert two.skill == pytest.approx(one.skill[models])
    assert two.skill_interval == pytest.approx(one.skill_interval[models], abs=1e-9)
    assert list(two.rank) == list(one.rank[models])


@given(error_arrays, st.floats(0.1, 50))
def test_units_do_not_matter(errors, factor) -> None:
    scaled = table(factor * errors, trivial=np.full(N_CASES, factor))
    assert ranking.task_skills(scaled) == pytest.approx(ranking.task_skills(table(errors)))


@settings(max_examples=15, deadline=None)
@given(error_arrays)
def test_intervals_hold_the_rank_order_of_models_that_always_lead(errors) -> None:
    best = errors.copy()
    best[1] = 0
    best[[0, 2]] = np.sign(best[[0, 2]]) * (np.abs(best[[0, 2]]) + 0.1) + 0.05
    found = ranking.rank_models([table(best)], [1.0])
    assert found.rank[1] == 1
    assert found.rank_interval is not None
    assert list(found.rank_interval[1]) == [1, 1]


def test_identical_models_share_rank_and_group() -> None:
    errors = np.array([[0.1, -0.3, 0.2, 0.4, -0.1, 0.6, 0.2, 0.3]] * 2)
    found = ranking.rank_models([table(errors)], [1.0])
    assert list(found.rank) == [1, 1]
    assert found.group == [1, 1]


def test_groups_follow_the_leader() -> None:
    close = np.linspace(0.1, 0.2, N_CASES)
    noise = 0.05 * np.array([1, -1, 1, -1, -1, 1, 1, -1])
    found = ranking.rank_models([table([close, close + noise, close + 0.5])], [1.0])
    assert found.group == [1, 1, 2]


def test_too_few_materials_have_no_interval() -> None:
    found = ranking.rank_models([table(np.ones((2, 4)), materials=MATERIALS[:4])], [1.0])
    assert found.skill_interval is None
    assert found.group is None


def test_skill_interval_agrees_with_an_ordinary_bootstrap() -> None:
    """Independent route: scipy's bootstrap, materials drawn with replacement, 40 materials."""
    rng = np.random.default_rng(3)
    errors = rng.gamma(2.0, 0.2, 40)
    of_many = table(errors[None], materials=[f"m{i}" for i in range(40)])
    found = ranking.rank_models([of_many], [1.0]).skill_interval
    assert found is not None
    plain = stats.bootstrap(
        (errors,), lambda e, axis: 1 - e.mean(axis=axis), method="percentile", rng=rng
    ).confidence_interval
    # Two bootstraps of 40 numbers differ by their random draws: a tenth of the interval's width.
    width = plain.high - plain.low
    assert found[0] == pytest.approx([plain.low, plain.high], abs=0.1 * width)


@pytest.mark.parametrize("clusters", [10, 30])
def test_intervals_hold_the_truth_as_often_as_they_say(clusters: int) -> None:
    """Coverage in 200 made-up benchmarks whose cases of one material have the same error."""
    rng = np.random.default_rng(1)
    names = [f"m{i}" for i in range(clusters) for _ in range(3)]
    counts = resampling.multiplicities(sorted(set(names)))
    inside = 0
    for _ in range(200):
        of_material = rng.normal(0.5, 0.2, clusters)
        means = (counts @ of_material) / counts.sum(axis=1)
        low, high = resampling.interval(means)
        inside += low <= 0.5 <= high
    # A percentile interval of n numbers is known to be too narrow by about 1 + 1/n.
    assert 0.86 <= inside / 200 <= 0.98


def test_paired_test_agrees_with_scipy() -> None:
    """Independent route: scipy's sign-flip permutation test of the same differences."""
    rng = np.random.default_rng(5)
    errors = np.abs(rng.normal(0.3, 0.1, (2, 30)))
    errors[0] -= 0.03
    names = [f"m{i}" for i in range(30)]
    found = stability.compare_pair(table(np.abs(errors), materials=names))
    assert found is not None
    assert found.p_value is not None
    difference = np.abs(errors[0]) - np.abs(errors[1])
    other = stats.permutation_test(
        (difference,), np.mean, permutation_type="samples", n_resamples=4999, rng=rng
    )
    assert found.difference == pytest.approx(difference.mean())
    assert found.p_value == pytest.approx(other.pvalue, abs=0.05)
    assert (found.p_value < 0.05) == (other.pvalue < 0.05)


@settings(max_examples=15, deadline=None)
@given(error_arrays)
def test_comparison_turns_around(errors) -> None:
    one = stability.compare_pair(table(errors[:2]))
    two = stability.compare_pair(table(errors[1::-1]))
    assert one is not None
    assert two is not None
    assert (one.first_better, one.difference) == (two.second_better, pytest.approx(-two.difference))
    assert one.p_value == pytest.approx(two.p_value, abs=1e-12)


def test_draws_are_stable_when_materials_are_added() -> None:
    few, many = (
        resampling.multiplicities(["Al", "Li"]),
        resampling.multiplicities(["Li", "X", "Al"]),
    )
    assert np.array_equal(few[:, 0], many[:, 2])
    assert few.mean() == pytest.approx(1, abs=0.1)
    assert few.var() == pytest.approx(1, abs=0.15)


@given(st.lists(sizes, min_size=1, max_size=300))
def test_interval_is_numpys(values) -> None:
    found = resampling.interval(np.array(values))
    expected = np.percentile(values, [2.5, 97.5], method="inverted_cdf")
    assert found == pytest.approx(tuple(expected))


@given(st.lists(sizes, min_size=1, max_size=30))
def test_ranks_are_scipys(values) -> None:
    # Stated scores are at least 1e-9 apart or equal: hypothesis draws 32-bit numbers.
    expected = stats.rankdata(-np.array(values), method="min")
    assert list(ranking.competition_ranks(np.array(values))) == list(expected)


@settings(max_examples=20, deadline=None)
@given(arrays(float, (2, 4), elements=st.floats(0, 1, width=32)))
def test_a_model_ahead_everywhere_is_first_under_all_weights(skills) -> None:
    ahead = np.vstack([skills.max(axis=1) + 0.1, skills.T]).T
    found = stability.weight_stability(list(ahead))
    assert found.first[0] == 1
    assert (found.best[0], found.worst[0]) == (1, 1)
    assert (stability.leave_one_task_out(list(ahead))[:, 0] == 1).all()


def test_order_agreement_by_hand() -> None:
    score = np.array([0.1, 0.2, 0.3, 0.4])
    assert stability.order_agreement(score, score) == 1
    assert stability.order_agreement(score, -score) == -1
    assert np.isnan(stability.order_agreement(score[:1], score[:1]))
    assert np.isnan(stability.order_agreement(score, np.ones(4)))


def test_order_agreement_is_that_of_scipy() -> None:
    rng = np.random.default_rng(4)
    for n in range(2, 30):
        one, two = rng.integers(0, 6, (2, n)) / 7  # with ties
        expected = stats.kendalltau(one, two).statistic
        assert stability.order_agreement(one, two) == pytest.approx(expected, nan_ok=True)


def test_the_limit_of_the_references() -> None:
    # Uncertainty 0.1, trivial error 1 in every case.
    assert ranking.uncertainty_limit(table(np.zeros((1, N_CASES)))) == pytest.approx(0.9)
