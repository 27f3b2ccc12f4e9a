"""Structure files of own data: one frame a role, energies and forces where there are any."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np

from uipbench.case import ReferenceStructure
from uipbench.errors import ReferenceDataError
from uipbench.extended_xyz import read_frames
from uipbench.own_data.table import read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ase import Atoms

    from uipbench.case import Case

SAME_VECTOR_A = 1e-3
"""In-plane vectors of bulk and slab that differ by less are the same."""

ALONG_AXIS = 1e-6
PAIRS = {"surface_energy": "slab", "grain_boundary": "boundary"}
"""Role of the structure whose in-plane lattice the bulk must have, by task."""


def read_structures(path: Path) -> dict[str, ReferenceStructure]:
    """Structures by role; energy and forces are NaN where the file has none.

    Raises:
        ReferenceDataError: Names file and frame.
    """
    text = read_bounded(path).decode(errors="replace")
    found: dict[str, ReferenceStructure] = {}
    try:
        frames = read_frames(text)
    except Exception as error:
        msg = f"{path}: is not extended XYZ ({type(error).__name__}: {error})"
        raise ReferenceDataError(" ".join(msg.split())) from error
    for number, frame in enumerate(frames, start=1):
        role = str(frame.info.get("role", ""))
        problem = _problem(frame, role, found)
        if problem:
            msg = f"{path}: frame {number}{f' (role {role})' if role else ''}: {problem}"
            raise ReferenceDataError(msg)
        try:
            found[role] = _structure(frame)
        except (ValueError, TypeError, ArithmeticError) as error:
            msg = f"{path}: frame {number} (role {role}): energy, forces or magmoms: {error}"
            raise ReferenceDataError(" ".join(msg.split())) from error
    if not found:
        msg = f"{path}: has no frames"
        raise ReferenceDataError(msg)
    return found


def _problem(frame: Atoms, role: str, found: Mapping[str, ReferenceStructure]) -> str:
    if not role:
        return "field 'role' is missing in the comment line, such as role=slab"
    if role in found:
        return f"field 'role': another frame is '{role}' already"
    if not len(frame) or not np.isfinite(frame.positions).all():
        return "field 'pos': no atoms, or positions that are not finite"
    if not np.isfinite(frame.cell[:]).all() or abs(frame.cell.volume) < 1:
        return "field 'Lattice' is missing or is no cell"
    return ""


def _structure(frame: Atoms) -> ReferenceStructure:
    results = dict(frame.calc.results) if frame.calc else {}
    magmoms = results.get("magmoms")
    bare = frame.copy()
    bare.calc = None
    bare.info.clear()
    for extra in set(bare.arrays) - {"numbers", "positions", "initial_magmoms"}:
        del bare.arrays[extra]
    bare.pbc = True
    return ReferenceStructure(
        bare,
        float(results.get("energy", math.nan)),
        np.asarray(results.get("forces", np.full((len(bare), 3), math.nan)), dtype=float),
        None if magmoms is None else np.asarray(magmoms, dtype=float),
    )


def extxyz(structures: Mapping[str, ReferenceStructure], *, unknown: bool = False) -> str:
    """Text of a structure file; what is not known is left out, or written as ``nan``."""
    from ase.io.extxyz import write_extxyz

    stream = io.StringIO()
    write_extxyz(stream, [_frame(role, s, unknown=unknown) for role, s in structures.items()])
    return stream.getvalue()


def _frame(role: str, structure: ReferenceStructure, *, unknown: bool) -> Atoms:
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = structure.atoms
    atoms.info = {"role": role}
    known: dict[str, float | np.ndarray | None]
    known = {"energy": structure.energy, "forces": structure.forces, "magmoms": structure.magmoms}
    results = {
        name: value
        for name, value in known.items()
        if value is not None and (unknown or np.isfinite(value).all())
    }
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def geometry_problems(case: Case) -> Iterator[str]:
    """What the tasks' formulas take for granted and do not check themselves."""
    role = PAIRS.get(case.task)
    if role is None or role not in case.structures or "bulk" not in case.structures:
        return
    bulk, slab = case.atoms("bulk"), case.atoms(role)
    one, two = (np.bincount(a.numbers, minlength=120) / len(a) for a in (bulk, slab))
    if not np.allclose(one, two):
        yield f"{role} is {slab.symbols}, bulk is {bulk.symbols}: not the same composition"
    if "relaxed" not in case.protocols:
        return
    advice = "or state protocols = ['fixed']"
    if not np.allclose(bulk.cell[:2], slab.cell[:2], rtol=0, atol=SAME_VECTOR_A):
        yield (
            f"bulk and {role} have different in-plane vectors; give the bulk in the oriented cell "
            f"with the in-plane lattice of the {role}, {advice}"
        )
    flat = [slab.cell[0, 1], slab.cell[0, 2], slab.cell[1, 2]]
    upright = [] if role == "boundary" else list(slab.cell[2, :2])
    if np.abs([*flat, *upright]).max() > ALONG_AXIS * slab.cell.lengths().max():
        yield (
            f"{role}: the first vector must be along x, the second in the xy plane and the normal "
            f"along z ('uipbench data import' turns it), {advice}"
        )
