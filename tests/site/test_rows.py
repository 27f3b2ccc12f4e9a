"""Rows of the board, and the same rows from the browser."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import uipbench as package
from tests.site.factories import StandInTask, make_card, make_result, write_cases
from tests.site.many import make_results, make_tasks
from uipbench.metrics import score
from uipbench.outcome import Predicted
from uipbench.registry import load_tasks
from uipbench.results import read_result
from uipbench.site import text
from uipbench.site.records import gather
from uipbench.site.robustness import robustness
from uipbench.site.rows import Row, Selection, View, compute_board
from uipbench.site.tables import all_tables
from uipbench.stability import compare_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from uipbench.site.records import Records
    from uipbench.site.tables import Tables

VIEWS = {
    "everything": View(),
    "fixed": View(protocol="fixed"),
    "one task": View(task="second"),
    "both elements": View(selection=Selection(elements=frozenset({"Li", "O"}))),
    "either element": View(selection=Selection(elements=frozenset({"Li", "O"}), any_element=True)),
    "few materials": View(selection=Selection(materials=frozenset({"M1", "M2"}))),
    "quick oxides": View(selection=Selection(chemistries=frozenset({"oxide"}), quick=True)),
    "common": View(task="first", selection=Selection(common=True)),
    "weights": View(weights={"first": 3.0, "second": 0.5}),
    "one weight": View(weights={"first": 0.0}),
    "nothing": View(selection=Selection(elements=frozenset({"U"}))),
}


@pytest.fixture(scope="module")
def tables(made_up: Records) -> Tables:
    return all_tables(made_up)


def test_rows_of_a_task_are_those_of_the_metrics(made_up: Records, tables: Tables) -> None:
    """Independent route: metrics.score, which works case by case."""
    board = compute_board(tables, View(task="first"))
    task = made_up.tasks[0]
    for entry, row in zip(made_up.entries, board.rows, strict=True):
        truth = score(task.cases(), entry.outcomes("first", "relaxed"), task.quantity, "relaxed")
        for name in ("skill", "mae", "mean_signed_error", "mape", "coverage", "seconds"):
            assert getattr(row, name) == pytest.approx(getattr(truth, name)), name
        assert (row.n_predicted, row.n_failed) == (truth.n_predicted, truth.n_failed)


def test_overall_is_the_weighted_mean_and_a_task_not_run_has_no_skill(tables: Tables) -> None:
    board = compute_board(tables, View(weights={"first": 3.0, "second": 1.0}))
    first, second = board.rows[0].task_skills["first"], board.rows[0].task_skills["second"]
    assert board.rows[0].skill == pytest.approx((3 * first + second) / 4)
    last = board.rows[-1]
    assert last.ran == ("first",)
    assert math.isnan(last.task_skills["second"])
    assert last.skill == pytest.approx(3 * last.task_skills["first"] / 4)


def test_the_median_stays_that_of_the_task(tables: Tables) -> None:
    """A selection of one material is judged against the same guess as the whole task."""
    board = compute_board(tables, View(task="first", selection=VIEWS["few materials"].selection))
    table = tables["first", "relaxed"]
    keep = [i for i, case in enumerate(table.cases) if case.material in {"M1", "M2"}]
    sizes, trivial = table.errors.charged[0, keep], table.errors.trivial[keep]
    assert board.rows[0].skill == pytest.approx(max(0, 1 - sizes.sum() / trivial.sum()))


def test_common_cases_have_a_number_of_every_model(tables: Tables) -> None:
    board = compute_board(tables, VIEWS["common"])
    assert {row.coverage for row in board.rows} == {1.0}
    assert board.rows[0].n_cases < compute_board(tables, View(task="first")).rows[0].n_cases


def test_a_task_can_measure_its_errors_itself(tmp_path: Path) -> None:
    class Distance(StandInTask):
        def absolute_error(self, case, values) -> float | None:
            if "curve" in values:
                return values["curve"]
            return 2.0 * abs(values[self.quantity] - case.reference(self.quantity))

    write_cases(tmp_path / "cases", {"al_111": 1.0, "li_100": 2.0, "mgo_100": 4.0})
    task = Distance(tmp_path / "cases")
    outcomes = {
        case.id: Predicted(
            values={"surface_energy": case.reference("surface_energy"), "curve": 0.5},
            force_statistics={},
            details={},
            seconds=1.0,
            evaluations=1,
        )
        for case in task.cases()
    }
    found = gather([make_result(task, make_card("a"), {"relaxed": outcomes})], [task], frozenset())
    row = compute_board(all_tables(found), View(task=task.name)).rows[0]
    # Trivial errors 2·(1, 0, 2) of the median 2.
    assert (row.mae, row.mean_signed_error) == (0.5, 0.0)
    assert row.skill == pytest.approx(1 - 1.5 / 6)


def test_two_cases_have_errors_but_no_rank(tmp_path: Path) -> None:
    tasks = make_tasks(tmp_path, 4)
    tables = all_tables(gather(make_results(tasks, 3), tasks, frozenset()))
    row = compute_board(tables, View(task="first")).rows[0]
    assert (row.rank, row.rank_moved_low, row.group) == (None, None, None)
    assert math.isnan(row.skill)
    assert row.mae > 0
    assert compute_board(tables, View()).tasks == ()
    assert robustness(gather(make_results(tasks, 3), tasks, frozenset()), tables) is None


def as_javascript(view: View) -> dict[str, object]:
    chosen = view.selection
    return {
        "protocol": view.protocol,
        "task": view.task,
        "weights": dict(view.weights),
        "selection": {
            "elements": sorted(chosen.elements),
            "anyElement": chosen.any_element,
            "materials": sorted(chosen.materials),
            "chemistries": sorted(chosen.chemistries),
            "quick": chosen.quick,
            "common": chosen.common,
        },
    }


def test_the_browser_computes_the_same_rows(
    tables: Tables, large_site: Path, open_page: Callable[..., Page]
) -> None:
    page = open_page(large_site)
    for name, view in VIEWS.items():
        board = compute_board(tables, view)
        found = page.evaluate(
            "view => uipbench.computeBoard(uipbenchData, view)", as_javascript(view)
        )
        assert found["tasks"] == list(board.tasks), name
        assert found["nMaterials"] == board.n_materials
        for task, limit in board.limit.items():
            assert found["limit"][task] == pytest.approx(limit, abs=1e-7)
        for ours, theirs in zip(board.rows, found["rows"], strict=True):
            compare(name, ours, theirs)
    few = page.evaluate(
        "view => uipbench.computeBoard({ ...uipbenchData, leastCases: 99 }, view)",
        as_javascript(VIEWS["one task"]),
    )
    assert {row["rank"] for row in few["rows"]} == {None}
    assert few["rows"][0]["mae"] > 0


def compare(name: str, ours: Row, theirs: dict[str, object]) -> None:
    """Errors travel with nine decimals."""
    for field in dataclasses.fields(Row):
        wanted, found = getattr(ours, field.name), theirs[field.name]
        if field.name == "ran":
            assert list(wanted) == found, name
        elif isinstance(wanted, dict):
            assert list(wanted) == list(found)
            assert list(found.values()) == pytest.approx(
                list(wanted.values()), abs=1e-7, nan_ok=True
            ), name
        elif wanted is None:
            assert found is None, (name, field.name)
        else:
            assert np.array(found, dtype=float) == pytest.approx(
                wanted, abs=1e-7, rel=1e-5 if "seconds" in field.name else 1e-7, nan_ok=True
            ), (name, field.name)


def test_the_browser_compares_two_models_as_python_does(
    tables: Tables, large_site: Path, open_page: Callable[..., Page]
) -> None:
    page = open_page(large_site, "compare.html?a=synthetic-0&b=synthetic-2")
    view = as_javascript(View())
    found = page.evaluate("view => uipbench.comparePair(uipbenchData, view, 0, 2)", view)
    assert [one["task"]["name"] for one in found] == ["first", "second"]
    for one in found:
        table = tables[one["task"]["name"], "relaxed"].errors.of_models(np.array([0, 2]))
        ours = compare_pair(table)
        assert ours is not None
        assert (one["nCases"], one["nMaterials"]) == (ours.n_cases, ours.n_materials)
        assert (one["firstBetter"], one["secondBetter"]) == (ours.first_better, ours.second_better)
        assert one["difference"] == pytest.approx(ours.difference, abs=1e-8)
        assert one["interval"] == pytest.approx(ours.interval, abs=1e-8)
        assert one["pValue"] == pytest.approx(ours.p_value)
    shown = page.locator("#pair-tests tr").first.inner_text()
    assert text.signed(found[0]["difference"]) in shown


def test_quick_tier_orders_the_public_models_as_all_cases_do():
    """If this fails: other cases have to be quick (``tier`` of recipes, ``reference refresh``)."""
    folder = Path(package.__file__).parent / "leaderboard" / "results"
    results = [read_result(path) for path in sorted(folder.glob("*/*.json"))]
    tasks = [task for task in load_tasks().values() if task.cases()]
    records = gather(results, tasks, frozenset())
    view = robustness(records, all_tables(records))
    assert view is not None
    assert view.tier >= 0.9
