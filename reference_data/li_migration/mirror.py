"""The symmetry operation that turns a hop around, and what follows from it for free."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from ase.geometry import find_mic

from uipbench.errors import ReferenceEngineError
from uipbench.reference.engine import DftStructure
from uipbench.reference_data.grain_boundary.boundaries import symmetry_operations

if TYPE_CHECKING:
    from ase import Atoms

    from uipbench.reference_data.li_migration.hops import Hop

TOLERANCE_A = 1e-3
"""Largest distance of an unrelaxed atom from its image."""


@dataclass(frozen=True, slots=True)
class Reversal:
    """A symmetry operation of the midpoint that exchanges the end points.

    Attributes:
        rotation: (3, 3) of fractional coordinates.
        translation: (3,) of fractional coordinates.
        target: (n,) atom that each atom is mapped onto.
    """

    rotation: np.ndarray
    translation: np.ndarray
    target: np.ndarray

    def structure(self, atoms: Atoms, near: Atoms) -> Atoms:
        """The image of a structure; atoms in the periodic image nearest to those of ``near``."""
        images = atoms.get_scaled_positions(wrap=False) @ self.rotation.T + self.translation
        mapped = near.copy()
        positions = np.empty_like(atoms.positions)
        positions[self.target] = images @ atoms.cell[:]
        change, _ = find_mic(positions - near.positions, near.cell, near.pbc)
        mapped.positions = near.positions + change
        return mapped

    def vectors(self, values: np.ndarray, atoms: Atoms) -> np.ndarray:
        """(n, 3) Cartesian vectors, such as forces, of the image."""
        cell = atoms.cell[:]
        turned = np.empty_like(values)
        turned[self.target] = values @ np.linalg.inv(cell) @ self.rotation.T @ cell
        return turned

    def calculation(self, found: DftStructure, near: Atoms) -> DftStructure:
        """The DFT calculation of the image of a structure, which costs nothing."""
        e = found.evaluation
        moments = None
        if e.magmoms is not None:
            moments = np.empty_like(e.magmoms)
            moments[self.target] = e.magmoms
        evaluation = replace(
            e,
            forces=self.vectors(e.forces, found.atoms),
            stress=None,
            magmoms=moments,
            seconds=0.0,
        )
        return DftStructure(self.structure(found.atoms, near), evaluation, found.settings)


def reversal(hop: Hop) -> Reversal | None:
    """The operation of the midpoint's symmetry that maps ``initial`` onto ``final``; or None."""
    operations = symmetry_operations(hop.midpoint, TOLERANCE_A)
    for rotation, translation in zip(*operations, strict=True):
        images = hop.initial.get_scaled_positions(wrap=False) @ rotation.T + translation
        target = _targets(images, hop.final)
        if target is not None and target[hop.mover] == hop.mover:
            return Reversal(rotation, translation, target)
    return None


def needed_reversal(hop: Hop) -> Reversal:
    """As :func:`reversal`.

    Raises:
        ReferenceEngineError: The midpoint has no such symmetry.
    """
    found = reversal(hop)
    if found is None:
        msg = (
            f"{hop.initial.get_chemical_formula()}: no symmetry of the midpoint exchanges the end "
            "points; give the hop a band instead of a symmetric saddle"
        )
        raise ReferenceEngineError(msg)
    return found


def _targets(images: np.ndarray, final: Atoms) -> np.ndarray | None:
    """Atom of ``final`` at each image position, or None where one is missing."""
    difference = images[:, None, :] - final.get_scaled_positions(wrap=False)[None, :, :]
    difference -= np.rint(difference)
    distance = np.linalg.norm(difference @ final.cell[:], axis=-1)
    distance[final.numbers[:, None] != final.numbers[None, :]] = np.inf
    target = distance.argmin(axis=1)
    near = distance[np.arange(len(target)), target] <= TOLERANCE_A
    return target if near.all() and len(set(target.tolist())) == len(target) else None
