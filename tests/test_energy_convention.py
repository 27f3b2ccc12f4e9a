"""Corrections in a model's energies: from the card to the voltage, against pymatgen's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from tests.conftest import write_model
from tests.test_voltage_profile import make_case
from uipbench.engine import EvaluationEngine
from uipbench.engine_calculator import EngineCalculator
from uipbench.errors import RegistryError
from uipbench.kit import energy_corrections
from uipbench.model_registry import find_model
from uipbench.modelfile import read_model_file
from uipbench.plan import physics_version
from uipbench.reference_data.voltage_profile import crystals
from uipbench.reference_data.voltage_profile.orderings import SINGLE, orderings, reduced
from uipbench.reference_data.voltage_profile.recipes import recipes
from uipbench.registry import load_task, task_version
from uipbench.results import ModelRecord, load_results
from uipbench.tasks.voltage_profile import TASK
from uipbench.tasks.voltage_profile.structures import METAL, make_series

RESULTS = Path(__file__).parent.parent / "leaderboard" / "results"
BODY = "def load(checkpoint, device, dtype): ...\n"


def record_of(model):
    return ModelRecord(
        card=model.card, weights_sha256=None, code_sha256=model.code_sha256, packages={}, own=True
    )


def test_the_card_says_it(tmp_path):
    plain = read_model_file(write_model(tmp_path / "plain.py", BODY), own=True)
    assert plain.card.energy_corrections == "none"
    line = '# energy-corrections = "MP2020"\n'
    stated = read_model_file(write_model(tmp_path / "stated.py", BODY, extra=line), own=True)
    assert stated.card.energy_corrections == "MP2020"
    wrong = write_model(tmp_path / "m.py", BODY, extra='# energy-corrections = "MP 2020"\n')
    with pytest.raises(RegistryError, match=r"'energy_corrections' is 'MP 2020': .*'MP2020'"):
        read_model_file(wrong, own=True)


def test_registered_models():
    corrected = {"chgnet", "chgnet-0.2.0"}
    for name in ("chgnet", "chgnet-0.2.0", "chgnet-r2scan", "sevennet-0", "emt"):
        expected = "MP2020" if name in corrected else "none"
        assert find_model(name).card.energy_corrections == expected


def test_the_key_in_the_header_makes_no_result_stale():
    for result in load_results(RESULTS):
        assert find_model(result.model.card.name).code_sha256 == result.model.code_sha256


def test_corrections_count_where_they_do_not_cancel():
    surface, voltage = load_task("surface_energy"), load_task("voltage_profile")
    chgnet, emt = (record_of(find_model(name)) for name in ("chgnet", "emt"))
    assert physics_version(surface, chgnet) == task_version(surface)
    assert physics_version(voltage, emt) == task_version(voltage)
    assert physics_version(voltage, chgnet) == f"{task_version(voltage)}+MP2020"


def test_the_calculator_that_tasks_see_has_them():
    engine = EvaluationEngine(lambda: None, workers=1, energy_corrections="MP2020")
    assert energy_corrections(EngineCalculator(engine, limit=1.0)) == "MP2020"
    assert (
        energy_corrections(EngineCalculator(EvaluationEngine(lambda: None, workers=1), limit=1.0))
        == "none"
    )


# --- pymatgen's corrections of the set -----------------------------------------------------------

U_OF_OXIDES = {"Co": 3.32, "Fe": 5.3, "Mn": 3.9, "Ni": 6.2}
"""The Materials Project's +U, which pymatgen wants to see before it corrects."""


@pytest.fixture(scope="module")
def mp2020():
    """MP2020 correction of a structure in eV, by pymatgen."""
    compatibility = pytest.importorskip("pymatgen.entries.compatibility")
    from pymatgen.entries.computed_entries import ComputedStructureEntry
    from pymatgen.io.ase import AseAtomsAdaptor

    scheme = compatibility.MaterialsProject2020Compatibility(check_potcar=False)

    def correction(atoms):
        symbols = set(atoms.get_chemical_symbols())
        oxide = "O" in symbols
        hubbards = {s: U_OF_OXIDES.get(s, 0.0) if oxide else 0.0 for s in symbols}
        parameters = {"run_type": "GGA+U" if any(hubbards.values()) else "GGA", "software": "none"}
        entry = ComputedStructureEntry(
            AseAtomsAdaptor.get_structure(atoms),
            0.0,
            parameters=parameters | {"hubbards": hubbards},
        )
        return sum(adjustment.value for adjustment in scheme.get_adjustments(entry))

    return correction


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recipe", recipes(), ids=lambda r: r.id)
def test_voltages_of_every_host_lose_exactly_what_mp2020_adds(recipe, mp2020):
    """Corrections of all structures alone: taken out, nothing but a constant a host is left."""
    structures = recipe.structures() | {METAL: bulk("Li", "bcc", a=3.44)}
    series = make_series(structures, recipe.host.formula, "Li")
    added = {role: mp2020(atoms) for role, atoms in structures.items()}
    assert added[METAL] == 0
    left = series.without_corrections(added, "MP2020")
    units = [left[role] / n for role, n in series.units.items()]
    assert np.ptp(units) == pytest.approx(0, abs=1e-9)
    profile = series.profile(left)
    assert profile.voltages == pytest.approx([0.0] * len(profile.voltages), abs=1e-9)
    raw = series.profile(added)
    assert (max(map(abs, raw.voltages)) > 1e-3) == (recipe.host.formula == "Si")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("host", ["CoO2", "Si"])
def test_chgnet_gives_the_voltage_of_uncorrected_energies(host, mp2020):
    """A script with CHGNet and pymatgen's corrections, on structures made by hand."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    dynamics = pytest.importorskip("chgnet.model.dynamics", reason="chgnet is not installed")
    torch.set_num_threads(1)
    calculator = dynamics.CHGNetCalculator(use_device="cpu")
    layered = reduced(crystals.layered_oxide("Co", 2.83, 14.1, 0.26).primitive())
    structures = {
        "CoO2": {"x0": orderings(layered, SINGLE, 0)[0], "x1": layered},
        "Si": {"x0": bulk("Si"), "x1": crystals.b32("Li", "Si", 6.1).primitive()},
    }[host] | {METAL: bulk("Li", "bcc", a=3.44)}
    energies = {}
    for role, atoms in structures.items():
        atoms.calc = calculator
        energies[role] = atoms.get_potential_energy() - mp2020(atoms)
        atoms.calc = None
    units = {
        role: len(structures[role]) - structures[role].symbols.count("Li") for role in ("x0", "x1")
    }
    atoms_a_unit = {"CoO2": 3, "Si": 1}[host]
    empty, full = (energies[r] / (units[r] / atoms_a_unit) for r in ("x0", "x1"))
    voltage = -(full - empty - energies[METAL])

    case = make_case(calculator, structures, host=host)
    calculator.energy_corrections = "MP2020"
    found = TASK.predict(case, calculator, "fixed").values["average_voltage"]
    assert found == pytest.approx(voltage, abs=1e-5)
    calculator.energy_corrections = "none"
    plain = TASK.predict(case, calculator, "fixed").values["average_voltage"]
    assert plain - found == pytest.approx(-0.071 if host == "Si" else 0.0, abs=1e-5)
