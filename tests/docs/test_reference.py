"""Nothing is missing in the built documentation, and it needs no network."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import uipbench
from tests.docs.pages import ROOT, WRITTEN_BY_HAND, commands
from uipbench import kit
from uipbench.cli import cli
from uipbench.registry import load_tasks
from uipbench.site import build_site
from uipbench.site.text import find_doi

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import click
    from playwright.sync_api import Page

    from uipbench.task import Task

COMMANDS = list(commands(cli))
TASKS = [task for task in load_tasks().values() if task.data_folder.is_relative_to(ROOT)]
LOADED = re.compile(
    r"""<(?:script|img|iframe)[^>]*\ssrc="(?:https?:)?//|@import|url\(["']?https?:"""
)
LINKED = re.compile(
    r"""<link[^>]*\srel="(?:stylesheet|preload|icon|preconnect)"[^>]*"(?:https?:)?//"""
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site without results, with the documentation in it; a warning of Sphinx is an error."""
    folder = tmp_path_factory.mktemp("documented")
    options = ["-q", "-W", "--keep-going", "-d", str(folder / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs")]
    done = subprocess.run(
        [*command, str(folder / "site" / "docs")],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


def shown(site: Path, page: str) -> str:
    """The text of a page without its markup."""
    source = (site / "docs" / page).read_text(encoding="utf-8")
    return html.unescape(re.sub(r"<[^>]+>", "", source))


@pytest.mark.parametrize(
    ("path", "command"), COMMANDS, ids=lambda x: " ".join(x) if isinstance(x, tuple) else ""
)
def test_every_command_and_option_says_what_it_does(
    path: tuple[str, ...], command: click.Command
) -> None:
    assert command.help, path
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert getattr(parameter, "help", None), f"{path}: {parameter.opts} has no help"


def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    text = shown(site, "reference/cli.html")
    for path, command in COMMANDS:
        assert " ".join(["uipbench", *path]) in text
        for parameter in command.params:
            missing = [name for name in parameter.opts if name.startswith("-") and name not in text]
            assert missing == [], path


@pytest.mark.parametrize(
    "path", [p for p, c in COMMANDS if p and not hasattr(c, "commands")], ids=" ".join
)
def test_every_command_is_used_on_a_page_written_by_hand(path: tuple[str, ...]) -> None:
    words = " ".join(["uipbench", *path])
    pages = [page.read_text(encoding="utf-8") for page in WRITTEN_BY_HAND]
    group = rf"uipbench {' '.join(path[:-1])} (?:[\w-]+ \| )*{path[-1]}\b"
    assert any(words in page or re.search(group, page) for page in pages), words


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    source = (site / "docs/reference/api.html").read_text(encoding="utf-8")
    source = re.sub(r"<p>.*?</p>", "", source, flags=re.DOTALL)  # prose may name it too
    text = re.sub(r"<[^>]+>", "", source)
    described = set(re.findall(r"\buipbench(?:\.\w+)*\.(\w+)", text))
    assert set(uipbench.__all__) - described == set()
    assert set(kit.__all__) - described == set()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_has_formula_source_and_data_card(site: Path, task: Task) -> None:
    method = (site / f"docs/methods/{task.name}.html").read_text(encoding="utf-8")
    assert "<math" in method
    assert f"https://doi.org/{find_doi(task.citation)}" in method
    assert f"../data/{task.name}.html" in method
    assert task.name in shown(site, "methods/index.html")
    assert shown(site, f"data/{task.name}.html").strip()


def test_there_are_five_tasks() -> None:
    assert len(TASKS) == 5


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    files = [p for p in (site / "docs").rglob("*") if p.suffix in {".html", ".css"}]
    assert len(files) > 25
    for path in files:
        source = path.read_text(encoding="utf-8")
        assert LOADED.search(source) is None, path
        assert LINKED.search(source) is None, path


def test_site_links_documentation_that_is_there(site: Path, tmp_path: Path) -> None:
    index = build_site(site, results=[], tasks=TASKS)
    link = 'href="docs/index.html"'
    assert link in index.read_text(encoding="utf-8")
    page = (site / "tasks/surface_energy.html").read_text(encoding="utf-8")
    assert 'href="../docs/index.html"' in page
    build_site(site, results=[], tasks=TASKS)  # an earlier site and its documentation
    assert (site / "docs/index.html").is_file()
    without = build_site(tmp_path / "bare", results=[], tasks=TASKS)
    assert link not in without.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["index", "cluster", "performance"])
def test_documentation_is_accessible_and_leads_to_the_board(
    open_page: Callable[..., Page],
    site: Path,
    name: str,
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(site, f"docs/{name}.html")
    found = Axe().run(page, options={"preload": False}).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
    assert page.get_by_role("link", name="Leaderboard").get_attribute("href") == "../index.html"
