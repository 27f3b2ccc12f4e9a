"""What every registered task promises, whoever wrote it: found by itself, tested with toy cases.

A task with recipes is tested on cases that its own recipes make with a pair potential in place of
DFT, so that it is tested before its first reference is there; any task also on its committed cases.
"""

from __future__ import annotations

import json
import math
import string
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.fd import calculate_numerical_forces
from ase.neighborlist import neighbor_list

from tests.toy_dft import ToyPotential, neighbours, toy_engine
from uipbench.casefiles import CaseFile, parse_case_file, read_lock, read_verified, write_case
from uipbench.datasets import load_cases
from uipbench.errors import ReferenceEngineError
from uipbench.metrics import force_sums, score
from uipbench.outcome import PROTOCOLS, Predicted, Prediction
from uipbench.reference.datacard import CardSource, render
from uipbench.reference.queue import DATA_FOLDER, load_recipes, tasks_with_recipes
from uipbench.registry import load_task, load_tasks, task_version
from uipbench.results import CaseRecord, outcome_record
from uipbench.runner import check_finite
from uipbench.secondary import secondary_metrics
from uipbench.task import check_task

if TYPE_CHECKING:
    from uipbench.case import Case

TASKS = list(load_tasks())
RECIPES_TRIED = 3
"""The potential is no DFT: not every crystal is stable in it, but one of the first must be."""

SAME = 1e-6
RELAXED_DIFFERENCE = 0.02
"""Largest difference between the potential relaxed by the recipe and by the task, in the unit of
the quantity: what both leave of the forces."""

LARGEST = {"J/m^2": 10.0, "eV": 20.0, "V": 10.0, "A": 20.0, "angstrom": 20.0, "GPa": 200.0}
"""Values beyond these are no surface, interface, barrier or voltage; by unit."""

every_task = pytest.mark.parametrize("name", TASKS)
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


@dataclass(frozen=True)
class Toy:
    """A case made by a recipe with the pair potential, and what was written of it."""

    case: Case
    file: CaseFile


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """Toy case by task, made when first asked for."""

    @cache
    def make(name: str) -> Toy:
        folder = tmp_path_factory.mktemp(name)
        failures = []
        with pytest.MonkeyPatch.context() as patch:
            engine = toy_engine(folder, patch)
            for recipe in load_recipes(name)[:RECIPES_TRIED]:
                try:
                    made = recipe.compute(engine)
                except ReferenceEngineError as error:
                    failures.append(f"{recipe.id}: {error}")
                    continue
                write_case(folder / "cases", made.file, made.extxyz())
                (case,) = load_cases(folder / "cases", name)
                return Toy(case, made.file)
        pytest.fail(f"{name}: no recipe makes a case with the pair potential: {failures}")

    return make


@pytest.fixture
def toy(toys, name):
    """The toy case of a task."""
    if name not in tasks_with_recipes():
        assert load_task(name).cases(), f"{name} has neither recipes nor cases"
        pytest.skip(f"{name} has no recipes; tested on its cases")
    pytest.importorskip("pymatgen")
    return toys(name)


def fingerprint(case: Case) -> str:
    """Everything a case holds, to notice any change."""
    structures = {
        role: [
            s.atoms.get_chemical_formula(),
            s.atoms.positions.tolist(),
            s.atoms.cell.tolist(),
            s.atoms.pbc.tolist(),
            s.atoms.get_initial_magnetic_moments().tolist(),
            s.energy,
            np.asarray(s.forces).tolist(),
            s.atoms.calc is None,
        ]
        for role, s in case.structures.items()
    }
    references = {n: q.model_dump() for n, q in case.references.items()}
    return json.dumps([structures, references, dict(case.tags), dict(case.details)], default=str)


def predict(name: str, case: Case, protocol: str, **options) -> Prediction:
    return load_task(name).predict(case, ToyPotential(**options), protocol)


class Watched(dict):
    """Remembers what was asked for."""

    def __init__(self, content, seen):
        super().__init__(content)
        self.seen = seen

    def __getitem__(self, key):
        self.seen.add(key)
        return super().__getitem__(key)

    def __contains__(self, key):
        self.seen.add(key)
        return super().__contains__(key)

    def get(self, key, default=None):
        self.seen.add(key)
        return super().get(key, default)


@pytest.fixture(scope="module")
def first(toys):
    """First prediction of a toy case by task and protocol, made once."""
    return cache(lambda name, protocol: predict(name, toys(name).case, protocol))


