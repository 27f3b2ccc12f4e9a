"""The first curvature of DFT relaxations: fewer steps, the same end."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc110, surface
from ase.optimize import BFGS

from tests.toy_dft import ToyPotential, toy_engine
from uipbench.reference import engine as engine_module
from uipbench.reference import guide
from uipbench.reference.engine import DftEngine, keep_symmetry
from uipbench.reference.guide import (
    LEAST_CURVATURE,
    NORMAL,
    STRAINS,
    Guide,
    hessian,
    stiffened,
)
from uipbench.reference.scaled_bfgs import ScaledBFGS
from uipbench.reference.settings import DftSettings

SETTINGS = DftSettings(cutoff_ev=400.0, kpts=(1, 1, 1), smearing_ev=0.1)


class Softened(ToyPotential):
    """Another potential than that of the relaxation: 0.8 times its energies."""

    def calculate(self, *arguments, **options):
        super().calculate(*arguments, **options)
        self.results = {name: 0.8 * value for name, value in self.results.items()}


def slab(kind):
    if kind == "metal":
        return fcc110("Al", (1, 1, 6), a=4.05, vacuum=7, periodic=True)
    crystal = bulk("LiF", "rocksalt", a=4.06, cubic=True)
    atoms = surface(crystal, (1, 1, 0), 3, vacuum=7, periodic=True)
    atoms.positions[:, 2] *= 1.004
    return atoms


@pytest.fixture
def engines(tmp_path, monkeypatch):
    toy_engine(tmp_path, monkeypatch)
    stored = classmethod(lambda *_: False)
    monkeypatch.setattr(engine_module.StoredDft, "is_stored", stored, raising=False)

    def make(potential):
        lines = []
        return DftEngine(tmp_path, lines.append, potential), lines

    return make


def plain_and_guided(engines, relax):
    """What ``relax`` finds without and with a first curvature, each with its number of steps."""
    ends = []
    for potential in (None, Softened()):
        engine, lines = engines(potential)
        found = relax(engine)
        assert not found.atoms.constraints
        ends.append((found, sum("step" in line for line in lines)))
    return ends


@pytest.mark.parametrize("kind", ["metal", "salt"])
def test_fewer_steps_to_the_same_energy(engines, kind):
    plain, guided = plain_and_guided(
        engines, lambda engine: engine.relax_positions(slab(kind), SETTINGS, fmax=0.01)
    )
    assert plain[0].max_force < 0.01
    assert guided[0].max_force < 0.01
    assert guided[0].evaluation.energy == pytest.approx(plain[0].evaluation.energy, abs=1e-3)
    assert guided[1] < plain[1]


def boundary():
    """Layers of Al pulled apart at one place: positions and the length along z must shrink."""
    atoms = bulk("Al", a=4.05, cubic=True) * (1, 1, 5)
    atoms.positions[atoms.positions[:, 2] > 8.0, 2] += 0.3
    atoms.cell[2, 2] += 0.3
    return atoms


def test_a_length_along_the_normal_has_a_first_curvature_too(engines):
    limits = {"fmax": 0.01, "normal_stress": 0.0}
    plain, guided = plain_and_guided(
        engines, lambda engine: engine.relax_along_normal(boundary(), SETTINGS, **limits)
    )
    assert guided[0].atoms.cell[2, 2] == pytest.approx(plain[0].atoms.cell[2, 2], abs=5e-3)
    assert guided[0].evaluation.energy == pytest.approx(plain[0].evaluation.energy, abs=1e-3)
    assert guided[0].atoms.cell[2, 2] < boundary().cell[2, 2] - 0.1
    assert np.allclose(guided[0].atoms.cell[:2], boundary().cell[:2])
    assert guided[1] < plain[1]


def test_the_curvature_of_the_length_is_the_elastic_constant():
    """V·C / n for the strain times √n, from two energies of a crystal stretched along z."""
    atoms = bulk("Al", a=4.05, cubic=True)
    matrix = hessian(atoms, ToyPotential(), NORMAL)
    strain = 1e-3
    energies = []
    for sign in (-1, 0, 1):
        stretched = atoms.copy()
        stretched.set_cell(atoms.cell * [1, 1, 1 + sign * strain], scale_atoms=True)
        stretched.calc = ToyPotential()
        energies.append(stretched.get_potential_energy())
    stiffness = (energies[0] - 2 * energies[1] + energies[2]) / strain**2 / len(atoms)
    length = 3 * len(atoms) + 8
    assert matrix[length, length] == pytest.approx(stiffness, rel=0.05)
    others = [i for i in range(3 * len(atoms), len(matrix)) if i != length]
    assert np.allclose(matrix[others], LEAST_CURVATURE * np.eye(len(matrix))[others])


def test_a_curvature_is_kept_for_the_next_run(engines, monkeypatch):
    first = engines(Softened())[0].relax_positions(slab("metal"), SETTINGS, fmax=0.01)
    monkeypatch.setattr(guide, "hessian", lambda *_: pytest.fail("computed again"))
    again = engines(Softened())[0].relax_positions(slab("metal"), SETTINGS, fmax=0.01)
    assert np.array_equal(first.atoms.positions, again.atoms.positions)


def test_a_relaxation_that_began_plainly_goes_on_plainly(engines, monkeypatch):
    monkeypatch.setattr(engine_module.StoredDft, "is_stored", lambda *_: True, raising=False)
    monkeypatch.setattr(guide, "hessian", lambda *_: pytest.fail("computed"))
    engines(Softened())[0].relax_positions(slab("metal"), SETTINGS, fmax=0.01)


def test_a_cell_starts_with_a_curvature_too(engines):
    plain, guided = plain_and_guided(engines, cell_relaxed)
    for found, _ in (plain, guided):
        lengths = found.atoms.cell.lengths()
        assert lengths == pytest.approx([lengths.mean()] * 3, abs=0.01)  # cubic again
    volumes = [found.atoms.get_volume() for found, _ in (plain, guided)]
    assert volumes[1] == pytest.approx(volumes[0], rel=2e-3)
    assert guided[1] < plain[1]


def sheared_cell():
    """An atom is off its place too: strains of the toy metal alone take as many steps unguided."""
    atoms = bulk("LiF", "rocksalt", a=4.06, cubic=True)
    atoms.set_cell(atoms.cell @ [[1, 0, 0.01], [0, 1.01, 0], [0, 0, 1]], scale_atoms=True)
    atoms.positions[0] += [0.1, 0.05, 0.0]
    return atoms


def cell_relaxed(engine):
    return engine.relax_to_pressure(sheared_cell(), SETTINGS, fmax=0.005, pressure=0.0)


def test_a_relaxation_that_began_with_softer_strains_goes_on_with_them(engines, monkeypatch):
    cells = []

    class Remembering(engine_module.StoredDft):
        def calculate(self, atoms=None, *arguments, **options):
            super().calculate(atoms, *arguments, **options)
            cells.append(atoms.cell[:].copy())

    def ways_taken():
        engine, lines = engines(Softened())
        cell_relaxed(engine)
        return lines

    with monkeypatch.context() as before:
        before.setattr(engine_module, "StoredDft", Remembering)
        before.setattr(engine_module, "stiffened", lambda curvature: curvature)
        soft = ways_taken()
    stiff = ways_taken()
    known = [*cells]
    monkeypatch.setattr(
        engine_module.StoredDft,
        "is_stored",
        lambda _, atoms: any(np.allclose(atoms.cell[:], cell, atol=1e-7) for cell in known),
    )
    assert ways_taken() == soft != stiff


def test_a_relaxation_that_began_unscaled_goes_on_so(engines, monkeypatch):
    """The two kinds of way differ from the third structure on."""
    seen = []

    class Remembering(engine_module.StoredDft):
        def calculate(self, atoms=None, *arguments, **options):
            super().calculate(atoms, *arguments, **options)
            seen.append(atoms.positions.copy())

    def way_taken():
        engine, lines = engines(Softened())
        engine.relax_positions(slab("metal"), SETTINGS, fmax=0.01)
        return lines

    with monkeypatch.context() as before:
        before.setattr(engine_module, "StoredDft", Remembering)
        before.setattr(engine_module, "ScaledBFGS", BFGS)
        unscaled = way_taken()
    scaled = way_taken()
    known = seen[:]

    def is_stored(_, atoms):
        return any(np.allclose(atoms.positions, each, atol=1e-7) for each in known)

    monkeypatch.setattr(engine_module.StoredDft, "is_stored", is_stored)
    assert way_taken() == unscaled != scaled
    known = [positions for positions in seen if np.allclose(positions, seen[0])]
    assert way_taken() == scaled


@pytest.mark.parametrize("softness", [0.3, 0.5])
def test_a_curvature_that_is_too_soft_everywhere_is_scaled(softness):
    steps = []
    for kind in (BFGS, ScaledBFGS):
        atoms = slab("salt")
        atoms.rattle(0.03, seed=2)
        first = softness * hessian(atoms, ToyPotential())
        atoms.calc = ToyPotential()
        optimiser = kind(atoms, logfile=None)
        optimiser.H0 = first
        assert optimiser.run(fmax=0.01, steps=100)
        steps.append(optimiser.nsteps)
    assert steps[1] < steps[0]


def test_a_curvature_is_not_made_softer():
    """The first step of one that is too stiff has a ratio < 1: as plain BFGS."""
    ends = []
    for kind in (BFGS, ScaledBFGS):
        atoms = slab("salt")
        atoms.rattle(0.03, seed=2)
        optimiser = kind(atoms, logfile=None)
        optimiser.H0 = 3 * hessian(atoms, ToyPotential())
        atoms.calc = ToyPotential()
        optimiser.run(fmax=0.01, steps=3)
        ends.append(atoms.positions.copy())
    assert np.array_equal(*ends)


def test_no_strain_starts_much_softer_than_the_stiffest():
    soft = hessian(bulk("LiF", "rocksalt", a=4.06), Softened(), STRAINS)
    shear = np.zeros(len(soft))
    shear[[-8, -6]] = np.sqrt(0.5)
    soft += (2.0 - shear @ soft @ shear) * np.outer(shear, shear)
    stiff = stiffened(soft)
    volume = np.zeros(len(soft))
    volume[[-9, -5, -1]] = np.sqrt(1 / 3)
    assert volume @ stiff @ volume == pytest.approx(volume @ soft @ volume)
    assert np.allclose(stiff[:-9], soft[:-9])
    at_rest = np.linalg.inv(np.linalg.inv(stiff)[-9:, -9:])
    values = np.linalg.eigvalsh(at_rest)
    assert values[0] == pytest.approx(guide.SOFTEST_STRAIN * values[-1])
    assert np.linalg.eigvalsh(soft)[0] < values[0]


def test_shear_is_one_coordinate():
    """Its curvature is that of the symmetric strain; a rotation costs nothing."""
    matrix = hessian(bulk("Al", a=4.05), ToyPotential(), STRAINS)
    xy, yx = 3 + 1, 3 + 3
    symmetric, turned = np.zeros(12), np.zeros(12)
    symmetric[[xy, yx]] = turned[[xy, yx]] = np.sqrt(0.5)
    turned[yx] *= -1
    assert turned @ matrix @ turned == pytest.approx(LEAST_CURVATURE)
    assert symmetric @ matrix @ symmetric > 3 * LEAST_CURVATURE


def test_magnetic_structures_keep_the_symmetry_of_their_moments():
    atoms = bulk("Fe", a=2.87, cubic=True)
    moments = [2.0, -2.0]
    atoms.set_initial_magnetic_moments(moments)
    keep_symmetry(atoms)
    (constraint,) = atoms.constraints
    exchanged = [list(each) for each in constraint.symm_map]
    assert [0, 1] in exchanged
    assert [1, 0] not in exchanged  # the two differ by their moments
    assert list(atoms.numbers) == [26, 26]
    assert list(atoms.get_initial_magnetic_moments()) == moments
    plain = bulk("Fe", a=2.87, cubic=True)
    keep_symmetry(plain)
    assert [1, 0] in [list(each) for each in plain.constraints[0].symm_map]


def test_curvature_of_a_bond():
    """Morse: 2 D a² along the bond; nothing across it at its rest length, nor for translations."""
    atoms = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 4.05 / np.sqrt(2)]], cell=[20] * 3)
    values = np.linalg.eigvalsh(hessian(atoms, ToyPotential()))
    assert values[:5] == pytest.approx([LEAST_CURVATURE] * 5)
    assert values[-1] == pytest.approx(2 * 2 * 0.25 * 2.2**2, rel=1e-2)
    assert not atoms.pbc.any()


def test_a_cell_starts_where_the_potential_has_its_minimum(tmp_path):
    own = Guide(tmp_path, ToyPotential())
    stretched = bulk("Al", a=4.3)
    stretched.set_initial_magnetic_moments([0.5])
    found = own.relaxed(stretched)
    assert found.cell.lengths() == pytest.approx(bulk("Al", a=4.05).cell.lengths(), rel=0.02)
    assert found.get_initial_magnetic_moments() == pytest.approx([0.5])
    assert Guide(tmp_path, Softened()).relaxed(stretched) == found  # from the folder
    assert Guide(tmp_path, None).relaxed(stretched) is stretched


def test_where_the_cell_would_drift_only_the_positions_are_relaxed(tmp_path, monkeypatch):
    """As the layers of CoO2 do, which a potential without dispersion does not hold together."""
    monkeypatch.setattr(guide, "LARGEST_CHANGE", 0.05)
    atoms = bulk("Al", a=4.3, cubic=True)
    home = atoms.positions.copy()
    atoms.positions[0, 2] += 0.3
    found = Guide(tmp_path, ToyPotential()).relaxed(atoms)
    assert found.cell[:] == pytest.approx(atoms.cell[:])
    assert found.positions - found.positions[0] == pytest.approx(home - home[0], abs=0.03)


def test_a_start_that_was_begun_stays(engines, monkeypatch):
    monkeypatch.setattr(engine_module.StoredDft, "is_stored", lambda *_: True, raising=False)
    atoms = bulk("Al", a=4.3)
    assert engines(ToyPotential())[0].good_start(atoms, SETTINGS) is atoms
    monkeypatch.setattr(engine_module.StoredDft, "is_stored", lambda *_: False, raising=False)
    assert engines(ToyPotential())[0].good_start(atoms, SETTINGS).cell[0, 1] < atoms.cell[0, 1]
