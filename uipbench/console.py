"""What `uipbench score` shows: a live progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from uipbench.metrics import Score, score
from uipbench.outcome import Failed, Outcome, Predicted
from uipbench.plan import in_tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from uipbench.case import Case
    from uipbench.plan import Job, Tier
    from uipbench.task import Task as BenchmarkTask

PLAIN_WIDTH = 110
PLAIN_INTERVAL_S = 15.0
REFRESH_S = 0.1


def make_console(*, stderr: bool = False) -> Console:
    """A console: coloured on a terminal, plain and of fixed width elsewhere."""
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    return Console(
        stderr=stderr,
        width=None if terminal else PLAIN_WIDTH,
        no_color=not terminal,
        highlight=False,
    )


@contextmanager
def reporting(console: Console) -> Iterator[Callable[[str], None]]:
    """Lines of progress: one line that changes on a terminal, a line each elsewhere."""
    if not console.is_terminal:
        yield lambda line: console.print(line, style="dim", markup=False)
        return
    with console.status("") as status:
        yield lambda line: status.update(Text(line[: console.width - 4], style="dim"))


def duration(seconds: float) -> str:
    """Such as ``1 h 05 min``, ``3 min 20 s``, ``12 s``."""
    minutes, left = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {left:02d} s" if minutes else f"{left} s"


class _Left(ProgressColumn):
    """Estimate of the time left, from the expected cost of what is done and what is not."""

    def render(self, task: Task) -> Text:
        left: float | None = task.fields["left"]
        return Text("estimating" if left is None else f"{duration(left)} left")


class ScoreProgress:
    """Progress of one model's run; an observer of the runner.

    Args:
        console: Where to show it.
        label: Name of the model.
        jobs: What is going to be computed.
        already: Cases that were there already.
        expected: Expected seconds of every job by its key; None where nothing is known.
    """

    def __init__(
        self,
        console: Console,
        label: str,
        jobs: Sequence[Job],
        *,
        already: int = 0,
        expected: Mapping[str, float] | None = None,
    ) -> None:
        self._console = console
        self._label = label
        self._costs = expected or {job.key: job.cost for job in jobs}
        self._cost = sum(self._costs.values())
        self._done_cost = 0.0
        self._total = len(jobs) + already
        self._done = already
        self._evaluations = 0
        self._failures = 0
        self._start = time.monotonic()
        self._last_line = self._last_shown = self._start
        self._lock = threading.Lock()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} cases"),
            TextColumn("{task.fields[evaluations]} evaluations"),
            TextColumn("{task.fields[failures]} failed"),
            _Left(),
            console=console,
            transient=True,
        )
        self._row = self._bar.add_task(
            label, total=self._total, completed=already, evaluations=0, failures=0, left=None
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        self._start = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def evaluated(self) -> None:
        """One structure was evaluated."""
        with self._lock:
            self._evaluations += 1
            if time.monotonic() - self._last_shown > REFRESH_S:
                self._show()

    def finished(self, job: Job, outcome: Outcome) -> None:
        """One case is finished."""
        with self._lock:
            self._done += 1
            self._done_cost += self._costs[job.key]
            if isinstance(outcome, Failed):
                self._failures += 1
                self._console.print(
                    f"failed: {job.case.id} ({job.protocol}): {outcome.kind}: {outcome.message}",
                    style="red",
                    markup=False,
                )
            self._show()

    def _left(self) -> float | None:
        if not self._done_cost:
            return None
        elapsed = time.monotonic() - self._start
        return elapsed * (self._cost - self._done_cost) / self._done_cost

    def _show(self) -> None:
        self._bar.update(
            self._row,
            completed=self._done,
            evaluations=self._evaluations,
            failures=self._failures,
            left=self._left(),
        )
        self._last_shown = now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line > PLAIN_INTERVAL_S:
            self._last_line = now
            left = self._left()
            self._console.print(
                f"{self._label}: {self._done}/{self._total} cases, {self._evaluations} "
                f"evaluations, {self._failures} failed, "
                f"{'estimating the time left' if left is None else duration(left) + ' left'}",
                markup=False,
            )


def number(value: float, digits: int = 3) -> str:
    """A number with fixed digits, or a dash."""
    return "–" if not math.isfinite(value) else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """The same with its sign."""
    return "–" if not math.isfinite(value) else f"{value:+.{digits}f}"


def case_table(
    task: BenchmarkTask, cases: Sequence[Case], outcomes: Mapping[str, Mapping[str, Outcome]]
) -> Table:
    """Reference, prediction and error of every case, in both protocols.

    Args:
        task: The task.
        cases: Its cases.
        outcomes: Outcome by case identifier, by protocol.
    """
    table = Table(title=f"{task.title} ({task.unit})", title_justify="left", box=None)
    table.add_column("case", no_wrap=True)
    for name in ("DFT", "±", "fixed", "error", "relaxed", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for case in cases:
        reference = case.references[task.quantity]
        cells = [case.title, number(reference.value), number(reference.uncertainty or math.nan)]
        for protocol in ("fixed", "relaxed"):
            cells += _cells(outcomes[protocol].get(case.id), task.quantity, reference.value)
        table.add_row(*cells)
    return table


def _cells(outcome: Outcome | None, quantity: str, reference: float) -> tuple[str, str]:
    if isinstance(outcome, Predicted) and quantity in outcome.values:
        value = outcome.values[quantity]
        return number(value), signed(value - reference)
    return ("", "") if outcome is None else ("failed", "")


def score_rows(
    task: BenchmarkTask,
    cases: Sequence[Case],
    outcomes: Mapping[str, Mapping[str, Outcome]],
    tier: Tier,
) -> dict[str, Score]:
    """Score by protocol, over the cases that the tier computes."""
    return {
        protocol: score(
            [case for case in cases if in_tier(case, protocol, tier)],
            outcomes[protocol],
            task.quantity,
            protocol,
            task.absolute_error,
        )
        for protocol in ("fixed", "relaxed")
    }


def score_table(rows: Mapping[str, Score], unit: str) -> Table:
    """Scores of a task, a row a protocol."""
    table = Table(box=None)
    table.add_column("protocol")
    for name in (
        f"MAE ({unit})",
        "signed error",
        "coverage",
        "skill",
        "force MAE (eV/Å)",
        "softening",
        "seconds",
        "evaluations",
    ):
        table.add_column(name, justify="right")
    for protocol, row in rows.items():
        table.add_row(
            protocol,
            number(row.mae),
            signed(row.mean_signed_error),
            f"{row.n_predicted}/{row.n_cases}",
            number(row.skill, 2),
            number(row.force_mae),
            number(row.softening_slope, 2),
            number(row.seconds, 1),
            str(row.evaluations),
        )
    return table
