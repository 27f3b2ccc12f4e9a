"""The migration task against a landscape with a known barrier, plain ASE, and its invariants."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.mep import NEB
from ase.optimize import BFGS
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import THEORY, structure
from uipbench import neb
from uipbench.case import Case
from uipbench.casefiles import CaseFile, Quantity, write_case
from uipbench.cli import cli
from uipbench.errors import CalculationError, NotConvergedError
from uipbench.outcome import Failed, Predicted
from uipbench.reference.engine import DftStructure
from uipbench.reference.recipe import ReferenceCase
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import Evaluation
from uipbench.registry import load_task, task_version
from uipbench.relaxation import relax_positions
from uipbench.results import read_result
from uipbench.secondary import secondary_metrics
from uipbench.tasks import li_migration
from uipbench.tasks.li_migration import (
    IMAGES,
    TASK,
    LiMigration,
    barriers,
    image_roles,
    strained,
)


def energy_of(atoms, calculator):
    copy = atoms.copy()
    copy.calc = calculator
    return copy.get_potential_energy()


def copper_path(images=5, a=3.61):
    """Rigid path of the vacancy hop in copper, seven atoms; the perfect crystal as bulk."""
    initial = bulk("Cu", "fcc", a=a).repeat(2)
    end = initial.positions[0].copy()
    del initial[0]
    start = initial.positions[0].copy()
    path = [initial.copy() for _ in range(images)]
    for x, atoms in zip(np.linspace(0, 1, images), path, strict=True):
        atoms.positions[0] = start + x * (end - start)
    return path, bulk("Cu", "fcc", a=a)


def make_case(path, calculator, *, crystal=None, case_id="cu_vacancy", **changes):
    """A case whose "DFT" energies are the calculator's."""
    atoms = {f"image_{i}": a for i, a in enumerate(path)}
    if crystal is not None:
        atoms = {"bulk": crystal} | atoms
    structures = {role: structure(a, energy_of(a, calculator)) for role, a in atoms.items()}
    fields = {
        "task": "li_migration",
        "id": case_id,
        "title": case_id,
        "material": "Cu",
        "elements": ("Cu",),
        "chemistry": "fcc metal",
        "tier": "quick",
        "protocols": ("fixed", "relaxed"),
        "structures": structures,
        "references": {},
        "theory": THEORY,
        "digest": "d",
    }
    return Case(**(fields | changes))


def reversed_case(case):
    roles = image_roles(list(case.structures))
    turned = dict(zip(roles, [case.structures[r] for r in reversed(roles)], strict=True))
    return replace(case, structures=dict(case.structures) | turned)


@pytest.fixture(scope="module")
def copper():
    path, crystal = copper_path()
    return make_case(path, EMT(), crystal=crystal)


@pytest.fixture(scope="module")
def relaxed(copper):
    return TASK.predict(copper, EMT(), "relaxed")


def test_fixed_reproduces_its_own_profile(copper):
    found = TASK.predict(copper, EMT(), "fixed")
    assert found.values["profile_rmse"] == pytest.approx(0, abs=1e-9)
    energies = [copper.structures[f"image_{i}"].energy for i in range(5)]
    assert found.values["migration_barrier"] == pytest.approx(max(energies) - energies[0])
    assert found.details["image_2_ev"] == pytest.approx(energies[2] - energies[0])
    assert found.details["dft_saddle_ev"] == pytest.approx(max(energies) - energies[0])
    assert [found.details[f"image_{i}_coordinate"] for i in range(5)] == pytest.approx(
        [0, 0.25, 0.5, 0.75, 1]
    )
    assert set(found.evaluated) == set(copper.structures)


def test_relaxed_equals_a_plain_ase_script(relaxed):
    """Own lattice constant, own end points, a band of five images, all in ASE alone."""
    cell = bulk("Cu", "fcc", a=3.61)
    lattices = np.linspace(3.55, 3.65, 11)
    total = [energy_of(bulk("Cu", "fcc", a=a), EMT()) for a in lattices]
    coefficients = np.polyfit(lattices, total, 3)
    roots = np.roots(np.polyder(coefficients))
    own = float(roots[np.argmin(abs(roots - cell.cell.lengths()[0] * np.sqrt(2)))].real)
    ends = [copper_path(a=own)[0][i] for i in (0, -1)]
    for atoms in ends:
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.01)
    images = [ends[0], *(ends[0].copy() for _ in range(3)), ends[1]]
    for image in images[1:-1]:
        image.calc = EMT()
    band = NEB(images, climb=True, method="improvedtangent")
    band.interpolate(mic=True)
    assert BFGS(band, logfile=None).run(fmax=0.02, steps=200)
    energies = [image.get_potential_energy() for image in images]
    expected = max(energies) - energies[0]
    assert relaxed.values["migration_barrier"] == pytest.approx(expected, abs=0.003)
    assert relaxed.values["backward_barrier"] == pytest.approx(expected, abs=0.003)


