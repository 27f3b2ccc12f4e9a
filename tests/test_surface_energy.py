"""The surface-energy task against plain ASE scripts and its invariants."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, fcc111, make_supercell
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import make_case, structure
from tests.toy_dft import BondCounting
from uipbench.errors import NotConvergedError
from uipbench.relaxation import relax_positions
from uipbench.tasks.surface_energy import TASK, strained_slab, surface_energy
from uipbench.units import GPA, J_PER_M2


def repeated(case, n, m):
    """The same case in an in-plane supercell."""
    change = np.diag([n, m, 1])
    larger = {
        role: structure(make_supercell(s.atoms, change)) for role, s in case.structures.items()
    }
    return make_case(case.id).__class__(
        **{f: getattr(case, f) for f in case.__slots__ if f != "structures"}, structures=larger
    )


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_unchanged_in_an_in_plane_supercell(protocol):
    case = make_case()
    small = TASK.predict(case, EMT(), protocol).values["surface_energy"]
    large = TASK.predict(repeated(case, 2, 2), EMT(), protocol).values["surface_energy"]
    assert large == pytest.approx(small, abs=1e-3 if protocol == "relaxed" else 1e-9)


def test_fixed_equals_ten_lines_of_ase():
    case = make_case()
    bulk_atoms, slab = case.atoms("bulk"), case.atoms("slab")
    bulk_atoms.calc = slab.calc = EMT()
    bulk_energy = bulk_atoms.get_potential_energy()
    slab_energy = slab.get_potential_energy()
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    expected = (slab_energy - len(slab) / len(bulk_atoms) * bulk_energy) / (2 * area) * 16.021766
    found = TASK.predict(case, EMT(), "fixed").values["surface_energy"]
    assert found == pytest.approx(expected, rel=1e-7)


def test_relaxed_equals_another_optimiser_and_another_bulk():
    """Primitive bulk, slab built at the relaxed lattice constant, FIRE instead of BFGS."""
    cell = bulk("Cu", "fcc", a=3.6)
    cell.calc = EMT()
    FIRE(FrechetCellFilter(cell), logfile=None).run(fmax=1e-4)
    a = (4 * cell.get_volume()) ** (1 / 3)
    slab = fcc111("Cu", (1, 1, 4), a=a, vacuum=6.0)
    slab.pbc = True
    slab.calc = EMT()
    FIRE(slab, logfile=None).run(fmax=1e-4)
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    bulk_energy = cell.get_potential_energy()
    expected = (slab.get_potential_energy() - 4 * bulk_energy) / (2 * area) * J_PER_M2
    found = TASK.predict(make_case(), EMT(), "relaxed").values["surface_energy"]
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_broken_bonds(protocol):
    """Each surface atom of fcc (111) lost 3 of 12 neighbours; a bond belongs to two surfaces."""
    found = TASK.predict(make_case(), BondCounting(reach=3.0), protocol).values["surface_energy"]
    assert found == pytest.approx(3 / 2 / (3.6**2 * np.sqrt(3) / 4) * 16.021766, rel=1e-7)


def test_fixed_reports_every_structure_and_changes_none():
    case = make_case()
    before = {role: s.atoms.positions.copy() for role, s in case.structures.items()}
    prediction = TASK.predict(case, EMT(), "fixed")
    assert set(prediction.evaluated) == set(case.structures)
    assert set(prediction.values) == {"surface_energy", "surface_energy_unrelaxed"}
    for role, positions in before.items():
        assert np.array_equal(case.atoms(role).positions, positions)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
def test_strained_slab_follows_the_bulk_and_keeps_its_vacuum(in_plane, normal):
    case = make_case()
    start, slab = case.atoms("bulk"), case.atoms("slab")
    relaxed = start.copy()
    stretch = np.diag([1 + in_plane, 1 + in_plane, 1 + normal])
    relaxed.set_cell(start.cell[:] @ stretch, scale_atoms=True)
    strained = strained_slab(slab, start, relaxed)
    assert strained.cell[:2] == pytest.approx(relaxed.cell[:2], abs=1e-9)
    thickness, old = np.ptp(strained.positions[:, 2]), np.ptp(slab.positions[:, 2])
    assert thickness == pytest.approx(old * (1 + normal))
    assert strained.cell[2, 2] - thickness == pytest.approx(slab.cell[2, 2] - old)
    spacing = np.diff(np.sort(strained.positions[:, 2]))
    assert spacing == pytest.approx(np.diff(np.sort(slab.positions[:, 2])) * (1 + normal))


def test_no_strain_gives_the_same_slab_distances():
    case = make_case()
    slab = case.atoms("slab")
    strained = strained_slab(slab, case.atoms("bulk"), case.atoms("bulk"))
    assert strained.get_all_distances(mic=True) == pytest.approx(slab.get_all_distances(mic=True))


def test_formula_and_units():
    slab = fcc111("Cu", (1, 1, 4), a=3.6, vacuum=6.0)
    area = 3.6**2 * np.sqrt(3) / 4
    expected = 2.0 / (2 * area) * 16.021766
    assert surface_energy(slab, -10.0, -3.0) == pytest.approx(expected, rel=1e-7)
    assert pytest.approx(16.021766, rel=1e-7) == J_PER_M2
    assert pytest.approx(160.21766, rel=1e-7) == GPA


def test_not_converged_is_an_error_that_says_how_far():
    slab = make_case().atoms("slab")
    slab.rattle(0.1, seed=1)
    with pytest.raises(NotConvergedError, match=r"Cu4: \d\.\d+ eV/Å left after 2 steps, limit"):
        relax_positions(slab, EMT(), fmax=1e-6, max_steps=2)
