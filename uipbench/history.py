"""The history file of the nightly regression: one JSON line a model and night.

Format: :class:`HistoryEntry`, published as ``docs/schemas/history.schema.json``.
:func:`uipbench.trend.find_steps` finds where a series of it changed its level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uipbench.bounded import read_bounded
from uipbench.errors import ResultFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from uipbench.metrics import Score
    from uipbench.results import ResultFile

Text = Annotated[str, Field(max_length=2000)]
METRICS = ("mae", "mean_signed_error", "skill", "coverage", "force_mae", "softening_slope")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class HistoryMetrics(_Strict):
    """One task in one protocol, over the cases that were computed that night.

    Attributes:
        metrics: The numbers of ``METRICS`` that are known; units are the task's.
        n_cases: Cases that the numbers are over.
        largest_deviation: Largest deviation of a prediction from its stored one, in units of its
            tolerance.
        seconds_per_evaluation: Median over the cases.
        speed_ratio: Median over the cases of time an evaluation relative to the stored one.
    """

    metrics: dict[str, float]
    n_cases: int
    largest_deviation: float
    seconds_per_evaluation: float | None
    speed_ratio: float | None


class HistoryEntry(_Strict):
    """One model on one night.

    Attributes:
        date: Start of the run, ISO 8601 with offset.
        model: Name of the model.
        verdict: What the regression said.
        packages: Versions of the packages that the model file names.
        weights_sha256: Digest of the weights.
        uipbench_version: Version of uipbench.
        commit: Commit of uipbench, or None.
        processor: Processor that the times are of.
        tasks: Numbers by ``task/protocol``.
    """

    schema_version: Literal[1] = 1
    date: Text
    model: Text
    verdict: Literal["ok", "slower", "drift", "failure"]
    packages: dict[str, str]
    weights_sha256: str | None
    uipbench_version: Text
    commit: str | None
    processor: Text
    tasks: dict[str, HistoryMetrics]


def entry_of(
    results: Sequence[ResultFile], verdict: str, tasks: Mapping[str, HistoryMetrics]
) -> HistoryEntry:
    """The line of one model's fresh results, which are not empty."""
    first = results[0]
    return HistoryEntry.model_validate(
        {
            "date": first.provenance.started,
            "model": first.model.card.name,
            "verdict": verdict,
            "packages": first.model.packages,
            "weights_sha256": first.model.weights_sha256,
            "uipbench_version": first.provenance.uipbench_version,
            "commit": first.provenance.commit,
            "processor": first.provenance.processor,
            "tasks": dict(tasks),
        }
    )


def known_metrics(score: Score) -> dict[str, float]:
    """The numbers of ``METRICS`` that are not NaN."""
    values = {name: float(getattr(score, name)) for name in METRICS}
    return {name: value for name, value in values.items() if value == value}  # noqa: PLR0124


def append_entry(path: Path, entry: HistoryEntry) -> None:
    """Append one line.

    Raises:
        ResultFileError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            whole = not file.tell() or path.read_bytes().endswith(b"\n")
            line = ("" if whole else "\n") + entry.model_dump_json() + "\n"
            file.write(line.encode())
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}; choose another file with --history"
        raise ResultFileError(msg) from error


def read_history(path: Path) -> list[HistoryEntry]:
    """All lines in the order of the file; no file is an empty history.

    Raises:
        ResultFileError: A line that is not of the schema; names it.
    """
    try:
        lines = read_bounded(path).decode("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise ResultFileError(msg) from error
    return [_parse(path, i, line) for i, line in enumerate(lines, start=1) if line.strip()]


def _parse(path: Path, number: int, line: str) -> HistoryEntry:
    try:
        return HistoryEntry.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole line"
        msg = f"{path}:{number}: {where}: {first['msg']}; remove the line or restore the file"
        raise ResultFileError(msg) from error


def series(
    entries: Sequence[HistoryEntry], model: str, place: str, metric: str
) -> tuple[list[str], list[float]]:
    """Dates and values of one model's metric; nights without it are left out.

    Args:
        entries: The history.
        model: Name of the model.
        place: ``task/protocol``.
        metric: One of ``METRICS``, or ``seconds_per_evaluation``.
    """
    found = nights(entries, model, place, metric)
    return [entry.date for entry, _ in found], [value for _, value in found]


def nights(
    entries: Sequence[HistoryEntry], model: str, place: str, metric: str
) -> list[tuple[HistoryEntry, float]]:
    """The entries of one model that have a metric, each with its value; as :func:`series`."""
    found = []
    for entry in entries:
        if entry.model != model or place not in entry.tasks:
            continue
        numbers = entry.tasks[place]
        value = numbers.metrics.get(metric, getattr(numbers, metric, None))
        if value is not None:
            found.append((entry, value))
    return found
