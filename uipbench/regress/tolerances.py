"""By how much a prediction may differ from the stored one of the same model.

Repeated on one machine, one-thread evaluations are equal bit for bit. What the tolerances are for
is another machine: other vector instructions add in another order. With those of torch and MKL
turned off (``ATEN_CPU_CAPABILITY=default``, ``MKL_CBWR=COMPATIBLE``), CHGNet in single precision
moves by the amounts stated in docs/regression.md. The tolerances of values leave a factor of
twenty, those of forces of five, and all are far below what a reference is uncertain by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uipbench.outcome import Protocol


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Largest deviation by protocol, in the unit of the quantity.

    Attributes:
        fixed: Energies at given structures: rounding only.
        relaxed: Relaxations may also end at another point within their force limit.
    """

    fixed: float
    relaxed: float

    def of(self, protocol: Protocol) -> float:
        """That of one protocol."""
        return self.fixed if protocol == "fixed" else self.relaxed


BY_UNIT = {
    "J/m^2": Tolerance(1e-4, 1e-3),
    "eV": Tolerance(1e-4, 2e-3),
    "V": Tolerance(1e-4, 2e-3),
    "eV/nm^2": Tolerance(1e-3, 1e-2),
    "A": Tolerance(1e-3, 5e-3),
    "GPa": Tolerance(1e-2, 1e-1),
}
"""Tolerance by unit of the quantity."""

RELATIVE = Tolerance(1e-4, 1e-2)
"""For quantities of other units: relative to the stored value, at least to 0.01 of the unit."""

FORCE_ABSOLUTE = 2e-5
FORCE_RELATIVE = 2e-4
"""For the root-mean-square force on a DFT structure: eV/Å, and relative to it."""

POOLED_FORCE_ABSOLUTE = 2e-6
"""The same for the forces on all structures of a task together, where rounding averages out."""


def value_tolerance(unit: str | None, protocol: Protocol, stored: float) -> float:
    """Tolerance of a value; ``unit`` is None where the quantity has no reference."""
    if unit in BY_UNIT:
        return BY_UNIT[unit].of(protocol)
    return RELATIVE.of(protocol) * max(abs(stored), 0.01)


def force_tolerance(stored: float, *, pooled: bool = False) -> float:
    """Tolerance of a root-mean-square force in eV/Å, of one structure or of a whole task."""
    return (POOLED_FORCE_ABSOLUTE if pooled else FORCE_ABSOLUTE) + FORCE_RELATIVE * stored
