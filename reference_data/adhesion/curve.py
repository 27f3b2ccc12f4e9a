"""The rigid binding curve in DFT, and the reference values that follow from its energies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uipbench.errors import ReferenceEngineError
from uipbench.tasks.adhesion import (
    curve_minimum,
    curve_roles,
    in_plane_area,
    joined,
    separation,
    work_of_adhesion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ase import Atoms

    from uipbench.reference.engine import DftEngine, DftStructure
    from uipbench.reference.gpaw_calculator import StoredDft
    from uipbench.reference.settings import DftSettings

STEP_A = 0.2
"""Grid on which the lowest separation is looked for."""

LONGEST_WALK = 4
"""Steps from the start before the search gives up; the cell has vacuum for no more."""

LEAST_VACUUM_A = 12.0
"""Vacuum that the farthest separation leaves."""

OFFSETS_A = (-0.4, -0.2, 0.0, 0.2, 0.4, 0.7, 1.1, 1.6)
"""Separations of the curve from its lowest one on the grid; the farthest is the caller's."""


def lowest_separation(energy: Callable[[float], float], start: float) -> float:
    """Walk downhill in steps of :data:`STEP_A` until both neighbours are higher.

    Args:
        energy: Energy at a separation; called once for each.
        start: First separation in Å.

    Raises:
        ReferenceEngineError: No minimum within :data:`LONGEST_WALK` steps.
    """
    known: dict[int, float] = {}

    def at(step: int) -> float:
        if step not in known:
            known[step] = energy(round(start + step * STEP_A, 6))
        return known[step]

    here = 0
    while abs(here) <= LONGEST_WALK:
        best = min((here - 1, here, here + 1), key=at)
        if best == here:
            return round(start + here * STEP_A, 6)
        here = best
    span = LONGEST_WALK * STEP_A
    msg = f"no minimum of the binding curve within {span:.1f} Å of {start:.2f} Å"
    raise ReferenceEngineError(msg)


def binding_curve(  # noqa: PLR0913  # three are named
    engine: DftEngine,
    slabs: tuple[Atoms, Atoms],
    settings: DftSettings,
    *,
    start: float,
    farthest: float,
    calculator: StoredDft | None = None,
) -> list[DftStructure]:
    """The two slabs, each rigid, at growing separations around the lowest one.

    Args:
        engine: Runs what is not in its step store.
        slabs: Relaxed substrate and film, in the same cell.
        settings: DFT settings.
        start: Separation in Å where the search for the minimum starts.
        farthest: Last separation in Å behind the lowest one, if that leaves vacuum enough.
        calculator: Of :meth:`DftEngine.joined_calculator`, where it is used for more.

    Raises:
        ReferenceEngineError: No minimum near ``start``.
    """
    known: dict[float, DftStructure] = {}
    calculator = calculator or engine.joined_calculator(slabs, settings)

    def at(distance: float) -> DftStructure:
        if distance not in known:
            structure = joined(*slabs, distance)
            known[distance] = engine.single_point(structure, settings, calculator)
        return known[distance]

    centre = lowest_separation(lambda distance: at(distance).evaluation.energy, start)
    thickness = sum(float(np.ptp(slab.positions[:, 2])) for slab in slabs)
    room = float(slabs[0].cell[2, 2]) - thickness - LEAST_VACUUM_A
    last = min(farthest, np.floor(10 * (room - centre)) / 10)
    return [at(round(centre + offset, 6)) for offset in (*OFFSETS_A, last)]


def reference_values(found: Mapping[str, DftStructure]) -> dict[str, dict[str, float | str]]:
    """W_ad of the relaxed interface; distance and largest traction of the rigid curve.

    Raises:
        ReferenceEngineError: The curve has no minimum.
    """
    energies = {role: structure.evaluation.energy for role, structure in found.items()}
    atoms = {role: structure.atoms for role, structure in found.items()}
    return values_of(energies, atoms)


def values_of(
    energies: Mapping[str, float], atoms: Mapping[str, Atoms]
) -> dict[str, dict[str, float | str]]:
    """Values and units by quantity, from energies (eV) and structures by role.

    Raises:
        ReferenceEngineError: The curve has no minimum.
    """
    area = in_plane_area(atoms["interface"])
    apart = energies["slab_a"], energies["slab_b"]
    roles = curve_roles(list(energies))
    distances = [separation(atoms[role], len(atoms["slab_a"])) for role in roles]
    curve = [-work_of_adhesion(area, *apart, energies[role]) for role in roles]
    minimum = curve_minimum(np.array(distances), np.array(curve))
    if minimum is None:
        msg = f"{atoms['interface'].symbols}: the binding curve has no minimum"
        raise ReferenceEngineError(msg)
    work = work_of_adhesion(area, *apart, energies["interface"])
    return {
        "work_of_adhesion": {"value": work, "unit": "J/m^2"},
        "equilibrium_distance": {"value": minimum.distance, "unit": "angstrom"},
        "largest_traction": {"value": minimum.largest_traction, "unit": "GPa"},
    }
