"""Secondary metrics: orders, Wulff shapes and errors of further quantities."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from tests.factories import make_case, structure
from uipbench.casefiles import Quantity
from uipbench.errors import CalculationError
from uipbench.kit import Compared, pairs_in_order, spearman
from uipbench.metrics import force_score, force_sums, forces_by_kind
from uipbench.outcome import Failed, Predicted
from uipbench.registry import load_task, load_tasks, task_version
from uipbench.secondary import mean_ranks, secondary_metrics
from uipbench.tasks.surface_energy.metrics.wulff import facet_areas, mean_energy, shape_error

FCC = bulk("Al", a=4.04)
FACETS = ((1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 0))
positive = st.floats(0.3, 2.0)


def predicted(value, sums=None, **more):
    values = {} if value is None else {"surface_energy": value}
    return Predicted(
        values=values | more, force_statistics=sums or {}, details={}, seconds=1.0, evaluations=1
    )


def facet_cases(material, energies, *, uncertainty=0.0, crystal=FCC):
    """A case a facet, with the crystal itself as the bulk."""
    for facet, energy in energies.items():
        name = f"{material}_{''.join(map(str, facet))}".lower()
        case = make_case(name, energy, material=material)
        quantity = Quantity(value=energy, unit="J/m^2", uncertainty=uncertainty)
        structures = dict(case.structures) | {"bulk": structure(crystal)}
        yield replace(
            case,
            tags={"miller_index": list(facet)},
            structures=structures,
            references={"surface_energy": quantity},
        )


def found(cases, predictions, protocol="relaxed", task="surface_energy"):
    outcomes = {case.id: predicted(value) for case, value in zip(cases, predictions, strict=True)}
    return {m.name: m for m in secondary_metrics(load_task(task), cases, outcomes, protocol)}


def test_exact_predictions_are_best_in_everything():
    energies = {(1, 0, 0): 0.94, (1, 1, 0): 0.98, (1, 1, 1): 0.80}
    cases = list(facet_cases("Al", energies))
    metrics = found(cases, energies.values())
    assert {name: m.value for name, m in metrics.items()} == pytest.approx(
        {
            "facet_order": 1.0,
            "facet_pairs_in_order": 1.0,
            "wulff_shape_error": 0.0,
            "wulff_energy_mae": 0.0,
        }
    )
    assert [m.n_used for m in metrics.values()] == [3, 3, 1, 1]


def test_reversed_order():
    energies = {(1, 0, 0): 0.94, (1, 1, 0): 0.98, (1, 1, 1): 0.80}
    metrics = found(list(facet_cases("Al", energies)), [0.9, 0.8, 1.0])
    assert metrics["facet_order"].value == pytest.approx(-1)
    assert metrics["facet_pairs_in_order"].value == 0
    assert metrics["wulff_shape_error"].value > 0.5


def test_own_slabs_without_miller_indices_have_an_order_and_no_shape():
    energies = {(1, 0, 0): 0.94, (1, 1, 0): 0.98, (1, 1, 1): 0.80}
    cases = [replace(case, tags={}) for case in facet_cases("Al", energies)]
    assert set(found(cases, energies.values())) == {"facet_order", "facet_pairs_in_order"}


def test_two_facets_count_as_a_pair_and_have_no_rank_correlation_or_shape():
    cases = list(facet_cases("Ag", {(1, 0, 0): 0.83, (1, 1, 1): 0.74}))
    metrics = found(cases, [0.7, 0.6])
    assert set(metrics) == {"facet_pairs_in_order"}
    assert (metrics["facet_pairs_in_order"].value, metrics["facet_pairs_in_order"].n_used) == (1, 1)


def test_materials_are_not_compared_with_each_other():
    cases = [
        *facet_cases("Al", {(1, 0, 0): 0.9, (1, 1, 1): 0.8}),
        *facet_cases("Li", {(1, 0, 0): 0.46, (1, 1, 0): 0.49}),
    ]
    assert found(cases, [0.3, 0.2, 1.0, 1.1])["facet_pairs_in_order"].value == 1


def test_pairs_within_their_uncertainty_do_not_count():
    energies = {(1, 0, 0): 0.46, (1, 1, 0): 0.49}
    assert found(list(facet_cases("Li", energies, uncertainty=0.03)), [1.0, 0.5]) == {}
    close = found(list(facet_cases("Li", energies, uncertainty=0.02)), [1.0, 0.5])
    assert close["facet_pairs_in_order"].value == 0


def test_failed_cases_are_left_out_and_counted():
    energies = dict(zip(FACETS, (0.94, 0.98, 0.80, 1.0), strict=True))
    cases = list(facet_cases("Al", energies))
    outcomes = {c.id: predicted(e) for c, e in zip(cases, energies.values(), strict=True)}
    outcomes[cases[0].id] = Failed(kind="x", message="y")
    task = load_task("surface_energy")
    metrics = {m.name: m for m in secondary_metrics(task, cases, outcomes, "relaxed")}
    assert (metrics["facet_order"].n_used, metrics["facet_order"].n_possible) == (3, 4)
    assert (metrics["facet_pairs_in_order"].n_used, metrics["facet_pairs_in_order"].n_possible) == (
        3,
        6,
    )
    assert math.isnan(metrics["wulff_shape_error"].value)
    assert (metrics["wulff_shape_error"].n_used, metrics["wulff_shape_error"].n_possible) == (0, 1)


@pytest.mark.parametrize("energies", [(-0.1, 0.9, 0.8), (0.0, 0.9, 0.8)])
def test_no_shape_of_a_crystal_that_falls_apart(energies):
    cases = list(facet_cases("Al", dict(zip(FACETS, (0.9, 1.0, 0.8), strict=False))))
    metrics = found(cases, energies)
    assert metrics["wulff_shape_error"].n_used == 0
    assert metrics["facet_order"].n_used == 3


def test_order_without_any_order_is_zero():
    cases = list(facet_cases("Al", dict(zip(FACETS, (0.9, 1.0, 0.8, 1.1), strict=True))))
    metrics = found(cases, [0.5] * 4)
    assert metrics["facet_order"].value == 0
    assert metrics["facet_pairs_in_order"].value == 0


@given(st.lists(st.integers(-3, 3).map(float), min_size=3, max_size=12), st.randoms())
def test_spearman_is_that_of_scipy(references, random):
    predictions = random.sample(references, len(references))
    pairs = [Compared(r, 0.0, p) for r, p in zip(references, predictions, strict=True)]
    np.testing.assert_array_equal(mean_ranks(np.array(references)), rankdata(references))
    if len(set(references)) > 1:
        assert spearman(pairs) == pytest.approx(spearmanr(references, predictions).statistic)


@given(st.permutations(range(6)))
def test_spearman_by_hand(order):
    """1 − 6·Σd²/(n(n²−1)) without ties."""
    pairs = [Compared(float(i), 0.0, float(j)) for i, j in enumerate(order)]
    squares = sum((i - j) ** 2 for i, j in enumerate(order))
    assert spearman(pairs) == pytest.approx(1 - 6 * squares / (6 * 35))


@given(st.lists(st.tuples(positive, positive), min_size=2, max_size=6, unique_by=lambda p: p[0]))
def test_order_does_not_change_with_a_monotonic_error(values):
    """A model that is wrong by any factor has all pairs in order."""
    group = [Compared(r, 0.0, 0.4 * r + 0.1) for r, _ in values]
    metric = pairs_in_order([group], name="a", title="a", explanation="a")
    assert metric.value == 1


@settings(max_examples=4, deadline=None)
@given(st.tuples(positive, positive, positive, positive))
def test_wulff_areas_are_those_of_wulffpack(energies):
    from wulffpack import SingleCrystal

    given_energies = dict(zip(FACETS, energies, strict=True))
    expected = SingleCrystal(given_energies, FCC).facet_fractions
    areas = facet_areas(FCC, given_energies)
    for facet in FACETS:
        assert areas[facet] == pytest.approx(expected.get(facet, 0.0), abs=1e-5)
    assert mean_energy(areas, given_energies) == pytest.approx(
        SingleCrystal(given_energies, FCC).average_surface_energy, rel=1e-5
    )


def test_wulff_shape_of_a_hexagonal_crystal():
    """A hexagonal prism: heights and widths follow from the two energies."""
    magnesium = bulk("Mg", "hcp", a=3.2, c=5.2)
    areas = facet_areas(magnesium, {(0, 0, 1): 0.5, (1, 0, 0): 0.7})
    base, side = 2 * np.sqrt(3) * 0.7**2, 2 * 0.7 / np.sqrt(3) * 2 * 0.5
    expected = 2 * base / (2 * base + 6 * side)
    assert areas[0, 0, 1] == pytest.approx(expected)


def test_wulff_shape_by_hand():
    """A cube, an octahedron, and where one cuts the corners of the other."""
    assert facet_areas(FCC, {(1, 0, 0): 1.0, (1, 1, 1): 1.74})[1, 1, 1] == 0
    assert facet_areas(FCC, {(1, 0, 0): 1.0, (1, 1, 1): 1.72})[1, 1, 1] > 0
    assert facet_areas(FCC, {(1, 0, 0): 1.74, (1, 1, 1): 1.0})[1, 0, 0] == 0
    cubic = bulk("Al", a=4.04, cubic=True)
    assert facet_areas(cubic, {(1, 0, 0): 0.3}) == pytest.approx({(1, 0, 0): 1.0})


@settings(max_examples=20, deadline=None)
@given(st.tuples(positive, positive, positive), st.floats(0.2, 5))
def test_shape_does_not_depend_on_the_scale_of_the_energies(energies, scale):
    one = dict(zip(FACETS, energies, strict=False))
    other = {facet: scale * energy for facet, energy in one.items()}
    assert shape_error(facet_areas(FCC, one), facet_areas(FCC, other)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("facets", [[(0, 0, 1)], [(1, 0, 0), (1, 1, 0)]])
def test_facets_that_enclose_nothing(facets):
    magnesium = bulk("Mg", "hcp", a=3.2, c=5.2)
    with pytest.raises(CalculationError, match="do not enclose a crystal"):
        facet_areas(magnesium, dict.fromkeys(facets, 0.5))


def adhesion_case(name, material, work, plane=(0, 0, 1)):
    tags = {"miller_index": list(plane), "film_miller_index": [0, 0, 1]}
    case = replace(make_case(name, material=material), tags=tags)
    quantity = Quantity(value=work, unit="J/m^2", uncertainty=0.01)
    distance = Quantity(value=2.0, unit="A")
    references = {"work_of_adhesion": quantity, "equilibrium_distance": distance}
    return replace(case, task="adhesion", references=references)


def test_adhesion_orders():
    cases = [
        adhesion_case("a", "Ag/MgO", 0.5),
        adhesion_case("b", "Ag/MgO", 0.2),
        adhesion_case("c", "Li/Cu", 1.0),
        adhesion_case("d", "Li/Cu", 0.8, plane=(1, 1, 1)),
    ]
    outcomes = {
        c.id: predicted(None, work_of_adhesion=w, equilibrium_distance=d, curve_rmse=0.1)
        for c, w, d in zip(cases, (0.3, 0.4, 1.1, 0.9), (2.0, 2.1, 2.2, 2.1), strict=True)
    }
    metrics = {
        m.name: m for m in secondary_metrics(load_task("adhesion"), cases, outcomes, "fixed")
    }
    assert metrics["interface_order"].value == pytest.approx(0.8)
    for name, share in (("registries_in_order", 0), ("orientations_in_order", 1)):
        assert metrics[name].value == share
        assert metrics[name].n_possible == 1
    assert metrics["curve_rmse"].value == pytest.approx(0.1)
    assert metrics["equilibrium_distance_mae"].value == pytest.approx(0.1)
    assert metrics["equilibrium_distance_mae"].unit == "A"


@pytest.mark.parametrize("name", load_tasks())
def test_metrics_are_not_part_of_the_version(name, monkeypatch):
    """A metric can change without a rerun; the physics cannot."""
    task, read = load_task(name), inspect.getsource
    before = task_version(task)

    def edit(part):
        monkeypatch.setattr(
            inspect, "getsource", lambda m: read(m) + "\nedited = 1\n" * (part in m.__name__)
        )

    edit(f".{name}.metrics")
    assert task_version(task) == before
    edit(f".tasks.{name}")
    assert task_version(task) != before


@pytest.mark.parametrize("name", load_tasks())
def test_every_task_has_secondary_metrics_of_nothing(name):
    assert secondary_metrics(load_task(name), [], {}, "fixed") == []


def test_forces_by_kind_of_structure():
    dft = np.linspace(-1, 1, 12).reshape(4, 3)
    sums = {
        "curve_0": force_sums(0.5 * dft, dft),
        "curve_10": force_sums(0.7 * dft, dft),
        "slab_a": force_sums(dft, dft),
        "interface": force_sums(0.001 + 0 * dft, 0.001 * dft),
        "x0": force_sums(0.7 * dft, dft),
        "x1_2_1": force_sums(0.7 * dft, dft),
    }
    outcomes = [predicted(1.0, sums), Failed(kind="x", message="y")]
    kinds = forces_by_kind(outcomes)
    assert {kind: score.n_structures for kind, score in kinds.items()} == {
        "curve": 2,
        "slab_a": 1,
        "interface": 1,
        "x": 2,
    }
    assert kinds["curve"].softening_slope == pytest.approx(0.6)
    assert math.isnan(kinds["interface"].softening_slope)
    overall = force_score(outcomes)
    assert overall.n_components == 72
    assert overall.softening_slope == pytest.approx((0.5 + 3 * 0.7 + 1) / 5, rel=1e-3)


def test_listing_imports_nothing_heavy():
    """Wulff shapes and ranks need SciPy and spglib; a list of tasks does not."""
    code = (
        "import runpy, sys; sys.argv = ['uipbench', 'list']\n"
        "try: runpy.run_module('uipbench', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print([m for m in ('scipy', 'spglib', 'matplotlib', 'pymatgen') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
