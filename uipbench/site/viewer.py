"""Structures of a case for the viewer in the browser."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from ase.data import atomic_numbers, covalent_radii
from ase.data.colors import jmol_colors

from uipbench.site.text import words

if TYPE_CHECKING:
    from ase import Atoms

    from uipbench.case import Case

_WIDTH_A = 11.0
_MOST_REPEATS = 4
_MOST_ATOMS = 400


def viewer_data(case: Case) -> dict[str, Any]:
    """Positions (Å), cells and periodic repeats of every structure; colours and radii by element.

    Colours are Jmol's and radii covalent ones (Cordero et al., Dalton Trans. 2832 (2008),
    doi:10.1039/b801115j), both as ASE has them.
    """
    symbols = {s for one in case.structures.values() for s in one.atoms.get_chemical_symbols()}
    return {
        "first": first_shown(case),
        "elements": {symbol: _element(symbol) for symbol in sorted(symbols)},
        "structures": [
            {"role": words(role), **_structure(structure.atoms)}
            for role, structure in case.structures.items()
        ],
    }


def first_shown(case: Case) -> int:
    """Place of the structure that is shown at first.

    The top of a path, a relaxed interface, or the last one of those with most atoms.
    """
    roles = list(case.structures)
    images = [role for role in roles if role.startswith("image_")]
    if images:
        return roles.index(max(images, key=lambda role: case.structures[role].energy))
    if "interface" in roles:
        return roles.index("interface")
    sizes = [len(structure.atoms) for structure in case.structures.values()]
    return max(range(len(roles)), key=lambda i: (sizes[i], i))


def _element(symbol: str) -> dict[str, Any]:
    number = atomic_numbers[symbol]
    rgb = [round(255 * float(channel)) for channel in jmol_colors[number]]
    return {"colour": f"rgb({rgb[0]},{rgb[1]},{rgb[2]})", "radius": float(covalent_radii[number])}


def _structure(atoms: Atoms) -> dict[str, Any]:
    return {
        "symbols": atoms.get_chemical_symbols(),
        "positions": [[round(float(x), 4) for x in row] for row in atoms.positions],
        "cell": [[round(float(x), 4) for x in row] for row in atoms.cell[:]],
        "repeats": _repeats(atoms),
    }


def _repeats(atoms: Atoms) -> list[int]:
    """Copies along a and b that make a small cell wide enough to look at."""
    lengths = atoms.cell.lengths()
    wanted = [
        min(_MOST_REPEATS, ceil(_WIDTH_A / length)) if periodic and length > 0 else 1
        for length, periodic in zip(lengths[:2], atoms.pbc[:2], strict=True)
    ]
    while len(atoms) * wanted[0] * wanted[1] > _MOST_ATOMS and max(wanted) > 1:
        wanted[wanted.index(max(wanted))] -= 1
    return [*wanted, 1]
