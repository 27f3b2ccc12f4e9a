"""The pages in Chromium: what a visitor does, on the way he does it."""

from __future__ import annotations

import csv
import json
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.site.factories import (
    HOSTILE,
    REFERENCES,
    StandInTask,
    make_card,
    make_outcomes,
    make_result,
    write_cases,
)
from tests.site.many import make_results, make_tasks
from uipbench.outcome import Failed
from uipbench.site import build_site
from uipbench.site.rows import Selection, View, compute_board
from uipbench.site.tables import all_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, Page

    from uipbench.site.records import Records

    Open = Callable[..., Page]

FIRST_PAGE_BYTES = 1_500_000
PAGES = (
    "index.html",
    "compare.html",
    "cost.html",
    "robustness.html",
    "findings.html",
    "trend.html",
    "tasks/first.html",
    "cases/first/case_0.html",
    "models/synthetic-0.html",
)


def models(page: Page) -> list[str]:
    return [row.strip() for row in page.locator("#board tbody th a").all_inner_texts()]


def column(page: Page, key: str) -> list[str]:
    """First line of every cell of a column of the board."""
    index = page.locator(f"#board th[data-key='{key}']").evaluate("head => head.cellIndex + 1")
    cells = page.locator(f"#board tbody tr > :nth-child({index})").all_inner_texts()
    return [cell.strip().split()[0] for cell in cells]


def query(page: Page) -> str:
    return unquote(page.url.partition("?")[2])


def test_sorting_is_in_the_url_and_works_with_the_keyboard(open_page: Open, site: Path) -> None:
    page = open_page(site)
    assert models(page) == ["GOOD", "SWIFT", "SOFT", "MINE"]
    assert page.locator("#board tr.own-row").inner_text().split()[1:3] == ["MINE", "own"]
    page.get_by_role("button", name="Mean signed error").click()
    assert query(page) == "sort=mean_signed_error"
    assert models(page) == ["SOFT", "SWIFT", "GOOD", "MINE"]
    page.get_by_role("button", name="Mean signed error").focus()
    page.keyboard.press("Enter")
    assert query(page) == "sort=-mean_signed_error"
    heading = page.locator("th[data-key=mean_signed_error]")
    assert heading.get_attribute("aria-sort") == "descending"
    page.reload()
    assert models(page)[-1] == "MINE"
    page.get_by_role("radio", name="Fixed").check()
    assert query(page) == "sort=-mean_signed_error&protocol=fixed"


def test_filters_recompute_the_board_and_live_in_the_url(
    open_page: Open, large_site: Path, made_up: Records
) -> None:
    page = open_page(large_site)
    page.locator("summary", has_text="Cases").click()
    page.get_by_role("checkbox", name="Li", exact=True).check()
    page.get_by_role("checkbox", name="one of the elements is enough").check()
    page.get_by_role("checkbox", name="O", exact=True).check()
    assert query(page) == "elements=Li,O&any=1"
    chosen = Selection(elements=frozenset({"Li", "O"}), any_element=True)
    board = compute_board(all_tables(made_up), View(selection=chosen))
    expected = [f"{board.rows[i].skill:.3f}" for i in board.order]
    assert column(page, "skill") == expected
    page.keyboard.press("Escape")
    page.reload()
    assert column(page, "skill") == expected
    assert f"{board.rows[0].n_cases} cases in {board.n_materials} materials" in (
        page.locator("#board-summary").inner_text()
    )
    page.get_by_role("button", name="Clear filters").click()
    assert query(page) == ""
    page.locator("summary", has_text="Models").click()
    page.get_by_role("checkbox", name="Apache-2.0").check()
    assert models(page) == ["SYNTHETIC-1", "SYNTHETIC-3"]
    assert column(page, "rank")[0] != "1"


def test_sets_of_two_cases_have_their_numbers(open_page: Open, tmp_path: Path) -> None:
    tasks = make_tasks(tmp_path / "cases", 4)
    results = make_results(tasks, 1)
    both = build_site(tmp_path / "both", results=results, tasks=tasks).parent
    page = open_page(both)
    assert "Each task above has its own numbers" in page.locator("#board tbody").inner_text()
    page.get_by_role("radio", name="First task").check()
    first = build_site(tmp_path / "first", results=results[:1], tasks=tasks[:1]).parent
    for shown in (page, open_page(first)):
        assert models(shown) == ["SYNTHETIC-0"]
        assert float(column(shown, "mae")[0]) > 0
        assert "Fewer than three cases" in shown.locator("#board-summary").inner_text()


