"""Unit conversions used by the tasks (CODATA 2018 elementary charge)."""

from __future__ import annotations

from typing import Final

ELEMENTARY_CHARGE_C: Final = 1.602176634e-19

J_PER_M2: Final = ELEMENTARY_CHARGE_C * 1e20
"""1 eV/Å² in J/m² (16.021 766)."""

GPA: Final = ELEMENTARY_CHARGE_C * 1e21
"""1 eV/Å³ in GPa (160.217 66)."""
