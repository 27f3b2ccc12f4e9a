"""Slabs of pymatgen, with their oriented unit cells, as cases of ``surface_energy``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uipbench.case import ReferenceStructure
from uipbench.errors import ReferenceDataError
from uipbench.own_data.imports import from_pymatgen, read_json, upright

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImportedSlab:
    """One slab.

    Attributes:
        name: From its Miller index and its number in the file, such as ``111_2``.
        title: What people read.
        structures: Roles ``bulk`` and ``slab``.
        value: Surface energy in J/m² where the file states it.
    """

    name: str
    title: str
    structures: dict[str, ReferenceStructure]
    value: float | None


def read_slabs(path: Path, bulk_energy: float | None) -> list[ImportedSlab]:
    """All slabs of a JSON file.

    Args:
        path: A dictionary of a ``Slab``, or a list of them.
        bulk_energy: eV an atom, or None.

    Raises:
        ReferenceDataError: Names file, entry and field.
    """
    entries = read_json(path)
    if entries is None:
        msg = f"{path}: expected a list of slabs as pymatgen's as_dict writes them"
        raise ReferenceDataError(msg)
    return [_checked(e, i, f"{path}: entry {i}", bulk_energy) for i, e in enumerate(entries, 1)]


def _checked(
    entry: dict[str, Any], number: int, where: str, bulk_energy: float | None
) -> ImportedSlab:
    try:
        return _slab(entry, number, where, bulk_energy)
    except (TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        msg = f"{where}: not a slab of pymatgen: {type(error).__name__}: {error}"
        raise ReferenceDataError(" ".join(msg.split())) from error


def _slab(
    entry: dict[str, Any], number: int, where: str, bulk_energy: float | None
) -> ImportedSlab:
    for field in ("oriented_unit_cell", "miller_index"):
        if not entry.get(field):
            msg = f"{where}: field '{field}' is missing; is it a Slab? See also: data import files"
            raise ReferenceDataError(msg)
    bulk = from_pymatgen(entry["oriented_unit_cell"], f"{where}: oriented_unit_cell")
    slab = from_pymatgen(entry, where, _number(entry, "energy"))
    energy = math.nan if bulk_energy is None else bulk_energy * len(bulk.atoms)
    bulk = ReferenceStructure(bulk.atoms, energy, bulk.forces)
    structures = {"bulk": upright(bulk, vacuum=False), "slab": upright(slab, vacuum=True)}
    index = "".join(f"m{-i}" if i < 0 else str(i) for i in map(int, entry["miller_index"]))
    title = f"{slab.atoms.symbols.formula.reduce()[0]}({index.replace('m', '-')})"
    properties = entry.get("properties") or {}
    stated = _number({**properties, **entry}, "surface_energy")
    value = stated if math.isfinite(stated) else None
    return ImportedSlab(f"{index}_{number}", title, structures, value)


def _number(entry: dict[str, Any], name: str) -> float:
    value = entry.get(name)
    return float(value) if isinstance(value, int | float) else math.nan
