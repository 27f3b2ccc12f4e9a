"""How many edges a structure's graph has: what a model's memory depends on beside its atoms."""

from __future__ import annotations

from itertools import product
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

CUTOFF: Final = 6.0
"""Å. The networks here have cutoffs of 5 to 6 Å."""

MOST_IMAGES: Final = 20_000
"""Copies of a cell that are looked at; one so thin or small that it needs more is a stray."""


class EdgeCounts:
    """Counts edges, once for structures alike: the same atoms in a cell that is the same to 1 Å."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], float] = {}

    def of(self, atoms: Atoms) -> float:
        """As :func:`n_edges` of this structure or of one alike."""
        key = (atoms.numbers.tobytes(), atoms.cell.array.round().tobytes())
        if key not in self._known:
            self._known[key] = n_edges(atoms)
        return self._known[key]


def n_edges(atoms: Atoms) -> float:
    """Directed pairs of atoms within :data:`CUTOFF`, periodic images included.

    Returns:
        The number; infinite for a structure whose numbers are not finite, or whose cell is flat
        or has more than :data:`MOST_IMAGES` copies within the cutoff.
    """
    from scipy.spatial import KDTree  # slow to import, and only batches need it

    cell = atoms.cell.complete()
    finite = np.isfinite(cell.array).all() and np.isfinite(atoms.positions).all()
    if not finite or (atoms.pbc & ~atoms.cell.any(1)).any():
        return np.inf
    with np.errstate(divide="ignore"):
        copies = np.ceil(CUTOFF * np.linalg.norm(cell.reciprocal(), axis=1)) * atoms.pbc
    if not np.prod(2 * copies + 1) <= MOST_IMAGES:
        return np.inf
    steps = [range(-ceil(n), ceil(n) + 1) for n in copies]
    shifts = np.array(list(product(*steps)), dtype=float) @ cell.array
    inside = atoms.get_positions(wrap=True)
    images = (inside + shifts[:, None]).reshape(-1, 3)
    pairs = KDTree(images).query_ball_point(inside, CUTOFF, return_length=True)
    return float(pairs.sum() - len(atoms))
