"""Values and details of a grain-boundary case, from its DFT structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uipbench.units import GPA, J_PER_M2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from uipbench.reference.engine import DftStructure

FMAX_EV_PER_A = 0.01
"""Limit of the DFT relaxation: forces in eV/Å, zz virial over the root of the atom number in eV.

In lithium, the softest case, what it leaves of the excess volume is 0.01 Å, in aluminium 0.004 Å.
"""


def grain_boundary_energy(bulk: DftStructure, boundary: DftStructure) -> float:
    """γ in J/m² from DFT energies."""
    n = len(boundary.atoms) / len(bulk.atoms)
    excess = boundary.evaluation.energy - n * bulk.evaluation.energy
    return float(excess / (2 * area(boundary.atoms)) * J_PER_M2)


def excess_volume(bulk: Atoms, boundary: Atoms) -> float:
    """Excess volume per area of one boundary in Å."""
    n = len(boundary) / len(bulk)
    return float((boundary.get_volume() - n * bulk.get_volume()) / (2 * area(boundary)))


def area(atoms: Atoms) -> float:
    """In-plane area of the cell in Å²."""
    return float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))


def values_of(found: Mapping[str, DftStructure]) -> dict[str, tuple[float, str]]:
    """Value and unit by quantity; excess volume only where DFT relaxed the boundary."""
    bulk, boundary = found["bulk"], found["boundary"]
    values = {"grain_boundary_energy": (grain_boundary_energy(bulk, boundary), "J/m^2")}
    if "boundary_start" in found:
        start = grain_boundary_energy(bulk, found["boundary_start"])
        values["grain_boundary_energy_start"] = (start, "J/m^2")
        values["excess_volume"] = (excess_volume(bulk.atoms, boundary.atoms), "A")
    return values


def details_of(found: Mapping[str, DftStructure]) -> dict[str, float]:
    """Area, distance of the boundaries, residual force and stress of the DFT boundary."""
    boundary = found["boundary"]
    details = {
        "area_a2": area(boundary.atoms),
        "boundary_distance_a": float(boundary.atoms.cell[2, 2] / 2),
        "residual_force_ev_per_a": boundary.max_force,
    }
    stress, crystal = boundary.evaluation.stress, found["bulk"].evaluation.stress
    if "boundary_start" in found and stress is not None and crystal is not None:
        details["relaxation_fmax_ev_per_a"] = FMAX_EV_PER_A
        details["basis_normal_stress_gpa"] = float(crystal[2] * GPA)
        details["residual_normal_stress_gpa"] = float((stress[2] - crystal[2]) * GPA)
    return details
