"""The pages in Chromium: no request leaves the folder, no message in the console."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no 'chromium' on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser, site: Path) -> Iterator[Callable[..., Page]]:
    """Opens a page of the site; fails on messages in the console and on foreign requests."""
    troubles: list[str] = []
    contexts = []

    def watch(url: str) -> None:
        if not url.startswith((site.resolve().as_uri(), "data:")):
            troubles.append(f"request of {url}")

    def start(path: str = "index.html", *, width: int = 1200, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: watch(request.url))
        page.goto(f"{site.resolve().as_uri()}/{path}")
        return page

    yield start
    for context in contexts:
        context.close()
    assert troubles == []


def models(page: Page) -> list[str]:
    rows = page.locator("[data-protocol]:visible tbody th a").all_inner_texts()
    return [row.strip() for row in rows]


def test_sorting_is_in_the_url(open_page) -> None:
    page = open_page()
    assert models(page) == ["GOOD", "SOFT", "SWIFT", "MINE"]
    button = page.get_by_role("button", name="Coverage").first
    button.click()
    assert page.url.endswith("?sort=-coverage")
    assert models(page) == ["GOOD", "SWIFT", "SOFT", "MINE"]
    button.click()
    assert page.url.endswith("?sort=coverage")
    assert models(page) == ["SOFT", "GOOD", "SWIFT", "MINE"]
    heading = page.locator("th[data-key=coverage]").first
    assert heading.get_attribute("aria-sort") == "ascending"
    page.reload()
    assert models(page) == ["SOFT", "GOOD", "SWIFT", "MINE"]


def test_protocol_switch_is_in_the_url(open_page) -> None:
    page = open_page()
    page.get_by_role("radio", name="Fixed").check()
    assert page.url.endswith("?protocol=fixed")
    assert models(page)[-1] == "GOOD"
    page.reload()
    assert models(page)[-1] == "GOOD"


def test_sorting_with_the_keyboard(open_page) -> None:
    page = open_page()
    page.get_by_role("button", name="MAE").first.focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("?sort=mae")


def test_from_the_board_to_a_case(open_page, site: Path) -> None:
    page = open_page()
    page.get_by_role("link", name="Every case and the parity plot").click()
    page.locator("#parity-plot .point").first.wait_for()
    page.get_by_role("link", name="al_111").first.click()
    assert page.url == f"{site.resolve().as_uri()}/cases/surface_energy/al_111.html"
    assert page.locator("h1").inner_text() == "al_111"


def test_a_point_of_the_plot_opens_its_case(open_page) -> None:
    page = open_page("tasks/surface_energy.html")
    point = page.locator("#parity-plot .scatterlayer .trace .point").last
    point.wait_for()
    box = point.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("#parity-plot .hovertext").first.wait_for()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**/cases/surface_energy/*.html")


def test_models_can_be_hidden_in_the_plot(open_page) -> None:
    page = open_page("tasks/surface_energy.html")
    points = page.locator("#error-plot .point")
    points.first.wait_for()
    before = points.count()
    page.get_by_role("checkbox", name="SOFT").uncheck()
    assert points.count() == before - 3


PAGES = (
    "index.html",
    "tasks/surface_energy.html",
    "cases/surface_energy/al_111.html",
    "models/soft.html",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [360, 1024])
def test_pages_do_not_scroll_sideways(open_page, path: str, width: int) -> None:
    page = open_page(path, width=width)
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_follows_the_system_and_the_choice(open_page) -> None:
    def paper(page: Page) -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = open_page(), open_page(dark=True)
    assert paper(light) != paper(dark)
    light.get_by_role("button", name="Use dark colours").click()
    assert paper(light) == paper(dark)
    light.reload()
    assert paper(light) == paper(dark)


def test_the_board_is_readable_without_scripts(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").resolve().as_uri())
    assert models(page) == ["GOOD", "SOFT", "SWIFT", "MINE"]
    page.get_by_role("radio", name="Fixed").check()
    assert models(page)[-1] == "GOOD"
    context.close()
