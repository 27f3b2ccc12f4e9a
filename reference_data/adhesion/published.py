"""Published values to compare with, and the uncertainty of our own.

The rule for W_ad is that of the surface-energy set: the larger of convergence and distance to the
published value; convergence is the deviation found in the convergence test of the same kind of
interface, or as long as there is none ±5 % of W_ad, at least what the test of Al on LiF found; and
at least 10 mJ/m² (the energy of a slab moves by 1 to 4 meV with its position on the grid). The
largest traction is as uncertain, relative to itself, as W_ad is, and at least 1 %, the
interpolation's; the equilibrium distance ±0.02 Å.
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
RELATIVE_WITHOUT_TEST = 0.05
LEAST_J_PER_M2 = 0.01
LEAST_RELATIVE_TRACTION = 0.01
DISTANCE_A = 0.02

EXPLAIN_ABOVE = 0.1
"""Differences to a published W_ad above that many J/m² need an entry in ``explanations.json``."""

TEST_OF_CHEMISTRY: Mapping[str, str] = {
    "metal on metal": "al_ag_001",
    "metal on halide": "al_lif_001_f",
    "metal on oxide": "ag_mgo_001_o",
    "halide on oxide": "lif_mgo_001_o",
    "oxide on sulfide": "lif_mgo_001_o",
}
"""Convergence test by kind of interface."""

TEST_FOR_WANT_OF_ONE = "al_lif_001_f"
"""For kinds of interfaces whose own test is not done yet; each of them has a salt or an oxide."""


def published_rows() -> tuple[dict[str, str], ...]:
    """Rows of ``published.csv``."""
    return read_published(FOLDER)


def published_values(case_id: str) -> list[Published]:
    """Published values of an interface."""
    return [as_published(row) for row in published_rows() if row["case"] == case_id]


def convergence(chemistry: str, value: float) -> tuple[float, str]:
    """Convergence of W_ad in J/m², and a sentence that says where it is from.

    Absolute where it is from a test: W_ad of the test may be near zero, and errors of slabs and
    interface grow with their area, not with how strongly they bind.
    """
    test = TEST_OF_CHEMISTRY[chemistry]
    found = read_convergence(FOLDER / "convergence", test)
    if found is None:
        nearest = read_convergence(FOLDER / "convergence", TEST_FOR_WANT_OF_ONE)
        known = 0.0 if nearest is None else nearest.deviation
        stated = max(RELATIVE_WITHOUT_TEST * abs(value), known)
        where = (
            f"no test of its kind yet: ±{100 * RELATIVE_WITHOUT_TEST:.0f} % of W_ad, and at least"
        )
        where = f"{where} the {1000 * known:.0f} mJ/m^2 of {TEST_FOR_WANT_OF_ONE}"
        return stated, f"{1000 * stated:.0f} mJ/m^2 ({where})"
    return found.deviation, f"{1000 * found.deviation:.0f} mJ/m^2 (convergence test of {test})"


def uncertainty(
    name: str, value: float, *, converged: float, work: float, published: float | None
) -> float:
    """Uncertainty of a quantity by the rule of this module, in its own unit.

    Args:
        name: Quantity.
        value: Our value.
        converged: Convergence of W_ad in J/m².
        work: Our W_ad in J/m².
        published: Published value or None.
    """
    distance = 0.0 if published is None else abs(value - published)
    if name == "equilibrium_distance":
        return max(DISTANCE_A, distance)
    if name == "largest_traction":
        relative = max(max(converged, LEAST_J_PER_M2) / abs(work), LEAST_RELATIVE_TRACTION)
        return max(relative * abs(value), distance)
    return max(converged, LEAST_J_PER_M2, distance)


def annotate(file: CaseFile) -> CaseFile:
    """The case with published values and uncertainties filled in; idempotent."""
    published = published_values(file.id)
    work = file.references["work_of_adhesion"].value
    converged, sentence = convergence(file.chemistry, work)
    by_quantity = {p.quantity: p.value for p in published}
    references = {
        name: Quantity(
            value=q.value,
            unit=q.unit,
            uncertainty=round(
                uncertainty(
                    name,
                    q.value,
                    converged=converged,
                    work=work,
                    published=by_quantity.get(name),
                ),
                6,
            ),
        )
        for name, q in file.references.items()
    }
    terms = [sentence, f"{1000 * LEAST_J_PER_M2:.0f} mJ/m^2", *([DISTANCE] if published else [])]
    comment = with_uncertainty(file, *terms, folder=FOLDER)
    changes = {"published": published, "references": references, "comment": comment}
    return file.model_copy(update=changes)
