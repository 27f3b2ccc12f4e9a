"""``uipbench check``: every mutant of a sound model is caught, by the line that is about it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators import emt
from ase.data import atomic_numbers, chemical_symbols, covalent_radii

from tests.conftest import write_model
from uipbench.conformance.structures import element_crystal, fcc_lattice
from uipbench.journal import Journal
from uipbench.results import read_result

if TYPE_CHECKING:
    from pathlib import Path

EMT = """
import os, random
import numpy as np
from ase.calculators.emt import EMT


class Mutant(EMT):
    dtype = "float64"

    def calculate(self, atoms=None, properties=("energy",), changes=()):
        given = atoms
        super().calculate(atoms, properties, changes)
        results = self.results
        energy, forces = results["energy"], results["forces"]
        CHANGE


def load(checkpoint, device, dtype):
    return Mutant()
"""
METALS = '# elements = ["Cu", "Ag", "Al"]\n'
GOLDEN = """# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = {energy}
"""
SHIFTED = """
class Shifted(EMT):
    def calculate(self, atoms=None, properties=("energy",), changes=()):
        super().calculate(atoms, properties, changes)
        self.results["energy"] += json.loads(WEIGHTS.read_text())["shift"] * len(atoms)


def load(checkpoint, device, dtype):
    return Shifted()
"""
BATCH = """
def load_batch(checkpoint, device, dtype):
    def evaluate(structures, properties):
        found = []
        for n, atoms in enumerate(structures):
            atoms.calc = Mutant()
            energy = atoms.get_potential_energy() + ERROR * n
            found.append({"energy": energy, "forces": atoms.get_forces()})
        return found

    return evaluate
"""

# What is changed, what the report must say: the checks beyond their limit, and a word of the line.
MUTANTS: dict[str, tuple[str, set[str], str, str]] = {
    "sound": ("pass", set(), "", ""),
    "negated": ("results['forces'] = -forces", {"forces", "dimer"}, "forces", "sign is reversed"),
    "scaled": ("results['forces'] = 1.01 * forces", {"forces"}, "forces", "1.01 times"),
    "gpa": (
        "if 'stress' in results: results['stress'] = 160.21766 * results['stress']",
        {"stress"},
        "stress",
        "GPa, not eV/Å³",
    ),
    "shear": (
        "if 'stress' in results: results['stress'] = results['stress'][[0, 1, 2, 5, 4, 3]]",
        {"stress"},
        "stress",
        "times the slope",
    ),
    "single": (
        "results['energy'] = float(np.float32(energy))",
        {"precision"},
        "precision",
        "says float64",
    ),
    "place": (
        (
            "x = atoms.positions; results['energy'] += 0.01 * np.cos(x[:, 0]).sum(); "
            "results['forces'] = forces + 0.01 * np.sin(x) * [1, 0, 0]"
        ),
        {"golden-energies", "translation", "rotation", "supercell"},
        "translation",
        "meV/atom",
    ),
    "order": (
        "results['energy'] += 0.001 * atoms.numbers[0]",
        {"golden-energies", "permutation", "supercell"},
        "permutation",
        "meV/atom",
    ),
    "offset": (
        "results['energy'] += 0.05",
        {"golden-energies", "supercell"},
        "supercell",
        "meV/atom",
    ),
    "chance": (
        "results['energy'] += random.random() * len(atoms)",
        {"determinism"},
        "determinism",
        "meV/atom",
    ),
    "nan": ("results['energy'] = float('nan')", {"answers"}, "answers", "NaN"),
    "crash": ("os._exit(3)", {"answers"}, "answers", "exit code 3"),
    "wrap": ("given.wrap()", {"input"}, "input", "positions"),
    "jump": (
        "if len(atoms) == 2: results['energy'] += 0.3 * (atoms.get_distance(0, 1) > 4)",
        {"dimer"},
        "dimer",
        "unexplained",
    ),
    "lost": (
        "if len(atoms) == 1 and atoms.cell[0, 0] > 9: os._exit(4)",
        {"isolated-atom"},
        "isolated-atom",
        "exit code 4",
    ),
}


def copper() -> float:
    """EMT's energy of the golden structure, by plain ASE."""
    atoms = bulk("Cu", "fcc", a=3.61)
    atoms.calc = emt.EMT()
    return atoms.get_potential_energy()


def body(change: str) -> str:
    return EMT.replace("CHANGE", change)


