"""Rotations that GPAW is given: all, or those that leave the natural grid of the cell in place."""

import numpy as np
import pytest
from ase.build import bulk, fcc111

from uipbench.reference.grid_symmetry import symmetry_options
from uipbench.reference.settings import DftSettings
from uipbench.reference_data.voltage_profile.recipes import recipes

HOSTS = {recipe.id: recipe for recipe in recipes()}
SETTINGS = DftSettings(cutoff_ev=400.0, kpts=(4, 4, 4), smearing_ev=0.1)


def test_slabs_are_left_alone():
    slab = fcc111("Al", (1, 1, 3), vacuum=6.0)
    assert symmetry_options(slab, SETTINGS) == {"tolerance": 1e-5}


def test_cell_whose_vectors_are_alike_has_all_rotations():
    pytest.importorskip("gpaw")
    assert "rotations" not in symmetry_options(bulk("Al"), SETTINGS)


@pytest.mark.parametrize(("role", "kept"), [("x0", 4), ("x1_3", None), ("x1", 4)])
def test_layers_of_lixcoo2_keep_the_rotations_of_the_natural_grid(role, kept):
    """A third of the rotations, 140 instead of 114 k-points, a third of the grid."""
    pytest.importorskip("gpaw")
    recipe = HOSTS["lixcoo2"]
    atoms = next(iter(recipe.starts(recipe.structures()[role]).values()))
    found = symmetry_options(atoms, recipe.settings(atoms)).get("rotations")
    if kept is None:
        assert found is None
        return
    assert len(found) == kept
    products = {tuple((a @ b).ravel()) for a in found for b in found}
    assert products == {tuple(a.ravel()) for a in found}, "not a group"
    assert not np.any([[r[0, 2], r[2, 0], r[1, 2], r[2, 1]] for r in found])
