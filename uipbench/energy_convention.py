"""What a model's energies contain beside the DFT total energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

EnergyCorrections = Literal["none", "MP2020"]
"""Composition corrections in the energies a model was trained on.

MP2020: the Materials Project's anion and GGA/GGA+U mixing corrections (Wang et al., Sci. Rep. 11,
15496 (2021), doi:10.1038/s41598-021-94550-5).
"""


def energy_corrections(calculator: Calculator) -> EnergyCorrections:
    """The corrections that the card of the model behind a calculator states."""
    found: EnergyCorrections = getattr(calculator, "energy_corrections", "none")
    return found
