"""Unrelaxed structures of a hop: initial, midpoint and final, the atoms in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.geometry import find_mic

from uipbench.errors import ReferenceEngineError

if TYPE_CHECKING:
    from ase import Atoms

SAME_SITE_A = 0.05
"""A site and an atom this near to each other are the same."""


@dataclass(frozen=True, slots=True)
class Hop:
    """Structures of a hop before anything is relaxed.

    Attributes:
        initial: The hopping atom on its site.
        midpoint: The hopping atom half-way, moved out of the line by the bulge.
        final: The hopping atom on the other site; every other atom as in ``initial``.
        mover: Index of the hopping atom.
    """

    initial: Atoms
    midpoint: Atoms
    final: Atoms
    mover: int

    @property
    def length(self) -> float:
        """Distance between the two sites in Å."""
        step = self.final.positions[self.mover] - self.initial.positions[self.mover]
        return float(np.linalg.norm(step))


def vacancy_hop(crystal: Atoms, start: np.ndarray, end: np.ndarray, bulge: np.ndarray) -> Hop:
    """The atom at ``start`` hops onto the site at ``end``, whose own atom is taken out.

    Args:
        crystal: Perfect supercell.
        start: Cartesian position in Å.
        end: Cartesian position in Å, beside ``start`` without periodic images.
        bulge: Displacement of the midpoint in Å.

    Raises:
        ReferenceEngineError: No atom is at one of the sites.
    """
    mover, gone = atom_at(crystal, start), atom_at(crystal, end)
    initial = crystal.copy()
    initial.positions[mover] = start
    del initial[gone]
    return moved(initial, mover - int(gone < mover), end, bulge)


def adatom_hop(slab: Atoms, symbol: str, start: np.ndarray, end: np.ndarray) -> Hop:
    """An atom on a slab hops from ``start`` to ``end`` (Cartesian, Å)."""
    from ase import Atom

    initial = slab.copy()
    initial.append(Atom(symbol, start))
    if slab.has("initial_magmoms"):
        moments = [*slab.get_initial_magnetic_moments(), 0.0]
        initial.set_initial_magnetic_moments(moments)
    return moved(initial, len(slab), end, np.zeros(3))


def moved(initial: Atoms, mover: int, end: np.ndarray, bulge: np.ndarray) -> Hop:
    """The hop of one atom to ``end``, all other atoms resting."""
    midpoint, final = initial.copy(), initial.copy()
    final.positions[mover] = end
    midpoint.positions[mover] = (initial.positions[mover] + np.asarray(end)) / 2 + bulge
    return Hop(initial, midpoint, final, mover)


def atom_at(atoms: Atoms, position: np.ndarray) -> int:
    """Index of the atom at a Cartesian position, periodic images included.

    Raises:
        ReferenceEngineError: There is none.
    """
    _, distances = find_mic(atoms.positions - position, atoms.cell, atoms.pbc)
    nearest = int(np.argmin(distances))
    if distances[nearest] > SAME_SITE_A:
        msg = f"{atoms.symbols}: no atom at {np.round(position, 3).tolist()} Å"
        raise ReferenceEngineError(msg)
    return nearest
