"""Surface energy of symmetric, stoichiometric slabs.

γ = (E_slab − n·E_bulk) / 2A, where the bulk is the oriented bulk cell with the slab's in-plane
lattice.
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
    relax_cell,
    relax_positions,
)

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

SLAB_FMAX = 0.01
"""Force limit of the model's slab relaxation in eV/Å."""

BULK_FMAX = 0.002
"""Limit of the bulk relaxation: forces in eV/Å, virial an atom in eV."""


class SurfaceEnergy(Task):
    """Surface energies in the ``fixed`` and ``relaxed`` protocols."""

    name: ClassVar[str] = "surface_energy"
    title: ClassVar[str] = "Surface energy"
    summary: ClassVar[str] = (
        "The energy it costs to cut a crystal along a plane, per area of new surface. "
        "It decides which facets a particle shows, how a metal wets its collector, and whether "
        "a crack or a void opens at a buried interface."
    )
    quantity: ClassVar[str] = "surface_energy"
    unit: ClassVar[str] = "J/m^2"
    primary_metric: ClassVar[str] = "mae"
    citation: ClassVar[str] = "Tran et al., Sci. Data 3, 160080 (2016), doi:10.1038/sdata.2016.80"
    version: ClassVar[int] = 1

    def predict(self, case: Case, calculator: Calculator, protocol: Protocol) -> Prediction:
        """γ in J/m² of the relaxed slab; in ``fixed`` also of the unrelaxed one.

        ``relaxed``: the bulk's cell and positions are relaxed with the model, its strain is
        applied to the slab, and the slab's positions are relaxed in that fixed cell.

        Raises:
            NotConvergedError: A relaxation did not reach its limit.
        """
        if protocol == "fixed":
            return _fixed(case, calculator)
        return _relaxed(case, calculator)


def surface_energy(slab: Atoms, slab_energy: float, bulk_energy_per_atom: float) -> float:
    """γ = (E_slab − n·E_bulk) / 2A in J/m², from energies in eV."""
    area = float(np.linalg.norm(np.cross(slab.cell[0], slab.cell[1])))
    return (slab_energy - len(slab) * bulk_energy_per_atom) / (2 * area) * J_PER_M2


def strained_slab(slab: Atoms, bulk: Atoms, relaxed_bulk: Atoms) -> Atoms:
    """The slab with the strain from ``bulk`` to ``relaxed_bulk``, its vacuum kept.

    The in-plane vectors follow the bulk's, distances along the normal its layer spacing. The
    slab's in-plane vectors are those of ``bulk``, with the normal along z.
    """
    a, b, _ = relaxed_bulk.cell.lengths()
    gamma = np.deg2rad(relaxed_bulk.cell.angles()[2])
    stretch = _height(relaxed_bulk) / _height(bulk)
    strained = slab.copy()
    scaled = slab.get_scaled_positions(wrap=False)
    z = slab.positions[:, 2]
    middle = (z.min() + z.max()) / 2
    height = slab.cell[2, 2] + (stretch - 1) * (z.max() - z.min())
    strained.set_cell([[a, 0, 0], [b * np.cos(gamma), b * np.sin(gamma), 0], [0, 0, height]])
    strained.set_scaled_positions(scaled)
    strained.positions[:, 2] = height / 2 + (z - middle) * stretch
    return strained


def _height(bulk: Atoms) -> float:
    return float(bulk.get_volume() / np.linalg.norm(np.cross(bulk.cell[0], bulk.cell[1])))


def _fixed(case: Case, calculator: Calculator) -> Prediction:
    evaluated = evaluate_roles(case, calculator)
    bulk = evaluated["bulk"].energy / len(case.atoms("bulk"))
    slabs = {"surface_energy": "slab", "surface_energy_unrelaxed": "slab_unrelaxed"}
    values = {
        quantity: surface_energy(case.atoms(role), evaluated[role].energy, bulk)
        for quantity, role in slabs.items()
    }
    return Prediction(values=values, evaluated=evaluated)


def _relaxed(case: Case, calculator: Calculator) -> Prediction:
    start = case.atoms("bulk")
    bulk = relax_cell(start, calculator, fmax=BULK_FMAX)
    slab = relax_positions(
        strained_slab(case.atoms("slab"), start, bulk.atoms), calculator, fmax=SLAB_FMAX
    )
    value = surface_energy(slab.atoms, slab.energy, bulk.energy / len(start))
    volume_ratio = bulk.atoms.get_volume() / start.get_volume()
    details = {
        "bulk_steps": float(bulk.steps),
        "slab_steps": float(slab.steps),
        "slab_max_force_ev_per_a": slab.max_force,
        "lattice_strain": float(volume_ratio ** (1 / 3) - 1),
    }
    return Prediction(values={"surface_energy": value}, details=details)


TASK = SurfaceEnergy()
