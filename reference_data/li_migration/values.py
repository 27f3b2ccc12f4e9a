"""The reference values of a hop, and what must be so before they mean anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uipbench.errors import ReferenceEngineError
from uipbench.tasks.li_migration import barriers, image_roles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.reference.engine import DftStructure

LARGEST_MOMENT_CHANGE = 0.5
"""In µB, of the whole cell along a path; more is another magnetic state."""


def energies_along(path: Sequence[DftStructure]) -> np.ndarray:
    """(n,) energies in eV."""
    return np.array([s.evaluation.energy for s in path])


def reference_values(found: Mapping[str, DftStructure]) -> dict[str, dict[str, float | str]]:
    """Forward and backward barrier, from the structures by role."""
    return values_of({role: s.evaluation.energy for role, s in found.items()})


def values_of(energies: Mapping[str, float]) -> dict[str, dict[str, float | str]]:
    """Values and units by quantity, from energies (eV) by role.

    Raises:
        ReferenceEngineError: The highest image is an end point.
    """
    roles = image_roles(list(energies))
    path = np.array([energies[role] for role in roles])
    top = int(np.argmax(path))
    if top in {0, len(path) - 1}:
        msg = f"the highest image of the path is {roles[top]}, an end point: there is no barrier"
        raise ReferenceEngineError(msg)
    forward, backward = barriers(path)
    return {
        "migration_barrier": {"value": forward, "unit": "eV"},
        "backward_barrier": {"value": backward, "unit": "eV"},
    }


def check_magnetic_state(path: Sequence[DftStructure]) -> None:
    """Raise where the total moment jumps along the path: its energies are of two states.

    Raises:
        ReferenceEngineError: With the moments of the images.
    """
    moments = [s.evaluation.magmoms for s in path]
    if any(m is None for m in moments):
        return
    totals = [float(np.sum(m)) for m in moments]  # type: ignore[arg-type]
    if max(totals) - min(totals) > LARGEST_MOMENT_CHANGE:
        listed = ", ".join(f"{total:.2f}" for total in totals)
        msg = f"the magnetic state changes along the path: moments of the images {listed} µB"
        raise ReferenceEngineError(msg)
