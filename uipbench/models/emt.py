# /// script
# requires-python = ">=3.11"
# dependencies = ["ase>=3.26,<4"]
#
# [tool.uipbench]
# name = "emt"
# title = "EMT (ASE)"
# family = "EMT"
# checkpoint = "none"
# licence = "LGPL-2.1-or-later"
# training-data = "none: parameters of Jacobsen, Stoltze and Nørskov, fitted to bulk metals"
# xc = "none: parameters fitted to properties of the metals"
# parameters = 49
# elements = ["Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt"]
# energy-convention = "zero is each fcc metal in its equilibrium bulk"
# citation = "doi:10.1016/0039-6028(96)00816-3"
# url = "https://ase-lib.org/ase/calculators/emt.html"
# ///
"""Effective-medium theory as in ASE: no universal potential, for tests and as a baseline.

ASE also has H, C, N and O, "just for fun" as it says; the card leaves them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def load(checkpoint: str | None, device: str, dtype: str) -> Calculator:
    """ASE calculator of the potential, in double precision on a CPU."""
    from ase.calculators.emt import EMT

    if checkpoint is not None:
        msg = "emt has no checkpoint; leave out --checkpoint"
        raise ValueError(msg)
    if device != "cpu" or dtype not in {"default", "float64"}:
        msg = f"emt runs in float64 on cpu, not in {dtype} on {device}"
        raise ValueError(msg)
    calculator = EMT()
    calculator.dtype = "float64"
    return calculator