def test_the_pair_potential_is_consistent():
    """Forces and stress are derivatives of the energy, pairs those of ASE's neighbour list."""
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.rattle(0.1, seed=1)
    atoms.calc = ToyPotential()
    np.testing.assert_allclose(
        atoms.get_forces(), calculate_numerical_forces(atoms, eps=1e-4), atol=1e-6
    )
    stress = atoms.get_stress(voigt=False)
    for axis in range(3):
        energies = []
        for strain in (1e-4, -1e-4):
            strained = atoms.copy()
            stretch = np.eye(3)
            stretch[axis, axis] += strain
            strained.set_cell(atoms.cell @ stretch, scale_atoms=True)
            strained.calc = ToyPotential()
            energies.append(strained.get_potential_energy())
        slope = (energies[0] - energies[1]) / 2e-4 / atoms.get_volume()
        assert stress[axis, axis] == pytest.approx(slope, abs=1e-6)
    distances = np.linalg.norm(neighbours(atoms, 6.3)[2], axis=1)
    np.testing.assert_allclose(np.sort(distances), np.sort(neighbor_list("d", atoms, 6.3)))


# --- what a task says of itself ---------------------------------------------------------------


@every_task
def test_metadata(name):
    task = load_task(name)
    assert check_task(task, name) is task
    assert task.name == name
    assert task.primary_metric.isidentifier()
    assert set(task.quantity) <= set(string.ascii_lowercase + string.digits + "_")
    assert task.unit.isascii()
    assert task.summary.count(". ") >= 1, "two sentences: what it is, why it matters"
    assert "doi" in task.citation.lower() or "http" in task.citation.lower()
    assert task_version(task) == task_version(task)
    assert not vars(task).keys() - {"_cases"}, "a task keeps no state"


# --- its references ---------------------------------------------------------------------------


@every_task
def test_references_are_finite_and_plausible(name):
    task = load_task(name)
    for case in task.cases():
        where = f"{name}/{case.id}"
        assert case.references[task.quantity].unit == task.unit, where
        scored = case.references[task.quantity]
        assert (scored.uncertainty or 0.0) <= max(0.2, abs(scored.value)), where
        assert case.protocols, where
        for quantity, reference in case.references.items():
            largest = LARGEST.get(reference.unit, math.inf)
            assert abs(reference.value) < largest, f"{where}: {quantity}"
        assert case.elements == tuple(sorted(_elements(case))), where
        assert set(case.theory.kpts) == set(case.structures), where
        assert case.theory.xc, where
        assert set(case.theory.paw) == set(case.elements), where
        for role, structure in case.structures.items():
            assert math.isfinite(structure.energy), f"{where}: {role}"
            assert structure.forces.shape == (len(structure.atoms), 3), f"{where}: {role}"
            assert np.isfinite(structure.forces).all(), f"{where}: {role}"


def _elements(case: Case) -> set[str]:
    return {symbol for s in case.structures.values() for symbol in s.atoms.get_chemical_symbols()}


@every_task
def test_case_files_survive_a_round_trip(name):
    folder = load_task(name).data_folder
    lock = read_lock(folder)
    for file in (n for n in lock if n.endswith(".json")):
        content = read_verified(folder, file, lock)
        parsed = parse_case_file(content, folder / file)
        again = parse_case_file(parsed.model_dump_json().encode(), folder / file)
        assert again == parsed


@every_task
def test_toy_case_survives_a_round_trip(name, toy):
    assert toy.case.task == name
    assert toy.case.references == toy.file.references
    assert list(toy.case.structures) == toy.file.roles
    assert parse_case_file(toy.file.model_dump_json().encode(), name) == toy.file
    assert load_task(name).quantity in toy.case.references


@every_task
def test_card_of_the_toy_case(name, toy):
    """The data card of the task, with its own prose, takes a case of the task."""
    source = CardSource(
        task=load_task(name), folder=DATA_FOLDER / name, planned=1, files=[toy.file]
    )
    text = render(source)
    assert f"| {toy.file.title} |" in text
    for quantity in toy.file.references.values():
        assert f"| {quantity.value:.3f}" in text


# --- its predictions --------------------------------------------------------------------------


@every_task
def test_fixed_is_exact_for_the_potential_that_made_the_case(name, toy, first):
    """Recipe and task are two implementations of the same definition."""
    prediction = first(name, "fixed")
    errors = load_task(name).errors(toy.case, prediction.values)
    assert load_task(name).quantity in errors
    assert errors == pytest.approx(dict.fromkeys(errors, 0.0), abs=SAME)
    for role, evaluated in prediction.evaluated.items():
        dft = toy.case.structures[role]
        assert evaluated.energy == pytest.approx(dft.energy, abs=SAME)
        np.testing.assert_allclose(evaluated.forces, dft.forces, atol=SAME)


@every_task
def test_details_of_the_reference_are_those_of_the_exact_answer(name, toy, first):
    """What a page draws as DFT's own curve is what the potential that made the case predicts."""
    own = load_task(name).reference_details(toy.case)
    found = first(name, "fixed").details
    assert own == pytest.approx({key: found[key] for key in own}, abs=1e-6)


