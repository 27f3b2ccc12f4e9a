"""Vacancy formation energy of a crystal: an example of a task in a package of its own.

E_f = E(N − 1 atoms) − (N − 1)/N · E(N atoms), in eV.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from uipbench.kit import (
    Case,
    Prediction,
    Protocol,
    Task,
    evaluate_roles,
    relax_cell,
    relax_positions,
)

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

FMAX = 0.002
"""Force limit of the relaxations in eV/Å."""


class VacancyFormation(Task):
    """Vacancy formation energies in the ``fixed`` and ``relaxed`` protocols."""

    name: ClassVar[str] = "vacancy_formation"
    title: ClassVar[str] = "Vacancy formation energy"
    summary: ClassVar[str] = (
        "The energy it costs to take one atom out of a crystal and put it back on its surface. "
        "It decides how many vacancies carry atoms through the crystal."
    )
    quantity: ClassVar[str] = "vacancy_formation_energy"
    unit: ClassVar[str] = "eV"
    citation: ClassVar[str] = (
        "Freysoldt et al., Rev. Mod. Phys. 86, 253 (2014), doi:10.1103/RevModPhys.86.253"
    )
    version: ClassVar[int] = 1

    @property
    def data_folder(self) -> Path:
        """The package's own cases."""
        return Path(__file__).parent / "cases"

    def predict(self, case: Case, calculator: Calculator, protocol: Protocol) -> Prediction:
        """E_f in eV at the reference structures, or with the model's own lattice and positions."""
        crystal, vacancy = case.atoms("crystal"), case.atoms("vacancy")
        if protocol == "fixed":
            found = evaluate_roles(case, calculator)
            energies = found["crystal"].energy, found["vacancy"].energy
            value = formation_energy(len(crystal), *energies)
            return Prediction(values={self.quantity: value}, evaluated=found)
        bulk = relax_cell(crystal, calculator, fmax=FMAX)
        vacancy.set_cell(bulk.atoms.cell, scale_atoms=True)
        relaxed = relax_positions(vacancy, calculator, fmax=FMAX)
        value = formation_energy(len(crystal), bulk.energy, relaxed.energy)
        return Prediction(values={self.quantity: value})


def formation_energy(atoms: int, crystal: float, vacancy: float) -> float:
    """E_f from the energies (eV) of the crystal with ``atoms`` atoms and of that with one less."""
    return vacancy - (atoms - 1) / atoms * crystal


TASK = VacancyFormation()
