"""The reference values that follow from the DFT energies of a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.tasks import voltage_profile as task
from uipbench.tasks.voltage_profile.structures import Series, make_series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

UNITS = {
    "average_voltage": "V",
    "volume_change": "percent",
    "lowest_formation_energy": "eV",
    "stable_intermediates": "1",
}
"""Unit of every quantity; the first one is the headline."""


def reference_values(
    host: str, structures: Mapping[str, Atoms], energies: Mapping[str, float]
) -> dict[str, float]:
    """Values by quantity, from relaxed structures and their energies in eV by role.

    Raises:
        CalculationError: The structures do not make a series.
    """
    series = make_series(structures, host, "Li")
    volumes = {role: atoms.get_volume() for role, atoms in structures.items()}
    values = task.reference_values(series, energies)
    values["volume_change"] = series.volume_change(energies, volumes)
    return {name: values[name] for name in UNITS if name in values}


def phase_behaviour(series: Series, energies: Mapping[str, float]) -> str:
    """One phrase: two phases, or which contents between the ends are stable."""
    inner = series.profile(energies).contents[1:-1]
    if not inner:
        return "two phases"
    return "stable at x = " + ", ".join(f"{x:.3g}" for x in inner)
