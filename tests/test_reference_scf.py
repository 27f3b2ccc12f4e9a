"""A calculation that is not self-consistent is tried again, then reported in one line."""

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from ase.build import bulk

from tests.toy_dft import ToyPotential
from uipbench.errors import ReferenceEngineError
from uipbench.reference import gpaw_calculator
from uipbench.reference.gpaw_calculator import StoredDft
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import StepStore

SETTINGS = DftSettings(cutoff_ev=400.0, kpts=(1, 1, 1), smearing_ev=0.1)


class KohnShamConvergenceError(Exception):
    """In place of GPAW's."""


@pytest.fixture
def gpaw(monkeypatch, tmp_path):
    """A GPAW whose first ``fails`` calculators do not converge; the mixers it was asked for."""
    module = ModuleType("gpaw")
    module.KohnShamConvergenceError = KohnShamConvergenceError
    monkeypatch.setitem(sys.modules, "gpaw", module)
    monkeypatch.setattr(gpaw_calculator, "code_version", lambda: "toy")
    monkeypatch.setattr(gpaw_calculator, "top_occupation", lambda code: code.top)
    monkeypatch.setattr(gpaw_calculator, "_TOO_FEW_BANDS", set())
    asked = []

    def prepare(fails, too_few=0):
        class Code(ToyPotential):
            implemented_properties = (*ToyPotential.implemented_properties, "magmoms")

            def __init__(self, number):
                super().__init__()
                self.number = number
                self.top = 0.4 if number < too_few else 1e-5

            def calculate(self, *arguments, **options):
                if self.number < fails:
                    raise KohnShamConvergenceError
                super().calculate(*arguments, **options)
                self.results["magmoms"] = np.zeros(len(self.atoms))

        def make(_self, _key, _atoms, **extra):
            asked.append(extra)
            return Code(len(asked) - 1)

        monkeypatch.setattr(StoredDft, "_make_gpaw", make)
        return StoredDft(SETTINGS, StepStore(tmp_path / "steps"), tmp_path / "output"), asked

    return prepare


def test_careful_mixing_comes_second(gpaw):
    calculator, asked = gpaw(1)
    found = calculator.evaluate(bulk("Al"))
    assert asked == [{}, {"mixer": gpaw_calculator.CAREFUL_MIXER, "nbands": "200%"}]
    atoms = bulk("Al")
    atoms.calc = ToyPotential()
    assert found.energy == pytest.approx(atoms.get_potential_energy())
    assert np.isfinite(found.forces).all()


def test_more_bands_where_the_highest_is_filled(gpaw):
    calculator, asked = gpaw(0, too_few=1)
    assert calculator.evaluate(bulk("Al")).energy < 0
    assert len(asked) == 2
    assert calculator._more == {"nbands": "200%"}  # also for the steps that follow
    calculator, _ = gpaw(0, too_few=9)
    with pytest.raises(ReferenceEngineError, match=r"^Al: the highest band is filled .* raise"):
        calculator.evaluate(bulk("Al", a=4.2))


def test_the_error_names_structure_and_log(gpaw):
    calculator, asked = gpaw(2)
    message = r"Al: not self-consistent, nor in 200 .* see .*txt"
    with pytest.raises(ReferenceEngineError, match=message):
        calculator.evaluate(bulk("Al"))
    assert len(asked) == 2
    assert calculator.evaluate(bulk("Al")).energy < 0  # nothing is kept of the failure


@pytest.mark.parametrize(("spin", "made"), [(False, 2), (True, 1)])
def test_another_cell_starts_from_atoms_unless_a_spin_state_is_to_stay(gpaw, spin, made):
    calculator, asked = gpaw(0)
    calculator._settings = replace(SETTINGS, spin_polarised=spin)
    atoms = bulk("Al", cubic=True)
    moved = atoms.copy()
    moved.positions[0, 2] += 0.05
    longer = moved.copy()
    longer.set_cell(moved.cell * [1, 1, 1.01], scale_atoms=True)
    energies = [calculator.get_potential_energy(each) for each in (atoms, moved)]
    assert len(asked) == 1
    energies.append(calculator.get_potential_energy(longer))
    assert len(asked) == made
    assert len(set(energies)) == 3
