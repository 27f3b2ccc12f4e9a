"""Reading the reference cases of a task, each file verified before use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uipbench.case import Case, ReferenceStructure
from uipbench.casefiles import case_digest, parse_case_file, read_lock, read_verified
from uipbench.errors import ReferenceDataError
from uipbench.extended_xyz import read_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ase import Atoms


def reference_folder(task: str) -> Path:
    """Folder of the reference files that come with uipbench."""
    return Path(__file__).parent / "reference_data" / task / "cases"


def case_ids(folder: Path) -> list[str]:
    """Identifiers of the cases in a folder, from its lock alone."""
    return sorted(
        name.removesuffix(".json") for name in read_lock(folder) if name.endswith(".json")
    )


def load_cases(folder: Path, task: str) -> tuple[Case, ...]:
    """All cases of a folder, sorted by identifier.

    Raises:
        ReferenceDataError: A file is missing, damaged, or does not agree with another one.
    """
    lock = read_lock(folder)
    return tuple(_load_case(folder, i, lock, task) for i in case_ids(folder))


def _load_case(folder: Path, case_id: str, lock: dict[str, str], task: str) -> Case:
    name = f"{case_id}.json"
    file = parse_case_file(read_verified(folder, name, lock), folder / name)
    if (file.id, file.task) != (case_id, task):
        msg = f"{folder / name}: is case '{file.task}/{file.id}', expected '{task}/{case_id}'"
        raise ReferenceDataError(msg)
    structures_name = f"{case_id}.extxyz"
    content = read_verified(folder, structures_name, lock)
    return Case(
        task=file.task,
        id=file.id,
        title=file.title,
        material=file.material,
        elements=tuple(file.elements),
        chemistry=file.chemistry,
        tier=file.tier,
        protocols=tuple(file.protocols),
        structures=LazyStructures(folder / structures_name, content, file.roles),
        references=file.references,
        theory=file.theory,
        digest=case_digest(lock, case_id),
        tags=file.tags,
        details=file.details,
        published=tuple(file.published),
        recipe=file.recipe,
        comment=file.comment,
    )


class LazyStructures(Mapping[str, ReferenceStructure]):
    """Structures by role, verified when the case is loaded and parsed when first used."""

    def __init__(self, path: Path, content: bytes, roles: Sequence[str]) -> None:
        self._path = path
        self._content = content
        self._roles = tuple(roles)

    @cached_property
    def _parsed(self) -> dict[str, ReferenceStructure]:
        try:
            frames = read_frames(self._content.decode(), plain=True)
            structures = {str(a.info["role"]): _structure(a) for a in frames}
        except Exception as error:
            msg = f"{self._path}: not a reference structure file ({error!r})"
            raise ReferenceDataError(" ".join(msg.split())) from error
        if tuple(structures) != self._roles:
            msg = f"{self._path}: roles {list(structures)}, but the JSON says {list(self._roles)}"
            raise ReferenceDataError(msg)
        return structures

    def __getitem__(self, role: str) -> ReferenceStructure:
        if role not in self._roles:
            raise KeyError(role)
        return self._parsed[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._roles)

    def __len__(self) -> int:
        return len(self._roles)


def _structure(frame: Atoms) -> ReferenceStructure:
    results = frame.calc.results if frame.calc else {}
    frame.calc = None
    frame.info.clear()
    for extra in set(frame.arrays) - {"numbers", "positions", "initial_magmoms"}:
        del frame.arrays[extra]
    magmoms = results.get("magmoms")
    return ReferenceStructure(
        frame,
        float(results["energy"]),
        np.asarray(results["forces"], dtype=float),
        None if magmoms is None else np.asarray(magmoms, dtype=float),
    )