def test_relaxed_says_how_it_converged_and_keeps_every_image(relaxed):
    details = relaxed.details
    assert details["band_max_force_ev_per_a"] <= 0.03
    assert details["climbing_force_ev_per_a"] <= 0.03
    profile = [details[f"image_{i}_ev"] for i in range(IMAGES)]
    assert max(profile) == pytest.approx(relaxed.values["migration_barrier"])
    assert details["image_0_coordinate"] == 0
    assert details[f"image_{IMAGES - 1}_coordinate"] == pytest.approx(1)
    assert abs(details["lattice_strain"]) < 0.02
    assert not relaxed.evaluated


def test_reversed_images_exchange_the_barriers(copper):
    asymmetric = replace(
        copper,
        structures={r: s for r, s in copper.structures.items() if r != "image_4"},
    )
    forward = TASK.predict(asymmetric, EMT(), "fixed").values
    backward = TASK.predict(reversed_case(asymmetric), EMT(), "fixed").values
    assert forward["migration_barrier"] != pytest.approx(forward["backward_barrier"], abs=1e-3)
    assert backward["migration_barrier"] == pytest.approx(forward["backward_barrier"])
    assert backward["backward_barrier"] == pytest.approx(forward["migration_barrier"])


def test_relaxed_barrier_of_the_reversed_images(relaxed, copper):
    found = TASK.predict(reversed_case(copper), EMT(), "relaxed").values
    assert found["migration_barrier"] == pytest.approx(
        relaxed.values["backward_barrier"], abs=0.002
    )
    assert found["backward_barrier"] == pytest.approx(
        relaxed.values["migration_barrier"], abs=0.002
    )


def test_band_starts_from_the_dft_path(copper, monkeypatch):
    """Where the model stops at once, its images are those of DFT, moved with the cell."""
    monkeypatch.setattr(li_migration, "BAND_FMAX", 1e3)
    structures = {r: s for r, s in copper.structures.items() if r != "bulk"}
    case = replace(copper, structures=structures)
    found = TASK.predict(case, EMT(), "relaxed")
    path = [case.atoms(f"image_{i}") for i in range(5)]
    ends = [relax_positions(path[i], EMT(), fmax=0.01).atoms for i in (0, -1)]
    start = neb.moved_path(path, *ends, IMAGES)
    assert found.details["band_steps"] == 0
    for i, atoms in enumerate(start):
        expected = energy_of(atoms, EMT()) - energy_of(start[0], EMT())
        assert found.details[f"image_{i}_ev"] == pytest.approx(expected, abs=1e-6)


