"""The scan for the starts of grain boundaries: what displaced starts may replace."""

import pytest
from ase.calculators.emt import EMT

from uipbench.reference_data.grain_boundary import scan
from uipbench.reference_data.grain_boundary.boundaries import (
    has_equivalent_boundaries,
    symmetry_operations,
)
from uipbench.reference_data.grain_boundary.recipes import recipes
from uipbench.relaxation import Relaxed

COPPER = next(recipe for recipe in recipes() if recipe.id == "cu_s3_111")


@pytest.fixture
def built(monkeypatch):
    """Candidates count as relaxed as built; those displaced at random end at ``low``."""
    low = []

    def relax(atoms, calculator, **_):
        displaced = len(symmetry_operations(atoms, 1e-3)[0]) == 1
        end = low[0].copy() if displaced else atoms.copy()
        energy = scan.evaluate(end, calculator).energy - (1.0 if displaced else 0.0)
        return Relaxed(atoms=end, energy=energy, steps=1, max_force=0.0)

    monkeypatch.setattr(scan, "relax_along_normal", relax)
    monkeypatch.setattr(scan, "potential_lattice", lambda *_: {"lattice_constant_a": 3.61})
    return low


def mirror_twin():
    material = COPPER.material_at({"lattice_constant_a": 3.61})
    mirror = scan.Translation(shifted_centre=False, shift=(0.0, 0.0), gap=0.0, merged_below=0.5)
    return scan.bicrystal(material, COPPER.boundary, mirror)


def scan_of_copper():
    return scan.scan(COPPER, EMT(), "EMT")


def test_a_lower_end_of_a_displaced_start_is_taken(built):
    built.append(mirror_twin())
    start = scan_of_copper()
    assert start.chosen.displaced_seed == 0
    assert start.chosen.relaxed == min(c.relaxed for c in start.candidates if c.relaxed is not None)
    assert [c.displaced_seed for c in start.candidates[1:]] == [None] * (len(start.candidates) - 1)


def test_it_is_not_taken_where_the_boundaries_differ(built):
    end = mirror_twin()
    end.positions[0] += [0.0, 0.2, 0.3]
    assert not has_equivalent_boundaries(end, 0.03)
    built.append(end)
    assert scan_of_copper().chosen.displaced_seed is None
