"""What is known beside the boundary's own calculation: published values, uncertainty, its facet.

The rule: the uncertainty of γ is the larger of its convergence and its distance to the published
value. Convergence is the absolute deviation found in the convergence test of the material's class,
or ±3 % of γ as long as there is no test, and at least 10 mJ/m²: a twin has γ near zero, a relative
error says little of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from uipbench.casefiles import CaseFile, Published, Quantity, read_case_file, read_lock
from uipbench.reference.convergence import read_convergence
from uipbench.reference.published import (
    DISTANCE,
    as_published,
    read_published,
    with_uncertainty,
)
from uipbench.reference.queue import case_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
RELATIVE_WITHOUT_TEST = 0.03
LEAST_J_PER_M2 = 0.010
UNIT = "J/m^2"

EXPLAIN_ABOVE = 0.05
"""Differences to published γ above that many J/m² need an entry in ``explanations.json``."""

TEST_OF_CLASS: Mapping[str, str] = {
    "bcc metal": "li_s5_310",
    "fcc metal": "cu_s3_111",
    "halide": "li2o_s3_111",
    "oxide": "li2o_s3_111",
    "sulfide": "li2o_s3_111",
    "oxide halide": "li2o_s3_111",
    "layered oxide": "li2o_s3_111",
}
TEST_OF_MATERIAL: Mapping[str, str] = {"Al": "al_s3_111"}
"""Convergence test of a material that does not go by its class."""


def published_rows() -> tuple[dict[str, str], ...]:
    """Rows of ``published.csv``."""
    return read_published(FOLDER)


def published_values(material: str, coincidence_index: int, plane: str) -> list[Published]:
    """Published values of a boundary; ``plane`` as digits such as ``210``."""
    return [
        as_published(row)
        for row in published_rows()
        if (row["material"], row["coincidence_index"], row["plane"])
        == (material, str(coincidence_index), plane)
    ]


def counted(material: str, coincidence_index: int, plane: str) -> dict[str, float]:
    """Published values that the uncertainty takes for right, by quantity.

    Not the twin of Al, which is negative, and that of Cu, which another calculation contradicts:
    both are explained in ``explanations.json``.
    """
    return {
        row["quantity"]: float(row["value"])
        for row in published_rows()
        if (row["material"], row["coincidence_index"], row["plane"], row["counted"])
        == (material, str(coincidence_index), plane, "yes")
    }


def convergence(material: str, chemistry: str, value: float) -> tuple[float, str]:
    """Convergence of γ in J/m², and a sentence that says where it is from."""
    test = TEST_OF_MATERIAL.get(material) or TEST_OF_CLASS[chemistry]
    found = read_convergence(FOLDER / "convergence", test)
    if found is None:
        percent = f"{100 * RELATIVE_WITHOUT_TEST:.0f}"
        stated = RELATIVE_WITHOUT_TEST * abs(value)
        return stated, f"stated ±{percent} % of γ (no convergence test yet)"
    return found.deviation, f"{1000 * found.deviation:.1f} mJ/m^2 (convergence test of {test})"


def uncertainty(value: float, converged: float, published: float | None) -> float:
    """Uncertainty of γ in J/m² by the rule of this module.

    Args:
        value: γ in J/m².
        converged: Convergence in J/m².
        published: Published γ in J/m², or None.
    """
    distance = 0.0 if published is None else abs(value - published)
    return max(converged, LEAST_J_PER_M2, distance)


def surface_energy(material: str, plane: str) -> float | None:
    """γ of the same plane in J/m² as its case of ``surface_energy`` states it; None without one."""
    folder, facet = case_folder("surface_energy"), f"{material.lower()}_{plane}"
    if f"{facet}.json" not in read_lock(folder):
        return None
    return read_case_file(folder, facet).references["surface_energy"].value


def annotate(file: CaseFile) -> CaseFile:
    """The case with published values, uncertainties and work of separation; idempotent."""
    plane, sigma = file.tags["plane"], file.tags["coincidence_index"]
    if not isinstance(plane, list) or not isinstance(sigma, int):
        msg = f"{file.id}: plane {plane!r} or coincidence_index {sigma!r} is of the wrong type"
        raise TypeError(msg)
    digits = "".join(str(i) for i in plane)
    published = published_values(file.material, sigma, digits)
    by_quantity = counted(file.material, sigma, digits)
    main = file.references["grain_boundary_energy"].value
    known, details = dict(file.references), dict(file.details)
    surface = surface_energy(file.material, digits)
    if surface is not None:
        details["surface_energy_j_per_m2"] = surface
        known["work_of_separation"] = Quantity(value=2 * surface - main, unit=UNIT)
    converged, sentence = convergence(file.material, file.chemistry, main)
    references = {
        name: Quantity(
            value=q.value,
            unit=q.unit,
            uncertainty=round(uncertainty(q.value, converged, by_quantity.get(name)), 6)
            if q.unit == UNIT
            else None,
        )
        for name, q in known.items()
    }
    terms = [sentence, f"{1000 * LEAST_J_PER_M2:.0f} mJ/m^2"]
    terms += [DISTANCE] if "grain_boundary_energy" in by_quantity else []
    comment = with_uncertainty(file, *terms, folder=FOLDER)
    changes = {
        "published": published,
        "references": references,
        "details": details,
        "comment": comment,
    }
    return file.model_copy(update=changes)
