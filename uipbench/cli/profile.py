"""The table of ``uipbench score --profile``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from uipbench.run_profile import PROFILE_NAME, RunProfile, write_profile

if TYPE_CHECKING:
    from rich.console import Console

    from uipbench.session import Session


def show_profile(session: Session, console: Console) -> None:
    """Show where the time of a run went, and keep it beside the results."""
    times = session.executor.times if session.executor else None
    if times is None:
        console.print("profile: nothing was computed")
        return
    profile = times.profile()
    path = session.folder / PROFILE_NAME
    write_profile(path, profile)
    console.print()
    console.print(profile_table(profile))
    console.print(
        f"{profile.evaluations} evaluations; wire and idle workers add {profile.added:.1%} to the "
        f"model's seconds; numbers: {path}",
        markup=False,
        soft_wrap=True,
    )


def profile_table(profile: RunProfile) -> Table:
    """Seconds by part; the shares of the workers' time add up to 100 %."""
    workers = f"{profile.workers} worker{'s' * (profile.workers > 1)}"
    table = Table(box=None)
    table.add_column(f"{workers} × {profile.wall:.1f} s")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    total = profile.workers * profile.wall or 1.0
    for name, seconds in _workers(profile):
        text = "not told" if seconds is None else f"{seconds:.2f}"
        table.add_row(name, text, "" if seconds is None else f"{seconds / total:.1%}")
    table.add_section()
    table.add_row("beside, in the harness", "", "", style="dim")
    for name, seconds in _harness(profile):
        table.add_row(name, f"{seconds:.2f}", "")
    return table


def _workers(profile: RunProfile) -> list[tuple[str, float | None]]:
    return [
        ("model evaluation", profile.model),
        ("  of it graphs and neighbour lists", profile.graph),
        ("wire", profile.wire),
        ("idle, cases in flight elsewhere", profile.idle),
        ("nothing left to do", profile.tail),
        ("start and loading of the model", profile.loading),
    ]


def _harness(profile: RunProfile) -> list[tuple[str, float]]:
    return [
        ("optimisers, bands and tasks", profile.optimiser),
        ("cases waiting for a free worker", profile.waiting),
        ("journal, results and page", profile.io),
    ]