@every_task
def test_relaxed_finds_the_minimum_of_the_recipe(name, toy, first):
    if "relaxed" not in toy.case.protocols:
        pytest.skip("a case that is scored in the fixed protocol alone")
    prediction = first(name, "relaxed")
    quantity = load_task(name).quantity
    reference = toy.case.reference(quantity)
    assert prediction.values[quantity] == pytest.approx(reference, abs=RELAXED_DIFFERENCE)


@every_task
@every_protocol
def test_deterministic_and_the_input_is_not_changed(name, protocol, toy, first):
    before = fingerprint(toy.case)
    second = predict(name, toy.case, protocol)
    assert dict(first(name, protocol).values) == dict(second.values)
    assert dict(first(name, protocol).details) == dict(second.details)
    assert fingerprint(toy.case) == before
    assert not vars(load_task(name)).keys() - {"_cases"}


@every_protocol
@every_task
def test_predictions_depend_on_structures_and_named_inputs(name, protocol, toy):
    """What else a task read of a case could change without its results becoming stale."""
    details, tags, references = set(), set(), set()
    watched = replace(
        toy.case,
        details=Watched(toy.case.details, details),
        tags=Watched(toy.case.tags, tags),
        references=Watched(toy.case.references, references),
    )
    predict(name, watched, protocol)
    assert not references
    used = replace(toy.case, details=dict.fromkeys(details, 1.0), tags=dict.fromkeys(tags, 1.0))
    assert set(load_task(name).inputs(used)) == details | tags


@every_task
@every_protocol
def test_energy_zero_of_an_element_does_not_matter(name, protocol, toy, first):
    """Every quantity is a difference of balanced compositions."""
    plain = first(name, protocol)
    shifts = {element: 3.7 - 1.9 * n for n, element in enumerate(toy.case.elements)}
    moved = predict(name, toy.case, protocol, shifts=shifts)
    assert dict(moved.values) == pytest.approx(dict(plain.values), abs=1e-4)


@every_task
@every_protocol
def test_numbers_are_finite_and_survive_the_result_file(name, protocol, toy, first):
    prediction = first(name, protocol)
    check_finite(prediction)
    assert all(isinstance(value, float) for value in prediction.values.values())
    outcome = as_outcome(toy.case, prediction)
    record = CaseRecord(
        case_id=toy.case.id, protocol=protocol, key="k", outcome=outcome_record(outcome)
    )
    assert CaseRecord.model_validate_json(record.model_dump_json()).as_outcome() == outcome


def as_outcome(case, prediction):
    return Predicted(
        values=dict(prediction.values),
        force_statistics={
            role: force_sums(e.forces, case.structures[role].forces)
            for role, e in prediction.evaluated.items()
        },
        details=dict(prediction.details),
        seconds=1.0,
        evaluations=1,
    )


@every_task
def test_fixed_compares_forces_at_every_structure(name, toy, first):
    """From these the softening slope follows; that of the potential itself is 1."""
    prediction = first(name, "fixed")
    assert set(prediction.evaluated) == set(toy.case.structures)
    outcomes = {toy.case.id: as_outcome(toy.case, prediction)}
    found = score([toy.case], outcomes, load_task(name).quantity, "fixed")
    assert found.mae == pytest.approx(0, abs=SAME)
    assert found.force_mae == pytest.approx(0, abs=SAME)
    if not math.isnan(found.softening_slope):
        assert found.softening_slope == pytest.approx(1)


@every_task
@every_protocol
def test_secondary_metrics_of_the_exact_answer(name, protocol, toy):
    task = load_task(name)
    values = {n: q.value for n, q in toy.case.references.items()}
    outcome = as_outcome(toy.case, Prediction(values=values))
    for metric in secondary_metrics(task, [toy.case], {toy.case.id: outcome}, protocol):
        assert metric.explanation.endswith(".")
        assert 0 <= metric.n_used <= metric.n_possible
        if metric.name.endswith("_mae"):
            assert metric.value == pytest.approx(0)


@every_task
def test_committed_case_is_predicted_and_not_changed(name):
    """The smallest committed case, with a potential that is wrong: any number, but the same."""
    cases = load_task(name).cases()
    if not cases:
        pytest.skip(f"{name} has no reference case yet; tested on a toy case")
    case = min(cases, key=lambda c: sum(len(s.forces) for s in c.structures.values()))
    before = fingerprint(case)
    one, two = (predict(name, case, "fixed") for _ in range(2))
    assert load_task(name).quantity in one.values
    check_finite(one)
    assert dict(one.values) == dict(two.values)
    assert fingerprint(case) == before
