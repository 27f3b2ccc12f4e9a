"""The tables of published values, ``published.csv`` in a task's data folder."""

from __future__ import annotations

import csv
from functools import cache
from typing import TYPE_CHECKING

from uipbench.casefiles import Published

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARK = "Uncertainty:"
"""Where the generated part of a case's comment begins."""


@cache
def read_published(folder: Path) -> tuple[dict[str, str], ...]:
    """Rows of the table in a data folder, by the names of its columns."""
    with (folder / "published.csv").open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def as_published(row: Mapping[str, str]) -> Published:
    """What a case keeps of a row."""
    return Published(
        quantity=row["quantity"],
        value=float(row["value"]),
        unit=row["unit"],
        doi=row["doi"],
        method=row["method"],
        comment=row["comment"],
    )
