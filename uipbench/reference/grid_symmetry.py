"""Which rotations are worth using, where a cell's natural grid has not all of its symmetry.

Rotations that exchange a short cell vector with a long one make GPAW take the finer of their grids
along both: 27³ instead of 15 × 15 × 27 points for the three atoms of CoO2. Fewer k-points seldom
pay for that, and other cells of the same host have the natural spacing. The subgroup that leaves
the natural grid in place is used where it is cheaper.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.units import Bohr, Hartree

from uipbench.reference.settings import SYMMETRY_TOLERANCE_A

if TYPE_CHECKING:
    from ase import Atoms

    from uipbench.reference.settings import DftSettings

LEAST_GAIN = 1.2
"""Points of the grid times k-points, all rotations to the subgroup, from which it is used."""


class _PlaneWaves:
    """What GPAW's choice of a grid asks of a mode."""

    name = "pw"

    def __init__(self, cutoff_ev: float) -> None:
        self.ecut = cutoff_ev / Hartree


def symmetry_options(atoms: Atoms, settings: DftSettings) -> dict[str, Any]:
    """GPAW's ``symmetry``: all rotations, or those that leave the natural grid in place.

    Args:
        atoms: With initial magnetic moments, where the settings are spin-polarised.
        settings: Cutoff, grid and mesh.
    """
    options = {"tolerance": SYMMETRY_TOLERANCE_A}
    if not atoms.pbc.all():
        return options
    few = _subgroup(atoms, settings)
    return options if few is None else {**options, "rotations": few}


def _subgroup(atoms: Atoms, settings: DftSettings) -> np.ndarray | None:
    """(n, 3, 3) rotations in cell vectors; None where all of them are as good."""
    from gpaw.dft import MonkhorstPack
    from gpaw.utilities.gpts import get_number_of_grid_points

    mode, cell = _PlaneWaves(settings.cutoff_ev), atoms.cell[:] / Bohr
    spacing = None if settings.grid_spacing_a is None else settings.grid_spacing_a / Bohr
    mesh = MonkhorstPack(size=settings.kpts, gamma=True).build(atoms)

    def points(symmetries: Any) -> int:  # noqa: ANN401 - GPAW has no types
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a grid does not fit: that is the question
            grid = get_number_of_grid_points(cell, spacing, mode, False, symmetries)
        return int(np.prod(grid)) * len(mesh.reduce(symmetries, strict=False))

    every = _symmetries(atoms, settings, None)
    natural = get_number_of_grid_points(cell, spacing, mode, realspace=False)
    fits = [not ((natural * rotation).T % natural).any() for rotation in every.rotation_scc]
    if all(fits):
        return None
    few = np.asarray(every.rotation_scc[fits])
    return few if points(every) > LEAST_GAIN * points(_symmetries(atoms, settings, few)) else None


def _symmetries(atoms: Atoms, settings: DftSettings, rotations: np.ndarray | None) -> Any:  # noqa: ANN401
    from gpaw.new.symmetry import create_symmetries_object

    return create_symmetries_object(
        atoms,
        magmoms=atoms.get_initial_magnetic_moments() if settings.spin_polarised else None,
        rotation_scc=rotations,
        tolerance=SYMMETRY_TOLERANCE_A,
    )
