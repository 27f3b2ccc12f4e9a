"""Making folders of own data: the commented template, and rows that imports append."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from uipbench.casefiles import write_atomically
from uipbench.errors import ReferenceDataError, SettingsError
from uipbench.own_data.structures import extxyz
from uipbench.own_data.table import TABLE_NAME, OwnCase, OwnTheory, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from uipbench.case import ReferenceStructure
    from uipbench.task import Task

HEADER = """\
# Own reference data for uipbench: docs/own_data.md. Check it with
#   uipbench data validate {folder}
# and score a model on it with
#   uipbench score MODEL --data {folder}

format = 1
name = {name}                 # shown with every result

[theory]                      # of all cases of this folder
xc = "PBE"                    # correct these three
code = "unknown"
cutoff_ev = 520
# spin_polarised = true
# dispersion = "D3(BJ)"
# [theory.hubbard_u_ev]
# Co = 3.32

# One [[case]] a row, one structure file a case: extended XYZ, one frame a role (role=… in the
# comment line), with energy=… in eV, and forces (eV/Å) where you have them.
#
# task          {tasks}
# id            lower-case letters, digits, '_', '-', '.'
# structures    default: <id>.extxyz
# value         in the unit of the task; without it, it follows from the energies
# uncertainty   of the value, optional
# title, material, chemistry, source, tier ("quick" or "full"), protocols (["fixed", "relaxed"])
# tags          facts that a task needs, such as tags = {{ host = "CoO2", working_ion = "Li" }}
"""


def new_folder(
    folder: Path, task: Task | None, tasks: list[str], *, theory: OwnTheory | None = None
) -> None:
    """Write a commented table, with an example of the task from the public cases.

    Args:
        folder: Made where it is missing.
        task: Of the example; None for no example.
        tasks: Names for the comment.
        theory: Level of theory of the set, where it is known.

    Raises:
        SettingsError: There is a table already.
    """
    path = folder / TABLE_NAME
    if path.exists():
        msg = f"{path}: is there already; add rows to it or choose another folder"
        raise SettingsError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    resolved = folder.resolve().name
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in resolved)
    named = json.dumps(f"set-{name}" if not name[:1].isalnum() else name[:80])
    text = HEADER.format(folder=folder, name=named, tasks=", ".join(tasks))
    if theory is not None:
        for key, value in (("xc", '"PBE"'), ("code", '"unknown"'), ("cutoff_ev", "520")):
            text = text.replace(f"{key} = {value}", f"{key} = {_toml(getattr(theory, key))}")
    if task is not None:
        text += _example(folder, task)
    write_atomically(path, text)


def _example(folder: Path, task: Task) -> str:
    cases = sorted(task.cases(), key=lambda c: sum(len(s.forces) for s in c.structures.values()))
    if not cases:
        return f"\n# {task.name} has no public case yet that could be shown as an example.\n"
    case = cases[0]
    row = OwnCase(
        task=task.name,
        id=f"example_{case.id}"[:80],
        title=f"Example: {case.title}",
        material=case.material,
        chemistry=case.chemistry,
        protocols=list(case.protocols),
        uncertainty=case.references[task.quantity].uncertainty,
        tags=dict(case.tags),
        source=f"a case of uipbench ({case.theory.code}), CC-BY-4.0: replace it by your own",
    )
    write_atomically(folder / row.file_name, extxyz(case.structures))
    roles = ", ".join(case.structures)
    value = case.references[task.quantity]
    about = (
        f"\n# An example. Roles in {row.file_name}: {roles}.\n"
        f"# Its energies give {task.quantity} = {value.value:.4f} {task.unit}.\n"
    )
    return about + row_text(row)


def row_text(row: OwnCase) -> str:
    """A ``[[case]]`` of the table; fields that have their defaults are left out."""
    lines = ["[[case]]"]
    for name, value in row.model_dump(exclude_defaults=True).items():
        lines.append(f"{name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """A value in TOML, whose strings, numbers and lists are those of JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    text = json.dumps(value)
    return text.replace("\x7f", "\\u007f")


def add_case(
    folder: Path, row: OwnCase, structures: Mapping[str, ReferenceStructure], tasks: list[str]
) -> None:
    """Append a row to the table of a folder, which is made where there is none.

    Raises:
        ReferenceDataError: A wrong table, or a case or file of this name is there already.
    """
    path = folder / TABLE_NAME
    if not path.exists():
        new_folder(folder, None, tasks)
    known = {(case.task, case.id) for case in read_table(folder).case}
    file = folder / row.file_name
    if (row.task, row.id) in known or file.exists():
        msg = f"{folder}: has '{row.id}' already; choose another identifier"
        raise ReferenceDataError(msg)
    write_atomically(file, extxyz(structures))
    text = path.read_text()
    write_atomically(path, text.rstrip("\n") + "\n\n" + row_text(row))
    read_table(folder)
