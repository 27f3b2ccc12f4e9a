"""True numbers on every page, and nothing left out in silence."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.site.factories import (
    QUICK,
    REFERENCES,
    StandInTask,
    board,
    make_card,
    make_outcomes,
    make_result,
)
from uipbench.metrics import score
from uipbench.site import build_site, text
from uipbench.site.cards import xc_mismatch
from uipbench.site.export import SCHEMAS

if TYPE_CHECKING:
    from pathlib import Path


def test_two_builds_are_identical(tmp_path, task, results) -> None:
    first = build_site(tmp_path / "a", results=results, tasks=[task]).parent
    second = build_site(tmp_path / "b", results=results[::-1], tasks=[task]).parent
    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert [n for n in names if (first / n).read_bytes() != (second / n).read_bytes()] == []


def test_every_page_is_there(site: Path) -> None:
    expected = {"index.html", "tasks/surface_energy.html", "compare.html", "cost.html"}
    expected |= {"robustness.html", "findings.html"}
    expected |= {f"cases/surface_energy/{case_id}.html" for case_id in REFERENCES}
    expected |= {f"models/{name}.html" for name in ("soft", "good", "swift", "mine")}
    assert {p.relative_to(site).as_posix() for p in site.rglob("*.html")} == expected


def test_numbers_are_those_of_the_metrics(site: Path, task: StandInTask) -> None:
    truth = score(
        task.cases(), make_outcomes(0.7, failed=("lif_100",)), "surface_energy", "relaxed"
    )
    row = board(site)["soft", "relaxed"]
    for name in ("skill", "mae", "mean_signed_error", "coverage", "n_failed", "seconds"):
        assert row[name] == pytest.approx(getattr(truth, name))
    page = (site / "index.html").read_text()
    for shown in (text.number(truth.skill), text.number(truth.mae)):
        assert f">{shown}<" in page


def test_softening_slope_is_that_of_the_fixed_protocol(site: Path) -> None:
    assert board(site)["soft", "relaxed"]["softening_slope"] == pytest.approx(0.95)
    assert board(site)["good", "relaxed"]["softening_slope"] == pytest.approx(0.70)


def test_ranks_are_by_skill_of_all_cases(site: Path) -> None:
    """Two of four cases, however good, are behind four that are a little worse in each."""
    relaxed = {m: row["rank"] for (m, p), row in board(site).items() if p == "relaxed"}
    assert relaxed == {"good": 1, "swift": 2, "soft": 3, "mine": None}


def test_equal_skills_share_a_rank(site: Path) -> None:
    fixed = {m: row["rank"] for (m, p), row in board(site).items() if p == "fixed"}
    assert fixed == {"soft": 1, "swift": 1, "mine": 1, "good": 4}


def test_cases_that_were_not_run_count_and_are_said(site: Path, task) -> None:
    truth = score(
        task.cases(),
        {k: v for k, v in make_outcomes(0.95).items() if k in QUICK},
        "surface_energy",
        "relaxed",
    )
    row = board(site)["swift", "relaxed"]
    assert (row["skill"], row["mae"]) == (pytest.approx(truth.skill), pytest.approx(truth.mae))
    assert (row["n_missing"], row["coverage"]) == (2, 0.5)
    assert "2 not run" in (site / "index.html").read_text()


def test_what_was_not_run_is_said(site: Path) -> None:
    row = board(site)["mine", "relaxed"]
    assert (row["rank"], row["skill"], row["n_missing"]) == (None, None, 4)
    assert "not run" in (site / "models/mine.html").read_text()


def test_stale_records_are_shown_and_not_used(tmp_path, task) -> None:
    outcomes = make_outcomes(0.95)
    old = make_result(task, make_card("old"), {"relaxed": outcomes}, key="of another version")
    site = build_site(tmp_path / "out", results=[old], tasks=[task]).parent
    row = board(site)["old", "relaxed"]
    assert (row["rank"], row["mae"], row["n_stale"]) == (None, None, 4)
    assert "4 relaxed records stale" in (site / "models/old.html").read_text()


def test_failures_are_counted_and_explained(site: Path) -> None:
    assert "1 failed" in (site / "index.html").read_text()
    page = (site / "models/soft.html").read_text()
    assert "not converged" in page
    assert "A relaxation did not reach its force limit" in page
    assert "500 steps" in page


def test_functional_mismatch_is_marked(site: Path, task) -> None:
    assert board(site)["good", "fixed"]["xc_mismatch"] == "PBE"
    assert xc_mismatch("PBE+U (Materials Project)", task.cases()) == ""
    assert xc_mismatch("PBEsol", task.cases()) == "PBE"
    page = (site / "cases/surface_energy/al_111.html").read_text()
    assert page.count("≠ PBE") == page.count(">GOOD<") > 0


def test_data_files_are_copies(site: Path, task: StandInTask) -> None:
    for name in ("al_111.json", "al_111.extxyz"):
        copied = (site / "cases/surface_energy" / name).read_bytes()
        assert copied == (task.data_folder / name).read_bytes()
    data = json.loads((site / "data/surface_energy.json").read_text())
    al = data["cases"][0]
    assert al["references"]["surface_energy"]["value"] == REFERENCES["al_111"]
    assert al["predictions"]["good"]["relaxed"]["values"]["surface_energy"] == 0.95 * 0.8
    assert al["predictions"]["mine"]["relaxed"] is None


def test_data_files_obey_their_published_schemas(site: Path) -> None:
    for name, path in (("board", "board.json"), ("task", "surface_energy.json")):
        parsed = SCHEMAS[name].model_validate_json((site / "data" / path).read_bytes())
        assert parsed.model_dump(mode="json")["uipbench"]
        published = json.loads((site / f"data/{name}.schema.json").read_text())
        assert published == SCHEMAS[name].model_json_schema()


def test_feed_has_an_entry_a_result(site: Path) -> None:
    atom = "{http://www.w3.org/2005/Atom}"
    root = ET.fromstring((site / "feed.xml").read_text())  # noqa: S314 - written here
    entries = root.findall(f"{atom}entry")
    assert len(entries) == 4
    assert len({e.findtext(f"{atom}id") for e in entries}) == 4
    for link in root.iter(f"{atom}link"):
        assert (site / link.attrib["href"]).exists()
    assert root.findtext(f"{atom}updated") == "2026-01-01T00:00:00+00:00"


def test_csv_has_a_row_a_model_and_protocol(site: Path) -> None:
    rows = list(csv.DictReader((site / "data/board.csv").open()))
    assert len(rows) == 8
    assert rows[0]["model"] == "good"


def test_a_board_without_models_says_how_to_get_one(tmp_path, task) -> None:
    index = build_site(tmp_path / "out", results=[], tasks=[task])
    assert "uipbench score" in index.read_text()


def test_the_real_tasks_can_be_shown(tmp_path) -> None:
    from uipbench.registry import load_tasks

    tasks = [t for t in load_tasks().values() if t.cases()]
    index = build_site(tmp_path / "out", results=[], tasks=tasks)
    pages = list(index.parent.glob("cases/*/*.html"))
    assert len(pages) == sum(len(t.cases()) for t in tasks)
    facets = index.parent / "cases/surface_energy"
    grid = "<dt>Real-space grid</dt><dd>"
    assert f"{grid}at most 0.16 Å" in (facets / "lif_100.html").read_text()
    assert f"{grid}the code’s own" in (facets / "al_111.html").read_text()


def test_task_without_cases_is_left_out(tmp_path: Path, task, results) -> None:
    class Empty(StandInTask):
        name = "empty"

        def cases(self):
            return []

    with_empty = [task, Empty(tmp_path)]
    page = build_site(tmp_path / "site", results=results, tasks=with_empty)
    assert not (page.parent / "tasks" / "empty.html").exists()
    assert "empty.html" not in page.read_text()
