"""One site for all tests that only look at it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.site.factories import (
    QUICK,
    REFERENCES,
    StandInTask,
    make_card,
    make_outcomes,
    make_result,
    night,
    write_cases,
)
from tests.site.many import make_results, make_tasks
from uipbench.site import build_site
from uipbench.site.records import gather

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Request

    from uipbench.results import ResultFile
    from uipbench.site.records import Records


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
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page of a site; fails on messages in the console and on foreign requests.

    ``page.requested`` lists the files it loaded.
    """
    troubles: list[str] = []
    contexts: list[BrowserContext] = []

    def start(site: Path, path: str = "index.html", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": options.pop("width", 1200), "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.emulate_media(color_scheme=options.pop("scheme", "light"))
        folder = site.resolve().as_uri()

        def watch(request: Request) -> None:
            page.requested.append(request.url)
            if not request.url.startswith((folder, "data:", "blob:")):
                troubles.append(f"request of {request.url}")

        page.requested = []
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", watch)
        page.goto(f"{folder}/{path}")
        return page

    yield start
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Two tasks with 48 cases of 16 materials together, five models."""
    tasks = make_tasks(tmp_path_factory.mktemp("many"), 48)
    return gather(make_results(tasks, 5), tasks, frozenset())


@pytest.fixture(scope="session")
def large_site(made_up: Records, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the larger benchmark."""
    results = [result for entry in made_up.entries for result in entry.results.values()]
    out = tmp_path_factory.mktemp("large") / "site"
    history = [night(day) for day in range(1, 29)]
    return build_site(out, results=results, tasks=made_up.tasks, history=history).parent
