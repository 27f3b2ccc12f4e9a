"""Force calls of a model's migration bands, by start and optimiser.

``python -m tests.benchmarks.neb_drivers MODEL [CASE ...] [--drivers="NAME;NAME"]`` prints a table,
in an environment that has uipbench and the model's packages; one thread. A case without reference
gets the path that CHGNet 0.2.0 finds from its recipe, which then has to be installed too.

Every band has five moving images and is converged, climbing, to the task's limit on every atom.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.mep import NEB
from ase.mep.neb import NEBOptimizer
from ase.optimize import BFGS, FIRE, LBFGS
from ase.optimize.fire2 import FIRE2

from tests.benchmarks.cheaper_calls import find, import_file
from uipbench.batched_neb import BatchedNEB, idpp, known
from uipbench.neb import climbing_image_neb, half_path, moved_path
from uipbench.outcome import Evaluated
from uipbench.relaxation import INITIAL_HESSIAN, relax_cell, relax_positions
from uipbench.tasks.li_migration import (
    BAND_FMAX,
    BULK_FMAX,
    END_FMAX,
    IMAGES,
    TASK,
    image_roles,
    relative_coordinates,
    strained,
)

MAX_STEPS = 120
STAND_IN = "chgnet-0.2.0"
CLIMB_BELOW = 0.15


class Counting(Calculator):
    """A model's calculator that counts its calls."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, model):
        super().__init__()
        self.model, self.calls = model, 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """ASE's hook."""
        super().calculate(atoms, properties, system_changes)
        wanted = ["energy", "forces", *(["stress"] if "stress" in properties else [])]
        self.model.reset()
        self.model.calculate(self.atoms, wanted, all_changes)
        self.calls += 1
        self.results = dict(self.model.results)

    def evaluate_together(self, structures):
        """Energy and forces of each."""
        found = []
        for atoms in structures:
            self.calculate(atoms, ("energy", "forces"))
            energy, forces = (self.results[name] for name in ("energy", "forces"))
            found.append(Evaluated(float(energy), np.array(forces)))
        return found


class Band(BatchedNEB):
    """A band with any of ASE's methods and springs."""

    def __init__(self, images, calculator, *, climb, k, method):
        NEB.__init__(self, images, k=k, climb=climb, method=method)
        self._calculator = calculator


class OfOneImage(Calculator):
    """Keeps the last result of one image: a preconditioned band displaces copies of its images."""

    implemented_properties = ("energy", "forces")

    def __init__(self, model):
        super().__init__()
        self.model = model

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """ASE's hook."""
        super().calculate(atoms, properties, system_changes)
        (found,) = self.model.evaluate_together([self.atoms])
        self.results = {"energy": found.energy, "forces": found.forces}


class PreconditionedBand(NEB):
    """ASE's band with its exponential preconditioner (doi:10.1063/1.5064465)."""

    def __init__(self, images, calculator, *, climb, k, method):
        for image in images:
            image.calc = OfOneImage(calculator)
        super().__init__(images, k=k, climb=climb, method=method, precon="Exp")

    band_energies = Band.band_energies


class Ode(NEBOptimizer):
    """ASE's adaptive ODE solver, ended by the largest force on an atom as the others are."""

    def get_residual(self, F=None, X=None):  # noqa: N803, ARG002 - ASE's names
        """In eV/Å."""
        return left_of(self.neb)