def write_mutants(folder: Path) -> list[str]:
    for name, (change, *_) in MUTANTS.items():
        extra = METALS + GOLDEN.format(energy=copper())
        write_model(folder / f"{name}.py", body(change), extra=extra)
    write_model(folder / "silent.py", body("pass").replace("EMT):", "Any):").replace(
        "class Mutant", ANY_ELEMENT + "class Mutant"
    ), extra=METALS)  # fmt: skip
    promised = METALS.replace('"Al"', '"Al", "Li"')
    write_model(folder / "promised.py", body("pass"), extra=promised)
    approximate = METALS + '# approximate = ["forces"]\n'
    write_model(
        folder / "direct.py", body(MUTANTS["scaled"][0].replace("1.01", "1.05")), extra=approximate
    )
    write_model(folder / "batch.py", body("pass") + BATCH.replace("ERROR", "0.1"), extra=METALS)
    write_model(folder / "batched.py", body("pass") + BATCH.replace("ERROR", "0"), extra=METALS)
    return [*MUTANTS, "silent", "promised", "direct", "batch", "batched", *write_weights(folder)]


ANY_ELEMENT = """
class Any(EMT):
    def calculate(self, atoms=None, properties=("energy",), changes=()):
        copper = atoms.copy()
        copper.numbers[~np.isin(copper.numbers, [13, 29, 47])] = 29
        super().calculate(copper, properties, changes)


"""


