"""Reading the reference cases of a task, each file verified before use."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uipbench.case import Case, ReferenceStructure
from uipbench.casefiles import CaseFile, case_digest, parse_case_file, read_lock, read_verified
from uipbench.errors import ReferenceDataError

if TYPE_CHECKING:
    from ase import Atoms


def reference_folder(task: str) -> Path:
    """Folder of the reference files that come with uipbench."""
    return Path(__file__).parent / "reference_data" / task / "cases"


def case_ids(folder: Path) -> list[str]:
    """Identifiers of the cases in a folder, from its lock alone."""
    return sorted(name.removesuffix(".json") for name in read_lock(folder) if name.endswith(".json"))


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
    structures = _load_structures(folder, file, lock)
    return Case(
        task=file.task,
        id=file.id,
        title=file.title,
        material=file.material,
        elements=tuple(file.elements),
        chemistry=file.chemistry,
        tier=file.tier,
        protocols=tuple(file.protocols),
        structures=structures,
        references=file.references,
        theory=file.theory,
        digest=case_digest(lock, case_id),
        tags=file.tags,
        details=file.details,
        published=tuple(file.published),
        recipe=file.recipe,
        comment=file.comment,
    )


def _load_structures(
    folder: Path, file: CaseFile, lock: dict[str, str]
) -> dict[str, ReferenceStructure]:
    from ase.io import read

    name = f"{file.id}.extxyz"
    text = read_verified(folder, name, lock).decode()
    try:
        frames: list[Atoms] = read(io.StringIO(text), index=":", format="extxyz")
        structures = {str(a.info["role"]): _structure(a) for a in frames}
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        msg = f"{folder / name}: not a reference structure file ({error!r})"
        raise ReferenceDataError(msg) from error
    if list(structures) != file.roles:
        msg = f"{folder / name}: roles {list(structures)}, but the JSON says {file.roles}"
        raise ReferenceDataError(msg)
    return structures


def _structure(frame: Atoms) -> ReferenceStructure:
    results = frame.calc.results if frame.calc else {}
    bare = frame.copy()
    bare.calc = None
    bare.info.clear()
    for extra in set(bare.arrays) - {"numbers", "positions", "initial_magmoms"}:
        del bare.arrays[extra]
    magmoms = results.get("magmoms")
    return ReferenceStructure(
        bare,
        float(results["energy"]),
        np.asarray(results["forces"], dtype=float),
        None if magmoms is None else np.asarray(magmoms, dtype=float),
    )
