"""Whatever is in a result: pages stay whole, files stay in their folder, nothing is loaded."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

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
from uipbench.errors import ResultFileError, SettingsError
from uipbench.outcome import Failed
from uipbench.site import build_site

if TYPE_CHECKING:
    from pathlib import Path

VOID = {"meta", "link", "input", "br", "img", "hr"}


class WellFormed(HTMLParser):
    """Fails on tags that do not nest; collects what a page loads and links to."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        values = dict(attributes)
        assert not [name for name in values if name.startswith("on") or name == "style"]
        assert len(values) == len(attributes), f"an attribute is given twice: {attributes}"
        if tag in {"script", "link", "img", "iframe"}:
            self.loads += [v for k, v in values.items() if k in {"src", "href"}]
        if tag == "a":
            self.links.append(values["href"])
        if tag == "script":
            self.scripts.append(values.get("type", "src" if "src" in values else "inline"))
        if "id" in values:
            self.ids.append(values["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, _attributes) -> None:
        assert tag in {"rect", "line", "circle"}

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def parse(page: Path) -> WellFormed:
    parser = WellFormed()
    parser.feed(page.read_text())
    parser.close()
    assert parser.open == []
    return parser


def test_pages_are_well_formed_and_load_only_their_own_files(site: Path) -> None:
    for page in site.rglob("*.html"):
        parsed = parse(page)
        assert len(parsed.ids) == len(set(parsed.ids))
        assert set(parsed.scripts) <= {"src", "application/json"}
        for load in parsed.loads:
            assert (page.parent / load).resolve().is_relative_to(site.resolve())
            assert (page.parent / load).exists()


def test_links_lead_to_pages_or_to_the_web(site: Path) -> None:
    ids = {page: parse(page).ids for page in site.rglob("*.html")}
    for page in ids:
        for link in parse(page).links:
            if link.startswith("https://"):
                continue
            path, _, anchor = link.partition("?")[0].partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{page.name} links to {link}"
            assert not anchor or anchor in ids[target]


def test_plotly_is_only_on_pages_that_plot(site: Path) -> None:
    plain = {p.name for p in site.rglob("*.html") if "plotly.min.js" not in p.read_text()}
    assert plain == {
        "index.html",
        "robustness.html",
        "findings.html",
        *(p.name for p in (site / "models").iterdir()),
    }


def test_policy_forbids_other_sources(site: Path) -> None:
    for page in site.rglob("*.html"):
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page.read_text())
        assert policy
        assert policy[1].startswith("default-src &#39;none&#39;; script-src &#39;self&#39;;")


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    write_cases(folder, REFERENCES, title=HOSTILE)
    task = StandInTask(folder)
    long = (HOSTILE * 40)[:2000]
    texts = ("title", "family", "checkpoint", "licence", "training_data", "xc", "citation")
    card = make_card("bad", **dict.fromkeys(texts, long), url="javascript:alert(1)")
    bad = Failed(kind="not_converged", message=long)
    outcomes = {"relaxed": make_outcomes(1.1) | {"al_111": bad}}
    site = build_site(
        tmp_path / "out", results=[make_result(task, card, outcomes)], tasks=[task]
    ).parent
    for page in site.rglob("*.html"):
        parsed = parse(page)
        assert set(parsed.scripts) <= {"src", "application/json"}
        assert not [link for link in parsed.links if link.startswith("javascript")]
        assert "\u202e" not in page.read_text()
    embedded = re.search(
        r'application/json" id="parity-data">(.*?)</script>',
        (site / "tasks/surface_energy.html").read_text(),
        re.DOTALL,
    )
    assert embedded
    assert "<" not in embedded[1]
    assert "\u2028" not in embedded[1]
    assert json.loads(embedded[1])["unit"] == "J/m²"


def test_csv_texts_are_no_formulas(tmp_path, task) -> None:
    card = make_card("bad", licence="=HYPERLINK(1)")
    result = make_result(task, card, {"relaxed": make_outcomes(1.1)})
    site = build_site(tmp_path / "out", results=[result], tasks=[task]).parent
    assert "'=HYPERLINK" in (site / "data/board.csv").read_text()


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".hidden", "x" * 200, "a\nb"])
def test_names_that_are_no_file_names_are_refused(tmp_path, task, name) -> None:
    good = make_result(task, make_card("good"), {"fixed": make_outcomes(1.0)})
    card = good.model.card.model_copy(update={"name": name})
    bad = good.model_copy(update={"model": good.model.model_copy(update={"card": card})})
    with pytest.raises(ResultFileError, match="cannot be a file of the site"):
        build_site(tmp_path / "out", results=[bad], tasks=[task])
    assert not (tmp_path / "x.html").exists()


def test_two_results_of_one_model_are_refused(tmp_path, task, results) -> None:
    with pytest.raises(ResultFileError, match="two results of model 'soft'"):
        build_site(tmp_path / "out", results=[*results, results[0]], tasks=[task])


def test_names_that_differ_only_in_case_are_refused(tmp_path, task) -> None:
    pair = [
        make_result(task, make_card(name), {"fixed": make_outcomes(1.0)}) for name in ("a", "A")
    ]
    with pytest.raises(ResultFileError, match="would be the same file"):
        build_site(tmp_path / "out", results=pair, tasks=[task])


def test_a_folder_with_other_files_is_left_alone(tmp_path, task) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("years of work")
    with pytest.raises(SettingsError, match="not a uipbench site"):
        build_site(tmp_path / "out", results=[], tasks=[task])
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_second_build_removes_pages_that_are_gone(tmp_path, task, results) -> None:
    out = tmp_path / "out"
    build_site(out, results=results, tasks=[task])
    (out / "notes.txt").write_text("mine")
    build_site(out, results=results[:1], tasks=[task])
    assert [p.name for p in (out / "models").iterdir()] == ["soft.html"]
    assert (out / "notes.txt").exists()
