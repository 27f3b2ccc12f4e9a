"""From a downloaded file to a folder of own data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uipbench.archives import ArchiveError, read_archive
from uipbench.errors import ReferenceDataError
from uipbench.own_data.slabs import read_slabs
from uipbench.own_data.table import TABLE_NAME, OwnCase, OwnTheory
from uipbench.own_data.writing import add_case, new_folder
from uipbench.registry import load_tasks

if TYPE_CHECKING:
    from pathlib import Path

    from uipbench.external.registry import ExternalSet


def convert(entry: ExternalSet, file: Path, folder: Path) -> None:
    """Write the set into an empty folder.

    Raises:
        ReferenceDataError: The file is not what the converter reads.
    """
    CONVERTERS[entry.converter](entry, file, folder)


def from_own_data(entry: ExternalSet, file: Path, folder: Path) -> None:
    """A zip file of a folder of own data; option ``folder`` says where in it."""
    try:
        files = read_archive(file)
    except ArchiveError as error:
        raise ReferenceDataError(str(error)) from error
    inner = str(entry.options.get("folder", ""))
    start = f"{inner}/" if inner else ""
    chosen = {
        name.removeprefix(start): content
        for name, content in files.items()
        if name.startswith(start) and "/" not in name.removeprefix(start)
    }
    if TABLE_NAME not in chosen:
        msg = f"{entry.name}: the file has no {start}{TABLE_NAME}; state option 'folder'"
        raise ReferenceDataError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in chosen.items():
        (folder / name).write_bytes(content)


def from_pymatgen_slabs(entry: ExternalSet, file: Path, folder: Path) -> None:
    """JSON of pymatgen's slabs.

    Options ``xc``, ``code``, ``cutoff_ev`` say what made them, ``bulk_energy`` is eV an atom.
    """
    stated = {"xc": "unknown", "code": "unknown", "cutoff_ev": 1.0} | {
        name: value for name, value in entry.options.items() if name in OwnTheory.model_fields
    }
    bulk = entry.options.get("bulk_energy")
    if bulk is not None and not isinstance(bulk, int | float):
        msg = f"{entry.name}: option 'bulk_energy' is {bulk!r}, expected eV an atom"
        raise ReferenceDataError(msg)
    slabs = read_slabs(file, bulk)
    new_folder(folder, None, list(load_tasks()), theory=OwnTheory.model_validate(stated))
    for slab in slabs:
        row = OwnCase(
            task="surface_energy",
            id=f"slab_{slab.name}",
            title=slab.title,
            value=slab.value,
            source=entry.citation,
        )
        add_case(folder, row, slab.structures, list(load_tasks()))


CONVERTERS: Final = {
    "own-data": from_own_data,
    "pymatgen-slabs": from_pymatgen_slabs,
}
