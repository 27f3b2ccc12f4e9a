"""Verification finds what is wrong, and nothing where nothing is."""

import json
import shutil

import numpy as np
import pytest
from ase.build import add_adsorbate, bcc110, fcc111, surface
from ase.build import bulk as crystal

from uipbench.casefiles import read_lock, sha256_of, write_atomically
from uipbench.errors import RegistryError, SettingsError
from uipbench.reference import queue, verify
from uipbench.reference.convergence import read_convergence, write_convergence
from uipbench.reference.queue import case_folder
from uipbench.reference_data.surface_energy.checks import has_equal_faces

TASK = "surface_energy"
CONVERGENCE = queue.convergence_folder(TASK)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The folder of a copy of two cases, which the verification reads."""
    source = case_folder(TASK)
    lock = read_lock(source)
    names = [n for n in lock if n.split(".")[0] in {"al_111", "li_100"}]
    if len(names) != 4:
        pytest.skip("al_111 and li_100 are not computed yet")
    folder = tmp_path / TASK / "cases"
    folder.mkdir(parents=True)
    for name in names:
        shutil.copy(source / name, folder)
    (tmp_path / TASK / "recipes.py").touch()
    write_atomically(folder / "lock.json", json.dumps({n: lock[n] for n in names}))
    monkeypatch.setattr(queue, "DATA_FOLDER", tmp_path)
    return folder


def edit(folder, name, old, new):
    """Change a file and its digest in the lock, as a careless hand would."""
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    lock = {**read_lock(folder), name: sha256_of(path)}
    write_atomically(folder / "lock.json", json.dumps(lock))


def test_shipped_files_are_right():
    found = verify.verify(TASK)
    assert found.problems == ()


@pytest.mark.usefixtures("copy")
def test_copy_is_right():
    found = verify.verify(TASK)
    assert (found.cases, found.problems) == (("al_111", "li_100"), ())


def test_damaged_file(copy):
    (copy / "al_111.extxyz").write_text("nonsense")
    assert "al_111.extxyz: sha256" in verify.verify(TASK).problems[0]


def test_file_outside_the_lock(copy):
    (copy / "extra.json").write_text("{}")
    assert "extra.json: not in lock.json" in verify.verify(TASK).problems[0]


def test_value_that_does_not_follow_from_its_energies(copy):
    value = json.loads((copy / "al_111.json").read_text())["references"]["surface_energy"]["value"]
    edit(copy, "al_111.json", str(value), str(value + 2e-6))
    assert verify.verify(TASK).problems[0].startswith("al_111: surface_energy is")


def test_force_above_the_limit(copy):
    edit(copy, "al_111.json", '"relaxation_fmax_ev_per_a": 0.0', '"relaxation_fmax_ev_per_a": 0.00')
    assert "largest force of the relaxed slab" in verify.verify(TASK).problems[0]


def test_structure_that_the_recipe_does_not_build(copy):
    pytest.importorskip("pymatgen")
    edit(copy, "al_111.json", '"lattice_constant_a": 4.04', '"lattice_constant_a": 4.05')
    assert "the recipe builds another structure" in verify.verify(TASK).problems[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"cutoff_ev": 400.0', '"cutoff_ev": 520.0', "cutoff (eV) is 520.0, the recipe's is 400.0"),
        (
            '"grid_spacing_a": null',
            '"grid_spacing_a": 0.2',
            "grid spacing (Å) is 0.2, the recipe's",
        ),
        ('"xc": "PBE"', '"xc": "LDA"', "functional is LDA, the recipe's is PBE"),
        ('"spin_polarised": false', '"spin_polarised": true', "spin polarisation is True"),
        (
            '"hubbard_u_ev": {}',
            '"hubbard_u_ev": {"Al": 1.0}',
            "U is {'Al': 1.0}, the recipe's is {}",
        ),
    ],
)
def test_settings_that_are_not_those_of_the_recipe(copy, old, new, message):
    """Whoever computes the case again would get another value."""
    pytest.importorskip("pymatgen")
    edit(copy, "al_111.json", old, new)
    (line,) = verify.verify(TASK).problems
    assert line.startswith("al_111: ")
    assert message in line
    assert line.endswith("compute it again (--again)")


@pytest.mark.parametrize(
    ("field", "value"),
    [("cutoff_ev", 400.5), ("grid_spacing_a", 0.3), ("kpts", {"bulk": [1, 2, 3]})],
)
def test_convergence_test_with_other_settings_than_its_case(copy, field, value):
    """Its deviation would be the uncertainty of settings that the case does not have."""
    pytest.importorskip("pymatgen")
    folder, test = copy.parent / "convergence", read_convergence(CONVERGENCE, "al_111")
    write_convergence(folder, test)
    assert verify.verify(TASK).problems == ()
    used, *finer = test.variants
    changed = [used.model_copy(update={field: value}), *finer]
    write_convergence(folder, test.model_copy(update={"variants": changed}))
    (line,) = verify.verify(TASK).problems
    assert line.startswith("convergence/al_111: other settings than its case; test it again")


def test_field_that_is_not_of_the_schema(copy):
    edit(copy, "al_111.json", '"title"', '"heading"')
    assert "title: Field required" in verify.verify(TASK).problems[0]


@pytest.mark.usefixtures("copy")
def test_choice_is_reproducible():
    assert verify.choose(TASK, 1, 5) == verify.choose(TASK, 1, 5)
    with pytest.raises(SettingsError, match="has 2 finished cases"):
        verify.choose(TASK, 3, 0)


def test_unknown_task():
    with pytest.raises(RegistryError, match=r"tasks with recipes: .*surface_energy"):
        verify.verify("none")


@pytest.mark.parametrize(
    "slab",
    [
        fcc111("Al", (1, 1, 5), vacuum=6.0, periodic=True),
        fcc111("Al", (1, 1, 6), vacuum=6.0, periodic=True),
        bcc110("Li", (1, 1, 4), vacuum=6.0, periodic=True),
        surface(crystal("MgO", "rocksalt", a=4.2, cubic=True), (1, 0, 0), 3, 6.0, periodic=True),
        surface(crystal("Si", "diamond", a=5.43, cubic=True), (1, 1, 0), 4, 6.0, periodic=True),
    ],
    ids=lambda s: s.get_chemical_formula(),
)
def test_faces_of_symmetric_slabs(slab):
    assert has_equal_faces(slab, 1e-3)
    shifted = slab.copy()
    shifted.positions += [0.3, 0.7, 1.1]
    shifted.wrap(pbc=(True, True, False))
    assert has_equal_faces(shifted, 1e-3)


def test_faces_of_asymmetric_slabs():
    slab = fcc111("Al", (1, 1, 5), vacuum=6.0, periodic=True)
    relaxed = slab.copy()
    relaxed.positions[np.argmax(relaxed.positions[:, 2]), 2] += 0.1
    assert not has_equal_faces(relaxed, 1e-2)
    add_adsorbate(slab, "O", 1.2, "fcc")
    assert not has_equal_faces(slab, 1e-2)
