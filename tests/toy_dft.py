"""A pair potential in place of DFT and of models: cheap, smooth, the same on every machine.

Morse between like and unlike neighbours (P. M. Morse, Phys. Rev. 34, 57 (1929)), only its
repulsive part between anions, switched off smoothly. With it every recipe can make a case, and a
task whose model is the potential itself must give back what the recipe made.
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.data import covalent_radii, reference_states
from ase.geometry import complete_cell

from uipbench.reference.engine import DftEngine
from uipbench.reference.steps import Evaluation

ANIONS = frozenset({7, 8, 9, 15, 16, 17, 34, 35, 53})
NEAREST = {"fcc": 1 / np.sqrt(2), "bcc": np.sqrt(3) / 2, "hcp": 1.0, "diamond": np.sqrt(3) / 4}

DEPTH_EV = {True: 0.8, False: 0.25}
"""Well depth between an anion and a cation, and of any other pair."""

WIDTH_PER_A = 2.2
CUTOFF_A = 5.0
SWITCH_A = 3.8


IONIC = 1.03
"""Distance of an anion and a cation over the sum of their covalent radii."""


def rest_length(first: int, second: int) -> float:
    """Distance of the minimum in Å: that of the elements' own crystals, or of covalent radii."""
    if first in ANIONS or second in ANIONS:
        return float(IONIC * (covalent_radii[first] + covalent_radii[second]))
    return (nearest(first) + nearest(second)) / 2


def nearest(number: int) -> float:
    """Nearest-neighbour distance of the element's crystal in Å, or twice the covalent radius."""
    state = reference_states[number]
    if not state or state["symmetry"] not in NEAREST:
        return float(2 * covalent_radii[number])
    return float(NEAREST[state["symmetry"]] * state["a"])


def neighbours(atoms, reach):
    """Both atoms and the vector of every pair nearer than ``reach``, twice each.

    For the few atoms of a case several times faster than ASE's list, whose answer it is.
    """
    cell = complete_cell(atoms.cell[:])
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    scaled = atoms.positions @ np.linalg.inv(cell)
    apart = scaled[None, :] - scaled[:, None]
    apart -= np.rint(apart) * atoms.pbc
    most = np.where(atoms.pbc, np.floor(reach / heights + 0.5), 0).astype(int)
    shifts = np.array(list(product(*(range(-n, n + 1) for n in most))))
    vectors = (apart[:, :, None] + shifts) @ cell
    squares = (vectors**2).sum(axis=-1)
    i, j, k = np.nonzero((squares < reach**2) & (squares > 0))
    return i, j, vectors[i, j, k]


class ToyPotential(Calculator):
    """Energy, forces and stress of the pair potential.

    Args:
        shifts: Energy in eV added for every atom of an element, which no energy difference of
            balanced compositions may feel.
    """

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, shifts=None):
        super().__init__()
        self.shifts = shifts or {}

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        i, j, vectors = neighbours(atoms, CUTOFF_A)
        d = np.linalg.norm(vectors, axis=1)
        energies, slopes = self._pairs(atoms.numbers[i], atoms.numbers[j], d)
        along = (slopes / d)[:, None] * vectors
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, along)
        shift = sum(self.shifts.get(symbol, 0.0) for symbol in atoms.get_chemical_symbols())
        self.results = {"energy": float(energies.sum() / 2 + shift), "forces": forces}
        if atoms.cell.rank == 3:
            tensor = along.T @ vectors / (2 * atoms.get_volume())
            self.results["stress"] = tensor.flat[[0, 4, 8, 5, 2, 1]]

    def _pairs(self, first, second, d):
        """Energy of each pair and its derivative."""
        kinds, which = np.unique(first * 1000 + second, return_inverse=True)
        rest = np.array([rest_length(*divmod(int(kind), 1000)) for kind in kinds])[which]
        anion = np.isin(first, list(ANIONS)), np.isin(second, list(ANIONS))
        depth = np.where(anion[0] != anion[1], DEPTH_EV[True], DEPTH_EV[False])
        attracts = ~(anion[0] & anion[1])
        x = np.exp(-WIDTH_PER_A * (d - rest))
        energy = depth * (x**2 - 2 * x * attracts)
        slope = -2 * WIDTH_PER_A * depth * (x**2 - x * attracts)
        t = np.clip((d - SWITCH_A) / (CUTOFF_A - SWITCH_A), 0, 1)
        switch = 1 - 10 * t**3 + 15 * t**4 - 6 * t**5
        change = -30 * t**2 * (1 - t) ** 2 / (CUTOFF_A - SWITCH_A)
        return energy * switch, slope * switch + energy * change


class BondCounting(Calculator):
    """Every bond shorter than ``reach`` gives −1 eV: the broken-bond model, with closed answers.

    Nothing pulls or pushes, so nothing moves when it is relaxed.
    """

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, reach):
        super().__init__()
        self.reach = reach

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        bonds = len(neighbours(atoms, self.reach)[0]) / 2
        self.results = {
            "energy": -bonds,
            "forces": np.zeros((len(atoms), 3)),
            "stress": np.zeros(6),
        }


class ToyDft(ToyPotential):
    """The potential with the interface of :class:`uipbench.reference.gpaw_calculator.StoredDft`."""

    seconds = 0.0

    def __init__(self, settings=None, *_):
        super().__init__()
        self.settings = settings

    def is_stored(self, _atoms):
        return False

    def evaluate(self, atoms, *, stress=False):
        copy = atoms.copy()
        copy.calc = ToyPotential()
        polarised = getattr(self.settings, "spin_polarised", False)
        return Evaluation(
            energy=copy.get_potential_energy(),
            forces=copy.get_forces(),
            stress=copy.get_stress() if stress else None,
            magmoms=copy.get_initial_magnetic_moments() if polarised else None,
            seconds=1.0,
            code="toy",
        )


def toy_engine(folder, monkeypatch) -> DftEngine:
    """The engine of the references, computing with the potential."""
    stand_ins = {
        "StoredDft": ToyDft,
        "JoinedDft": lambda _slabs, settings, *_: ToyDft(settings),
        "code_version": lambda: "toy",
        "paw_sets": lambda *_: {},
    }
    for name, module in list(sys.modules.items()):
        if name.startswith("uipbench.reference."):
            for attribute, stand_in in stand_ins.items():
                if hasattr(module, attribute):
                    monkeypatch.setattr(module, attribute, stand_in)
    return DftEngine(folder, lambda _: None)
