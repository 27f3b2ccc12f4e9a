"""Atom feed (RFC 4287) of results: one entry a model and task, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

from uipbench.site.text import clean, clip

if TYPE_CHECKING:
    from uipbench.results import ResultFile
    from uipbench.site.records import Entry, Records

ATOM = "http://www.w3.org/2005/Atom"
_EPOCH = "1970-01-01T00:00:00+00:00"
_MOST = 100


def feed(records: Records, version: str) -> str:
    """``feed.xml``; links are relative to the feed's own address."""
    titles = {task.name: task.title for task in records.tasks}
    found = [
        (_moment(result), entry, result)
        for entry in records.entries
        for result in entry.results.values()
    ]
    found.sort(key=lambda item: (item[0], item[1].name, item[2].task), reverse=True)
    root = ET.Element("feed", {"xmlns": ATOM})
    _text(root, "title", "uipbench: results")
    _text(root, "id", uuid5(NAMESPACE_URL, "uipbench").urn)
    _text(root, "updated", found[0][0] if found else _EPOCH)
    ET.SubElement(root, "link", {"rel": "self", "href": "feed.xml"})
    ET.SubElement(root, "link", {"rel": "alternate", "href": "index.html"})
    _text(ET.SubElement(root, "author"), "name", "The uipbench developers")
    ET.SubElement(root, "generator", {"version": version}).text = "uipbench"
    for moment, entry, result in found[:_MOST]:
        _entry(root, moment, entry, result, titles[result.task])
    ET.indent(root, " ")
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _entry(root: ET.Element, moment: str, entry: Entry, result: ResultFile, task: str) -> None:
    element = ET.SubElement(root, "entry")
    name = clean(clip(entry.card.title or entry.name, 80))
    key = f"uipbench/{entry.name}/{result.task}/{result.provenance.started}"
    _text(element, "title", f"{name}: {task}")
    _text(element, "id", uuid5(NAMESPACE_URL, key).urn)
    _text(element, "updated", moment)
    ET.SubElement(element, "link", {"href": f"models/{entry.name}.html"})
    made = sum(r.outcome.status == "predicted" for r in result.records)
    summary = f"{made} of {len(result.records)} records have a number."
    _text(element, "summary", summary)


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _moment(result: ResultFile) -> str:
    """When the run started, as RFC 3339; the epoch where the record does not say."""
    try:
        found = datetime.fromisoformat(result.provenance.started)
    except ValueError:
        return _EPOCH
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat(timespec="seconds")
