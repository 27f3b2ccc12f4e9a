"""Whether the relaxed reference structures are minima: displaced at random, do they come back?

``python -m tests.benchmarks.minima MODEL [--tasks TASK ...] [--seeds N]``

Forces keep the symmetry of a structure, so that a relaxation can end on a saddle (Si(110) did). A
potential is no proof, but a cheap look: each structure is relaxed by it as it is and after random
displacements of 0.1 Å, boundaries with their length along the normal, and the difference of the
lowest is printed (meV; below zero the displaced one is lower). The model's packages must be in this
environment.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tests.benchmarks.cheaper_calls import find, import_file
from uipbench.cell_relaxation import relax_along_normal
from uipbench.datasets import load_cases, reference_folder
from uipbench.errors import NotConvergedError
from uipbench.relaxation import relax_positions

if TYPE_CHECKING:
    from collections.abc import Callable

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


def main() -> None:
    """Print a line for each structure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--tasks", nargs="*", default=list(ROLES))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    model, arguments = find(given.model)
    calculator = import_file(model.path).load(*arguments)
    for task in given.tasks:
        relax = relax_along_normal if task == "grain_boundary" else relax_positions
        for case in load_cases(reference_folder(task), task):
            for role in ROLES[task]:
                start = case.atoms(role)
                start.calc = None
                try:
                    outcome = f"{1000 * gain(start, calculator, relax, given.seeds):.1f} meV"
                except NotConvergedError as error:
                    outcome = str(error)
                print(task, case.id, role, len(start), outcome, flush=True)  # noqa: T201


def gain(start: Atoms, calculator: Calculator, relax: Callable[..., Relaxed], seeds: int) -> float:
    """Energy in eV of the lowest displaced start, relaxed, less that of the start, relaxed."""
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