def test_weights_columns_and_search(open_page: Open, large_site: Path, made_up: Records) -> None:
    page = open_page(large_site, "index.html?weights=first:0")
    board = compute_board(all_tables(made_up), View(weights={"first": 0.0}))
    assert column(page, "skill") == [f"{board.rows[i].skill:.3f}" for i in board.order[:4]] + ["–"]
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Licence").uncheck()
    assert page.locator("#board th[data-key=licence]").count() == 0
    assert "hide=licence" in query(page)
    page.get_by_role("checkbox", name="Rank if references move").check()
    ends = [(row.rank_moved_low, row.rank_moved_high) for row in board.rows]
    shown = ["–".join(dict.fromkeys(map(str, ends[i]))) for i in board.order[:4]]
    assert column(page, "moved") == [*shown, "–"]
    first = board.rows[board.order[0]]
    said = page.locator("#board-summary").inner_text()
    assert f"would be first in {first.first_moved:.0%}".replace("%", " %") in said
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Second task").check()
    assert page.locator("#board th[data-key=mae]").inner_text().endswith("eV")
    page.get_by_role("searchbox").fill("case 11")
    page.get_by_role("link", name="Case 11").first.wait_for()
    assert len(models(page)) == 5
    page.get_by_role("searchbox").fill("synthetic-2")
    page.wait_for_url("**q=synthetic-2*")
    assert models(page) == ["SYNTHETIC-2"]


def test_what_is_on_the_screen_can_be_downloaded(open_page: Open, large_site: Path) -> None:
    page = open_page(large_site, "index.html?sort=-mae&task=first&licences=MIT")
    page.locator("summary", has_text="Download").click()
    texts = {}
    for name in ("CSV", "JSON", "LaTeX", "BibTeX"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=name, exact=True).click()
        texts[name] = waiting.value.path().read_text()
    rows = list(csv.DictReader(texts["CSV"].splitlines()))
    assert [row["Model"] for row in rows] == models(page)
    assert [f"{float(row['MAE / J/m²']):.3f}" for row in rows] == column(page, "mae")
    data = json.loads(texts["JSON"])
    assert data["view"]["task"] == "first"
    assert [row["title"] for row in data["rows"]] == models(page)
    assert texts["LaTeX"].count(r"\\") == len(rows) + 1
    assert r"95\,\%" in texts["LaTeX"]
    assert texts["BibTeX"].count("@misc{") == 2 + len(rows)


def test_the_board_is_the_same_without_scripts(browser: Browser, large_site: Path) -> None:
    """The static table holds the numbers that the script computes."""
    tables = []
    for enabled in (True, False):
        context = browser.new_context(java_script_enabled=enabled)
        page = context.new_page()
        page.goto((large_site / "index.html").resolve().as_uri())
        rows = page.locator("#board tr").all_inner_texts()
        tables.append([re.sub(r"[\s↕↑↓]+", " ", row).strip() for row in rows])
        context.close()
    assert tables[0] == tables[1]


