"""The cases of ``side_by_side.py`` without uipbench: matcalc, and a plain script for ASE.

``python tests/benchmarks/rivals.py REQUEST`` reads a JSON file and prints one line of JSON. Both
relax the same structures as the tasks to the same limits, with the package's own calculator, and
with their own defaults in everything else; the tasks' formulas make numbers of the energies.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.mep import NEB
from ase.optimize import BFGS, FIRE
from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import CHGNet

from uipbench.registry import load_task
from uipbench.tasks import grain_boundary, li_migration, surface_energy, voltage_profile
from uipbench.tasks.voltage_profile.structures import series_of

WEIGHTS = "0.3.0"
CORRECTIONS = "MP2020"
"""What the model's card says of its energies."""

ALONG_NORMAL = [False, False, True, False, False, False]


class Counting(CHGNetCalculator):
    """The package's calculator; every call adds a byte to a file, whichever process makes it."""

    def __init__(self, calls, network):
        super().__init__(network, use_device="cpu")
        self.calls = calls

    def another(self):
        """Of the same network, with results of its own."""
        return Counting(self.calls, self.model)

    def calculate(self, atoms=None, properties=None, system_changes=None, **others):
        """ASE's hook."""
        super().calculate(atoms, properties, system_changes, **others)
        with Path(self.calls).open("ab") as file:
            file.write(b".")


class Ase:
    """One structure after another: BFGS, and for bands FIRE from an IDPP path, as ASE has them."""

    def __init__(self, calculator, request):
        self.calculator, self.steps = calculator, request["max_steps"]
        self.least = request["fmax"]

    def cells(self, structures, fmax):
        """Relaxed cells with their energies."""
        return [self._relaxed(atoms, fmax, FrechetCellFilter) for atoms in structures]

    def positions(self, structures, fmax):
        """Positions relaxed in fixed cells."""
        return [self._relaxed(atoms, fmax) for atoms in structures]

    slabs = positions

    def along_normal(self, structures, fmax):
        """Positions and the length along the normal."""
        return [
            self._relaxed(atoms, fmax, FrechetCellFilter, **normal_strain(atoms))
            for atoms in structures
        ]

    def barriers(self, ends, fmax):
        """Forward barriers of hops between relaxed end points."""
        return [self._barrier(*pair, fmax) for pair in ends]

    def _relaxed(self, atoms, fmax, made_of=lambda atoms: atoms, **options):
        moving = atoms.copy()
        moving.calc = self.calculator
        optimiser = BFGS(made_of(moving, **options), logfile=None)
        self._converge(optimiser, fmax)
        energy = float(moving.get_potential_energy())
        moving.calc = None
        return moving, energy

    def _barrier(self, first, last, fmax):
        between = [first[0].copy() for _ in range(li_migration.IMAGES - 2)]
        images = [first[0].copy(), *between, last[0].copy()]
        band = NEB(images, climb=True)
        band.interpolate("idpp", mic=True)
        for image in between:
            image.calc = self.calculator.another()  # one for all forgets every image but one
        for image, (_, energy) in zip((images[0], images[-1]), (first, last), strict=True):
            image.calc = SinglePointCalculator(image, energy=energy)
        self._converge(FIRE(band, logfile=None), fmax)
        return float(max(band.energies[1:-1]) - first[1])  # of the last step

    def _converge(self, optimiser, fmax):
        if not optimiser.run(fmax=max(fmax, self.least), steps=self.steps):
            print(f"{optimiser} did not converge", file=sys.stderr)  # noqa: T201


class MatCalc:
    """matcalc's RelaxCalc, SurfaceCalc and NEBCalc, their jobs side by side as it offers."""

    def __init__(self, calculator, request):
        self.calculator, self.jobs = calculator, request["jobs"]
        self.steps, self.least = request["max_steps"], request["fmax"]

    def cells(self, structures, fmax):
        """RelaxCalc."""
        return self._relaxed(structures, fmax)

    def positions(self, structures, fmax):
        """RelaxCalc in fixed cells."""
        return self._relaxed(structures, fmax, relax_cell=False)

    def along_normal(self, structures, fmax):
        """RelaxCalc with one strain of the cell, whose factor is another for every structure."""
        from joblib import Parallel, delayed

        options = [{"cell_filter_kwargs": normal_strain(atoms)} for atoms in structures]
        relaxers = [self._relaxer(fmax, **own) for own in options]
        jobs = (delayed(r.calc)(atoms) for r, atoms in zip(relaxers, structures, strict=True))
        return [relaxed(found) for found in Parallel(n_jobs=self.jobs)(jobs)]

    def slabs(self, structures, fmax):
        """SurfaceCalc, its bulk energy left to the task's formula."""
        from matcalc import SurfaceCalc

        surfaces = SurfaceCalc(self.calculator, fmax=self._limit(fmax), max_steps=self.steps)
        jobs = [{"slab": as_slab(atoms), "bulk_energy_per_atom": 0.0} for atoms in structures]
        found = surfaces.calc_many(jobs, n_jobs=self.jobs)
        return [(as_atoms(f["final_slab"]), float(f["slab_energy"])) for f in found]

    def barriers(self, ends, fmax):
        """NEBCalc from its own images between the end points."""
        from joblib import Parallel, delayed

        return list(Parallel(n_jobs=self.jobs)(delayed(self._barrier)(*e, fmax) for e in ends))

    def _barrier(self, first, last, fmax):
        from matcalc import NEBCalc
        from pymatgen.io.ase import AseAtomsAdaptor

        band = NEBCalc(self.calculator, fmax=self._limit(fmax), max_steps=self.steps)
        structures = [AseAtomsAdaptor.get_structure(atoms) for atoms, _ in (first, last)]
        found = band.calc_images(*structures, n_images=li_migration.IMAGES - 2)
        if not found["converged"]:
            print("NEBCalc did not converge", file=sys.stderr)  # noqa: T201
        energies = found["mep"].energies
        return float(max(energies) - energies[0])  # of an image, as the task has it, not of a fit

    def _relaxed(self, structures, fmax, **options):
        found = self._relaxer(fmax, **options).calc_many(structures, n_jobs=self.jobs)
        return list(map(relaxed, found))

    def _relaxer(self, fmax, **options):
        from matcalc import RelaxCalc

        limits = {"fmax": self._limit(fmax), "max_steps": self.steps}
        return RelaxCalc(self.calculator, **limits, **options)

    def _limit(self, fmax):
        return max(fmax, self.least)


