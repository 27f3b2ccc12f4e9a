"""The site: true numbers, safe texts, nothing from a network, and a browser that agrees."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from html.parser import HTMLParser
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from click.testing import CliRunner

from uipbench.casefiles import CaseFile, LevelOfTheory, Published, Quantity, write_case
from uipbench.errors import ResultFileError, SettingsError
from uipbench.metrics import force_sums, score
from uipbench.outcome import Failed, Predicted, Prediction
from uipbench.plan import content_key
from uipbench.registry import task_version
from uipbench.results import (
    CardRecord,
    CaseRecord,
    ModelRecord,
    Provenance,
    ResultFile,
    RunSettings,
    outcome_record,
    write_result,
)
from uipbench.site import build_site, text
from uipbench.site.board import xc_mismatch
from uipbench.site.strip import make_axis
from uipbench.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
HOSTILE = "</td></script><script>alert(1)</script>'\"&\u202e../../x\u2028"
REFERENCES = {"al_111": 0.8, "li_100": 0.46, "lif_100": 0.28, "mgo_100": 0.9}
QUICK = ("al_111", "li_100")
THEORY = LevelOfTheory(
    xc="PBE",
    hubbard_u_ev={},
    code="none",
    paw={},
    cutoff_ev=400.0,
    kpts={"bulk": (4, 4, 4)},
    smearing=("fermi-dirac", 0.1),
    spin_polarised=False,
    dispersion="none",
)


class StandInTask(Task):
    """A task whose cases are written by the test."""

    name: ClassVar[str] = "surface_energy"
    title: ClassVar[str] = "Surface energy"
    summary: ClassVar[str] = "What it is. Why it matters."
    quantity: ClassVar[str] = "surface_energy"
    unit: ClassVar[str] = "J/m^2"
    citation: ClassVar[str] = "nobody"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def data_folder(self) -> Path:
        return self._folder

    def predict(self, case, calculator, protocol) -> Prediction:
        raise NotImplementedError


def write_cases(folder: Path, references: Mapping[str, float], title: str | None = None) -> None:
    for case_id, value in references.items():
        atoms = bulk("Al", a=4.04)
        atoms.info["role"] = "bulk"
        atoms.calc = SinglePointCalculator(atoms, energy=-3.7, forces=np.zeros((1, 3)))
        extxyz = io.StringIO()
        write(extxyz, [atoms], format="extxyz")
        file = CaseFile(
            schema_version=1,
            task="surface_energy",
            id=case_id,
            title=title or case_id,
            material=case_id.split("_")[0],
            elements=["Al"],
            chemistry="fcc metal",
            tier="quick" if case_id in QUICK else "full",
            protocols=["fixed", "relaxed"],
            references={
                "surface_energy": Quantity(value=value, unit="J/m^2", uncertainty=0.02),
                "surface_energy_unrelaxed": Quantity(value=1.05 * value, unit="J/m^2"),
            },
            roles=["bulk"],
            tags={"miller_index": [1, 1, 1]},
            details={"area_a2": 7.0},
            theory=THEORY,
            published=[
                Published(
                    quantity="surface_energy",
                    value=1.02 * value,
                    unit="J/m^2",
                    doi="10.1038/sdata.2016.80",
                    method="PBE",
                )
            ],
            recipe="recipes.py",
            cpu_seconds=1.0,
        )
        write_case(folder, file, extxyz.getvalue())


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> StandInTask:
    folder = tmp_path_factory.mktemp("reference") / "cases"
    write_cases(folder, REFERENCES)
    return StandInTask(folder)


def make_card(name: str, **changes: object) -> CardRecord:
    fields: dict[str, object] = {
        "name": name,
        "title": name.upper(),
        "family": "graph network",
        "checkpoint": "1",
        "licence": "MIT",
        "training_data": "MPtrj",
        "xc": "PBE",
        "parameters": 412525,
        "elements": ["Al", "Li"],
        "energy_convention": "total",
        "citation": "someone",
        "url": "https://example.org/",
    }
    return CardRecord.model_validate(fields | changes)


def make_outcomes(factor: float, *, failed: tuple[str, ...] = ()) -> dict[str, Predicted | Failed]:
    forces = np.linspace(-1, 1, 12).reshape(4, 3)
    return {
        case_id: Failed(kind="not_converged", message="500 steps", seconds=2.0, evaluations=500)
        if case_id in failed
        else Predicted(
            values={"surface_energy": factor * value},
            force_statistics={"bulk": force_sums(factor * forces, forces)},
            details={},
            seconds=1.5,
            evaluations=3,
        )
        for case_id, value in REFERENCES.items()
    }


def make_result(
    task: Task,
    card: CardRecord,
    outcomes: Mapping[str, Mapping[str, Predicted | Failed]],
    *,
    own: bool = False,
    key: str | None = None,
) -> ResultFile:
    model = ModelRecord(
        card=card, weights_sha256="ab" * 32, code_sha256="cd" * 32, packages={"x": "1"}, own=own
    )
    settings = RunSettings(device="cpu", dtype="float32")
    version = task_version(task)
    cases = {case.id: case for case in task.cases()}
    return ResultFile(
        schema_version=1,
        task=task.name,
        task_version=version,
        model=model,
        settings=settings,
        provenance=Provenance(
            uipbench_version="0.1.0",
            commit=None,
            python="3.11",
            platform="somewhere",
            processor="a processor",
            started="2026-01-01T00:00:00+00:00",
        ),
        records=[
            CaseRecord(
                case_id=case_id,
                protocol=protocol,
                key=key or content_key(model, settings, version, cases[case_id], protocol),
                outcome=outcome_record(outcome),
            )
            for protocol, of_protocol in outcomes.items()
            for case_id, outcome in of_protocol.items()
        ],
    )


@pytest.fixture(scope="module")
def results(task: StandInTask) -> list[ResultFile]:
    soft, good = make_outcomes(0.7, failed=("lif_100",)), make_outcomes(0.95)
    quick = {case_id: good[case_id] for case_id in QUICK}
    return [
        make_result(task, make_card("soft"), {"fixed": good, "relaxed": soft}),
        make_result(task, make_card("good", xc="r2SCAN"), {"fixed": soft, "relaxed": good}),
        make_result(task, make_card("swift"), {"fixed": good, "relaxed": quick}),
        make_result(task, make_card("mine"), {"fixed": good}),
    ]


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, task: StandInTask, results: list[ResultFile]
) -> Path:
    """A site that tests look at and leave as it is."""
    out = tmp_path_factory.mktemp("built") / "site"
    index = build_site(out, results=results, tasks=[task], own=frozenset({"mine"}))
    return index.parent


def board(site: Path) -> dict[tuple[str, str], dict[str, object]]:
    rows = json.loads((site / "data/board.json").read_text())["rows"]
    return {(row["model"], row["protocol"]): row for row in rows}


# ---- content ---------------------------------------------------------------------------------


def test_two_builds_are_identical(tmp_path, task, results) -> None:
    first = build_site(tmp_path / "a", results=results, tasks=[task]).parent
    second = build_site(tmp_path / "b", results=results[::-1], tasks=[task]).parent
    names = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert [n for n in names if (first / n).read_bytes() != (second / n).read_bytes()] == []


def test_every_page_is_there(site: Path) -> None:
    expected = {"index.html", "tasks/surface_energy.html"}
    expected |= {f"cases/surface_energy/{case_id}.html" for case_id in REFERENCES}
    expected |= {f"models/{name}.html" for name in ("soft", "good", "swift", "mine")}
    assert {p.relative_to(site).as_posix() for p in site.rglob("*.html")} == expected


def test_numbers_are_those_of_the_metrics(site: Path, task: StandInTask) -> None:
    truth = score(
        task.cases(), make_outcomes(0.7, failed=("lif_100",)), "surface_energy", "relaxed"
    )
    row = board(site)["soft", "relaxed"]
    for name in ("skill", "mae", "mean_signed_error", "coverage", "n_failed", "seconds"):
        assert row[name] == getattr(truth, name)
    page = (site / "index.html").read_text()
    for shown in (text.number(truth.skill), text.number(truth.mae)):
        assert f">{shown}<" in page


def test_softening_slope_is_that_of_the_fixed_protocol(site: Path) -> None:
    assert board(site)["soft", "relaxed"]["softening_slope"] == pytest.approx(0.95)
    assert board(site)["good", "relaxed"]["softening_slope"] == pytest.approx(0.70)


def test_ranks_are_by_skill_among_complete_runs(site: Path) -> None:
    relaxed = {m: row["rank"] for (m, p), row in board(site).items() if p == "relaxed"}
    assert relaxed == {"good": 1, "soft": 2, "swift": None, "mine": None}


def test_equal_skills_share_a_rank(site: Path) -> None:
    fixed = {m: row["rank"] for (m, p), row in board(site).items() if p == "fixed"}
    assert fixed == {"soft": 1, "swift": 1, "mine": 1, "good": 4}


def test_quick_tier_is_scored_over_its_own_cases_and_says_so(site: Path, task) -> None:
    quick = [case for case in task.cases() if case.tier == "quick"]
    truth = score(quick, make_outcomes(0.95), "surface_energy", "relaxed")
    row = board(site)["swift", "relaxed"]
    assert (row["scope"], row["mae"], row["skill"]) == ("quick", truth.mae, truth.skill)
    assert "quick tier: 2 of 4 cases" in (site / "index.html").read_text()


def test_what_was_not_run_is_said(site: Path) -> None:
    assert board(site)["mine", "relaxed"]["scope"] == "none"
    assert "not run" in (site / "models/mine.html").read_text()


def test_stale_records_are_shown_and_not_used(tmp_path, task) -> None:
    outcomes = make_outcomes(0.95)
    old = make_result(task, make_card("old"), {"relaxed": outcomes}, key="of another version")
    site = build_site(tmp_path / "out", results=[old], tasks=[task]).parent
    row = board(site)["old", "relaxed"]
    assert (row["scope"], row["mae"]) == ("none", None)
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


def test_data_files_are_copies(site: Path, task: StandInTask) -> None:
    for name in ("al_111.json", "al_111.extxyz"):
        copied = (site / "cases/surface_energy" / name).read_bytes()
        assert copied == (task.data_folder / name).read_bytes()
    data = json.loads((site / "data/surface_energy.json").read_text())
    al = data["cases"][0]
    assert al["references"]["surface_energy"]["value"] == REFERENCES["al_111"]
    assert al["predictions"]["good"]["relaxed"]["values"]["surface_energy"] == 0.95 * 0.8
    assert al["predictions"]["mine"]["relaxed"] is None


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


# ---- safety ----------------------------------------------------------------------------------

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
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), f"{page.name} links to {link}"
            assert not anchor or anchor in ids[target]


def test_plotly_is_only_on_pages_that_plot(site: Path) -> None:
    with_plots = [p.name for p in site.rglob("*.html") if "plotly.min.js" in p.read_text()]
    assert with_plots == ["surface_energy.html"]


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


# ---- texts and axes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.1234, "+0.123"), (-0.1234, "−0.123"), (-0.0001, "0.000"), (float("nan"), "–")],
)
def test_signed_numbers(value: float, shown: str) -> None:
    assert text.signed(value) == shown


def test_units_and_keys() -> None:
    assert text.unit("J/m^2") == "J/m²"
    assert text.unit("eV/A") == "eV/Å"
    assert (text.label("force_ev_per_a"), text.key_unit("force_ev_per_a")) == ("force", "eV/Å")
    assert (text.label("steps"), text.key_unit("steps")) == ("steps", "")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x", "http://[", ""])
def test_only_web_addresses_become_links(url: str) -> None:
    assert text.web_url(url) == ""


@pytest.mark.parametrize("doi", ["10.1/x y", '10.1000/"><script>', "https://x", "10.1000/a\nb"])
def test_only_dois_become_links(doi: str) -> None:
    assert text.doi_url(doi) == ""


@pytest.mark.parametrize("values", [[0.5], [0.0], [-2.0, 3.0], [1e-9, 2e-9], [1e6, 1e6 + 1]])
def test_an_axis_holds_its_values(values: list[float]) -> None:
    axis = make_axis(values)
    assert axis.low <= min(values)
    assert axis.high >= max(values)
    assert 2 <= len(axis.ticks) <= 8
    assert all(0 <= axis.x(value) <= 240 for value in values)


# ---- command line ----------------------------------------------------------------------------


def test_command_builds_and_prints_the_path(tmp_path, monkeypatch, task, results) -> None:
    from uipbench import registry
    from uipbench.cli.site import site

    monkeypatch.setattr(registry, "load_tasks", lambda: {task.name: task})
    write_result(tmp_path / "mine/soft/surface_energy.json", results[0])
    arguments = ["build", "--no-public", "--results", f"{tmp_path}/mine", "--out"]
    run = CliRunner().invoke(site, [*arguments, f"{tmp_path}/out"], catch_exceptions=False)
    assert run.output.strip() == str(tmp_path / "out/index.html")
    assert board(tmp_path / "out")["soft", "relaxed"]["own"] is True


@pytest.mark.parametrize("command", ["build", "serve"])
def test_every_command_has_an_example(command: str) -> None:
    from uipbench.cli.site import site

    assert "Example:" in CliRunner().invoke(site, [command, "--help"]).output


# ---- in a browser ----------------------------------------------------------------------------


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
