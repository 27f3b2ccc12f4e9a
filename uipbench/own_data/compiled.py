"""Own data as the harness reads it: cases in the format of the references, in their own folder."""

from __future__ import annotations

import copy
import hashlib
import math
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uipbench.case import Case
from uipbench.casefiles import CaseFile, LevelOfTheory, Quantity, write_new_folder
from uipbench.errors import CaseError, ReferenceDataError, RegistryError
from uipbench.own_data.structures import extxyz, geometry_problems, read_structures
from uipbench.own_data.table import (
    TABLE_NAME,
    OwnCase,
    OwnTable,
    read_bounded,
    read_table,
    row_names,
)
from uipbench.reference_calculator import values_of_energies
from uipbench.registry import load_task

if TYPE_CHECKING:
    from uipbench.task import Task

DISAGREEMENT = 0.01
ROUNDING = 0.005
"""A stated value may differ by 1 %, or by this in its unit: published values are rounded."""


@dataclass(frozen=True, slots=True)
class OwnData:
    """A folder of own data, ready to be scored.

    Attributes:
        name: Name of the set.
        digest: sha256 of table and structure files.
        tasks: The tasks with the own cases in place of the public ones.
    """

    name: str
    digest: str
    tasks: tuple[Task, ...]


def open_own_data(folder: Path, into: Path) -> OwnData:
    """Validate a folder, and write its cases in the format of the references.

    Args:
        folder: With ``cases.toml`` and the structure files.
        into: Where the compiled cases go, in a folder named by their digest.

    Raises:
        ReferenceDataError: Names file, row and field.
    """
    table = read_table(folder)
    if not table.case:
        msg = f"{folder / TABLE_NAME}: no [[case]] yet; see docs/own_data.md"
        raise ReferenceDataError(msg)
    files = sorted({TABLE_NAME, *(case.file_name for case in table.case)})
    digests = [f"{n} {hashlib.sha256(read_bounded(folder / n)).hexdigest()}" for n in files]
    digest = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    target = into / digest[:16]
    if not target.is_dir():  # else these very files were found to be right before
        _write(target, _compile_all(folder, table))
    names = sorted({case.task for case in table.case})
    return OwnData(table.name, digest, tuple(own_task(n, target, table.name) for n in names))


def unfinished(folder: Path) -> list[str]:
    """Every problem of a folder, one line each; of the table only the first.

    Raises:
        ReferenceDataError: The table itself is wrong.
    """
    table = read_table(folder)
    problems = [] if table.case else [f"{folder / TABLE_NAME}: no [[case]] yet"]
    names = row_names(folder, table)
    for row, name in zip(table.case, names, strict=True):
        try:
            _compile(folder, table, row, name)
        except ReferenceDataError as error:
            problems.append(str(error))
    return problems


def own_task(name: str, compiled: Path, title: str) -> Task:
    """The task with the compiled cases; code and version are the public task's."""
    task = copy.copy(load_task(name))
    task.__dict__.pop("_cases", None)
    own = type(task.__class__.__name__, (type(task),), {"__module__": type(task).__module__})
    own.data_folder = property(lambda _: compiled / name)  # type: ignore[attr-defined]
    own.own_data = title  # type: ignore[attr-defined]
    own.title = f"{task.title} (own data: {title})"  # type: ignore[attr-defined]
    task.__class__ = own
    return task


