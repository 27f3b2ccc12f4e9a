"""The structures of a case: the library that draws them, and what a visitor does with them."""

from __future__ import annotations

import base64
import hashlib
import time
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

import pytest

from uipbench.registry import load_task
from uipbench.site import build_site, libraries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page, Route

    Open = Callable[..., Page]

HOP = "cases/li_migration/licl_vacancy.html"


def open_structure(open_page: Open, site: Path, path: str) -> Page:
    page = open_page(site, path)
    page.locator("#structure-view").evaluate("view => view.scrollIntoView()")
    page.locator("#structure-view[data-shown] canvas").first.wait_for(timeout=90_000)
    return page


def picture(page: Page) -> str:
    return str(page.evaluate("window.uipbench.drawing.image()"))


def wait_until(page: Page, done: Callable[[], bool]) -> None:
    """Playwright's own waiting for a condition evaluates a text, which the policy forbids."""
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def hops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of the hops of the reference set, without results."""
    out = tmp_path_factory.mktemp("hops") / "site"
    return build_site(out, results=[], tasks=[load_task("li_migration")]).parent


def test_the_library_is_the_file_of_its_package(site: Path) -> None:
    files = {str(path): path for path in distribution("chemiscope").files or []}
    recorded = files["chemiscope/sphinx/static/chemiscope.min.js"].hash
    assert recorded
    content = (site / "assets" / libraries.THREE_D_MOL).read_bytes()
    digest = hashlib.new(recorded.mode, content).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == recorded.value
    licences = (site / "assets/chemiscope.min.js.LICENSE.txt").read_text()
    assert "Redistribution and use in source and binary forms" in licences
    assert "@license MIT" in licences
    pages = {p.parent.parent.name for p in site.rglob("*.html") if "chemiscope" in p.read_text()}
    assert pages == {"cases"}


def test_a_hop_is_played_and_saved(open_page: Open, hops: Path) -> None:
    page = open_structure(open_page, hops, HOP)
    view = page.locator("#structure-view")
    assert view.get_attribute("data-shown") == "image 2"
    label = view.get_attribute("aria-label")
    assert label == "Structure in three dimensions: image 2, Li7Cl8 in the cell"
    first = picture(page)
    page.get_by_role("button", name="Play the hop").click()
    page.locator("#structure-view[data-shown='image 4']").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("radio", name="image 3").check()
    assert view.get_attribute("data-shown") == "image 3"
    assert picture(page) != first
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save the picture").click()
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")


def test_a_figure_drawn_before_the_structures_keeps_its_place(open_page: Open, hops: Path) -> None:
    page = open_page(hops)
    held: list[Route] = []
    page.route("**/chemiscope.min.js", lambda route, _: held.append(route))
    page.goto(f"{hops.resolve().as_uri()}/{HOP}", wait_until="domcontentloaded")
    page.locator("#structure-view").evaluate("view => view.scrollIntoView()")
    page.locator("#figure-0 svg.main-svg").first.wait_for()
    held[0].continue_()
    page.locator("#structure-view[data-shown] canvas").first.wait_for(timeout=90_000)
    tops = "drawings => drawings.map(one => one.getBoundingClientRect().top)"
    assert len(set(page.locator("#figure-0 svg.main-svg").evaluate_all(tops))) == 1


def test_keys_turn_and_zoom(open_page: Open, hops: Path) -> None:
    page = open_structure(open_page, hops, HOP)
    page.locator("#structure-view").focus()
    pictures = [picture(page)]
    for key in ("ArrowRight", "ArrowUp", "+", "-"):
        page.keyboard.press(key)
        pictures.append(picture(page))
    before, turned, tilted, nearer, back = pictures
    assert len({before, turned, tilted, nearer}) == 4
    assert back == tilted


def test_the_wheel_moves_the_page_until_the_view_is_clicked(open_page: Open, hops: Path) -> None:
    from playwright.sync_api import Position

    page = open_structure(open_page, hops, HOP)
    view = page.locator("#structure-view")
    corner = Position(x=20, y=20)  # away from atoms, which show their names
    view.hover(position=corner)
    before, start = picture(page), page.evaluate("window.scrollY")
    page.mouse.wheel(0, -60)
    wait_until(page, lambda: page.evaluate("window.scrollY") != start)
    assert picture(page) == before
    view.click(position=corner)
    page.mouse.wheel(0, -60)
    wait_until(page, lambda: picture(page) != before)


@pytest.mark.parametrize("reason", ["not installed", "without the global"])
def test_without_the_package_plotly_draws(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    if reason == "not installed":
        monkeypatch.setattr(libraries, "distribution", missing)
    else:
        monkeypatch.setattr(libraries, "_GLOBAL", b"what a later version does not set")
    assert set(libraries.library_files()) == {libraries.PLOTLY}
    site = build_site(tmp_path / "site", results=[], tasks=[load_task("li_migration")]).parent
    page = open_structure(open_page, site, HOP)
    kinds = page.locator("#structure-view").evaluate("plot => plot.data.map(trace => trace.type)")
    assert kinds == ["mesh3d", "mesh3d", "mesh3d", "scatter3d", "scatter3d"]
    page.get_by_role("radio", name="bulk").check()
    page.locator("#structure-view[data-shown='bulk']").wait_for()
