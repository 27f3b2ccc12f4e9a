"""Scores: invariants, and values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.factories import make_case
from uipbench.metrics import (
    LEAST_DFT_FORCE,
    force_sums,
    score,
    skill,
    trivial_prediction,
)
from uipbench.outcome import Failed, Predicted

values = st.lists(st.floats(0.05, 5.0), min_size=3, max_size=12)


def predicted(value: float, sums: dict | None = None) -> Predicted:
    return Predicted(
        values={"surface_energy": value},
        force_statistics=sums or {},
        details={},
        seconds=1.0,
        evaluations=2,
    )


def run(references, predictions):
    cases = [make_case(f"c{i}", r) for i, r in enumerate(references)]
    outcomes = {
        f"c{i}": Failed(kind="x", message="y") if p is None else predicted(p)
        for i, p in enumerate(predictions)
    }
    return score(cases, outcomes, "surface_energy", "relaxed")


def test_by_hand():
    # References 1, 2, 4: median 2, trivial errors 1, 0, 2. Predictions 1.1, 1.8, 4.4.
    found = run([1.0, 2.0, 4.0], [1.1, 1.8, 4.4])
    assert found.mae == pytest.approx((0.1 + 0.2 + 0.4) / 3)
    assert found.mean_signed_error == pytest.approx((0.1 - 0.2 + 0.4) / 3)
    assert found.mape == pytest.approx(100 * (0.1 + 0.1 + 0.1) / 3)
    assert found.skill == pytest.approx(1 - 0.7 / 3)
    assert (found.coverage, found.n_predicted, found.n_failed, found.n_cases) == (1.0, 3, 0, 3)
    assert (found.seconds, found.evaluations) == (3.0, 6)


@given(values)
def test_exact_predictions_have_skill_one_and_no_error(references):
    found = run(references, references)
    assert found.mae == 0
    assert found.skill == 1


@given(values)
def test_trivial_predictor_has_no_skill(references):
    median = trivial_prediction(references)
    assert run(references, [median] * len(references)).skill == pytest.approx(
        1.0 if len(set(references)) == 1 else 0.0
    )


@given(values, st.randoms())
def test_order_of_cases_does_not_matter(references, random):
    pairs = [(r, r * 0.9) for r in references]
    shuffled = list(pairs)
    random.shuffle(shuffled)
    one, two = (run(*zip(*p, strict=True)) for p in (pairs, shuffled))
    assert one.mae == pytest.approx(two.mae)
    assert one.skill == pytest.approx(two.skill, abs=1e-9)


@given(values, st.data())
def test_failing_never_helps_a_model_that_beats_the_trivial_predictor(references, data):
    which = data.draw(st.integers(0, len(references) - 1))
    median = trivial_prediction(references)
    better = [r + 0.5 * (median - r) for r in references]
    without = [None if i == which else p for i, p in enumerate(better)]
    assert run(references, without).skill <= run(references, better).skill + 1e-9


def test_missing_counts_like_failed():
    cases = [make_case("a", 1.0), make_case("b", 2.0), make_case("c", 4.0)]
    some = {"a": predicted(1.0)}
    failed = some | {i: Failed(kind="x", message="y") for i in "bc"}
    one = score(cases, some, "surface_energy", "fixed")
    two = score(cases, failed, "surface_energy", "fixed")
    assert one.skill == two.skill
    assert one.coverage == two.coverage == pytest.approx(1 / 3)


def test_no_cases():
    found = score([], {}, "surface_energy", "fixed")
    assert math.isnan(found.mae)
    assert found.n_cases == 0


@given(arrays(float, (4, 3), elements=st.floats(-5, 5)), st.floats(0.1, 2.0))
def test_softening_slope_of_scaled_forces_is_the_scale(dft, scale):
    if (dft**2).mean() <= LEAST_DFT_FORCE**2:
        return
    sums = force_sums(scale * dft, dft)
    found = score(
        [make_case("a")], {"a": predicted(1.0, {"slab": sums})}, "surface_energy", "fixed"
    )
    assert found.softening_slope == pytest.approx(scale)
    assert found.force_mae == pytest.approx(np.abs((scale - 1) * dft).mean(), abs=1e-12)


def test_skill_is_floored_at_zero():
    assert skill([10.0, 10.0], [1.0, 1.0]) == 0.0
