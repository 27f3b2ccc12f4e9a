"""One site for all tests that only look at it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.site.factories import (
    QUICK,
    REFERENCES,
    StandInTask,
    make_card,
    make_outcomes,
    make_result,
    write_cases,
)
from uipbench.site import build_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from uipbench.results import ResultFile


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> StandInTask:
    folder = tmp_path_factory.mktemp("reference") / "cases"
    write_cases(folder, REFERENCES)
    return StandInTask(folder)


@pytest.fixture(scope="session")
def results(task: StandInTask) -> list[ResultFile]:
    soft, good = make_outcomes(0.7, failed=("lif_100",)), make_outcomes(0.95)
    quick = {case_id: good[case_id] for case_id in QUICK}
    return [
        make_result(task, make_card("soft"), {"fixed": good, "relaxed": soft}),
        make_result(task, make_card("good", xc="r2SCAN"), {"fixed": soft, "relaxed": good}),
        make_result(task, make_card("swift"), {"fixed": good, "relaxed": quick}),
        make_result(task, make_card("mine"), {"fixed": good}),
    ]


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory, task: StandInTask, results: list[ResultFile]
) -> Path:
    """A site that tests look at and leave as it is."""
    out = tmp_path_factory.mktemp("built") / "site"
    index = build_site(out, results=results, tasks=[task], own=frozenset({"mine"}))
    return index.parent


CHROMIUM = shutil.which("chromium")
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, drawing without a graphics card."""
    if CHROMIUM is None:
        pytest.skip("no 'chromium' on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *SOFTWARE_GL]
        )
        yield launched
        launched.close()


@pytest.fixture
def blank_page(browser: Browser) -> Iterator[Callable[[Path], Page]]:
    """Opens a file in a fresh context."""
    contexts = []

    def start(path: Path) -> Page:
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        page.goto(path.resolve().as_uri())
        return page

    yield start
    for context in contexts:
        context.close()
