"""Where the origin of a cell makes most of its symmetry usable.

A plane-wave code takes rotations and mirrors about the origin, some of them with simple fractional
translations. A boundary or slab that was not built around such a point shows a fraction of its
symmetry and costs two to four times as many k-points. Moving all atoms together leaves energy and
forces as they are.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import spglib

from uipbench.reference.settings import SYMMETRY_TOLERANCE_A

if TYPE_CHECKING:
    from ase import Atoms

EPS = 3e-6
"""Fractional coordinates this near to each other are the same."""


def symmetric_shift(atoms: Atoms) -> np.ndarray:
    """Translation after which most operations of the space group leave the origin in place.

    Zero where the atoms are as good where they are. Magnetic moments that differ make atoms differ.

    Args:
        atoms: Periodic along all three vectors.

    Returns:
        (3,) in cell vectors.
    """
    kinds = list(zip(atoms.numbers, np.round(atoms.get_initial_magnetic_moments(), 3), strict=True))
    labels = [sorted(set(kinds)).index(kind) for kind in kinds]
    cell = (atoms.cell[:], atoms.get_scaled_positions(), labels)
    found = spglib.get_symmetry(cell, symprec=SYMMETRY_TOLERANCE_A)
    if found is None:
        return np.zeros(3)
    rotations, translations = found["rotations"], found["translations"]
    shifts = np.vstack((np.zeros(3), _fixed_points(rotations, translations)))
    best = shifts[np.argmax(_usable(rotations, translations, shifts))]
    return np.asarray(best)


def _usable(rotations: np.ndarray, translations: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Number (m,) of rotations x → Rx + t without a translation once x has become x + shift.

    A rotation and its inverse through the origin count once: time reversal gives the other.
    """
    signs = [next(s for s in np.sign(r.ravel()) if s) for r in rotations]
    _, kinds = np.unique(
        [(s * r).ravel() for s, r in zip(signs, rotations, strict=True)],
        axis=0,
        return_inverse=True,
    )
    left = translations + shifts[:, None] - np.einsum("oij,mj->moi", rotations, shifts)
    usable = (np.abs(left - np.rint(left)) < EPS).all(axis=2)
    each = [usable[:, kinds == kind].any(axis=1) for kind in set(kinds)]
    return np.asarray(np.sum(each, axis=0))


def _fixed_points(rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """(m, 3) shifts that bring fixed points of one operation, or of two at once, to the origin."""
    first, second = np.triu_indices(len(rotations))
    differences = np.eye(3) - rotations
    inverses = np.linalg.pinv(np.concatenate((differences[first], differences[second]), axis=1))
    wholes = np.array(list(product((0, 1), repeat=6)))
    moves = np.hstack((translations[first], translations[second]))[:, None] + wholes
    points = -np.einsum("pij,pnj->pni", inverses, moves).reshape(-1, 3)
    return np.asarray(np.unique(np.round(points - np.floor(points + EPS), 8), axis=0))
