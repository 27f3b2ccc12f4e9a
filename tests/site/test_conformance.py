"""A model that failed a check is marked wherever it is shown, and its page says why."""

from __future__ import annotations

from tests.site.factories import HOSTILE, board, make_card, make_outcomes, make_result
from uipbench.results import CheckLine, CheckRecord
from uipbench.site import build_site


def report(status: str, measured: str = "off by 1 eV/Å") -> CheckRecord:
    line = CheckLine(
        name="forces", status=status, measured=measured, limit="0.01 eV/Å", meaning="go astray"
    )
    return CheckRecord(version="1", lines=[line], evaluations=98, seconds=0.5)


def build(folder, task, check):
    result = make_result(task, make_card("m"), {"relaxed": make_outcomes(0.9)})
    result = result.model_copy(update={"check": check})
    return build_site(folder / "site", results=[result], tasks=[task]).parent


def test_failed_check_is_marked_on_every_page_with_the_model(tmp_path, task):
    site = build(tmp_path, task, report("fail"))
    for page in ("index.html", "models/m.html", "cases/surface_energy/al_111.html"):
        assert "check failed" in (site / page).read_text()
    assert board(site)["m", "relaxed"]["failed_checks"] == "forces"
    page = (site / "models/m.html").read_text()
    assert "Scored although it failed" in page
    assert "off by 1 eV/Å" in page


def test_warnings_and_passes_are_no_mark(tmp_path, task):
    site = build(tmp_path, task, report("warning"))
    assert "check failed" not in (site / "index.html").read_text()
    assert "off by 1 eV/Å" in (site / "models/m.html").read_text()


def test_results_without_report_say_so(tmp_path, task):
    site = build(tmp_path, task, None)
    assert "no conformance report" in (site / "models/m.html").read_text()
    assert board(site)["m", "relaxed"]["failed_checks"] == ""


def test_report_cannot_inject(tmp_path, task):
    site = build(tmp_path, task, report("fail", HOSTILE))
    assert "<script>alert(1)" not in (site / "models/m.html").read_text()