def _write(target: Path, compiled: list[tuple[CaseFile, str]]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        for task in {file.task for file, _ in compiled}:
            write_new_folder(partial / task, [pair for pair in compiled if pair[0].task == task])
        os.sync()
        partial.replace(target)
    except OSError:
        if not target.is_dir():  # else another run has just written the same
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _compile_all(folder: Path, table: OwnTable) -> list[tuple[CaseFile, str]]:
    names = row_names(folder, table)
    rows = zip(table.case, names, strict=True)
    return [_compile(folder, table, row, name) for row, name in rows]


def _compile(folder: Path, table: OwnTable, row: OwnCase, name: str) -> tuple[CaseFile, str]:
    where = f"{folder / TABLE_NAME}: {name}"
    try:
        task = load_task(row.task)
    except RegistryError as error:
        msg = f"{where}, field 'task': {error}"
        raise ReferenceDataError(msg) from error
    case = _bare_case(folder, table, row)
    for problem in geometry_problems(case):
        msg = f"{where}: {row.file_name}: {problem}"
        raise ReferenceDataError(msg)
    references = _references(task, case, row, where)
    return _case_file(case, references, row), extxyz(case.structures, unknown=True)


def _bare_case(folder: Path, table: OwnTable, row: OwnCase) -> Case:
    structures = read_structures(folder / row.file_name)
    if row.task == "surface_energy" and "slab" in structures:
        structures.setdefault("slab_unrelaxed", structures["slab"])
    elements = sorted({s for x in structures.values() for s in x.atoms.symbols})
    first = next(iter(structures.values())).atoms
    return Case(
        task=row.task,
        id=row.id,
        title=row.title or row.id,
        material=row.material or str(first.symbols.formula.reduce()[0]),
        elements=tuple(elements),
        chemistry=row.chemistry,
        tier=row.tier,
        protocols=tuple(row.protocols),
        structures=structures,
        references={},
        theory=LevelOfTheory(
            paw={}, kpts={}, smearing=("not stated", 0.0), **table.theory.model_dump()
        ),
        digest="",
        tags=row.tags,
    )


def _references(task: Task, case: Case, row: OwnCase, where: str) -> dict[str, Quantity]:
    """The stated value, and what follows from the energies."""
    missing = [role for role, s in case.structures.items() if not math.isfinite(s.energy)]
    if missing and row.value is None and not _follows_all_the_same(task, case, row, where):
        msg = (
            f"{where}: {row.file_name}: role '{missing[0]}' has no energy; give energy=… (eV) in "
            f"its comment line, or state field 'value' in {task.unit}"
        )
        raise ReferenceDataError(msg)
    derived = _derived(task, case, row, where)
    follows = derived.get(task.quantity, math.nan)
    allowed = max(ROUNDING, DISAGREEMENT * abs(row.value or 0.0))
    if row.value is not None and abs(follows - row.value) > allowed:
        msg = (
            f"{where}, field 'value': {row.value:g} {task.unit}, but the energies of "
            f"{row.file_name} give {follows:.4g} {task.unit}; correct one of them"
        )
        raise ReferenceDataError(msg)
    value = follows if row.value is None else row.value
    units = {q: r.unit for known in task.cases() for q, r in known.references.items()}
    doubled = _same(case, "slab", "slab_unrelaxed")
    found = {
        name: Quantity(value=number, unit=units[name])
        for name, number in derived.items()
        if name in units and np.isfinite(number) and not (doubled and name.endswith("_unrelaxed"))
    }
    main = Quantity(value=value, unit=task.unit, uncertainty=row.uncertainty)
    return {task.quantity: main} | {k: v for k, v in found.items() if k != task.quantity}


def _follows_all_the_same(task: Task, case: Case, row: OwnCase, where: str) -> bool:
    """Whether the value needs no energy that is missing; a hop does not need its bulk's."""
    try:
        return math.isfinite(_derived(task, case, row, where).get(task.quantity, math.nan))
    except ReferenceDataError:
        return False


def _same(case: Case, first: str, second: str) -> bool:
    return case.structures.get(first) is case.structures.get(second)


def _derived(task: Task, case: Case, row: OwnCase, where: str) -> dict[str, float]:
    """What the task's own code makes of the structures, which checks them at the same time."""
    try:
        return dict(values_of_energies(task, case))
    except CaseError as error:
        msg = f"{where}: {row.file_name}: {error}"
    except KeyError as error:
        there = ", ".join(case.structures)
        msg = f"{where}: {row.file_name}: no frame with role={error.args[0]}; there: {there}"
    except (ValueError, TypeError, ArithmeticError, IndexError) as error:
        msg = f"{where}: {row.file_name}: not what {task.name} needs: {error}"
    raise ReferenceDataError(" ".join(msg.split()))


def _case_file(case: Case, references: dict[str, Quantity], row: OwnCase) -> CaseFile:
    case = replace(case, references=references)
    return CaseFile(
        schema_version=1,
        task=case.task,
        id=case.id,
        title=case.title,
        material=case.material,
        elements=list(case.elements),
        chemistry=case.chemistry,
        tier=row.tier,
        protocols=row.protocols,
        references=references,
        roles=list(case.structures),
        tags=row.tags,
        details={},
        theory=case.theory,
        published=[],
        recipe="own data",
        cpu_seconds=0.0,
        licence="own",
        comment=row.source,
    )
