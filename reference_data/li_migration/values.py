"""The reference values of a hop, and what must be so before they mean anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.geometry import find_mic
from scipy.interpolate import CubicHermiteSpline

from uipbench.errors import ReferenceEngineError
from uipbench.tasks.li_migration import barriers, image_roles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ase import Atoms

    from uipbench.reference.engine import DftStructure

LARGEST_MOMENT_CHANGE = 0.5
"""In µB, of the whole cell along a path; more is another magnetic state."""

LARGEST_SITE_CHANGE = 0.25
"""In µB, of a site, sites in order of their moments. A hole that two cobalt or iron atoms share
instead of one changes theirs by 0.3 or more, the relaxation of a state in LiCoO2 by 0.1."""


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
    """Raise where the moments jump along the path: its energies are of two states.

    Raises:
        ReferenceEngineError: With the moments of the images.
    """
    problem = moment_problem(s.evaluation.magmoms for s in path)
    if problem:
        msg = f"the magnetic state changes along the path: {problem}"
        raise ReferenceEngineError(msg)


def moment_problem(images: Iterable[np.ndarray | None]) -> str | None:
    """What is wrong with the (n,) site moments of a path's images in µB, or None.

    Sites are compared in order of their moments, so that an electron may be on another site, but
    not on one site here and shared by two there.
    """
    moments = [m for m in images if m is not None]
    if not moments:
        return None
    totals = [float(np.sum(m)) for m in moments]
    if max(totals) - min(totals) > LARGEST_MOMENT_CHANGE:
        return f"moments of the images {_listed(totals)} µB"
    ordered = np.sort(moments, axis=1)
    change = np.ptp(ordered, axis=0)
    if change.max() > LARGEST_SITE_CHANGE:
        same = ordered[:, int(np.argmax(change))]
        return f"moments of one site in the images {_listed(same)} µB"
    return None


def _listed(moments: Iterable[float]) -> str:
    return ", ".join(f"{moment:.2f}" for moment in moments)


def largest_rise(
    images: Sequence[Atoms], energies: Sequence[float], forces: Sequence[np.ndarray]
) -> float:
    """What the path rises between two neighbouring images above its highest one, in eV.

    By the cubic through energies and slopes of each two; zero where no cubic is higher.

    Args:
        images: Of the path, in its order.
        energies: eV.
        forces: (n, 3) eV/Å each.
    """
    tops = [
        _top_between(images[i : i + 2], energies[i : i + 2], forces[i : i + 2])
        for i in range(len(images) - 1)
    ]
    return max(0.0, max(tops) - max(energies))


def _top_between(
    images: Sequence[Atoms], energies: Sequence[float], forces: Sequence[np.ndarray]
) -> float:
    first, second = images
    step, _ = find_mic(second.positions - first.positions, first.cell, first.pbc)
    length = float(np.linalg.norm(step))
    slopes = [-float(np.sum(f * step)) / length for f in forces]
    cubic = CubicHermiteSpline([0.0, length], list(energies), slopes)
    return float(cubic(np.linspace(0.0, length, 201)).max())
