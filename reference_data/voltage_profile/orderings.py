"""Crystals by their crystallographic description, and orderings of an ion on their sites."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from ase.build import make_supercell, niggli_reduce
from ase.spacegroup import crystal

from uipbench.errors import ReferenceEngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

Basis = tuple[tuple[str, tuple[float, float, float]], ...]
Supercell = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]

SYMMETRY_TOLERANCE_A = 1e-3
"""Distance of an atom from its image under a symmetry operation."""

SINGLE: Supercell = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crystal:
    """A crystal as crystallographers describe it.

    Attributes:
        spacegroup: International number, first setting.
        basis: Symbol and fractional coordinates of the asymmetric unit.
        lengths: a, b, c of the conventional cell in Å.
        angles: α, β, γ in degrees.
        source: Where lattice and coordinates are from.
    """

    spacegroup: int
    basis: Basis
    lengths: tuple[float, float, float]
    angles: tuple[float, float, float] = (90.0, 90.0, 90.0)
    source: str

    def primitive(self) -> Atoms:
        """Primitive cell, atoms sorted by symbol."""
        atoms = crystal(
            [symbol for symbol, _ in self.basis],
            [position for _, position in self.basis],
            spacegroup=self.spacegroup,
            cellpar=[*self.lengths, *self.angles],
            primitive_cell=True,
        )
        return plain(atoms)

    def without(self, symbol: str) -> Atoms:
        """Primitive cell of what is left when an element is taken out."""
        atoms = self.primitive()
        kept: Atoms = atoms[[s != symbol for s in atoms.get_chemical_symbols()]]
        return kept


def plain(atoms: Atoms) -> Atoms:
    """Copy with nothing but cell, symbols and positions; sorted by symbol, inside the cell."""
    order = np.argsort(atoms.get_chemical_symbols(), kind="stable")
    bare: Atoms = atoms[order]
    bare.info.clear()
    for name in set(bare.arrays) - {"numbers", "positions"}:
        del bare.arrays[name]
    bare.pbc = True
    bare.wrap(eps=1e-6)
    return bare


def reduced(atoms: Atoms) -> Atoms:
    """The Niggli-reduced cell in standard orientation; short vectors need fewer k-points."""
    copy = atoms.copy()
    niggli_reduce(copy)
    copy.set_cell(copy.cell.standard_form()[0], scale_atoms=True)
    return plain(copy)


def orderings(parent: Atoms, supercell: Supercell, ions: int, ion: str = "Li") -> list[Atoms]:
    """All arrangements of ``ions`` ions on the parent's ion sites that symmetry does not relate.

    Args:
        parent: Crystal with every site of the ion occupied.
        supercell: Vectors of the cell in those of the parent.
        ions: Ions left in the supercell.
        ion: Symbol of the ion.

    Returns:
        Cells in the order in which they were found, not reduced.

    Raises:
        ReferenceEngineError: There are fewer sites than ions.
    """
    full = plain(make_supercell(parent, supercell))
    sites = np.flatnonzero(np.array(full.get_chemical_symbols()) == ion)
    if not 0 <= ions <= len(sites):
        msg = f"{full.symbols}: {ions} {ion} on {len(sites)} sites; choose a larger supercell"
        raise ReferenceEngineError(msg)
    permutations = list(_permutations(full, sites))
    seen: set[frozenset[int]] = set()
    found = []
    for chosen in combinations(range(len(sites)), ions):
        if frozenset(chosen) in seen:
            continue
        seen.update(frozenset(int(p[i]) for i in chosen) for p in permutations)
        empty = set(sites) - {sites[i] for i in chosen}
        found.append(full[[i for i in range(len(full)) if i not in empty]])
    return found


def _permutations(atoms: Atoms, sites: np.ndarray) -> Iterator[np.ndarray]:
    """Where every symmetry operation of the crystal puts each of the sites."""
    import spglib

    scaled = atoms.get_scaled_positions()
    cell = (atoms.cell[:], scaled, atoms.numbers)
    symmetry = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY_TOLERANCE_A)
    if symmetry is None:
        msg = f"{atoms.symbols}: no symmetry found; are two atoms in one place?"
        raise ReferenceEngineError(msg)
    for rotation, shift in zip(symmetry.rotations, symmetry.translations, strict=True):
        images = scaled[sites] @ rotation.T + shift
        distance = images[:, None] - scaled[sites][None]
        distance -= np.rint(distance)
        yield np.linalg.norm(distance @ atoms.cell[:], axis=-1).argmin(axis=1)
