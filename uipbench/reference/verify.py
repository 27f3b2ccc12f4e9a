"""Verification of reference files: against their lock, their schema, their recipe, and new DFT."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uipbench.casefiles import LOCK_NAME, parse_case_file, read_lock, read_verified
from uipbench.datasets import case_ids, load_cases
from uipbench.errors import ReferenceDataError, SettingsError
from uipbench.reference.convergence import read_all_convergence
from uipbench.reference.engine import DftEngine
from uipbench.reference.gpaw_calculator import code_version
from uipbench.reference.guide import potential
from uipbench.reference.queue import (
    case_folder,
    convergence_folder,
    data_module,
    load_recipes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from uipbench.case import Case
    from uipbench.reference.convergence import ConvergenceFile
    from uipbench.reference.recipe import Recipe, ReferenceCase

ENERGY_TOLERANCE_EV = 1e-3
VALUE_TOLERANCE = 1e-3
"""1 mJ/m² where the unit is J/m², 1 meV where it is eV, 1 mV where it is V."""

TOLERANCE_OF_UNIT: Mapping[str, float] = {
    "A": 0.005,
    "angstrom": 0.005,
    "percent": 0.5,
    "GPa": 0.02,
}
"""Lengths and volumes: the energy is flat at its minimum, so that the limits on forces and stress
leave more of them open. A virial of 0.01 √18 eV in 18 atoms of Li2O (153 Å³, some 200 GPa along the
normal) is 0.004 Å of length. The committed calculation and one repeated after changes of the engine
ended 0.002 Å of excess volume apart there, and 0.17 % of the volume in Li-Al. A traction is a slope
of the binding curve: 1 mJ/m² over the 0.5 Å between the neighbours of a point is 0.02 GPa.
"""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what is wrong.

    Attributes:
        cases: Identifiers of the cases that were looked at.
        problems: One line each; empty if everything is right.
        left_out: What could not be checked here, and why.
    """

    cases: tuple[str, ...]
    problems: tuple[str, ...]
    left_out: tuple[str, ...]


def verify(task: str) -> Verification:
    """Check every file of a task without DFT.

    Raises:
        RegistryError: The task has no recipes.
    """
    checks = data_module(task, "checks")
    folder = case_folder(task)
    found = list(_wrong_files(folder))
    try:
        tests = read_all_convergence(convergence_folder(task))
    except ReferenceDataError as error:
        found.append(str(error))
    ids = tuple(case_ids(folder))
    if not found:
        cases = load_cases(folder, task)
        found += [*_wrong_cases(task, cases), *_stale_convergence(tests, cases)]
    left_out = checks.left_out()
    return Verification(ids, tuple(found), () if left_out is None else (left_out,))


def _wrong_files(folder: Path) -> Iterator[str]:
    lock = read_lock(folder)
    for name in sorted(lock):
        try:
            content = read_verified(folder, name, lock)
            if name.endswith(".json"):
                parse_case_file(content, folder / name)
        except ReferenceDataError as error:
            yield str(error)
    present = {p.name for p in folder.glob("*") if p.suffix in {".json", ".extxyz"}} - {LOCK_NAME}
    for name in sorted(present - set(lock)):
        yield f"{folder / name}: not in {LOCK_NAME}; compute the case again or delete the file"


def _stale_convergence(tests: Sequence[ConvergenceFile], cases: Sequence[Case]) -> Iterator[str]:
    """Tests whose first variant does not have the settings of their case."""
    by_id = {case.id: case for case in cases}
    for test in tests:
        case = by_id.get(test.case)
        if case is None:
            continue
        used, theory = test.variants[0], case.theory
        same = (
            used.cutoff_ev == theory.cutoff_ev
            and used.grid_spacing_a == theory.grid_spacing_a
            and all(mesh == theory.kpts.get(role, mesh) for role, mesh in used.kpts.items())
        )
        if not same:
            yield f"convergence/{test.case}: other settings than its case; test it again (--again)"


def _wrong_cases(task: str, cases: Sequence[Case]) -> Iterator[str]:
    recipes = {recipe.id: recipe for recipe in load_recipes(task)}
    problems = data_module(task, "checks").problems
    for case in cases:
        recipe = recipes.get(case.id)
        if recipe is None:
            yield f"{case.id}: has no recipe"
            continue
        for problem in problems(case, recipe):
            yield f"{case.id}: {problem}"


def choose(task: str, number: int, seed: int) -> list[Recipe]:
    """A reproducible random choice among the finished cases.

    Raises:
        SettingsError: There are fewer finished cases than asked for.
    """
    recipes = {recipe.id: recipe for recipe in load_recipes(task)}
    done = [i for i in case_ids(case_folder(task)) if i in recipes]
    if number > len(done):
        msg = f"--recompute {number}: task '{task}' has {len(done)} finished cases"
        raise SettingsError(msg)
    return [recipes[i] for i in sorted(random.Random(seed).sample(done, number))]  # noqa: S311


def recompute(task: str, number: int, seed: int, log: Callable[[str], None]) -> Verification:
    """Compute cases from scratch in an empty step store and compare them with their files.

    Args:
        task: Name of the task.
        number: How many cases.
        seed: Seed of the choice.
        log: Called with one line of progress.

    Raises:
        ReferenceEngineError: GPAW is not installed.
        SettingsError: There are fewer finished cases than asked for.
    """
    chosen = choose(task, number, seed)
    code_version()
    stored = {case.id: case for case in load_cases(case_folder(task), task)}
    found: list[str] = []
    for recipe in chosen:
        log(f"{recipe.id}: recomputed from scratch")
        with tempfile.TemporaryDirectory(prefix="uipbench-dft-") as work:
            fresh = recipe.compute(DftEngine(Path(work), log, potential()))
        found += differences(stored[recipe.id], fresh)
    return Verification(tuple(recipe.id for recipe in chosen), tuple(found), ())


def differences(stored: Case, fresh: ReferenceCase) -> Iterator[str]:
    """One line for every energy or value of ``fresh`` that differs from the stored one."""
    for role, structure in fresh.structures.items():
        change = structure.evaluation.energy - stored.structures[role].energy
        if abs(change) > ENERGY_TOLERANCE_EV:
            yield f"{stored.id}: energy of {role} differs by {1000 * change:.2f} meV"
    for name, quantity in fresh.file.references.items():
        change = quantity.value - stored.reference(name)
        if abs(change) > TOLERANCE_OF_UNIT.get(quantity.unit, VALUE_TOLERANCE):
            yield f"{stored.id}: {name} differs by {change:.4f} {quantity.unit}"