@settings(max_examples=4, deadline=None)
@given(st.tuples(*[st.floats(-9, 9)] * 3), st.floats(-5, 5))
def test_fixed_barrier_of_a_translated_path_with_shifted_energies(shift, per_atom):
    """Neither a rigid translation nor an energy an atom changes a barrier."""

    class Shifted(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["energy"] += per_atom * len(self.atoms)

    path, _ = copper_path()
    case = make_case(path, EMT())
    for atoms in path:
        atoms.positions += shift
        atoms.wrap()
    found = TASK.predict(make_case(path, EMT()), Shifted(), "fixed").values
    for name, value in TASK.predict(case, EMT(), "fixed").values.items():
        assert found[name] == pytest.approx(value, abs=1e-7)


def test_fixed_barrier_of_two_hops_at_once_is_twice_that_of_one(copper):
    """Energies are extensive: a supercell holds two vacancies that hop together."""
    doubled = {
        role: structure(make_supercell(s.atoms, np.diag([2, 1, 1])), 2 * s.energy)
        for role, s in copper.structures.items()
        if role != "bulk"
    }
    one = TASK.predict(copper, EMT(), "fixed").values
    two = TASK.predict(replace(copper, structures=doubled), EMT(), "fixed").values
    for name, value in one.items():
        assert two[name] == pytest.approx(2 * value, abs=1e-7)


def test_without_bulk_the_cell_is_that_of_dft(copper):
    structures = {r: s for r, s in copper.structures.items() if r != "bulk"}
    found = TASK.predict(replace(copper, structures=structures), EMT(), "relaxed")
    assert "lattice_strain" not in found.details


def test_strain_of_the_bulk_is_the_strain_of_the_path():
    path, crystal = copper_path()
    larger = crystal.copy()
    larger.set_cell(crystal.cell[:] * [1.02, 1.01, 0.99], scale_atoms=True)
    found = strained(path[1], crystal, larger)
    np.testing.assert_allclose(found.cell[:], path[1].cell[:] * [1.02, 1.01, 0.99])
    fractions = [a.get_scaled_positions(wrap=False) for a in (found, path[1])]
    np.testing.assert_allclose(*fractions, atol=1e-12)


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_the_case_is_not_changed(copper, protocol):
    before = {role: s.atoms for role, s in copper.structures.items()}
    TASK.predict(copper, EMT(), protocol)
    for role, atoms in before.items():
        assert copper.atoms(role) == atoms


def gold(path):
    atoms = path[0].copy()
    atoms.numbers[3] = 79
    return structure(atoms, 1.0)


def swapped(path):
    mixed = path[0].copy()
    mixed.numbers[0] = 79
    return mixed, mixed[[1, 0, *range(2, len(mixed))]]


@pytest.mark.parametrize("protocol", ["fixed", "relaxed"])
def test_bad_cases_are_named(copper, protocol):
    path, _ = copper_path()
    larger = path[0].copy()
    larger.set_cell(larger.cell[:] * 1.1)
    first, second = swapped(path)
    bad = {
        "cu_vacancy: 2 images, a path needs at least 3": {
            f"image_{i}": copper.structures[f"image_{i}"] for i in range(2)
        },
        "cu_vacancy: image_4 has other atoms than image_0": dict(copper.structures)
        | {"image_4": gold(path)},
        "cu_vacancy: image_1 has other atoms than image_0, or another order": {
            "image_0": structure(first),
            "image_1": structure(second, 1.0),
            "image_2": structure(first),
        },
        "cu_vacancy: image_4 has another cell than image_0": dict(copper.structures)
        | {"image_4": structure(larger)},
        "cu_vacancy: the highest image in DFT, image_4, is an end point": dict(copper.structures)
        | {"image_4": structure(path[-1], 1e3)},
    }
    for message, structures in bad.items():
        with pytest.raises(CalculationError, match=message):
            TASK.predict(replace(copper, structures=structures), EMT(), protocol)


class Pit(Calculator):
    """Every atom is drawn to its place in ``home``: both end points relax to one structure."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, home):
        super().__init__()
        self.home = home.positions.copy()

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        away = atoms.positions - self.home
        self.results = {
            "energy": float((away**2).sum()),
            "forces": -2 * away,
            "stress": np.zeros(6),
        }


def test_end_points_that_relax_to_one_structure(copper):
    structures = {r: s for r, s in copper.structures.items() if r != "bulk"}
    case = replace(copper, structures=structures)
    with pytest.raises(CalculationError, match=r"relax to within 0\.\d+ Å of each other \(2\.55 Å"):
        TASK.predict(case, Pit(case.atoms("image_0")), "relaxed")


def test_band_that_does_not_converge_is_a_failure(copper, monkeypatch):
    monkeypatch.setattr(li_migration, "BAND_STEPS", 15)

    class Restless(EMT):
        """Exact for the end points; the first atom feels noise as soon as it leaves its site."""

        def calculate(self, atoms=None, *args, **kwargs):
            super().calculate(atoms, *args, **kwargs)
            start, end = (copper.atoms(f"image_{i}").positions[0] for i in (0, 4))
            x = np.dot(atoms.positions[0] - start, end - start) / np.dot(end - start, end - start)
            if 0.05 < x < 0.95:
                self.results["forces"] = 5 * np.cos(1e5 * atoms.positions)

    structures = {r: s for r, s in copper.structures.items() if r != "bulk"}
    with pytest.raises(
        NotConvergedError, match=r"Cu7: band of 7 images: .* after 15 steps, limit 0\.15"
    ):
        TASK.predict(replace(copper, structures=structures), Restless(), "relaxed")


def test_barriers_of_a_profile():
    assert barriers(np.array([0.0, 0.5, 0.2])) == pytest.approx((0.5, 0.3))


def with_reference(case_id, material, value):
    path, _ = copper_path(3)
    quantity = Quantity(value=value, unit="eV", uncertainty=0.01)
    return make_case(
        path, EMT(), case_id=case_id, material=material, references={"migration_barrier": quantity}
    )


def predicted(barrier, rmse=0.1):
    values = {"migration_barrier": barrier, "profile_rmse": rmse}
    return Predicted(values=values, force_statistics={}, details={}, seconds=0.0, evaluations=1)


def test_secondary_metrics():
    cases = [with_reference(i, i, v) for i, v in (("a", 0.1), ("b", 0.3), ("c", 0.6), ("d", 0.2))]
    outcomes = {
        "a": predicted(0.05, 0.1),
        "b": predicted(0.2, 0.3),
        "c": predicted(0.4, 0.2),
        "d": Failed(kind="not_converged", message="."),
    }
    found = {m.name: m.value for m in secondary_metrics(TASK, cases, outcomes, "relaxed")}
    assert found["barrier_order"] == pytest.approx(1.0)
    assert found["convergence_rate"] == pytest.approx(0.75)
    assert found["profile_rmse"] == pytest.approx(0.2)
    outcomes["a"] = predicted(0.5)
    found = {m.name: m.value for m in secondary_metrics(TASK, cases, outcomes, "relaxed")}
    assert found["barrier_order"] == pytest.approx(-0.5)


def test_order_needs_three_materials():
    cases = [with_reference(i, "same", v) for i, v in (("a", 0.1), ("b", 0.3), ("c", 0.4))]
    outcomes = {case.id: predicted(0.2) for case in cases}
    found = {m.name for m in secondary_metrics(TASK, cases, outcomes, "relaxed")}
    assert "barrier_order" not in found
    assert "convergence_rate" in found


def test_version_follows_the_band_driver_but_that_of_other_tasks_does_not(monkeypatch):
    before = {name: task_version(load_task(name)) for name in ("li_migration", "surface_energy")}
    read = inspect.getsource

    def edited(module):
        return read(module) + ("\nedited = 1\n" if module is neb else "")

    monkeypatch.setattr(inspect, "getsource", edited)
    assert task_version(load_task("li_migration")) != before["li_migration"]
    assert task_version(load_task("surface_energy")) == before["surface_energy"]


@pytest.fixture
def toy_folder(tmp_path, monkeypatch, copper):
    """The copper hop and one whose path ends at its top, as the task's reference files."""
    folder = tmp_path / "cases"
    for case_id, case in (("cu_vacancy", copper), ("cu_uphill", uphill(copper))):
        found = {
            role: DftStructure(s.atoms, evaluation(s), DFT) for role, s in case.structures.items()
        }
        file = CaseFile(
            schema_version=1,
            task="li_migration",
            id=case_id,
            title=case_id,
            material="Cu",
            elements=["Cu"],
            chemistry="fcc metal",
            tier="quick",
            protocols=["fixed", "relaxed"],
            references={"migration_barrier": Quantity(value=0.6, unit="eV", uncertainty=0.01)},
            roles=list(found),
            tags={},
            details={},
            theory=THEORY,
            published=[],
            recipe="none",
            cpu_seconds=0.0,
        )
        write_case(folder, file, ReferenceCase(file, found).extxyz())
    monkeypatch.setattr(LiMigration, "data_folder", property(lambda _: folder))
    TASK.__dict__.pop("_cases", None)
    yield folder
    TASK.__dict__.pop("_cases", None)


DFT = DftSettings(cutoff_ev=1.0, kpts=(1, 1, 1), smearing_ev=0.1)


def evaluation(s):
    return Evaluation(s.energy, s.forces, None, None, seconds=0.0, code="none")


def uphill(case):
    structures = dict(case.structures)
    structures["image_4"] = replace(structures["image_4"], energy=1e3)
    return replace(case, structures=structures)


@pytest.mark.usefixtures("toy_folder")
def test_command_line(tmp_path):
    """``uipbench score emt --tasks li_migration``: numbers, and the bad case by its name."""
    out = tmp_path / "results"
    command = ["score", "emt", "--tasks", "li_migration", "--out", str(out)]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 1, done.output
    assert "cu_uphill: the highest image in DFT, image_4, is an end point" in " ".join(
        done.output.split()
    )
    records = {
        (r.case_id, r.protocol): r.outcome
        for r in read_result(out / "emt" / "li_migration.json").records
    }
    fixed, relaxed = (records["cu_vacancy", p] for p in ("fixed", "relaxed"))
    assert fixed.values["profile_rmse"] == pytest.approx(0, abs=1e-6)
    assert fixed.evaluations == 6
    assert relaxed.details["image_3_ev"] == pytest.approx(relaxed.values["migration_barrier"])
    assert relaxed.details["climbing_force_ev_per_a"] <= 0.03
    assert records["cu_uphill", "relaxed"].kind == "calculation_error"