def normal_strain(atoms):
    """The cell filter's options of the task's relaxation of boundaries."""
    return {"mask": ALONG_NORMAL, "exp_cell_factor": math.sqrt(len(atoms))}


def relaxed(found):
    """Atoms and energy of RelaxCalc's results."""
    return as_atoms(found["final_structure"]), float(found["energy"])


def as_atoms(structure):
    """Of pymatgen's structure."""
    from pymatgen.io.ase import AseAtomsAdaptor

    return AseAtomsAdaptor.get_atoms(structure, msonable=False)


def as_slab(atoms):
    """pymatgen's slab, which knows its area."""
    from pymatgen.core.surface import Slab
    from pymatgen.io.ase import AseAtomsAdaptor

    structure = AseAtomsAdaptor.get_structure(atoms)
    return Slab(
        structure.lattice,
        structure.species,
        structure.frac_coords,
        miller_index=(0, 0, 1),
        oriented_unit_cell=structure,
        shift=0.0,
        scale_factor=np.eye(3),
    )


def surfaces(route, cases):
    """Surface energies in J/m²."""
    task = surface_energy
    starts = [case.atoms("bulk") for case in cases]
    bulks = route.cells(starts, task.BULK_FMAX)
    slabs = [
        task.strained_slab(case.atoms("slab"), start, bulk)
        for case, start, (bulk, _) in zip(cases, starts, bulks, strict=True)
    ]
    found = route.slabs(slabs, task.SLAB_FMAX)
    return [
        task.surface_energy(slab, energy, bulk_energy / len(bulk))
        for (slab, energy), (bulk, bulk_energy) in zip(found, bulks, strict=True)
    ]


def boundaries(route, cases):
    """Grain-boundary energies in J/m²."""
    task = grain_boundary
    starts = [case.atoms("bulk") for case in cases]
    bulks = route.cells(starts, task.BULK_FMAX)
    strained = [
        task.strained_boundary(case.atoms("boundary"), start, bulk)
        for case, start, (bulk, _) in zip(cases, starts, bulks, strict=True)
    ]
    found = route.along_normal(strained, task.BOUNDARY_FMAX)
    return [
        task.grain_boundary_energy(atoms, energy, bulk_energy / len(bulk))
        for (atoms, energy), (bulk, bulk_energy) in zip(found, bulks, strict=True)
    ]


def hops(route, cases):
    """Migration barriers in eV."""
    task = li_migration
    starts = [case.atoms("bulk") for case in cases]
    bulks = route.cells(starts, task.BULK_FMAX)
    ends = []
    for case, start, (bulk, _) in zip(cases, starts, bulks, strict=True):
        roles = task.image_roles(list(case.structures))
        ends += [task.strained(case.atoms(role), start, bulk) for role in (roles[0], roles[-1])]
    found = route.positions(ends, task.END_FMAX)
    return route.barriers(list(zip(found[::2], found[1::2], strict=True)), task.BAND_FMAX)


def voltages(route, cases):
    """Average voltages in V."""
    voltages = []
    for case in cases:
        found = route.cells([case.atoms(r) for r in case.structures], voltage_profile.FMAX)
        energies = dict(zip(case.structures, (energy for _, energy in found), strict=True))
        series = series_of(case)
        plain = series.without_corrections(energies, CORRECTIONS)
        voltages.append(voltage_profile.reference_values(series, plain)["average_voltage"])
    return voltages


TASKS = {
    "surface_energy": surfaces,
    "grain_boundary": boundaries,
    "li_migration": hops,
    "voltage_profile": voltages,
}


def main(path):
    """Run what the request says."""
    request = json.loads(Path(path).read_text())
    torch.set_num_threads(request["threads"])
    calls = Path(request["calls"])
    calls.touch()
    calculator = Counting(str(calls), CHGNet.load(model_name=WEIGHTS, verbose=False))
    route = {"ase": Ase, "matcalc": MatCalc}[request["route"]](calculator, request)
    start, values, tasks = time.perf_counter(), {}, {}
    for name, ids in request["cases"].items():
        begin, before = time.perf_counter(), calls.stat().st_size
        known = {case.id: case for case in load_task(name).cases()}
        found = TASKS[name](route, [known[i] for i in ids])
        values |= dict(zip(zip(repeat(name), ids), found, strict=True))
        seconds = time.perf_counter() - begin
        tasks[name] = {"seconds": seconds, "calls": calls.stat().st_size - before}
    told = {
        "seconds": time.perf_counter() - start,
        "calls": calls.stat().st_size,
        "values": {"/".join(key): value for key, value in values.items()},
        "tasks": tasks,
    }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    main(sys.argv[1])
