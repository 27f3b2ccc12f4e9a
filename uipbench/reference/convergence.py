"""Convergence tests: one setting at a time made finer, and what that does to the result."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import numpy as np
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uipbench.casefiles import LOCK_NAME, read_lock, read_verified, sha256_of, write_atomically
from uipbench.errors import ReferenceDataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from uipbench.reference.engine import DftEngine, DftStructure

AS_USED = "as used"
"""Name of the variant with the settings of the case."""

Positive = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class VariantResult(_Strict):
    """One variant of a convergence test.

    Attributes:
        name: What was made finer, such as ``cutoff x 1.3``.
        value: The quantity in the unit of the file.
        change: ``value`` minus the value with the settings of the case.
        cutoff_ev: Plane-wave cutoff in eV.
        kpts: Mesh by role of the structure.
        atoms: Number of atoms by role.
        height_a: Length of the third cell vector by role in Å.
        grid_spacing_a: Largest spacing of the real-space grid in Å; None for the code's own choice.
        seconds: CPU seconds.
    """

    name: str
    value: float
    change: float
    cutoff_ev: Positive
    kpts: dict[str, tuple[int, int, int]]
    atoms: dict[str, int]
    height_a: dict[str, float]
    grid_spacing_a: Positive | None = None
    seconds: float


class ConvergenceFile(_Strict):
    """Contents of ``convergence/<case>.json``."""

    schema_version: Literal[1]
    task: str
    case: str
    title: str
    quantity: str
    unit: str
    code: str
    variants: list[VariantResult]

    @property
    def deviation(self) -> float:
        """Root of the summed squares of the single changes, in the unit of the file."""
        return math.sqrt(math.fsum(v.change**2 for v in self.variants))

    @property
    def relative_deviation(self) -> float:
        """The deviation relative to the value as used, which must not be near zero."""
        return self.deviation / abs(self.variants[0].value)


@dataclass(frozen=True, slots=True)
class ConvergencePoint:
    """The quantity of one variant and the calculations that it comes from."""

    quantity: str
    value: float
    unit: str
    structures: Mapping[str, DftStructure]


class ConvergenceRecipe(Protocol):
    """A recipe whose settings can be made finer one at a time."""

    @property
    def id(self) -> str:
        """Identifier of the case."""

    @property
    def title(self) -> str:
        """What people read, such as ``Al(111)``."""

    def convergence_point(self, engine: DftEngine) -> ConvergencePoint:
        """Run the calculations that are not in the step store; unrelaxed structures."""


def compute_convergence(
    task: str, variants: Mapping[str, ConvergenceRecipe], engine: DftEngine
) -> ConvergenceFile:
    """Compute every variant; the first one, :data:`AS_USED`, is what the others are compared to.

    Args:
        task: Name of the task.
        variants: Recipes by name.
        engine: Runs what is not in its step store.
    """
    results: list[VariantResult] = []
    for name, recipe in variants.items():
        before = engine.seconds
        point = recipe.convergence_point(engine)
        used = results[0].value if results else point.value
        results.append(_result(name, point, used, engine.seconds - before))
    first = variants[AS_USED]
    return ConvergenceFile(
        schema_version=1,
        task=task,
        case=first.id,
        title=first.title,
        quantity=point.quantity,
        unit=point.unit,
        code=next(iter(point.structures.values())).evaluation.code,
        variants=results,
    )


def _result(name: str, point: ConvergencePoint, used: float, seconds: float) -> VariantResult:
    structures = point.structures
    settings = next(iter(structures.values())).settings
    return VariantResult(
        name=name,
        value=point.value,
        change=point.value - used,
        cutoff_ev=settings.cutoff_ev,
        kpts={role: d.settings.kpts for role, d in structures.items()},
        atoms={role: len(d.atoms) for role, d in structures.items()},
        height_a={
            role: round(float(np.linalg.norm(d.atoms.cell[2])), 4) for role, d in structures.items()
        },
        grid_spacing_a=settings.grid_spacing_a,
        seconds=round(seconds, 1),
    )


def write_convergence(folder: Path, file: ConvergenceFile) -> None:
    """Write ``<case>.json`` and enter its digest into the folder's own lock."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{file.case}.json"
    text = json.dumps(file.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    with FileLock(folder / ".lock"):
        write_atomically(folder / name, text)
        lock = {**read_lock(folder), name: sha256_of(folder / name)}
        write_atomically(
            folder / LOCK_NAME, json.dumps(dict(sorted(lock.items())), indent=1) + "\n"
        )


def read_convergence(folder: Path, case_id: str) -> ConvergenceFile | None:
    """The convergence test of a case, or None where there is none.

    Raises:
        ReferenceDataError: The file is damaged or not of the schema.
    """
    lock = read_lock(folder)
    name = f"{case_id}.json"
    if name not in lock:
        return None
    try:
        return ConvergenceFile.model_validate_json(read_verified(folder, name, lock))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        msg = f"{folder / name}: {where}: {first['msg']}; compute it again"
        raise ReferenceDataError(msg) from error


def read_all_convergence(folder: Path) -> list[ConvergenceFile]:
    """Every convergence test of a folder, sorted by case."""
    names = sorted(n.removesuffix(".json") for n in read_lock(folder))
    found = (read_convergence(folder, name) for name in names)
    return [file for file in found if file is not None]
