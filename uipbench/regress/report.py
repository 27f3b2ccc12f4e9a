"""The regression for people (Markdown), for CI systems (JUnit XML), and for GitHub's pages."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from uipbench.regress.comparison import CaseComparison
    from uipbench.regress.model import ModelRegression, TaskRegression
    from uipbench.regress.speed import Speed

WORDS = {"ok": "ok", "slower": "slower", "drift": "DRIFT", "failure": "FAILURE"}
MOST_LINES = 30
"""Cases a model that are listed one by one."""

MOST_ANNOTATIONS = 9
"""GitHub shows ten of a kind a step; the tenth says how many there are."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def markdown(models: Sequence[ModelRegression]) -> str:
    """The whole report."""
    parts = ["# Regression", "", *_table(models), ""]
    for model in models:
        parts += [*_model(model), ""]
    return "\n".join(parts).rstrip() + "\n"


def _table(models: Sequence[ModelRegression]) -> Iterator[str]:
    yield (
        "| model | task | protocol | cases | same | drift | failed | changed "
        "| largest deviation / tolerance |"
    )
    yield "|---|---|---|--:|--:|--:|--:|--:|--:|"
    for model in models:
        for task in model.tasks:
            yield from _rows(model, task)


def _rows(model: ModelRegression, task: TaskRegression) -> Iterator[str]:
    for protocol in ("fixed", "relaxed"):
        mine = [c for c in task.comparisons if c.protocol == protocol]
        if mine:
            count = Counter(c.status for c in mine)
            cells = [model.name, task.task.name, protocol, str(len(mine))]
            cells += [str(count[s]) for s in ("same", "drift", "failure", "changed")]
            yield f"| {' | '.join(cells)} | {max(c.worst for c in mine):.2g} |"


def _model(model: ModelRegression) -> Iterator[str]:
    yield f"## {model.name}: {WORDS[model.verdict]}"
    yield ""
    lines = [
        *(f"{'**changed** ' if c.serious else ''}{c}" for c in model.changes),
        *(f"**reference** {line}" for line in model.references),
        *(f"**drift** {line}" for line in model.forces),
        *(f"**{c.status}** {_place(c)}: {c.message}" for c in told(model)[:MOST_LINES]),
    ]
    left = len(told(model)) - MOST_LINES
    if left > 0:
        lines.append(f"… and {left} more")
    if model.speed is not None:
        lines.append(speed_line(model.speed))
    yield from (f"- {_one_line(line)}" for line in lines)


def told(model: ModelRegression) -> list[CaseComparison]:
    """Cases that are not as stored, failures first, then the largest deviations."""
    order = ("failure", "drift", "changed", "note")
    different = [c for c in model.comparisons if c.status != "same"]
    return sorted(different, key=lambda c: (order.index(c.status), -c.worst, c.task, c.case_id))


def speed_line(speed: Speed) -> str:
    """What is said of the speed."""
    said = f"speed: {speed.median:.2f} × the stored time an evaluation (median of {speed.n} cases)"
    if speed.excuse:
        return f"{said}; not judged: {speed.excuse}"
    return f"{said}, beyond the limit of {speed.limit:g}" if speed.slower else said


def _place(comparison: CaseComparison) -> str:
    return f"{comparison.task}/{comparison.case_id} ({comparison.protocol})"


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def junit_xml(models: Iterable[ModelRegression]) -> str:
    """JUnit XML: a suite a model, a test case a (task, case, protocol)."""
    root = ET.Element("testsuites", name="uipbench regress")
    for model in models:
        _suite(root, model)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, model: ModelRegression) -> None:
    suite = ET.SubElement(root, "testsuite", name=model.name)
    for comparison in model.comparisons:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"{model.name}.{comparison.task}",
            name=f"{comparison.case_id}[{comparison.protocol}]",
            time=f"{comparison.seconds:.3f}",
        )
        kind = {"failure": "error", "drift": "failure", "changed": "failure"}
        if comparison.status in kind:
            _problem(case, kind[comparison.status], comparison.status, comparison.message)
        elif comparison.status == "note":
            ET.SubElement(case, "system-out").text = _plain(comparison.message)
    problems = [("provenance", str(c)) for c in model.changes if c.serious]
    problems += [("reference", line) for line in model.references]
    problems += [("forces", line) for line in model.forces]
    for kind_, line in problems:
        case = ET.SubElement(suite, "testcase", classname=f"{model.name}.{kind_}", name=line[:200])
        _problem(case, "failure", kind_, line)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))


def _problem(case: ET.Element, tag: str, kind: str, message: str) -> None:
    text = _plain(message)
    ET.SubElement(case, tag, type=kind, message=text).text = text


def _plain(text: str) -> str:
    return _NOT_XML.sub("?", text)


def annotation_lines(models: Iterable[ModelRegression]) -> list[str]:
    """Workflow commands of GitHub Actions: an error or a warning a line."""
    errors, warnings = [], []
    for model in models:
        errors += [_command("error", model.name, line) for line in model.references + model.forces]
        errors += [_command("error", model.name, str(c)) for c in model.changes if c.serious]
        warnings += [
            _command("warning", model.name, str(c)) for c in model.changes if not c.serious
        ]
        for found in told(model):
            kind, into = ("warning", warnings) if found.status == "note" else ("error", errors)
            into.append(_command(kind, model.name, f"{_place(found)}: {found.message}"))
        if model.speed is not None and model.speed.slower:
            warnings.append(_command("warning", model.name, speed_line(model.speed)))
    return [*_first("error", errors), *_first("warning", warnings)]


def _first(kind: str, lines: list[str]) -> list[str]:
    left = len(lines) - MOST_ANNOTATIONS
    more = [_command(kind, "uipbench regress", f"{left} more in the summary")] if left > 0 else []
    return lines[:MOST_ANNOTATIONS] + more


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_escaped(title, ',:')}::{_escaped(message)}"


def _escaped(text: str, also: str = "") -> str:
    for character in "%\r\n" + also:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
