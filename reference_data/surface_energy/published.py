"""Published values to compare with, and the uncertainty of our own.

The rule: the uncertainty of γ is the larger of its convergence and its distance to the published
value. Convergence is the relative deviation found in the convergence test of the material's class
times γ, or ±3 % of γ as long as there is no test, and at least 5 mJ/m².
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
RELATIVE_WITHOUT_TEST = 0.03
LEAST_J_PER_M2 = 0.005

EXPLAIN_ABOVE = 0.03
"""Differences to published γ above that many J/m² need an entry in ``explanations.json``."""

TEST_OF_MATERIAL: Mapping[str, str] = {
    "Cu": "cu_111",
    "Ag": "cu_111",
    "Ni": "cu_111",
    "LiTiS2": "litis2_001",
}
"""Convergence test of metals with d electrons and of a layered sulfide, which is a metal but has
the mesh of an insulator; the other materials go by their class."""

TEST_OF_CLASS: Mapping[str, str] = {
    "metal": "al_111",
    "semiconductor": "al_111",
    "halide": "lif_100",
    "oxide": "mgo_100",
    "sulfide": "mgo_100",
}
"""Convergence test by the last word of a material's chemistry."""


def published_rows() -> tuple[dict[str, str], ...]:
    """Rows of ``published.csv``; ``miller_index`` is empty for properties of the bulk."""
    return read_published(FOLDER)


def published_values(material: str, miller_index: str) -> list[Published]:
    """Published values of a facet (digits such as ``111``) and of its material's bulk."""
    return [
        as_published(row)
        for row in published_rows()
        if row["material"] == material and row["miller_index"] in {miller_index, ""}
    ]


def relative_convergence(material: str, chemistry: str) -> tuple[float, str]:
    """Relative convergence of a material, and a sentence that says where it is from."""
    test = TEST_OF_MATERIAL.get(material) or TEST_OF_CLASS[chemistry.rsplit(maxsplit=1)[-1]]
    found = read_convergence(FOLDER / "convergence", test)
    if found is None:
        percent = f"{100 * RELATIVE_WITHOUT_TEST:.0f}"
        return RELATIVE_WITHOUT_TEST, f"stated ±{percent} % of γ (no convergence test yet)"
    relative = found.relative_deviation
    return relative, f"{100 * relative:.1f} % of γ (convergence test of {test})"


def uncertainty(value: float, relative: float, published: float | None) -> float:
    """Uncertainty of γ in J/m² by the rule of this module.

    Args:
        value: γ in J/m².
        relative: Relative convergence of the material's class.
        published: Published γ in J/m², or None.
    """
    distance = 0.0 if published is None else abs(value - published)
    return max(relative * abs(value), LEAST_J_PER_M2, distance)


def annotate(file: CaseFile) -> CaseFile:
    """The case with published values and uncertainties filled in; idempotent."""
    miller_index = file.tags["miller_index"]
    if not isinstance(miller_index, list):
        msg = f"{file.id}: miller_index is {miller_index!r}, expected a list"
        raise TypeError(msg)
    published = published_values(file.material, "".join(str(i) for i in miller_index))
    relative, sentence = relative_convergence(file.material, file.chemistry)
    by_quantity = {p.quantity: p.value for p in published}
    references = {
        name: Quantity(
            value=q.value,
            unit=q.unit,
            uncertainty=round(uncertainty(q.value, relative, by_quantity.get(name)), 6),
        )
        for name, q in file.references.items()
    }
    terms = [sentence, f"{1000 * LEAST_J_PER_M2:.0f} mJ/m^2"]
    terms += [DISTANCE] if "surface_energy" in by_quantity else []
    comment = with_uncertainty(file, *terms, folder=FOLDER)
    changes = {"published": published, "references": references, "comment": comment}
    return file.model_copy(update=changes)
