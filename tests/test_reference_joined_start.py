"""Interfaces in DFT start from the densities of their slabs."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from ase.build import fcc100
from hypothesis import given
from hypothesis import strategies as st

from tests.toy_dft import ToyPotential
from uipbench.reference import gpaw_calculator
from uipbench.reference.joined_start import JoinedDft, SlabDensity, fill, shifted
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import StepStore
from uipbench.tasks.adhesion import joined

HEIGHT = 24.0
PLANES = 120
SETTINGS = DftSettings(cutoff_ev=400.0, kpts=(1, 1, 1), smearing_ev=0.1, dipole_layer=True)


def bump(centre):
    z = np.arange(PLANES) * HEIGHT / PLANES
    return np.exp(-(((z - centre) / 1.5) ** 2)).reshape(1, 1, 1, -1)


@given(st.floats(-3.0, 3.0))
def test_a_density_moves_and_keeps_its_integral(distance):
    moved = shifted(bump(12.0), distance, HEIGHT)
    assert moved == pytest.approx(bump(12.0 + distance), abs=1e-6)
    assert moved.sum() == pytest.approx(bump(12.0).sum())


def slabs():
    lower = fcc100("Al", (1, 1, 2), a=4.05)
    lower.cell[2] = [0, 0, HEIGHT]
    lower.positions[:, 2] += 6 - lower.positions[0, 2]
    upper = fcc100("Ag", (1, 1, 2), a=4.05)
    upper.cell[2] = [0, 0, HEIGHT]
    upper.positions[:, 2] += 12 - upper.positions[0, 2]
    return lower, upper


def density_of(atoms):
    centre = atoms.positions[:, 2].mean()
    matrices = {a: np.full((1, 2, 2), z) for a, z in enumerate(atoms.numbers)}
    return SimpleNamespace(nt_sR=SimpleNamespace(data=bump(centre)), D_asii=matrices)


def test_the_interface_gets_both_slabs_at_their_places():
    lower, upper = slabs()
    parts = tuple(
        SlabDensity(s, density_of(s).nt_sR.data, list(density_of(s).D_asii.values()))
        for s in (lower, upper)
    )
    both = joined(lower, upper, 2.3)
    density = density_of(both)
    fill(density, parts, both)
    wanted = bump(lower.positions[:, 2].mean()) + bump(both.positions[2:, 2].mean())
    assert density.nt_sR.data == pytest.approx(wanted, abs=1e-6)
    assert [m[0, 0, 0] for m in density.D_asii.values()] == [13, 13, 47, 47]

    other_grid = SimpleNamespace(nt_sR=SimpleNamespace(data=np.ones((1, 1, 1, 7))), D_asii={})
    fill(other_grid, parts, both)
    assert (other_grid.nt_sR.data == 1).all()


@pytest.fixture
def calculator(monkeypatch, tmp_path):
    """The calculator over a code that records which structures began from atoms or slabs."""
    began = []

    class Builder:
        def __init__(self, atoms):
            self.atoms = atoms

        def density_from_superposition(self, _basis):
            density = density_of(self.atoms)
            density.nt_sR.data[:] = -1.0
            return density

    class Code(ToyPotential):
        def __init__(self):
            super().__init__()
            self.dft = None

        def calculate(self, atoms=None, *arguments, **options):
            if self.dft is None:
                start = Builder(atoms).density_from_superposition(None)
                began.append((len(atoms), bool((start.nt_sR.data == -1).all())))
                self.dft = SimpleNamespace(density=density_of(atoms))
            super().calculate(atoms, *arguments, **options)

    gpaw, new, builder = (ModuleType(n) for n in ("gpaw", "gpaw.new", "gpaw.new.builder"))
    gpaw.KohnShamConvergenceError = RuntimeError
    builder.DFTComponentsBuilder = Builder
    for module in (gpaw, new, builder):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(gpaw_calculator, "code_version", lambda: "toy")
    monkeypatch.setattr(gpaw_calculator, "top_occupation", lambda _: 0.0)
    monkeypatch.setattr(JoinedDft, "_make_gpaw", lambda *_, **__: Code())
    store = StepStore(tmp_path / "steps")
    plain = Builder.density_from_superposition
    yield JoinedDft(slabs(), SETTINGS, store, tmp_path / "output"), began
    assert Builder.density_from_superposition is plain


def energy_of(atoms):
    alone = atoms.copy()
    alone.calc = ToyPotential()
    return alone.get_potential_energy()


def test_slabs_once_then_every_distant_structure_from_them(calculator):
    dft, began = calculator
    for distance in (2.0, 2.4, 2.41):
        both = joined(*slabs(), distance)
        assert dft.evaluate(both).energy == pytest.approx(energy_of(both))
    # two slabs from atoms; two distances from slabs; the third goes on from the second
    assert began == [(2, True), (2, True), (4, False), (4, False)]


def test_steps_of_the_slabs_are_stored(calculator):
    dft, began = calculator
    dft.evaluate(joined(*slabs(), 2.0))
    began.clear()
    for slab in slabs():
        assert dft.evaluate(slab).energy == pytest.approx(energy_of(slab))
    assert began == []


def test_a_stored_step_needs_no_slabs(calculator):
    dft, began = calculator
    dft.evaluate(joined(*slabs(), 2.0))
    began.clear()
    dft.evaluate(joined(*slabs(), 2.0))
    assert began == []
