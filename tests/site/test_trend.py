"""A synthetic history: versions on a model's page, steps and series on the page of trends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.site.factories import HOSTILE, make_card, make_outcomes, make_result, night
from uipbench.cli.site import site as command
from uipbench.history import HistoryEntry, HistoryMetrics, append_entry
from uipbench.site import build_site
from uipbench.site.records import gather
from uipbench.site.trendpage import trend_page
from uipbench.site.versions import version_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.site.factories import StandInTask
    from uipbench.results import ResultFile
    from uipbench.site.records import Records

MONTH = [night(day) for day in range(1, 29)]


@pytest.fixture(scope="module")
def soft(task: StandInTask) -> list[ResultFile]:
    return [make_result(task, make_card("soft"), {"relaxed": make_outcomes(0.7)})]


def records_of(
    task: StandInTask, results: list[ResultFile], history: list[HistoryEntry]
) -> Records:
    return gather(results, [task], frozenset(), history)


def test_a_planted_step_is_found_with_what_changed_that_night(task, soft) -> None:
    page = trend_page(records_of(task, soft, MONTH), MONTH)
    (row,) = page.steps
    assert (row.trend.metric.key, row.trend.place) == ("mae", "Surface energy, relaxed")
    assert (row.date, row.step.before, row.step.after) == ("2026-01-15", 0.12, 0.15)
    assert row.better is False
    assert row.changes == ("x 1 → 2",)
    assert (page.nights, page.first, page.latest) == (28, "2026-01-01", "2026-01-28")
    (last,) = page.last
    assert (last.words, last.deviation, last.speed) == ("drift", 30.0, 1.2)


def test_one_bad_night_is_no_step(task, soft) -> None:
    calm = [night(day) for day in range(1, 13)]
    worse = calm[5].tasks["surface_energy/relaxed"].model_copy(update={"metrics": {"mae": 0.5}})
    calm[5] = calm[5].model_copy(update={"tasks": {"surface_energy/relaxed": worse}})
    assert trend_page(records_of(task, soft, calm), calm).steps == ()


def test_times_of_other_processors_are_not_compared(task, soft) -> None:
    slow = HistoryMetrics(
        metrics={}, n_cases=2, largest_deviation=0, seconds_per_evaluation=0.5, speed_ratio=None
    )
    there = {"processor": "another", "tasks": {"surface_energy/relaxed": slow}}
    nights = [night(day, **there) for day in range(1, 8)] + [night(day) for day in range(8, 15)]
    page = trend_page(records_of(task, soft, nights), nights)
    (times,) = [s for s in page.plot["series"] if s["metric"] == "Time of an evaluation"]
    assert len(times["values"]) == 7
    assert not [row for row in page.steps if row.trend.unit == "s"]


def test_versions_are_told_apart_by_packages_and_weights(task, soft) -> None:
    others = [*MONTH, night(29, weights_sha256="0" * 64, packages={"x": "2"})]
    rows = version_rows(*with_entry(records_of(task, soft, others)))
    assert [row.packages for row in rows] == [
        (("x", "1", False),),
        (("x", "2", True),),
        (("x", "2", False),),
    ]
    assert [row.nights for row in rows] == [14, 14, 1]
    assert [row.stored for row in rows] == [("Surface energy",), (), ()]
    assert [row.new_weights for row in rows] == [False, False, True]
    assert (rows[1].verdicts, rows[1].deviation, rows[1].speed) == ("drift 14×", 30.0, 1.2)
    assert (rows[0].first, rows[0].last) == ("2026-01-01", "2026-01-14")


def with_entry(records: Records) -> tuple:
    return records, records.entries[0]


def test_without_a_history_there_is_one_version_and_no_page(site: Path) -> None:
    assert not (site / "trend.html").exists()
    page = (site / "models/soft.html").read_text()
    assert "One version scored so far: <bdi>x 1</bdi>" in " ".join(page.split())


def test_an_empty_history_says_what_will_be_there(tmp_path: Path, task, soft) -> None:
    out = build_site(tmp_path / "out", results=soft, tasks=[task], history=[]).parent
    assert "No night yet" in (out / "trend.html").read_text()
    assert "<script type=" not in (out / "trend.html").read_text()


def test_the_command_reads_the_history_of_the_regression(tmp_path: Path) -> None:
    for entry in MONTH[:2]:
        append_entry(tmp_path / "history.jsonl", entry)
    arguments = ["build", "--no-public", "--out", str(tmp_path / "out"), "--history"]
    done = CliRunner().invoke(command, [*arguments, str(tmp_path / "history.jsonl")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out/trend.html").read_text()
    assert "2026-01-02" in page
    assert "soft" in page
    (tmp_path / "history.jsonl").write_text("{}\n")
    done = CliRunner().invoke(command, [*arguments, str(tmp_path / "history.jsonl")])
    assert done.exit_code != 0
    assert "history.jsonl:1" in str(done.exception or done.output)


def test_the_series_are_drawn_and_hostile_texts_do_nothing(
    open_page: Callable[..., Page], tmp_path: Path, task, soft
) -> None:
    hostile = night(28, model="x", packages={HOSTILE[:60]: HOSTILE}, date=HOSTILE)
    out = build_site(tmp_path / "out", results=soft, tasks=[task], history=[*MONTH, hostile])
    page = open_page(out.parent, "trend.html?metric=Coverage")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.locator("#series").scroll_into_view_if_needed()
    page.locator("#trend-plot .scatterlayer .point").first.wait_for()
    assert page.locator("select[name=metric]").input_value() == "Coverage"
    page.locator("select[name=metric]").select_option("MAE")
    rings = page.locator("#trend-plot").evaluate("plot => plot.data.map(t => t.x.length)")
    assert rings == [28, 1, 1, 0]
    assert "metric=MAE" in page.url
    data = json.loads(page.locator("#trend-data").text_content() or "")
    assert len(data["days"]) == 29
