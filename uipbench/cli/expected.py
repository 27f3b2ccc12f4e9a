"""What ``uipbench score`` says of the time that a run will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.console import duration
from uipbench.errors import ResultFileError
from uipbench.estimate import estimate
from uipbench.machine import processor
from uipbench.results import PUBLIC_RESULTS, load_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from uipbench.plan import Job
    from uipbench.session import Session


def say_expected(
    session: Session, missing: Sequence[Job], console: Console
) -> Mapping[str, float] | None:
    """Say how long the run will take, as far as earlier records tell; seconds by job."""
    try:
        results = load_results(PUBLIC_RESULTS, session.options.out)
    except ResultFileError:  # whoever reads the file for its content says so
        return None
    found = estimate(
        missing,
        results,
        model=session.record.card.name,
        check=session.check,
        processor=processor(),
    )
    if found is None:
        return None
    workers = session.options.n_workers if session.options.executor == "local" else 1
    source = "its own records" if found.own else f"records of {found.models} other models"
    console.print(
        f"expected: about {duration(found.total / workers)} on {workers} "
        f"worker{'s' * (workers > 1)}, from {source}"
    )
    return found.seconds
