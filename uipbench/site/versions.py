"""A model over the versions of its packages and weights: stored results and nights together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from uipbench.history import HistoryEntry
    from uipbench.results import ResultFile
    from uipbench.site.records import Entry, Records

VERDICTS = {
    "ok": "as stored",
    "slower": "slower",
    "drift": "drift",
    "failure": "a case lost its number",
}
_Key = tuple[tuple[tuple[str, str], ...], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One set of packages and weights.

    Attributes:
        packages: Name, version, and whether it is another one than in the row before.
        new_weights: Whether the weights are others than in the row before.
        first: Date of the first run.
        last: Date of the last one.
        stored: Titles of the tasks whose stored results are of this version.
        nights: Nights on which it was computed again.
        verdicts: What was said on how many nights, in words.
        deviation: Largest deviation from a stored prediction, in units of its tolerance; None
            without a night.
        speed: Time an evaluation relative to the stored one, median over nights and tasks; None
            where no night has one.
    """

    packages: tuple[tuple[str, str, bool], ...]
    new_weights: bool
    first: str
    last: str
    stored: tuple[str, ...]
    nights: int
    verdicts: str
    deviation: float | None
    speed: float | None


@dataclass(slots=True)
class _Found:
    """What is of one version, while it is gathered."""

    dates: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    nights: list[HistoryEntry] = field(default_factory=list)


def version_rows(records: Records, entry: Entry) -> list[VersionRow]:
    """The versions of a model that its results and the history have, oldest first."""
    titles = {task.name: task.title for task in records.tasks}
    found: dict[_Key, _Found] = {}
    for task, result in entry.results.items():
        one = found.setdefault(_key_of_result(result), _Found())
        one.stored.append(titles[task])
        one.dates.append(date(result.provenance.started))
    for night in records.history or ():
        if night.model == entry.name:
            key = (tuple(sorted(night.packages.items())), night.weights_sha256)
            one = found.setdefault(key, _Found())
            one.nights.append(night)
            one.dates.append(date(night.date))
    ordered = sorted(found.items(), key=lambda item: min(item[1].dates))
    befores: list[_Key | None] = [None, *(key for key, _ in ordered)]
    return [_row(key, one, b) for (key, one), b in zip(ordered, befores, strict=False)]


def _key_of_result(result: ResultFile) -> _Key:
    return tuple(sorted(result.model.packages.items())), result.model.weights_sha256


def _row(key: _Key, found: _Found, before: _Key | None) -> VersionRow:
    known = dict(before[0]) if before else dict(key[0])
    ratios = [
        n.speed_ratio
        for night in found.nights
        for n in night.tasks.values()
        if n.speed_ratio is not None
    ]
    deviations = [n.largest_deviation for night in found.nights for n in night.tasks.values()]
    said = [night.verdict for night in found.nights]
    counts = [(word, said.count(verdict)) for verdict, word in VERDICTS.items()]  # type: ignore[arg-type]
    return VersionRow(
        packages=tuple((name, number, known.get(name) != number) for name, number in key[0]),
        new_weights=before is not None and before[1] != key[1],
        first=min(found.dates),
        last=max(found.dates),
        stored=tuple(found.stored),
        nights=len(found.nights),
        verdicts=", ".join(f"{word} {n}×" for word, n in counts if n),
        deviation=max(deviations, default=None),
        speed=float(np.median(ratios)) if ratios else None,
    )


def date(moment: str) -> str:
    """The day of an ISO 8601 date."""
    return moment[:10]
