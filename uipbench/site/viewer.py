"""Structures of a case for the viewer in the browser."""

from __future__ import annotations

import re
from itertools import product
from math import ceil, prod
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.data.colors import jmol_colors

from uipbench.site import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ase import Atoms
    from numpy.typing import NDArray

    from uipbench.case import Case

_WIDTH_A = 11.0
_NEAR_A = 4.5
"""How far from the path of a hop atoms are shown: three to four neighbours in a salt."""
_ALIKE = 0.9
_NONMETALS = frozenset(
    {"H", "He", "B", "C", "N", "O", "F", "Ne", "Si", "P", "S", "Cl", "Ar", "Ge", "As", "Se", "Br"}
    | {"Kr", "Te", "I", "Xe"}
)
_IMAGE = re.compile(r"image_\d+")
_MOST_REPEATS = 4
_MOST_ATOMS = 400


def viewer_data(case: Case) -> dict[str, Any]:
    """Positions (Å), cells and periodic repeats of every structure; colours and radii by element.

    Colours are Jmol's and radii covalent ones (Cordero et al., Dalton Trans. 2832 (2008),
    doi:10.1039/b801115j), both as ASE has them.
    """
    symbols = {s for one in case.structures.values() for s in one.atoms.get_chemical_symbols()}
    images = {role: case.atoms(role) for role in _path_roles(case)}
    moving = moving_atom(list(images.values()))
    shown = {role: structure.atoms for role, structure in case.structures.items()}
    path: list[NDArray[np.float64]] = []
    if moving is not None:
        shown |= surroundings(images, moving)
        path = [shown[role].positions[0] for role in images]
    return {
        "first": first_shown(case),
        "elements": {symbol: _element(symbol) for symbol in sorted(symbols)},
        "images": [list(shown).index(role) for role in images],
        "path": [_rounded(place) for place in path],
        "structures": [
            {
                "role": text.role(role),
                "formula": str(case.atoms(role).get_chemical_formula("metal")),
                **_structure(atoms, part=bool(path) and role in images),
            }
            for role, atoms in shown.items()
        ],
    }


def moving_atom(images: Sequence[Atoms]) -> int | None:
    """Index of the atom that is farthest from its start at the end of a path.

    None without a path, or where several atoms move alike (within a tenth of the farthest).
    """
    if len(images) < 2:  # noqa: PLR2004 - a path has two ends
        return None
    ways = np.linalg.norm(images[-1].positions - images[0].positions, axis=1)
    order = np.argsort(ways)
    alone = len(ways) == 1 or ways[order[-2]] < _ALIKE * ways[order[-1]]
    return int(order[-1]) if alone else None


def centred(images: Mapping[str, Atoms], moving: int) -> dict[str, Atoms]:
    """The images with the middle of the moving atom's path in the middle of the periodic cell.

    An atom that the first image has in the cell stays with its place there in the other images.
    """
    middle = np.mean(
        [atoms.get_scaled_positions(wrap=False)[moving] for atoms in images.values()], 0
    )
    start = next(iter(images.values()))
    wrapped = start.copy()
    wrapped.set_scaled_positions(
        start.get_scaled_positions(wrap=False) + np.where(start.pbc, 0.5 - middle, 0.0)
    )
    wrapped.wrap(eps=1e-3)
    found = {role: atoms.copy() for role, atoms in images.items()}
    for atoms in found.values():
        atoms.positions += wrapped.positions - start.positions
    return found


def surroundings(images: Mapping[str, Atoms], moving: int) -> dict[str, Atoms]:
    """The moving atom, as the first one, and the atoms around its path, in every image.

    Those that are within 4.5 Å of the path in the first image, whichever cell they are in.
    """
    middle = centred(images, moving)
    path = np.array([atoms.positions[moving] for atoms in middle.values()])
    start = next(iter(middle.values()))
    shifts = [
        np.array(cells) @ start.cell[:]
        for cells in product(*((-1, 0, 1) if periodic else (0,) for periodic in start.pbc))
    ]
    between = path - start.positions[:, None]
    near = [np.linalg.norm(between - s, axis=2).min(axis=1) < _NEAR_A for s in shifts]
    found = {}
    for role, atoms in middle.items():
        part = atoms[[moving]]
        for shift, chosen in zip(shifts, near, strict=True):
            copy = atoms[[i for i in np.flatnonzero(chosen) if i != moving]]
            copy.positions += shift
            part += copy
        found[role] = part
    return found


def _path_roles(case: Case) -> list[str]:
    roles = [role for role in case.structures if _IMAGE.fullmatch(role)]
    return sorted(roles, key=lambda role: int(role.removeprefix("image_")))


def first_shown(case: Case) -> int:
    """Place of the structure that is shown at first.

    The top of a path, a relaxed interface, or the last one of those with most atoms.
    """
    roles = list(case.structures)
    images = _path_roles(case)
    if images:
        return roles.index(max(images, key=lambda role: case.structures[role].energy))
    if "interface" in roles:
        return roles.index("interface")
    sizes = [len(structure.atoms) for structure in case.structures.values()]
    return max(range(len(roles)), key=lambda i: (sizes[i], i))


def _element(symbol: str) -> dict[str, Any]:
    number = atomic_numbers[symbol]
    rgb = [round(255 * float(channel)) for channel in jmol_colors[number]]
    return {
        "colour": f"rgb({rgb[0]},{rgb[1]},{rgb[2]})",
        "radius": float(covalent_radii[number]),
        "metal": symbol not in _NONMETALS,
    }


def _structure(atoms: Atoms, *, part: bool) -> dict[str, Any]:
    return {
        "moving": 0 if part else None,
        "symbols": atoms.get_chemical_symbols(),
        "positions": [_rounded(row) for row in atoms.positions],
        "cell": [_rounded(row) for row in atoms.cell[:]],
        "repeats": [1, 1, 1] if part else _repeats(atoms),
    }


def _rounded(row: NDArray[np.float64]) -> list[float]:
    return [round(float(x), 4) for x in row]


def _repeats(atoms: Atoms) -> list[int]:
    """Copies along the periodic vectors that make a small cell wide enough to look at."""
    wanted = [
        min(_MOST_REPEATS, ceil(_WIDTH_A / length)) if periodic and length > 0 else 1
        for length, periodic in zip(atoms.cell.lengths(), atoms.pbc, strict=True)
    ]
    while len(atoms) * prod(wanted) > _MOST_ATOMS and max(wanted) > 1:
        wanted[wanted.index(max(wanted))] -= 1
    return wanted