class BlockBFGS:
    """A Hessian for every image, and one longest step for all."""

    def __init__(self, band, maxstep):
        self.band, self.maxstep, self.nsteps = band, maxstep, 0
        size = 3 * band.natoms
        self.hessians = [INITIAL_HESSIAN * np.eye(size) for _ in band.images[1:-1]]
        self.before = None

    def run(self, fmax, steps):
        """Whether it converged."""
        while largest(self.band.get_forces()) > fmax:
            if self.nsteps == steps:
                return False
            shape = (len(self.hessians), -1)
            self.step(
                self.band.get_positions().reshape(shape), self.band.get_forces().reshape(shape)
            )
            self.nsteps += 1
        return True

    def step(self, positions, forces):
        """Update the Hessians and move."""
        moves = np.empty_like(forces)
        for i, hessian in enumerate(list(self.hessians)):
            if self.before is not None:
                dx, df = positions[i] - self.before[0][i], forces[i] - self.before[1][i]
                image = hessian @ dx
                if abs(dx @ df) > 1e-10 and abs(dx @ image) > 1e-10:
                    change = np.outer(df, df) / (dx @ df) + np.outer(image, image) / (dx @ image)
                    self.hessians[i] = hessian - change
            values, vectors = np.linalg.eigh(self.hessians[i])
            moves[i] = vectors @ (forces[i] @ vectors / np.abs(values))
        longest = largest(moves)
        self.before = positions.copy(), forces.copy()
        moves *= min(1.0, self.maxstep / longest)
        self.band.set_positions((positions + moves).reshape(-1, 3))


def left_of(band):
    """Largest force on an atom; ASE's residual (largest component) where forces are conditioned."""
    forces = band.get_forces()
    return largest(forces) if band.precon is None else float(band.get_residual())


def largest(vectors):
    """Largest length."""
    return float(np.linalg.norm(np.reshape(vectors, (-1, 3)), axis=1).max())


STEP = {"maxstep": 0.15}
QUIET = {"logfile": None}
HESSIAN = {"alpha": INITIAL_HESSIAN, **STEP, **QUIET}


@dataclass(frozen=True)
class Driver:
    """How a band is converged."""

    optimiser: object
    at_once: bool = True
    start: str = "path"
    k: float = 1.0
    method: str = "improvedtangent"
    band: type = Band


DRIVERS = {
    "task": None,
    "ASE: FIRE, k 0.1, climbing": Driver(partial(FIRE, **QUIET), start="top", k=0.1),
    "BFGS, start through the top": Driver(partial(BFGS, **HESSIAN), at_once=False, start="top"),
    "BFGS": Driver(partial(BFGS, **HESSIAN), at_once=False),
    "BFGS, climbing at once": Driver(partial(BFGS, **HESSIAN)),
    "LBFGS": Driver(partial(LBFGS, **HESSIAN), at_once=False),
    "BFGS an image": Driver(partial(BlockBFGS, **STEP), at_once=False),
    "FIRE, climbing at once": Driver(partial(FIRE, **STEP, **QUIET)),
    "FIRE2, climbing at once": Driver(partial(FIRE2, **STEP, **QUIET)),
    "ODE12r, climbing at once": Driver(partial(Ode, method="ode", **QUIET)),
    "static, climbing at once": Driver(partial(Ode, method="static", alpha=0.03, **QUIET)),
    "string, ODE12r, climbing": Driver(partial(Ode, method="ode", **QUIET), k=0.1, method="string"),
    "spline, preconditioned, ODE12r": Driver(
        partial(Ode, method="ode", **QUIET), k=0.1, method="spline", band=PreconditionedBand
    ),
}


def model_calculator(name):
    """The model of the registry in this process."""
    model, arguments = find(name)
    return Counting(import_file(model.path).load(*arguments))


def reference_path(case_id):
    """Bulk and images of a committed case, or a stand-in made from the recipe."""
    for case in TASK.cases():
        if case.id == case_id:
            roles = image_roles(list(case.structures))
            energies = [case.structures[role].energy for role in roles]
            return case.atoms("bulk"), [case.atoms(role) for role in roles], energies
    return stand_in(case_id)


