"""The findings as a Markdown file, ``docs/findings.md``."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from uipbench.casefiles import read_lock
from uipbench.site.findings import counted, findings
from uipbench.site.tables import all_tables
from uipbench.site.text import doi_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uipbench.site.evidence import Evidence
    from uipbench.site.findings import Finding
    from uipbench.site.records import Records

HEAD = """# Findings

What the literature says of universal potentials, and of the interfaces they are used for, beside
the numbers of this benchmark. Made by `uipbench site findings` from the result records: do not
edit it.

A verdict is over the models of the families that the source is about, and of them over those that
the cases decide: *reproduced* if all of these agree, *refuted* if all are against, *mixed*
otherwise. Intervals are bootstrapped over materials; with fewer than five materials there is none,
and nothing is decided by it. The models that the source is not about are listed below the others.
Tables of the same numbers, with every case behind them, are on the site.
"""
AGREES = {True: "yes", False: "no", None: "not decided"}


def findings_markdown(records: Records) -> str:
    """All claims with source, verdict and the numbers of every model.

    The same records and cases give the same text.
    """
    found = findings(records, all_tables(records), undecided=True)
    parts = [HEAD, _inputs(records), _overview(found), *map(_section, found)]
    return "\n".join(parts)


def input_digest(records: Records) -> str:
    """sha256 of the results and the reference files that the findings are a function of."""
    results = [
        result.model_dump_json() for entry in records.entries for result in entry.results.values()
    ]
    locks = {task.name: read_lock(task.data_folder) for task in records.tasks}
    text = "\n".join([*results, json.dumps(locks, sort_keys=True)])
    return hashlib.sha256(text.encode()).hexdigest()


def _inputs(records: Records) -> str:
    results = [result for entry in records.entries for result in entry.results.values()]
    newest = max((result.provenance.started for result in results), default="never")[:10]
    cases = sum(len(task.cases()) for task in records.tasks)
    return (
        f"Made from {len(results)} result files of {len(records.entries)} models (the newest run "
        f"is of {newest})\nand {cases} reference cases; digest of both:\n"
        f"`sha256:{input_digest(records)}`.\n"
    )


def _overview(found: list[Finding]) -> str:
    rows = [
        f"| {_cell(finding.claim)} | {_source(finding)} | {finding.outcome} | {finding.cases} |"
        for finding in found
    ]
    head = ["| claim | source | verdict | cases |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _source(finding: Finding) -> str:
    return f"[{finding.source}]({doi_url(finding.doi)})"


def _section(finding: Finding) -> str:
    others = tuple(e for e in finding.evidence if not finding.is_about(e))
    lines = [f"## {finding.claim}", "", f"{_source(finding)}.", f"**{_said(finding)}**"]
    if others:
        lines.append(f"Of the models that the source is not about: {counted(others)}.")
    if finding.evidence:
        lines += ["", finding.measure, "", *_table(finding.named, others)]
    return "\n".join([*lines, ""])


def _said(finding: Finding) -> str:
    """The verdict as a sentence."""
    verdict = finding.outcome.capitalize()
    of = f"{finding.cases} case{'' if finding.cases == 1 else 's'}"
    if finding.named:
        return f"{verdict}, {of}: {counted(finding.named)}."
    if not finding.cases:
        lacks = "no case"
    elif finding.evidence:
        lacks = "no model of these families has a number"
    else:
        lacks = "not enough for a measure" if finding.needs else "no model has a number"
    needs = f"; needs {finding.needs}" if finding.needs else ""
    return f"{verdict}, {of}: {lacks}{needs}."


def _table(named: tuple[Evidence, ...], others: tuple[Evidence, ...]) -> Iterator[str]:
    yield "| model | number | cases | agrees | the source is about it |"
    yield "|---|---|---|---|---|"
    for evidence, about in [*((e, "yes") for e in named), *((e, "–") for e in others)]:
        name, agrees = _cell(evidence.entry.name), AGREES[evidence.agrees]
        yield f"| {name} | {evidence.shown} | {evidence.cases} | {agrees} | {about} |"


def _cell(text: str) -> str:
    """A text that stays in its cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
