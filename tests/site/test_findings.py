"""Claims of the literature: evidence by hand, verdicts, and the Markdown file."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from uipbench.resampling import multiplicities
from uipbench.site.evidence import Evidence, estimate, softening_slopes
from uipbench.site.findings import CLAIMS, Finding, findings
from uipbench.site.findingsfile import findings_markdown, input_digest
from uipbench.site.rows import View, compute_board
from uipbench.site.tables import all_tables

if TYPE_CHECKING:
    from uipbench.site.records import Records

COMMITTED = Path(__file__).parent.parent.parent / "docs" / "findings.md"


def test_estimate_is_a_ratio_of_sums_and_its_draws() -> None:
    materials = ["a", "a", "b", "c", "d", "e"]
    above = np.array([1.03, 2.11, 3.37, 4.71, 5.13, 6.97])
    below = np.array([2.3, 1.9, 2.1, 4.4, 3.9, 4.2])
    found = estimate(materials, above, below)
    assert found.value == pytest.approx(23.32 / 18.8)
    counts = multiplicities(["a", "b", "c", "d", "e"])
    totals = counts @ [3.14, 3.37, 4.71, 5.13, 6.97], counts @ [4.2, 2.1, 4.4, 3.9, 4.2]
    drawn = np.sort([x / y for x, y in zip(*totals, strict=True) if y])
    assert drawn[0] <= found.low < found.value < found.high <= drawn[-1]
    assert np.mean((drawn >= found.low) & (drawn <= found.high)) == pytest.approx(0.95, abs=0.01)


def test_four_materials_have_no_interval() -> None:
    found = estimate(["a", "b", "c", "d"], np.ones(4))
    assert (found.value, math.isnan(found.low), math.isnan(found.high)) == (1, True, True)


def test_slopes_are_those_of_the_board(made_up: Records) -> None:
    tables = all_tables(made_up)
    slopes = softening_slopes(made_up, tables, "", lambda _: True)
    rows = compute_board(tables, View(protocol="fixed")).rows
    assert len(slopes) == len(rows)
    for evidence, row in zip(slopes, rows, strict=True):
        assert evidence.shown.startswith(f"{row.softening_slope:.2f}")


def finding(records: Records, agrees: list[bool | None], families: set[str]) -> Finding:
    evidence = [Evidence(e, "1", a, 6) for e, a in zip(records.entries, agrees, strict=False)]
    return Finding(
        claim="Something holds.",
        source="Someone 2020",
        doi="10.1000/182",
        measure="A number.",
        task="",
        families=frozenset(families),
        cases=6,
        needs="",
        evidence=tuple(evidence),
    )


@pytest.mark.parametrize(
    ("agrees", "outcome"),
    [
        ([True, True], "reproduced"),
        ([True, None], "reproduced"),
        ([False, None], "refuted"),
        ([True, False], "mixed"),
        ([None, None], "not decidable yet"),
        ([], "not decidable yet"),
    ],
)
def test_verdicts(made_up: Records, agrees: list[bool | None], outcome: str) -> None:
    assert finding(made_up, agrees, set()).outcome == outcome


def test_models_that_the_source_is_not_about_decide_nothing(made_up: Records) -> None:
    found = finding(made_up, [True, True], {"another family"})
    assert (found.outcome, found.named) == ("not decidable yet", ())
    assert found.verdict == "2 of 2 models agree"


def test_every_claim_is_in_the_file_and_undecided_ones_say_what_they_need(made_up: Records) -> None:
    text = findings_markdown(made_up)
    tables = all_tables(made_up)
    assert len(findings(made_up, tables, undecided=True)) == len(CLAIMS)
    for claim in CLAIMS:
        assert f"## {claim.claim}" in text
        assert f"https://doi.org/{claim.doi}" in text
    (lithium,) = re.findall(
        r"\*\*(Not decidable yet, 0 cases: no case; needs lithium on .*)\*\*", text
    )
    assert lithium.endswith("lithium on silver and on copper.")
    for row in re.findall(r"^\|.*\|$", text, flags=re.MULTILINE):
        assert len(re.findall(r"(?<!\\)\|", row)) in {5, 6}, row
    assert f"`sha256:{input_digest(made_up)}`" in text


def test_digest_is_of_results_and_references(made_up: Records) -> None:
    from dataclasses import replace

    fewer = replace(made_up, entries=made_up.entries[1:])
    other = replace(made_up, tasks=made_up.tasks[1:])
    assert len({input_digest(r) for r in (made_up, fewer, other)}) == 3


def test_command_writes_the_file_that_it_prints(tmp_path: Path) -> None:
    from uipbench.cli.site import site

    printed = CliRunner().invoke(site, ["findings"], catch_exceptions=False).output
    target = tmp_path / "findings.md"
    CliRunner().invoke(site, ["findings", "--out", str(target)], catch_exceptions=False)
    assert target.read_text(encoding="utf-8") == printed
    assert "chgnet" in printed


def test_committed_file_says_what_it_was_made_from() -> None:
    """Its numbers change with every result: refreshed with them, not compared here."""
    text = COMMITTED.read_text(encoding="utf-8")
    assert re.search(r"^`sha256:[0-9a-f]{64}`\.$", text, flags=re.MULTILINE)
    assert re.search(r"newest run\s+is of 20\d\d-\d\d-\d\d", text)
    assert [claim.claim for claim in CLAIMS if f"## {claim.claim}" not in text] == []
