"""Where DFT puts the origin: all symmetry usable, nothing else changed."""

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk, fcc110, hcp0001
from hypothesis import given, settings
from hypothesis import strategies as st

from uipbench.reference.origin import symmetric_shift

FRACTION = st.floats(0, 1, exclude_max=True)
CRYSTALS = {
    "salt": (bulk("LiF", "rocksalt", a=4.06), 48),
    "slab": (fcc110("Al", (1, 1, 5), a=4.05, vacuum=7, periodic=True), 8),
    "hexagonal slab": (hcp0001("Mg", (1, 1, 3), a=3.2, c=5.2, vacuum=7, periodic=True), 24),
}


def operations_without_translation(atoms):
    """Rotations about the origin and their inverses, from spglib's own list."""
    cell = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
    found = spglib.get_symmetry(cell, symprec=1e-4)
    whole = np.abs(found["translations"] - np.rint(found["translations"])).max(axis=1) < 1e-3
    kept = found["rotations"][whole]
    return len({(s * r).tobytes() for r in kept for s in (1, -1)})


@pytest.mark.parametrize("name", CRYSTALS)
@settings(max_examples=10)
@given(where=st.tuples(FRACTION, FRACTION, FRACTION))
def test_all_symmetry_wherever_the_atoms_were(name, where):
    crystal, most = CRYSTALS[name]
    atoms = crystal.copy()
    atoms.translate(np.array(where) @ atoms.cell[:])
    moved = atoms.copy()
    moved.translate(symmetric_shift(atoms) @ atoms.cell[:])
    assert operations_without_translation(moved) == most


def test_the_same_part_of_the_cell_does_for_a_cell_that_has_become_longer():
    crystal, most = CRYSTALS["slab"]
    atoms = crystal.copy()
    atoms.translate([0.3, 0.4, 2.0])
    shift = symmetric_shift(atoms)
    atoms.set_cell(atoms.cell[:] * [1, 1, 1.03], scale_atoms=True)
    atoms.translate(shift @ atoms.cell[:])
    assert operations_without_translation(atoms) == most


def test_atoms_that_are_well_placed_stay():
    assert np.array_equal(symmetric_shift(bulk("Cu", a=3.6)), np.zeros(3))


def test_a_mirror_counts_more_than_inversion():
    """P2₁/m with its inversion centre at the origin: time reversal gives the inverse anyway."""
    places = [[0.2, 0.25, 0.1], [0.8, 0.75, 0.9], [0.4, 0.25, 0.6], [0.6, 0.75, 0.4]]
    atoms = Atoms("Li2F2", scaled_positions=places, cell=[3, 5, 7, 90, 97, 90], pbc=True)
    assert operations_without_translation(atoms) == 2
    atoms.translate(symmetric_shift(atoms) @ atoms.cell[:])
    assert operations_without_translation(atoms) == 4


def test_atoms_with_other_moments_are_other_atoms():
    places = [[0.5, 0.3, 0.4], [2.5, 0.3, 0.4], [1.5, 1.0, 0.9]]
    molecule = Atoms("Fe2O", positions=places, cell=[6, 4, 5], pbc=True)
    assert symmetric_shift(molecule)[0] % 0.5 == pytest.approx(0.25)
    molecule.set_initial_magnetic_moments([1.0, -2.0, 0.0])
    assert np.array_equal(symmetric_shift(molecule), np.zeros(3))