def write_weights(folder: Path) -> list[str]:
    """Models that read weights from a package: sound, damaged, and another file than the card's."""
    package = folder / "emtweights"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, shift in {"a": 0.0, "b": 0.004}.items():
        (package / f"{name}.json").write_text(json.dumps({"shift": shift}))
    sha256 = hashlib.sha256((package / "a.json").read_bytes()).hexdigest()
    (package / "damaged.json").write_text('{"shift": 1e-9}')
    for name, stated, read in (
        ("intact", "a", "a"),
        ("damaged", "damaged", "damaged"),
        ("swapped", "a", "b"),
    ):
        extra = METALS + GOLDEN.format(energy=copper())
        extra += f'# [tool.uipbench.weights]\n# package = "emtweights"\n# file = "{stated}.json"\n'
        extra += f'# sha256 = "{sha256}"\n'
        head = "import json\nfrom pathlib import Path\nfrom ase.calculators.emt import EMT\n"
        head += f"WEIGHTS = Path({str(package)!r}) / '{read}.json'\n"
        write_model(folder / f"{name}.py", head + SHIFTED, extra=extra)
    return ["intact", "damaged", "swapped"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("check")


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    cache = {"UIPBENCH_CACHE": str(folder / "cache"), "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-m", "uipbench", *arguments],
        cwd=folder,
        env={**os.environ, **cache, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def reports(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Lines by name of the check, by model: all models in one call, as a user could."""
    names = write_mutants(folder)
    done = run(folder, "check", "--json", *(f"{name}.py" for name in names))
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == names
    return {m: {line["name"]: line for line in r["lines"]} for m, r in found.items()}


def beyond(report: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, line in report.items() if line["status"] in {"fail", "warning"}}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught_by_the_right_line(reports, name):
    _, expected, line, word = MUTANTS[name]
    found = reports[name]
    if name == "chance":  # its scatter is in every difference
        assert "determinism" in beyond(found)
    else:
        assert beyond(found) == expected
    if line:
        assert word in found[line]["measured"]
        assert found[line]["meaning"]


def test_only_essential_failures_stop_scoring(reports):
    assert reports["wrap"]["input"]["status"] == "warning"
    assert reports["jump"]["dimer"]["status"] == "warning"
    assert reports["gpa"]["stress"]["status"] == "fail"


def test_sound_model_states_numbers_and_limits(reports):
    sound = reports["sound"]
    assert sound["golden-energies"]["status"] == "pass"
    assert 0 < sound["forces"]["value"] < sound["forces"]["bound"]
    assert sound["precision"]["value"] < 1e-12
    assert sound["weights"]["status"] == "unknown"


def test_damaged_weights_are_not_even_loaded(reports):
    damaged = reports["damaged"]
    assert beyond(damaged) == {"weights"}
    assert "sha256" in damaged["weights"]["measured"]
    assert damaged["forces"]["measured"] == "not reached"


def test_swapped_checkpoints_differ_in_the_golden_energies(reports):
    assert beyond(reports["intact"]) == set()
    assert reports["intact"]["weights"]["status"] == "pass"
    assert beyond(reports["swapped"]) == {"golden-energies"}
    assert reports["swapped"]["golden-energies"]["value"] == pytest.approx(0.004, abs=1e-3)
    assert "Cu fcc a=3.61" in reports["swapped"]["golden-energies"]["measured"]


def test_elements_the_card_does_not_list_and_cannot_do(reports):
    assert beyond(reports["silent"]) == {"unlisted-element"}
    assert "answers silently for Br" in reports["silent"]["unlisted-element"]["measured"]
    assert beyond(reports["promised"]) == {"elements"}
    assert reports["promised"]["elements"]["measured"].endswith("none for Li")


def test_batch_that_differs(reports):
    assert beyond(reports["batch"]) == {"batch"}
    assert beyond(reports["batched"]) == set()
    assert reports["batched"]["batch"]["measured"].endswith("(batch evaluator)")


def test_forces_predicted_directly_may_be_rough_where_the_card_says_so(reports):
    assert beyond(reports["direct"]) == set()
    assert reports["direct"]["forces"]["bound"] > 10 * reports["sound"]["forces"]["bound"]


def test_a_worker_that_ends_leaves_the_rest_unknown(reports):
    assert reports["lost"]["dimer"]["status"] == "unknown"
    assert reports["crash"]["forces"]["status"] == "unknown"


@pytest.mark.usefixtures("reports")
def test_table_and_exit_code(folder):
    done = run(folder, "check", "negated.py")
    assert done.returncode == 1
    assert "FAIL: forces: forces are not the gradient of the energy" in done.stdout
    assert "FAILED: forces; warnings: dimer; not made: weights" in done.stdout


def test_golden_lines_for_an_own_card(folder):
    write_model(folder / "fresh.py", body("pass"), extra=METALS)
    done = run(folder, "check", "fresh.py", "--golden")
    assert done.returncode == 0
    write_model(folder / "fresh.py", body("pass"), extra=METALS + done.stdout)
    again = run(folder, "check", "fresh.py", "--json")
    assert again.returncode == 0
    line = {x["name"]: x for x in json.loads(again.stdout)["fresh"]["lines"]}["golden-energies"]
    assert line["status"] == "pass"
    assert line["measured"].startswith("3 structures")


def test_own_weights_are_not_compared_with_the_card(folder):
    write_model(folder / "tuned.py", body("pass"), extra=METALS + GOLDEN.format(energy=1.0))
    done = run(folder, "check", "tuned.py", "--checkpoint", "tuned.py", "--json")
    assert done.returncode == 0, done.stderr
    found = {x["name"]: x["measured"] for x in json.loads(done.stdout)["tuned"]["lines"]}
    assert found["golden-energies"] == "own weights, not compared"
    assert found["weights"].startswith("own weights, sha256 ")


def test_golden_structure_that_does_not_exist(folder):
    extra = METALS + GOLDEN.format(energy=1.0).replace("fcc", "cubic")
    write_model(folder / "nonsense.py", body("pass"), extra=extra)
    done = run(folder, "check", "nonsense.py")
    assert done.returncode == 2
    (line,) = [x for x in done.stderr.splitlines() if x]
    assert "'Cu cubic a=3.61' is not known; expected formula, prototype" in line


SCORE = (
    *("score", "--cases", "al_111", "--protocol", "fixed", "--tasks", "surface_energy"),
    "--no-page",
)


@pytest.mark.usefixtures("reports")
def test_failing_model_is_scored_by_force_alone_and_marked(folder):
    refused = run(folder, *SCORE, "negated.py")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "check 'forces' failed" in line
    assert "uipbench check negated.py" in line
    assert not list((folder / "uipbench-results").glob("negated/*.json"))
    forced = run(folder, *SCORE, "negated.py", "--force", "--page")
    assert forced.returncode == 0, forced.stderr
    result = read_result(folder / "uipbench-results" / "negated" / "surface_energy.json")
    assert result.check is not None
    assert result.check.names("fail") == ["forces"]
    site = folder / "uipbench-results" / "site"
    assert "check failed" in (site / "index.html").read_text()
    assert "sign is reversed" in (site / "models" / "negated.html").read_text()


def test_check_is_made_once_for_a_content(folder):
    count = folder / "count"
    write_model(folder / "counted.py", body("open(os.environ['COUNT'], 'a').write('x')"))
    first = run(folder, *SCORE, "counted.py", COUNT=str(count))
    assert first.returncode == 0, first.stderr
    assert "check: 1" in first.stdout
    calls = len(count.read_text())
    assert calls > 50
    again = run(folder, *SCORE, "counted.py", "--out", "elsewhere", COUNT=str(count))
    assert again.returncode == 0
    assert len(count.read_text()) == calls + 3  # bulk, and two slabs


@pytest.mark.usefixtures("reports")
def test_result_without_report_gets_one_and_keeps_its_records(folder):
    assert run(folder, *SCORE, "sound.py").returncode == 0
    path = folder / "uipbench-results" / "sound" / "surface_energy.json"
    before = read_result(path)
    old = json.loads(path.read_text())
    del old["check"], old["sha256"]
    path.write_text(json.dumps(old))
    assert read_result(path).check is None
    assert run(folder, *SCORE, "sound.py").returncode == 0
    assert read_result(path) == before
    assert not Journal(path.with_suffix(".journal.jsonl")).path.exists()


@pytest.mark.parametrize("element", chemical_symbols[1:104])
def test_every_element_has_a_crystal_to_ask_for(element):
    crystal = element_crystal(element)
    distance = fcc_lattice(element) / np.sqrt(2)
    assert len(crystal) == 1
    assert 0.6 < distance / (2 * covalent_radii[atomic_numbers[element]]) < 3.0  # solid neon
