"""Force calls of every relaxation of the five tasks, by optimiser.

``python -m tests.benchmarks.optimisers MODEL [--tasks=NAME,NAME] [--only="NAME;NAME"]`` prints a
table a task, in an environment that has uipbench and the model's packages; one thread. All public
cases are relaxed as the task does it, to its limits, with another optimiser each time; bands are
not moved (``neb_drivers.py`` does that): of hops only cells and end points are relaxed.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from unittest.mock import patch

import ase.optimize
import numpy as np
from ase import Atoms
from ase.optimize import BFGS, FIRE, LBFGS, BFGSLineSearch
from ase.optimize.fire2 import FIRE2
from ase.optimize.precon import Exp, PreconLBFGS

from tests.benchmarks.neb_drivers import model_calculator
from uipbench.errors import UipbenchError
from uipbench.registry import load_tasks
from uipbench.relaxation import MAX_DISPLACEMENT_A, relax_cell, relax_positions
from uipbench.tasks.li_migration import BULK_FMAX, END_FMAX, image_roles, strained

MOST_STEPS = 2000
STEP = {"maxstep": MAX_DISPLACEMENT_A, "logfile": None}


def preconditioned(target, alpha):
    """Of positions alone; ASE has none for a filter."""
    if not isinstance(target, Atoms):
        return BFGS(target, alpha=alpha, **STEP)
    return PreconLBFGS(target, precon=Exp(), use_armijo=False, **STEP)


OPTIMISERS = {
    "BFGS, the tasks' Hessian": lambda target, alpha: BFGS(target, alpha=alpha, **STEP),
    "LBFGS, the same": lambda target, alpha: LBFGS(target, alpha=alpha, **STEP),
    "BFGSLineSearch, the same": lambda target, alpha: BFGSLineSearch(target, alpha=alpha, **STEP),
    "PreconLBFGS (positions)": preconditioned,
    "BFGS, ASE's 70 eV/Å²": lambda target, alpha: BFGS(target, **STEP),  # noqa: ARG005
    "FIRE2": lambda target, alpha: FIRE2(target, **STEP),  # noqa: ARG005
    "FIRE": lambda target, alpha: FIRE(target, **STEP),  # noqa: ARG005
}


@dataclass
class Counts:
    """Calls of relaxations, and what they ended on."""

    calls: Counter = field(default_factory=Counter)
    values: dict = field(default_factory=dict)
    failed: dict = field(default_factory=dict)


class Optimiser:
    """Stands for ``ase.optimize.BFGS`` in the relaxations; bands have the real one.

    Attributes:
        make: Makes the other optimiser.
        model: Counts its calls.
        relaxed: Calls so far.
    """

    def __init__(self, make, model):
        self.make, self.model, self.relaxed = make, model, 0

    def __call__(self, target, *, alpha, **_):
        optimiser = self.make(target, alpha)
        run = optimiser.run

        def counted(*, fmax, steps):
            before = self.model.calls
            try:
                return run(fmax=fmax, steps=max(steps, MOST_STEPS))
            finally:
                self.relaxed += self.model.calls - before

        optimiser.run = counted
        return optimiser


def relaxed_values(task, case, model):
    """The headline quantity of a case; of a hop the energies of its ends."""
    if task.name != "li_migration":
        return {task.quantity: task.predict(case, model, "relaxed").values[task.quantity]}
    roles = image_roles(list(case.structures))
    images = [case.atoms(role) for role in roles]
    start = case.atoms("bulk")
    bulk = relax_cell(start, model, fmax=BULK_FMAX).atoms
    ends = [
        relax_positions(strained(images[i], start, bulk), model, fmax=END_FMAX).energy
        for i in (0, -1)
    ]
    return {"first_end": ends[0], "last_end": ends[1]}


def measured(task, model, name):
    """All cases of a task by one optimiser."""
    counts = Counts()
    for case in task.cases():
        if "relaxed" not in case.protocols:
            continue
        stand_in = Optimiser(OPTIMISERS[name], model)
        with patch.object(ase.optimize, "BFGS", stand_in):
            try:
                counts.values[case.id] = relaxed_values(task, case, model)
            except UipbenchError as error:
                counts.failed[case.id] = str(error)
        counts.calls[case.id] = stand_in.relaxed
    return counts


def farthest(found, first):
    """Largest difference, with its case."""
    differences = {
        (abs(values[key] - first.values[case_id][key]), case_id, key)
        for case_id, values in found.values.items()
        if case_id in first.values
        for key in values
    }
    return max(differences, default=(np.nan, "", ""))


def main(name, *arguments):
    """One table a task."""
    options = dict(a.removeprefix("--").split("=", 1) for a in arguments)
    optimisers = options["only"].split(";") if "only" in options else list(OPTIMISERS)
    tasks = options["tasks"].split(",") if "tasks" in options else list(load_tasks())
    model = model_calculator(name)
    for task in (load_tasks()[t] for t in tasks):
        first = None
        for label in optimisers:
            found = measured(task, model, label)
            first = first or found
            both = [c for c in first.values if c in found.values]
            mine, others = (sum(x.calls[c] for c in both) for x in (found, first))
            difference, where, key = farthest(found, first)
            print(  # noqa: T201
                f"{name} {task.name:17} {label:26} {len(both):3} of {len(found.calls)} cases "
                f"{mine:6} calls, {mine / others:.2f}; {difference:.5f} ({where} {key})",
                flush=True,
            )
            for case_id, why in found.failed.items():
                print(f"    {case_id}: {why}", flush=True)  # noqa: T201


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    main(*sys.argv[1:])
