"""Step keys and the step store."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from uipbench.errors import ReferenceEngineError
from uipbench.reference.settings import DftSettings, kpoint_mesh
from uipbench.reference.steps import Evaluation, StepStore, step_key

SETTINGS = DftSettings(cutoff_ev=520.0, kpts=(4, 4, 1), smearing_ev=0.1)
CODE = "gpaw 26.7.0, gpaw-data 1.2.1"
EXPECTED_KEY = "83e03ae5b21c0058841af5c4afd400a86ea5f16a"


def evaluation(**changes):
    plain = Evaluation(
        energy=-3.5,
        forces=np.zeros((1, 3)),
        stress=None,
        magmoms=None,
        seconds=1.5,
        code=CODE,
    )
    return replace(plain, **changes)


@given(st.lists(st.floats(-4e-8, 4e-8), min_size=3, max_size=3))
def test_key_ignores_noise_below_1e_7_angstrom(noise):
    atoms = bulk("Al", cubic=True)
    moved = atoms.copy()
    moved.positions[1] = np.round(moved.positions[1], 7) + noise
    atoms.positions[1] = np.round(atoms.positions[1], 7)
    assert step_key(moved, SETTINGS, CODE) == step_key(atoms, SETTINGS, CODE)


@pytest.mark.parametrize(
    "change",
    [
        {"cutoff_ev": 521.0},
        {"kpts": (4, 5, 1)},
        {"smearing_ev": 0.2},
        {"spin_polarised": True},
        {"hubbard": {"Co": ":d,3.32,0"}},
        {"charge": -1.0},
        {"grid_spacing_a": 0.16},
        {"scf": {"energy": 1e-6}},
    ],
)
def test_key_depends_on_every_setting(change):
    atoms = bulk("Al")
    assert step_key(atoms, replace(SETTINGS, **change), CODE) != step_key(atoms, SETTINGS, CODE)


def test_key_depends_on_structure_moments_and_code():
    atoms = bulk("Ni")
    magnetic = bulk("Ni")
    magnetic.set_initial_magnetic_moments([0.7])
    strained = bulk("Ni", a=3.6)
    keys = {step_key(a, SETTINGS, CODE) for a in (atoms, magnetic, strained)}
    assert len(keys | {step_key(atoms, SETTINGS, "another")}) == 4


def test_key_of_a_known_step_stays():
    """Changing this digest throws away every finished DFT step."""
    assert step_key(bulk("Al", a=4.04), SETTINGS, CODE) == EXPECTED_KEY


@given(st.floats(-1e6, 1e6), st.booleans())
def test_store_round_trip(tmp_path_factory, energy, magnetic):
    store = StepStore(tmp_path_factory.mktemp("steps"))
    given_ = evaluation(energy=energy, magmoms=np.array([0.6]) if magnetic else None)
    store.put("key", given_)
    found = store.get("key")
    assert found is not None
    assert found.energy == energy
    assert (found.magmoms is None) != magnetic
    assert found.forces.shape == (1, 3)


def test_missing_and_damaged_steps(tmp_path):
    store = StepStore(tmp_path)
    assert store.get("none") is None
    (tmp_path / "bad.json").write_text('{"energy": 1')
    with pytest.raises(ReferenceEngineError, match=r"damaged .*delete it and compute again"):
        store.get("bad")


@given(st.floats(2.0, 20.0), st.floats(20.0, 60.0))
def test_mesh_reaches_the_length_and_no_more(a, length):
    mesh = kpoint_mesh(bulk("Al", "sc", a=a), length)
    assert all(n * a >= length - 1e-5 * a for n in mesh)
    assert all(n == 1 or (n - 1) * a < length for n in mesh)


def test_slab_mesh_has_one_point_along_the_normal():
    assert kpoint_mesh(bulk("Al", "sc", a=4.0), 40.0, slab=True) == (10, 10, 1)
