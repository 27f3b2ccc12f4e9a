"""Small structures for the checks, from the elements of a model's card.

A golden structure is its own recipe, such as ``LiF rocksalt a=4.07``: formula, prototype and
lattice parameters in Å, so that the card alone says which cell the energy belongs to.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii, reference_states
from ase.spacegroup import crystal

from uipbench.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

GOLDEN_EXAMPLE: Final = "LiF rocksalt a=4.07"
STANDARD_GOLDEN: Final = (
    GOLDEN_EXAMPLE,
    "Li bcc a=3.44",
    "Cu fcc a=3.61",
    "Si diamond a=5.43",
    "LiCoO2 layered a=2.816 c=14.054 z=0.2602",
    "Al fcc a=4.05",
    "MgO rocksalt a=4.21",
    "Ag fcc a=4.09",
    "Ni fcc a=3.52",
)
"""What ``uipbench check --golden`` evaluates, the first few that the card has the elements of."""

_NAME: Final = re.compile(r"(\w+) (\w+)((?: [acz]=\d+(?:\.\d+)?)+)")
_KEYS: Final = {
    "sc": "a",
    "fcc": "a",
    "bcc": "a",
    "diamond": "a",
    "zincblende": "a",
    "rocksalt": "a",
    "cesiumchloride": "a",
    "fluorite": "a",
    "hcp": "ac",
    "layered": "acz",
}
_MIXED: Final = (("Li", "F"), ("Na", "Cl"), ("Mg", "O"), ("Si", "O"))
_TRIED: Final = (*_MIXED, ("Cu", "Ag"), ("Li",), ("Cu",), ("Al",), ("Fe",), ("Si",), ("C", "H"))
_STRAIN: Final = np.array([[0.03, 0.01, -0.02], [0.01, -0.02, 0.015], [-0.02, 0.015, 0.01]])
_DISPLACEMENT: Final = 0.15
_CELL_POSITIONS: Final = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def golden_structure(name: str) -> Atoms:
    """The primitive cell that a golden structure's name describes.

    Args:
        name: Such as ``LiF rocksalt a=4.07``, ``Mg hcp a=3.21 c=5.21``; ``layered`` is ABO2 in
            space group R-3m with the anion at height z, as LiCoO2.

    Raises:
        RegistryError: Not such a name.
    """
    match = _NAME.fullmatch(name)
    try:
        if match is None:
            raise ValueError(name)  # noqa: TRY301
        formula, prototype, rest = match.groups()
        values = {part[0]: float(part[2:]) for part in rest.split()}
        if "".join(values) != _KEYS[prototype]:
            raise ValueError(name)  # noqa: TRY301
        if prototype == "layered":
            return _layered(formula, **values)
        return bulk(formula, prototype, **values)
    except (ValueError, KeyError, RuntimeError) as error:
        msg = (
            f"golden structure '{name[:80]}' is not known; expected formula, prototype and Å such "
            f"as '{GOLDEN_EXAMPLE}', prototypes: {', '.join(_KEYS)}"
        )
        raise RegistryError(msg) from error


def _layered(formula: str, a: float, c: float, z: float) -> Atoms:
    alkali, metal, anion, _ = Atoms(formula).get_chemical_symbols()
    return crystal(
        (metal, alkali, anion),
        [(0, 0, 0), (0, 0, 0.5), (0, 0, z)],
        spacegroup=166,
        cellpar=[a, a, c, 90, 90, 120],
        primitive_cell=True,
    )


def golden_names(elements: Sequence[str], most: int = 5) -> list[str]:
    """Names of golden structures for a card with these elements; an fcc one where none fits."""
    known = set(elements)
    fitting = [n for n in STANDARD_GOLDEN if set(golden_structure(n).symbols) <= known]
    return fitting[:most] or [f"{e} fcc a={fcc_lattice(e):.2f}" for e in elements[:most]]


def pairs(elements: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """One or two elements for the structure of most checks, the best first.

    Args:
        elements: Of the card; where it states none, several are offered to be tried.
    """
    if not elements:
        yield from _TRIED
        return
    known = set(elements)
    yield from (pair for pair in _MIXED if set(pair) <= known)
    yield from combinations(elements[:3], 2)
    yield tuple(elements[:1])


def low_symmetry_cell(elements: Iterable[str]) -> Atoms:
    """Four atoms of one or two elements, strained and displaced so that no component vanishes.

    An fcc lattice of two species in layers, or, for a salt, the same ions in rocksalt order.
    """
    first, *others = elements
    last = others[0] if others else first
    salt = (first, last) in _MIXED
    if salt:
        edge = salt_edge(first, last)
        cell = [edge / np.sqrt(2), edge / np.sqrt(2), edge]
        scaled = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0, 0, 0.5]])
    else:
        cell = [(fcc_lattice(first) + fcc_lattice(last)) / 2] * 3
        scaled = _CELL_POSITIONS
    atoms = Atoms([first, first, last, last], scaled_positions=scaled, cell=cell, pbc=True)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + _STRAIN), scale_atoms=True)
    i, k = np.mgrid[:4, :3]
    atoms.positions += _DISPLACEMENT * np.sin(1.7 * i + 2.3 * k + 0.5)
    return atoms


def salt_edge(cation: str, anion: str) -> float:
    """Rough edge in Å of a rocksalt cell."""
    radii = covalent_radii[atomic_numbers[cation]] + covalent_radii[atomic_numbers[anion]]
    return float(2.2 * radii)


def fcc_lattice(element: str) -> float:
    """Edge in Å of an fcc cell with the element's own volume an atom, roughly where unknown."""
    number = atomic_numbers[element]
    reference = reference_states[number]
    simple = reference and reference["symmetry"] in {"fcc", "bcc", "hcp", "diamond"}
    if simple and "basis" not in reference:  # ASE says hcp of Se and Te, and wants their basis
        solid = bulk(element)
        return float((4 * solid.get_volume() / len(solid)) ** (1 / 3))
    return float(2 * np.sqrt(2) * covalent_radii[number] * 1.1)


def element_crystal(element: str) -> Atoms:
    """One atom in an fcc cell."""
    return bulk(element, "fcc", a=fcc_lattice(element))


def isolated_atom(element: str, edge: float) -> Atoms:
    """An atom alone in a cubic cell of an edge in Å."""
    return Atoms(element, cell=[edge] * 3, pbc=True)


def bond_length(elements: Sequence[str]) -> float:
    """Sum of covalent radii in Å of the first and the last element."""
    numbers = [atomic_numbers[e] for e in (elements[0], elements[-1])]
    return float(covalent_radii[numbers].sum())


def dimer(elements: Sequence[str], distance: float) -> Atoms:
    """The first and the last element at a distance in Å along z, in a cell of 16 Å."""
    symbols = [elements[0], elements[-1]]
    return Atoms(symbols, positions=[[0, 0, 0], [0, 0, distance]], cell=[16.0] * 3, pbc=True)
