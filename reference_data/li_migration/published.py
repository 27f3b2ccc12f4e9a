"""Published values to compare with, and the uncertainty of our own.

The uncertainty of a barrier is its convergence: the root of the summed squares of the changes in
the convergence test of the same kind of host, or ±20 meV as long as there is no test; at least 10
meV, and at least what the slopes of the images let the path rise between two of them. A published
barrier of the same hop counts with its distance where it was computed in a cell of the same size
(column ``same_cell``); those of larger cells are another quantity, because the vacancy, its images
and the hopping atom act on each other. They are shown all the same.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from uipbench.casefiles import CaseFile, Published, Quantity
from uipbench.reference.convergence import read_convergence
from uipbench.reference.published import (
    DISTANCE,
    as_published,
    read_published,
    with_uncertainty,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
WITHOUT_TEST_EV = 0.02
LEAST_EV = 0.01

EXPLAIN_ABOVE = 0.05
"""Differences to a published barrier above that many eV need an entry in ``explanations.json``."""

TEST_OF_CLASS: Mapping[str, str] = {
    "metal": "li_vacancy",
    "alloy": "lial_vacancy",
    "halide": "licl_vacancy",
    "oxide": "li2o_vacancy",
    "nitride": "li2o_vacancy",
    "sulfide": "litis2_vacancy",
    "selenide": "litis2_vacancy",
}
"""Convergence test by the last word of a host's chemistry."""


def published_rows() -> tuple[dict[str, str], ...]:
    """Rows of ``published.csv``."""
    return read_published(FOLDER)


def published_values(case_id: str) -> list[Published]:
    """Published values of a hop."""
    return [as_published(row) for row in published_rows() if row["case"] == case_id]


def comparable(case_id: str) -> dict[str, float]:
    """Published values that were computed in a cell of our size, by quantity."""
    return {
        row["quantity"]: float(row["value"])
        for row in published_rows()
        if row["case"] == case_id and row["same_cell"] == "yes"
    }


def convergence(chemistry: str) -> tuple[float, str]:
    """Convergence of a kind of host in eV, and a sentence that says where it is from."""
    test = TEST_OF_CLASS[chemistry.rsplit(maxsplit=1)[-1]]
    found = read_convergence(FOLDER / "convergence", test)
    if found is None:
        return (
            WITHOUT_TEST_EV,
            f"stated ±{1000 * WITHOUT_TEST_EV:.0f} meV (no convergence test yet)",
        )
    deviation = math.sqrt(math.fsum(v.change**2 for v in found.variants))
    return deviation, f"{1000 * deviation:.0f} meV (convergence test of {test})"


def uncertainty(value: float, deviation: float, published: float | None) -> float:
    """Uncertainty of a barrier in eV by the rule of this module.

    Args:
        value: Barrier in eV.
        deviation: Convergence of the kind of host in eV.
        published: Published barrier in a cell of the same size in eV, or None.
    """
    distance = 0.0 if published is None else abs(value - published)
    return max(deviation, LEAST_EV, distance)


def annotate(file: CaseFile) -> CaseFile:
    """The case with published values and uncertainties filled in; idempotent."""
    deviation, sentence = convergence(file.chemistry)
    rise = file.details.get("rise_between_images_ev", 0.0)
    same = comparable(file.id)
    references = {
        name: Quantity(
            value=q.value,
            unit=q.unit,
            uncertainty=math.ceil(1e6 * uncertainty(q.value, max(deviation, rise), same.get(name)))
            / 1e6,
        )
        for name, q in file.references.items()
    }
    terms = [sentence, f"{1000 * LEAST_EV:.0f} meV"]
    if rise > LEAST_EV:
        terms.append(
            f"the {1000 * rise:.0f} meV that its slopes let the path rise between two images"
        )
    terms += [DISTANCE] if same else []
    main = references["migration_barrier"]
    if main.value < (main.uncertainty or 0.0):
        terms[0] = f"{sentence}, which is more than the barrier itself"
    comment = with_uncertainty(file, *terms, folder=FOLDER)
    changes = {
        "published": published_values(file.id),
        "references": references,
        "comment": comment,
    }
    return file.model_copy(update=changes)
