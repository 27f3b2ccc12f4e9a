"""Grain-boundary energy of symmetric tilt and twin boundaries.

γ = (E_GB − n·E_bulk) / 2A, two equivalent boundaries in a periodic cell, where the bulk is the
perfect crystal in a cell with the same in-plane lattice and height.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from uipbench.kit import (
    J_PER_M2,
    Case,
    Prediction,
    Protocol,
    Task,
    evaluate_roles,
    relax_along_normal,
    relax_cell,
)

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

BOUNDARY_FMAX = 0.003
"""Limit of the model's boundary relaxation: forces in eV/Å, zz virial as in the kit.

In lithium, the softest case, what it leaves of the excess volume is 0.003 Å.
"""

BULK_FMAX = 0.002
"""Limit of the bulk relaxation: forces in eV/Å, virial an atom in eV."""

SURFACE_ENERGY = "surface_energy_j_per_m2"
"""Detail of a case: DFT surface energy (J/m²) of the plane of the boundary, where known."""

ROLES = {
    "grain_boundary_energy": "boundary",
    "grain_boundary_energy_start": "boundary_start",
}
"""Structure that a quantity is the energy of; cases without DFT relaxation lack the second."""


class GrainBoundary(Task):
    """Grain-boundary energies in the ``fixed`` and ``relaxed`` protocols."""

    name: ClassVar[str] = "grain_boundary"
    title: ClassVar[str] = "Grain-boundary energy"
    summary: ClassVar[str] = (
        "The energy, per area, of the plane where two differently oriented crystals meet. "
        "It decides how many grains an electrolyte or an anode keeps, where lithium and "
        "impurities gather, and how easily the solid breaks between its grains."
    )
    quantity: ClassVar[str] = "grain_boundary_energy"
    unit: ClassVar[str] = "J/m^2"
    primary_metric: ClassVar[str] = "mae"
    citation: ClassVar[str] = (
        "Zheng et al., Acta Mater. 186, 40 (2020), doi:10.1016/j.actamat.2019.12.030"
    )
    version: ClassVar[int] = 1

    def predict(self, case: Case, calculator: Calculator, protocol: Protocol) -> Prediction:
        """γ in J/m² of the relaxed boundary; in ``fixed`` also of the start.

        ``relaxed``: the bulk's cell and positions are relaxed with the model, its strain is
        applied to the DFT boundary, then positions and the cell length along the normal are
        relaxed in that in-plane lattice. The excess volume (Å, a volume per area) is that of the
        relaxed boundary. The work of separation is 2γ_surface − γ with the DFT surface energy of
        the case: only its γ is the model's, so that no other task is needed.

        Raises:
            NotConvergedError: A relaxation did not reach its limit.
        """
        if protocol == "fixed":
            return _fixed(case, calculator)
        return _relaxed(case, calculator)

    def inputs(self, case: Case) -> dict[str, object]:
        """The DFT surface energy that works of separation are made with."""
        return {k: v for k, v in case.details.items() if k == SURFACE_ENERGY}


def area(atoms: Atoms) -> float:
    """In-plane area of the cell in Å²."""
    return float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))


def grain_boundary_energy(
    boundary: Atoms, boundary_energy: float, bulk_energy_per_atom: float
) -> float:
    """γ = (E_GB − n·E_bulk) / 2A in J/m², from energies in eV."""
    excess = boundary_energy - len(boundary) * bulk_energy_per_atom
    return excess / (2 * area(boundary)) * J_PER_M2


def excess_volume(boundary: Atoms, bulk: Atoms) -> float:
    """(V_GB − n·V_bulk) / 2A in Å: by how much one boundary drives the grains apart."""
    n = len(boundary) / len(bulk)
    return float((boundary.get_volume() - n * bulk.get_volume()) / (2 * area(boundary)))


def strained_boundary(boundary: Atoms, bulk: Atoms, relaxed_bulk: Atoms) -> Atoms:
    """The boundary with the strain from ``bulk`` to ``relaxed_bulk``; normal along z.

    In-plane vectors are those of ``relaxed_bulk``, the height follows its layer spacing, and
    fractional coordinates stay. The in-plane vectors of ``boundary`` are those of ``bulk``.
    """
    a, b, _ = relaxed_bulk.cell.lengths()
    gamma = np.deg2rad(relaxed_bulk.cell.angles()[2])
    stretch = _height(relaxed_bulk) / _height(bulk)
    in_plane = [[a, 0, 0], [b * np.cos(gamma), b * np.sin(gamma), 0]]
    strained = boundary.copy()
    offset = np.linalg.solve(boundary.cell[:2, :2].T, boundary.cell[2, :2]) @ in_plane
    normal = offset + np.array([0, 0, boundary.cell[2, 2] * stretch])
    strained.set_cell([*in_plane, normal], scale_atoms=True)
    return strained


def _height(atoms: Atoms) -> float:
    return float(atoms.get_volume() / area(atoms))


def _with_separation(case: Case, values: dict[str, float]) -> dict[str, float]:
    if SURFACE_ENERGY not in case.details:
        return values
    work = 2 * case.details[SURFACE_ENERGY] - values["grain_boundary_energy"]
    return values | {"work_of_separation": work}


def _fixed(case: Case, calculator: Calculator) -> Prediction:
    evaluated = evaluate_roles(case, calculator)
    bulk = evaluated["bulk"].energy / len(case.atoms("bulk"))
    values = {
        quantity: grain_boundary_energy(case.atoms(role), evaluated[role].energy, bulk)
        for quantity, role in ROLES.items()
        if role in evaluated
    }
    return Prediction(values=_with_separation(case, values), evaluated=evaluated)


def _relaxed(case: Case, calculator: Calculator) -> Prediction:
    start = case.atoms("bulk")
    bulk = relax_cell(start, calculator, fmax=BULK_FMAX)
    strained = strained_boundary(case.atoms("boundary"), start, bulk.atoms)
    boundary = relax_along_normal(strained, calculator, fmax=BOUNDARY_FMAX)
    values = {
        "grain_boundary_energy": grain_boundary_energy(
            boundary.atoms, boundary.energy, bulk.energy / len(start)
        ),
        "excess_volume": excess_volume(boundary.atoms, bulk.atoms),
    }
    details = {
        "bulk_steps": float(bulk.steps),
        "boundary_steps": float(boundary.steps),
        "boundary_max_force_ev_per_a": boundary.max_force,
        "lattice_strain": float((bulk.atoms.get_volume() / start.get_volume()) ** (1 / 3) - 1),
    }
    return Prediction(values=_with_separation(case, values), details=details)


TASK = GrainBoundary()
