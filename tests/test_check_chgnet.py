"""A real potential: passes, its golden energies are the package's own, other weights are caught."""

from __future__ import annotations

import json

import pytest

from uipbench.conformance.structures import golden_structure
from uipbench.model_registry import find_model

pytest.importorskip("chgnet", reason="chgnet is not installed")


def lines(done):
    (report,) = json.loads(done.stdout).values()
    return {line["name"]: line for line in report["lines"]}


def test_chgnet_passes(uipbench):
    done = uipbench("check", "chgnet", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = lines(done)
    assert {n for n, line in found.items() if line["status"] == "fail"} == set()
    assert found["weights"]["status"] == found["golden-energies"]["status"] == "pass"
    assert "as float32 does" in found["precision"]["measured"]
    # The card leaves out what MPtrj lacks; the network knows 94 elements and says nothing.
    assert found["unlisted-element"]["status"] == "warning"


def test_golden_energies_are_those_of_the_package_itself():
    from chgnet.model.model import CHGNet
    from pymatgen.io.ase import AseAtomsAdaptor

    model = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)
    for golden in find_model("chgnet").golden:
        structure = AseAtomsAdaptor.get_structure(golden_structure(golden.structure))
        found = model.predict_structure(structure, task="e")["e"]
        assert found == pytest.approx(golden.energy_per_atom, abs=1e-4)


def called(source, name):
    """The model file with another name for the variant, since that of the registry is taken."""
    for end in ("]", "."):
        source = source.replace(f"variants.chgnet{end}", f"variants.{name}{end}")
    return source


def test_other_checkpoint_than_the_card_says(uipbench, tmp_path):
    source = find_model("chgnet").path.read_text()
    swapped = source.replace("model_name=variant", 'model_name="0.2.0"')
    assert swapped != source
    (tmp_path / "swapped.py").write_text(called(swapped, "swapped"))
    done = uipbench("check", "./swapped.py::swapped", "--json")
    assert done.returncode == 1
    found = lines(done)
    assert [n for n, line in found.items() if line["status"] == "fail"] == ["golden-energies"]
    assert found["golden-energies"]["value"] > 0.03


MUTANTS = {
    "negated": ('"forces": forces}', '"forces": -forces}', "forces", "sign is reversed"),
    "gpa": ("/ atoms.get_volume()", "/ atoms.get_volume() * 160.21766", "stress", "GPa, not eV/Å³"),
    "single": ('\n    dtype = "float32"', '\n    dtype = "float64"', "precision", "says float64"),
}


@pytest.mark.slow
def test_mutants_of_a_real_network_are_caught(uipbench, tmp_path):
    """Its noise in single precision hides none of them."""
    source = find_model("chgnet").path.read_text()
    for name, (old, new, _, _) in MUTANTS.items():
        assert source.count(old) == 1
        (tmp_path / f"{name}.py").write_text(called(source.replace(old, new), name))
    done = uipbench("check", "--json", *(f"./{name}.py::{name}" for name in MUTANTS))
    assert done.returncode == 1, done.stderr
    reports = json.loads(done.stdout).values()
    for (_, _, line, word), report in zip(MUTANTS.values(), reports, strict=True):
        found = {entry["name"]: entry for entry in report["lines"]}
        assert [n for n, entry in found.items() if entry["status"] == "fail"] == [line]
        assert word in found[line]["measured"]