def test_from_a_point_to_the_structure(open_page: Open, site: Path) -> None:
    page = open_page(site, "tasks/surface_energy.html")
    point = page.locator("#parity-plot .scatterlayer .trace .point").last
    point.wait_for()
    box = point.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("#parity-plot .hovertext").first.wait_for()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**/cases/surface_energy/*.html")
    page.locator("#structure-view").scroll_into_view_if_needed()
    page.locator("#structure-view[data-shown] canvas").first.wait_for()


def test_plots_hide_models_and_become_images(open_page: Open, site: Path) -> None:
    page = open_page(site, "tasks/surface_energy.html")
    points = page.locator("#error-plot .point")
    points.first.wait_for()
    before = points.count()
    page.get_by_role("checkbox", name="SOFT").uncheck()
    assert points.count() == before - 3
    for title, start in (
        ("Download plot as a PNG", b"\x89PNG"),
        ("Download plot as an SVG", b"<svg"),
    ):
        page.locator("#error-plot").hover()
        with page.expect_download() as waiting:
            page.locator(f"#error-plot [data-title='{title}']").click()
        assert waiting.value.path().read_bytes().startswith(start)
    page.set_viewport_size({"width": 1000, "height": 900})
    plot = page.locator("#error-plot .main-svg").first

    def width() -> float:
        return float(plot.evaluate("drawn => drawn.getBoundingClientRect().width"))

    deadline = time.monotonic() + 10
    while width() <= 690 and time.monotonic() < deadline:  # drawn again for the new window
        page.wait_for_timeout(50)
    assert width() > 690
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert width() <= 690
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert width() > 690


def test_pages_do_not_scroll_sideways_on_a_phone(open_page: Open, large_site: Path) -> None:
    page = open_page(large_site, width=360)
    for path in PAGES:
        page.goto(f"{large_site.resolve().as_uri()}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_dark_follows_the_system_and_the_choice(open_page: Open, site: Path) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = open_page(site), open_page(site, scheme="dark")
    assert light.evaluate(paper) != dark.evaluate(paper)
    light.get_by_role("button", name="Use dark colours").click()
    assert light.evaluate(paper) == dark.evaluate(paper)
    light.reload()
    assert light.evaluate(paper) == dark.evaluate(paper)


def test_the_first_page_is_light(open_page: Open, large_site: Path) -> None:
    page = open_page(large_site)
    page.wait_for_load_state("load")
    files = {
        url.split("?")[0].removeprefix(large_site.resolve().as_uri()) for url in page.requested
    }
    assert not [name for name in files if "plotly" in name]
    size = sum((large_site / name.lstrip("/")).stat().st_size for name in files)
    assert size < FIRST_PAGE_BYTES


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(open_page: Open, site: Path, large_site: Path, scheme: str) -> None:
    """axe finds no violation of WCAG 2.2 A and AA and of its best practices."""
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(large_site, scheme=scheme)
    # Plotly draws inside role="img", whose content does not matter here; drawing takes a minute.
    page.route("**/*min.js", lambda route: route.fulfill(body=""))
    page.locator("summary", has_text="Cases").click()
    found = violations(Axe(), page)
    page.goto(f"{large_site.resolve().as_uri()}/trend.html")
    found += violations(Axe(), page)
    page = open_page(site, scheme=scheme)
    page.route("**/*min.js", lambda route: route.fulfill(body=""))
    others = ("compare", "cost", "robustness", "findings", "tasks/surface_energy")
    heaviest = ("cases/surface_energy/al_111", "models/soft")
    for path in (*others, *heaviest) if scheme == "light" else heaviest:
        page.goto(f"{site.resolve().as_uri()}/{path}.html")
        found += violations(Axe(), page)
    assert found == []


def violations(axe: Axe, page: Page) -> list[tuple[str, str, str]]:
    """Page, rule and first element of every violation."""
    response = axe.run(page, options={"preload": False}).response
    return [(page.url, v["id"], v["nodes"][0]["html"][:200]) for v in response["violations"]]


def test_hostile_names_do_nothing(open_page: Open, tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    write_cases(folder, REFERENCES, title=HOSTILE)
    task = StandInTask(folder)
    long = (HOSTILE * 300)[:2000]
    texts = ("title", "family", "checkpoint", "licence", "training_data", "xc", "citation")
    outcomes = {"relaxed": make_outcomes(1.1) | {"al_111": Failed(kind="x", message=long)}}
    cards = [make_card(n, **dict.fromkeys(texts, long), url="javascript:alert(1)") for n in "ab"]
    results = [make_result(task, card, outcomes) for card in cards]
    site = build_site(tmp_path / "out", results=results, tasks=[task]).parent
    page = open_page(site)
    page.on("dialog", lambda dialog: pytest.fail(f"dialog: {dialog.message}"))
    paths = ("index.html", "models/a.html", "compare.html", "tasks/surface_energy.html")
    for path in paths:
        page.goto(f"{site.resolve().as_uri()}/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1200, path
    page.locator("#parity-plot .point").first.wait_for()
    page.locator("#parity-plot").scroll_into_view_if_needed()
    assert page.locator("script:not([src]):not([type='application/json'])").count() == 0
