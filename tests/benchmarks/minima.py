"""Whether reference structures are minima: displaced at random, do they come back?

``python -m tests.benchmarks.minima MODEL [--tasks TASK ...] [--cases ID ...] [--planned]``

Forces keep the symmetry of a structure, so that a relaxation can end on a saddle (Si(110) did). A
potential is no proof, but a cheap look: each structure is relaxed by it as it is and after random
displacements of 0.1 Å, boundaries with their length along the normal, and the difference of the
lowest is printed (meV; below zero the displaced one is lower). The model's packages must be in this
environment. ``--planned`` looks at where the DFT of cases that are still to come will start.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tests.benchmarks.cheaper_calls import find, import_file
from uipbench.cell_relaxation import relax_along_normal
from uipbench.datasets import load_cases, reference_folder
from uipbench.errors import NotConvergedError
from uipbench.reference.queue import data_module
from uipbench.relaxation import relax_positions
from uipbench.tasks.adhesion import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from uipbench.relaxation import Relaxed

ROLES = {
    "surface_energy": ("slab",),
    "grain_boundary": ("boundary",),
    "li_migration": ("image_0",),
    "adhesion": ("slab_a", "slab_b", "interface"),
}
DISPLACEMENT_A = 0.1
FMAX = 0.02
MAX_STEPS = 300

Start = tuple[str, str, "Atoms"]


def main() -> None:
    """Print a line for each structure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--tasks", nargs="*", default=list(ROLES))
    parser.add_argument("--cases", nargs="*", help="identifiers; default: all")
    parser.add_argument("--planned", action="store_true", help="cases without a reference yet")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    model, arguments = find(given.model)
    calculator = import_file(model.path).load(*arguments)
    for task in given.tasks:
        relax = relax_along_normal if task == "grain_boundary" else relax_positions
        for case, role, start in (planned if given.planned else relaxed)(task):
            if given.cases and case not in given.cases:
                continue
            try:
                outcome = f"{1000 * gain(start, calculator, relax, given.seeds):.1f} meV"
            except NotConvergedError as error:
                outcome = str(error)
            print(task, case, role, len(start), outcome, flush=True)  # noqa: T201


def relaxed(task: str) -> Iterator[Start]:
    """Case, role and relaxed structure of the references."""
    for case in load_cases(reference_folder(task), task):
        for role in ROLES[task]:
            yield case.id, role, case.atoms(role)


def planned(task: str) -> Iterator[Start]:
    """Case, role and starting structure of the recipes whose reference is still to come."""
    done = {case.id for case in load_cases(reference_folder(task), task)}
    lattices = known_lattices()
    for recipe in data_module(task, "recipes").recipes():
        if recipe.id in done:
            continue
        try:
            start = BEGINNINGS[task](recipe, lattices)
        except KeyError as material:
            print(task, recipe.id, f"no reference has lattice constants of {material}", flush=True)  # noqa: T201
        else:
            yield recipe.id, "start", start


def known_lattices() -> dict[str, dict[str, float]]:
    """DFT lattice constants by material, as the details of the references have them."""
    return {
        case.material: {
            name: value
            for name, value in case.details.items()
            if name.startswith(("lattice_constant", "internal_coordinate"))
        }
        for task in ("li_migration", "grain_boundary", "surface_energy")
        for case in load_cases(reference_folder(task), task)
    }


def _interface(recipe: Any, lattices: Mapping[str, dict[str, float]]) -> Atoms:
    pair = recipe.pair(lattices)
    return joined(pair.slab_a, pair.slab_b, recipe.distance)


BEGINNINGS: dict[str, Callable[[Any, Mapping[str, dict[str, float]]], Atoms]] = {
    "surface_energy": lambda recipe, known: recipe.structures(known[recipe.material])[1],
    "grain_boundary": lambda recipe, known: recipe.structures(known[recipe.material])[1],
    "li_migration": lambda recipe, known: recipe.hop(known[recipe.material]).initial,
    "adhesion": _interface,
}


def gain(start: Atoms, calculator: Calculator, relax: Callable[..., Relaxed], seeds: int) -> float:
    """Energy in eV of the lowest displaced start, relaxed, less that of the start, relaxed."""
    start = start.copy()
    start.calc, start.pbc = None, True
    starts = [start.copy() for _ in range(seeds)]
    for seed, moved in enumerate(starts):
        moved.rattle(DISPLACEMENT_A, seed=seed)
    plain, *energies = (
        relax(atoms, calculator, fmax=FMAX, max_steps=MAX_STEPS).energy
        for atoms in (start, *starts)
    )
    return min(energies) - plain


if __name__ == "__main__":
    main()
