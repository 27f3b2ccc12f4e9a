"""Published values to compare with, and the uncertainty of our own.

The rule for the average voltage: the larger of convergence and distance to the published value of
the same functional. Convergence is the deviation found in the convergence test of the same kind of
host, or a stated one of 20 mV as long as there is no test; at least 10 mV, and with +U at least 50
mV (the choice of projections, which no test varies: 67 mV in LiCoO2). Formation energies and volume
changes have no stated uncertainty.
"""

from __future__ import annotations

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
LEAST_V = 0.01
STATED_V = 0.02
STATED_WITH_U_V = 0.05

EXPLAIN_ABOVE = 0.1
"""Differences to a published average voltage above that many V need an explanation."""

TEST_OF_CHEMISTRY: Mapping[str, str] = {
    "alloy": "li_al",
    "alloy of a semiconductor": "li_al",
    "layered sulfide": "lixtis2",
    "oxide": "lixtio2",
    "layered oxide": "lixcoo2",
    "spinel oxide": "lixcoo2",
    "olivine phosphate": "lixfepo4",
}
"""Convergence test by kind of host."""


def published_rows() -> tuple[dict[str, str], ...]:
    """Rows of ``published.csv``."""
    return read_published(FOLDER)


def published_values(case_id: str) -> list[Published]:
    """Published values of a host."""
    return [as_published(row) for row in published_rows() if row["case"] == case_id]


def convergence(chemistry: str) -> tuple[float, str]:
    """Convergence of the average voltage in V, and a sentence that says where it is from."""
    test = TEST_OF_CHEMISTRY[chemistry]
    found = read_convergence(FOLDER / "convergence", test)
    if found is None:
        return STATED_V, f"stated {1000 * STATED_V:.0f} mV (no convergence test yet)"
    return found.deviation, f"{1000 * found.deviation:.0f} mV (convergence test of {test})"


def uncertainty(value: float, converged: float, published: float | None) -> float:
    """Uncertainty of the average voltage in V by the rule of this module.

    Args:
        value: Our value in V.
        converged: Convergence in V.
        published: Published value in V, or None.
    """
    distance = 0.0 if published is None else abs(value - published)
    return max(converged, LEAST_V, distance)


def annotate(file: CaseFile) -> CaseFile:
    """The case with published values and uncertainties filled in; idempotent."""
    published = published_values(file.id)
    converged, sentence = convergence(file.chemistry)
    known = {p.quantity: p.value for p in published}.get("average_voltage")
    main = file.references["average_voltage"]
    least = STATED_WITH_U_V if file.theory.hubbard_u_ev else LEAST_V
    changed = Quantity(
        value=main.value,
        unit=main.unit,
        uncertainty=round(uncertainty(main.value, max(converged, least), known), 6),
    )
    terms = [sentence, f"{1000 * least:.0f} mV"]
    if file.theory.hubbard_u_ev:
        terms[-1] += " for the projections that U acts on"
    terms += [] if known is None else [DISTANCE]
    comment = with_uncertainty(file, *terms, folder=FOLDER)
    references = {**file.references, "average_voltage": changed}
    changes = {"published": published, "references": references, "comment": comment}
    return file.model_copy(update=changes)