def stand_in(case_id):
    """What the recipe does, with a potential: both halves of a symmetric path."""
    from uipbench.reference_data.li_migration.crystals import starting_lattice
    from uipbench.reference_data.li_migration.mirror import needed_reversal
    from uipbench.reference_data.li_migration.recipes import recipes

    model = model_calculator(STAND_IN)
    recipe = {recipe.id: recipe for recipe in recipes()}[case_id]
    lattice = starting_lattice(recipe.site.material)
    lengths = relax_cell(recipe.site.bulk(lattice), model, fmax=0.01).atoms.cell.lengths()
    ratio = lengths / recipe.site.bulk(lattice).cell.lengths()
    for name, axis in (("lattice_constant_a", 0), ("lattice_constant_c", 2)):
        if name in lattice:
            lattice[name] *= float(ratio[axis])
    hop = recipe.hop(lattice)
    initial, middle = (relax_positions(a, model, fmax=0.02) for a in (hop.initial, hop.midpoint))
    half = half_path(initial, middle, model, images=4, fmax=0.1, climb_fmax=0.04)
    turn, first = needed_reversal(hop), list(half.images[:-1])
    mirrored = [turn.structure(atoms, middle.atoms) for atoms in reversed(first)]
    energies = [*half.energies, *half.energies[-2::-1]]
    return recipe.site.bulk(lattice), [*first, middle.atoms, *mirrored], energies


def start_of(driver, ends, path, top):
    """The first images."""
    if driver.start == "path":
        return moved_path(path, *ends, IMAGES)
    before = min(max(round(float(relative_coordinates(path)[top]) * (IMAGES - 1)), 1), IMAGES - 2)
    first = idpp(ends[0], path[top], before + 1)
    return [*first, *idpp(first[-1], ends[1], IMAGES - before)[1:]]


def run(driver, ends, model, path, top):
    """Energies, and the force that is left."""
    initial, final = ends
    if driver is None:
        limits = {"images": IMAGES, "fmax": BAND_FMAX}
        found = climbing_image_neb(initial, final, model, path=path, **limits)
        return found.energies, found.max_force
    images = start_of(driver, (initial.atoms, final.atoms), path, top)
    for image, end in ((images[0], initial), (images[-1], final)):
        image.calc = known(image, end.energy, np.zeros_like(image.positions))
    for climb in (True,) if driver.at_once else (False, True):
        band = driver.band(images, model, climb=climb, k=driver.k, method=driver.method)
        limit = BAND_FMAX if climb else CLIMB_BELOW
        if not driver.optimiser(band).run(fmax=limit, steps=MAX_STEPS):
            break
    return band.band_energies, left_of(band) if band.climb else np.inf


def main(name, *arguments):
    """One table a case."""
    chosen = [a.removeprefix("--drivers=").split(";") for a in arguments if a.startswith("--")]
    drivers = chosen[0] if chosen else list(DRIVERS)
    cases = [a for a in arguments if not a.startswith("--")] or [case.id for case in TASK.cases()]
    model = model_calculator(name)
    for case_id in cases:
        bulk, path, energies = reference_path(case_id)
        own = relax_cell(bulk, model, fmax=BULK_FMAX).atoms
        path = [strained(atoms, bulk, own) for atoms in path]
        for atoms in path:
            atoms.pbc = True
        ends = [relax_positions(path[i], model, fmax=END_FMAX) for i in (0, -1)]
        print(f"{name} {case_id}, {len(path[0])} atoms")  # noqa: T201
        for label in drivers:
            before = model.calls
            try:
                ended = run(DRIVERS[label], ends, model, path, int(np.argmax(energies)))
            except Exception as error:  # noqa: BLE001 - a row of the table
                print(f"  {label:30} {model.calls - before:5} {error}", flush=True)  # noqa: T201
                continue
            barrier, left = ended[0].max() - ends[0].energy, ended[1]
            state = "" if left <= BAND_FMAX else "not converged"
            print(  # noqa: T201
                f"  {label:30} {model.calls - before:5} {barrier:.4f} eV, {left:.3f} eV/Å {state}",
                flush=True,
            )


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    main(*sys.argv[1:])
