"""The tables of published values, ``published.csv`` in a task's data folder."""

from __future__ import annotations

import csv
import io
from functools import cache
from typing import TYPE_CHECKING

from uipbench.bounded import read_bounded
from uipbench.casefiles import Published
from uipbench.errors import ReferenceDataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARK = "Uncertainty:"
"""Where the generated part of a case's comment begins."""


@cache
def read_published(folder: Path) -> tuple[dict[str, str], ...]:
    """Rows of the table in a data folder, by the names of its columns.

    Raises:
        ReferenceDataError: Not readable, or a row that has not the columns of the first line.
    """
    path = folder / "published.csv"
    try:
        text = read_bounded(path).decode("utf-8")
        rows = tuple(csv.DictReader(io.StringIO(text, newline="")))
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}; restore it"
        raise ReferenceDataError(msg) from error
    except (ValueError, csv.Error) as error:
        msg = f"{path}: is not CSV: {error}; restore it"
        raise ReferenceDataError(msg) from error
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            msg = f"{path}: row {number}: has more or fewer fields than the first line; mend it"
            raise ReferenceDataError(msg)
    return rows


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
