"""Computes the references of the example with ASE's EMT: python make_cases.py FOLDER."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import ase
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.io.extxyz import write_extxyz
from ase.optimize import BFGS

from uipbench.casefiles import CaseFile, LevelOfTheory, Quantity, write_case

LATTICE_A = {"Ag": 4.09, "Al": 4.05, "Cu": 3.61, "Ni": 3.52}
FMAX = 1e-4


def structures(symbol):
    """The relaxed crystal of 32 atoms, and with one atom less."""
    crystal = bulk(symbol, "fcc", a=LATTICE_A[symbol], cubic=True).repeat(2)
    crystal.calc = EMT()
    BFGS(FrechetCellFilter(crystal), logfile=None).run(fmax=FMAX)
    vacancy = crystal.copy()
    del vacancy[0]
    unrelaxed = vacancy.copy()
    vacancy.calc, unrelaxed.calc = EMT(), EMT()
    BFGS(vacancy, logfile=None).run(fmax=FMAX)
    return {"crystal": crystal, "vacancy": vacancy, "vacancy_unrelaxed": unrelaxed}


def extxyz(frames):
    for role, atoms in frames.items():
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.info["role"] = role
        atoms.calc = SinglePointCalculator(atoms, **results)
    text = io.StringIO()
    write_extxyz(text, list(frames.values()))
    return text.getvalue()


def write(folder, symbol):
    frames = structures(symbol)
    text = extxyz(frames)
    energies = {role: atoms.get_potential_energy() for role, atoms in frames.items()}
    value = energies["vacancy"] - 31 / 32 * energies["crystal"]
    file = CaseFile(
        schema_version=1,
        task="vacancy_formation",
        id=symbol.lower(),
        title=symbol,
        material=symbol,
        elements=[symbol],
        chemistry="fcc metal",
        tier="quick",
        protocols=["fixed", "relaxed"],
        references={"vacancy_formation_energy": Quantity(value=value, unit="eV", uncertainty=0.0)},
        roles=list(frames),
        tags={},
        details={},
        theory=LevelOfTheory(
            xc="none",
            hubbard_u_ev={},
            code=f"ASE {ase.__version__}, EMT",
            paw={},
            cutoff_ev=1.0,
            kpts={},
            smearing=("none", 0.0),
            spin_polarised=False,
            dispersion="none",
        ),
        published=[],
        recipe="make_cases.py",
        cpu_seconds=0.0,
        comment="An example: effective-medium theory, not DFT; the cutoff has no meaning.",
    )
    write_case(folder, file, text)


if __name__ == "__main__":
    for name in LATTICE_A:
        write(Path(sys.argv[1]), name)
