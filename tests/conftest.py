"""Shared fixtures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Request

os.environ.setdefault("OMP_NUM_THREADS", "1")

Run = subprocess.CompletedProcess[str]

settings.register_profile("uipbench", deadline=None)  # what is slow on a busy machine is not wrong
settings.load_profile("uipbench")


@pytest.fixture
def uipbench(tmp_path: Path) -> Callable[..., Run]:
    """Run the command line as a user does, in an empty folder.

    ``score`` writes no page unless it is asked for one.
    """

    def run(*arguments: str, timeout: float = 600, **environment: str) -> Run:
        if arguments[:1] == ("score",) and "--page" not in arguments:
            arguments += ("--no-page",)
        return subprocess.run(
            [sys.executable, "-m", "uipbench", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


def write_model(path: Path, body: str, *, name: str | None = None, extra: str = "") -> Path:
    """Write a model file with a minimal header."""
    path.write_text(
        "# /// script\n"
        '# requires-python = ">=3.11"\n'
        '# dependencies = ["ase"]\n'
        "# [tool.uipbench]\n"
        f'# name = "{name or path.stem}"\n' + extra + "# ///\n" + body
    )
    return path


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
