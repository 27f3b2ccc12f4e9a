"""The tables of published values, ``published.csv`` in a task's data folder."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from typing import TYPE_CHECKING

from uipbench.bounded import read_bounded
from uipbench.casefiles import Published
from uipbench.errors import ReferenceDataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from uipbench.casefiles import CaseFile

MARK = "Uncertainty:"
"""Where the generated part of a case's comment begins."""

EXPLANATIONS_NAME = "explanations.json"
"""File of a data folder: why a case is far from its published value, by case."""


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


@cache
def explanations(folder: Path) -> dict[str, str]:
    """Why a case is far from its published value, by case; empty without the file."""
    path = folder / EXPLANATIONS_NAME
    return dict(json.loads(read_bounded(path))) if path.exists() else {}


def with_uncertainty(file: CaseFile, *terms: str, folder: Path) -> str:
    """A case's comment with the terms that its uncertainty is the largest of; idempotent.

    Args:
        file: The case; what follows :data:`MARK` in its comment is written anew.
        terms: Two or more, each with its unit and where it is from.
        folder: Data folder, whose explanation of the published value is put behind them.
    """
    largest = "larger" if len(terms) == len("ab") else "largest"
    listed = f"{', '.join(terms[:-1])} and {terms[-1]}"
    own = file.comment.split(MARK, maxsplit=1)[0].strip()
    sentences = [own, f"{MARK} the {largest} of {listed}."]
    explanation = explanations(folder).get(file.id)
    if explanation:
        sentences.append(f"On the published value: {explanation}")
    if file.theory.hubbard_u_ev:
        sentences.append("U acts on projections that are not normalised.")
    return " ".join(sentences).strip()


DISTANCE = "the distance to the published value"
"""The last of the terms of an uncertainty where there is such a value."""


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
