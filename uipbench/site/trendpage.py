"""The page of trends: every night of the regression, and where a number changed its level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from uipbench.history import nights
from uipbench.outcome import PROTOCOLS
from uipbench.site.text import clean, clip, unit
from uipbench.site.versions import VERDICTS, date
from uipbench.trend import Step, find_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from uipbench.history import HistoryEntry
    from uipbench.site.records import Entry, Records

MOST_NIGHTS = 200
"""Nights of a series that are shown and searched for steps, the last ones."""

_SPEED = "seconds_per_evaluation"
_FASTER = 0.2


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that is followed.

    Attributes:
        key: Its name in the history.
        title: In words.
        unit: In plain ASCII; ``@`` for the task's.
        resolution: Smallest change that is called a step.
        better: Direction that is better, 1 or −1; 0 where neither is.
    """

    key: str
    title: str
    unit: str
    resolution: float
    better: int


METRICS = (
    Metric("mae", "MAE", "@", 0.001, -1),
    Metric("coverage", "Coverage", "", 0.005, 1),
    Metric("force_mae", "Force MAE", "eV/A", 0.001, -1),
    Metric("softening_slope", "Softening slope", "", 0.01, 0),
    Metric(_SPEED, "Time of an evaluation", "s", _FASTER, -1),
)
"""Resolutions are the last digit that the pages show; that of the time is relative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A metric of one model in one task and protocol, night by night.

    Attributes:
        title: Title of the model.
        entry: The model, or None where the board does not have it.
        place: Task and protocol in words.
        unit: For reading.
    """

    model: str
    title: str
    entry: Entry | None
    place: str
    metric: Metric
    unit: str
    dates: tuple[str, ...]
    values: tuple[float, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step, with what else changed that night.

    Attributes:
        better: True, False, or None where a change is neither.
        changes: Packages and versions that were others than the night before.
    """

    trend: Trend
    step: Step
    date: str
    better: bool | None
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastNight:
    """The last night of a model.

    Attributes:
        deviation: Largest deviation from a stored prediction in units of its tolerance.
        speed: Time an evaluation relative to the stored one; None where it is not known.
    """

    model: str
    title: str
    entry: Entry | None
    date: str
    verdict: str
    words: str
    deviation: float
    speed: float | None
    packages: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPage:
    """Everything the page shows.

    Attributes:
        nights: Number of different days.
        steps: Newest first.
        last: Last night of each model, by title.
        plot: What the figure is drawn from.
    """

    nights: int
    first: str
    latest: str
    steps: tuple[StepRow, ...]
    last: tuple[LastNight, ...]
    plot: dict[str, Any]


def trend_page(records: Records, history: Sequence[HistoryEntry]) -> TrendPage:
    """The page of a history, which may be empty."""
    days = sorted({date(entry.date) for entry in history})
    found = list(_trends(records, history))
    steps = [row for trend, entries in found for row in _steps(trend, entries)]
    steps.sort(key=lambda row: (row.trend.title, row.trend.place))
    steps.sort(key=lambda row: row.date, reverse=True)
    return TrendPage(
        nights=len(days),
        first=days[0] if days else "",
        latest=days[-1] if days else "",
        steps=tuple(steps),
        last=tuple(_last_nights(records, history)),
        plot=_plot([trend for trend, _ in found]),
    )


def _trends(
    records: Records, history: Sequence[HistoryEntry]
) -> Iterator[tuple[Trend, list[HistoryEntry]]]:
    """Every series that has a value, with the nights it is of."""
    by_name = {entry.name: entry for entry in records.entries}
    for model in dict.fromkeys(entry.model for entry in history):
        for task in records.tasks:
            for protocol in reversed(PROTOCOLS):
                for metric in METRICS:
                    found = nights(history, model, f"{task.name}/{protocol}", metric.key)
                    found = _comparable(found, metric)[-MOST_NIGHTS:]
                    if not found:
                        continue
                    values = tuple(value for _, value in found)
                    trend = Trend(
                        model=model,
                        title=_title(by_name.get(model), model),
                        entry=by_name.get(model),
                        place=f"{task.title}, {protocol}",
                        metric=metric,
                        unit=unit(task.unit if metric.unit == "@" else metric.unit),
                        dates=tuple(date(entry.date) for entry, _ in found),
                        values=values,
                        steps=tuple(find_steps(values, resolution=_resolution(metric, values))),
                    )
                    yield trend, [entry for entry, _ in found]


def _comparable(
    found: list[tuple[HistoryEntry, float]], metric: Metric
) -> list[tuple[HistoryEntry, float]]:
    """Times are those of the last night's processor."""
    if metric.key != _SPEED or not found:
        return found
    processor = found[-1][0].processor
    return [(entry, value) for entry, value in found if entry.processor == processor]


def _resolution(metric: Metric, values: Sequence[float]) -> float:
    if metric.key != _SPEED:
        return metric.resolution
    return max(metric.resolution * float(np.median(values)), 1e-12)


def _steps(trend: Trend, entries: Sequence[HistoryEntry]) -> list[StepRow]:
    return [
        StepRow(
            trend,
            step,
            date(entries[step.index].date),
            _is_better(trend.metric, step),
            _changes(entries[step.index - 1], entries[step.index]),
        )
        for step in trend.steps
    ]


def _is_better(metric: Metric, step: Step) -> bool | None:
    if not metric.better:
        return None
    return (step.after - step.before) * metric.better > 0


def _changes(before: HistoryEntry, after: HistoryEntry) -> tuple[str, ...]:
    names = sorted({*before.packages, *after.packages})
    found = [
        f"{name} {before.packages.get(name, 'none')} → {after.packages.get(name, 'none')}"
        for name in names
        if before.packages.get(name) != after.packages.get(name)
    ]
    if before.weights_sha256 != after.weights_sha256:
        found.append("other weights")
    if before.commit != after.commit or before.uipbench_version != after.uipbench_version:
        found.append(f"uipbench {after.uipbench_version} {(after.commit or '')[:10]}".strip())
    if before.processor != after.processor:
        found.append("another processor")
    return tuple(found)


def _last_nights(records: Records, history: Sequence[HistoryEntry]) -> list[LastNight]:
    by_name = {entry.name: entry for entry in records.entries}
    latest = {entry.model: entry for entry in history}
    rows = [_last_night(entry, by_name.get(entry.model)) for entry in latest.values()]
    return sorted(rows, key=lambda row: row.title.casefold())


def _last_night(night: HistoryEntry, entry: Entry | None) -> LastNight:
    ratios = [n.speed_ratio for n in night.tasks.values() if n.speed_ratio is not None]
    return LastNight(
        model=night.model,
        title=_title(entry, night.model),
        entry=entry,
        date=date(night.date),
        verdict=night.verdict,
        words=VERDICTS[night.verdict],
        deviation=max((n.largest_deviation for n in night.tasks.values()), default=0.0),
        speed=float(np.median(ratios)) if ratios else None,
        packages=", ".join(f"{name} {number}" for name, number in sorted(night.packages.items())),
    )


def _title(entry: Entry | None, model: str) -> str:
    return clean(clip((entry.card.title if entry else "") or model, 60))


def _plot(trends: Sequence[Trend]) -> dict[str, Any]:
    """The series for the browser; a night is its place in the list of all days."""
    days = sorted({day for trend in trends for day in trend.dates})
    place = {day: i for i, day in enumerate(days)}
    return {
        "days": days,
        "models": list(dict.fromkeys(trend.model for trend in trends)),
        "series": [
            {
                "model": trend.model,
                "title": trend.title,
                "place": trend.place,
                "metric": trend.metric.title,
                "unit": trend.unit,
                "at": [place[day] for day in trend.dates],
                "values": [float(f"{value:.6g}") for value in trend.values],
                "steps": [step.index for step in trend.steps],
            }
            for trend in trends
        ],
    }
