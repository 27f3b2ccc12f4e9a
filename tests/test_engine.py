"""The queue between cases and workers: same numbers however it is cut, failures for one alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from tests.conftest import write_model
from uipbench.edges import n_edges
from uipbench.engine import EvaluationEngine
from uipbench.engine_calculator import EngineCalculator
from uipbench.environments import ensure_environment
from uipbench.errors import (
    CaseTimeoutError,
    ModelRaisedError,
    WorkerCrashedError,
    WorkerTimeoutError,
)
from uipbench.modelfile import read_model_file
from uipbench.worker_process import WorkerProcess

PICKY = """
import os
from ase.calculators.emt import EMT


class Picky(EMT):
    def calculate(self, atoms=None, *args, **kwargs):
        if len(atoms) == 3:
            os._exit(3)
        if len(atoms) == 2:
            raise RuntimeError("two is bad")
        super().calculate(atoms, *args, **kwargs)


def load(checkpoint, device, dtype):
    return Picky()
"""
SLOW = """
import os, time
from ase.calculators.emt import EMT


class Slow(EMT):
    def calculate(self, atoms=None, *args, **kwargs):
        time.sleep(1.0)
        if len(atoms) == 3:
            os._exit(3)
        if len(atoms) == 2:
            time.sleep(60.0)
        super().calculate(atoms, *args, **kwargs)


def load(checkpoint, device, dtype):
    return Slow()
"""
FORCES = ("energy", "forces")
SMALL_MEMORY = """
import os
from ase.calculators.emt import EMT


class OutOfMemoryError(RuntimeError):  # by name as torch's of a GPU
    pass


def load(checkpoint, device, dtype):
    return EMT()


def load_batch(checkpoint, device, dtype):
    def evaluate(structures, properties):
        with open({log!r}, "a") as log:
            print(*map(len, structures), file=log)
        if sum(map(len, structures)) > 12:
            raise OutOfMemoryError("CUDA out of memory")
        results = []
        for atoms in structures:
            atoms.calc = EMT()
            results.append({{name: atoms.calc.get_property(name, atoms) for name in properties}})
        return results

    return evaluate
"""


@pytest.fixture
def engine(tmp_path):
    """Make engines; all are closed in the end."""
    made = []

    def make(code=PICKY, **options) -> EvaluationEngine:
        path = write_model(tmp_path / "m.py", code)
        model = read_model_file(path, own=True)
        environment = ensure_environment(model, offline=True)

        def worker() -> WorkerProcess:
            return WorkerProcess(model, environment, checkpoint=None, device="cpu", dtype="default")

        engine = EvaluationEngine(worker, **options)
        engine.start()
        made.append(engine)
        return engine

    yield make
    for one in made:
        one.close()


def wait_until(done):
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def rattled(n, seed):
    atoms = bulk("Cu", "fcc", a=3.7).repeat((n, 1, 1))
    atoms.rattle(0.05, seed=seed)
    return atoms


@pytest.mark.parametrize(("workers", "batch_limit"), [(1, 1), (2, 1), (1, 8)])
def test_numbers_do_not_depend_on_workers_and_batches(engine, workers, batch_limit):
    structures = [rattled(4 + i % 3, i) for i in range(12)]
    one = engine(workers=workers, batch_limit=batch_limit)
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda a: one.evaluate(a, FORCES, 60.0), structures))
    for atoms, evaluation in zip(structures, found, strict=True):
        atoms.calc = EMT()
        assert evaluation.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
        assert np.allclose(evaluation.forces, atoms.get_forces(), atol=1e-10)


@pytest.mark.parametrize("batch_limit", [1, 8])
def test_a_structure_that_breaks_the_worker_fails_alone(engine, batch_limit):
    one = engine(workers=1, batch_limit=batch_limit)
    sizes = [4, 3, 2, 5, 4, 6]
    outcomes = {}

    def evaluate(i):
        try:
            outcomes[i] = one.evaluate(rattled(sizes[i], i), FORCES, 60.0).energy
        except (WorkerCrashedError, ModelRaisedError) as error:
            outcomes[i] = type(error)

    threads = [threading.Thread(target=evaluate, args=(i,)) for i in range(len(sizes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes[1] is WorkerCrashedError
    assert outcomes[2] is ModelRaisedError
    assert all(isinstance(outcomes[i], float) for i in (0, 3, 4, 5))


@pytest.mark.parametrize(
    ("size", "limit", "error"), [(3, 60.0, WorkerCrashedError), (2, 3.0, WorkerTimeoutError)]
)
def test_who_waits_behind_a_structure_that_ends_the_worker_is_sent_to_another(
    engine, size, limit, error
):
    """Large structures, which a pipe does not hold: the second is half sent by then."""
    one = engine(SLOW, workers=1)
    bad, good = rattled(size, 0), rattled(4, 1).repeat((10, 8, 8))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one.evaluate, bad, FORCES, limit)
        wait_until(lambda: one._places[0].requests == 1)
        second = pool.submit(one.evaluate, good, FORCES, 60.0)
        wait_until(lambda: one._places[0].requests == 2)
        with pytest.raises(error):
            first.result()
        good.calc = EMT()
        assert second.result().energy == pytest.approx(good.get_potential_energy(), abs=1e-8)


def test_the_time_limit_of_the_next_request_begins_with_its_turn(engine):
    one = engine(SLOW, workers=1)
    one.evaluate(rattled(4, 0), FORCES, 60.0)  # imports are slow
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(one.evaluate, rattled(4, i), FORCES, 1.9) for i in range(4)]
        wait_until(lambda: one._places[0].requests == 2)
        assert [answer.result().seconds >= 1.0 for answer in found] == [True] * 4
    one.close()
    profile = one.times.profile()
    assert profile.evaluations == 5
    assert profile.wire < 1.0  # what waits in the pipe is not on the wire
    used = profile.model + profile.wire + profile.loading + profile.idle + profile.tail
    assert used == pytest.approx(profile.wall, rel=0.05)


def recorded_sizes(monkeypatch, size):
    """A list that gets the size of every request to a worker."""
    sizes, evaluate = [], WorkerProcess.evaluate

    def recorded(self, structures, *rest):
        sizes.append(size(structures))
        return evaluate(self, structures, *rest)

    monkeypatch.setattr(WorkerProcess, "evaluate", recorded)
    return sizes


def test_calculator_counts_and_stops_at_the_limit(engine):
    counted = []
    calculator = EngineCalculator(engine(workers=1), limit=60.0, count=lambda: counted.append(1))
    atoms = rattled(4, 0)
    atoms.calc = calculator
    atoms.get_forces()
    atoms.get_potential_energy()
    assert calculator.evaluations == len(counted) == 1
    atoms.get_stress()
    assert calculator.evaluations == 2
    calculator.seconds = 61.0
    atoms.rattle(0.01)
    with pytest.raises(CaseTimeoutError, match=r"used 61 s of evaluations, limit 60 s \(--limit\)"):
        atoms.get_forces()


@pytest.mark.parametrize(
    ("workers", "batch_limit", "requests"), [(1, 8, [5]), (1, 3, [3, 2]), (2, 1, [1] * 5)]
)
def test_images_of_a_band_are_as_few_requests_as_the_limit_allows(
    engine, monkeypatch, workers, batch_limit, requests
):
    sizes = recorded_sizes(monkeypatch, len)
    counted = []
    one = engine(workers=workers, batch_limit=batch_limit)
    calculator = EngineCalculator(one, limit=60.0, count=lambda: counted.append(1))
    images = [rattled(4, seed) for seed in range(5)]
    found = calculator.evaluate_together(images)
    assert sizes == requests
    assert calculator.evaluations == len(counted) == 5
    assert calculator.seconds == pytest.approx(sum(e.seconds for e in found))
    for atoms, e in zip(images, found, strict=True):
        atoms.calc = EMT()
        assert e.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-10)


@pytest.mark.parametrize(("quick", "requests"), [(60.0, [1, 5]), (0.0, [1] * 6)])
def test_a_quick_model_gets_what_a_case_asks_for_in_one_request(
    engine, monkeypatch, quick, requests
):
    sizes = recorded_sizes(monkeypatch, len)
    monkeypatch.setattr("uipbench.engine.QUICK_S", quick)
    calculator = EngineCalculator(engine(workers=2), limit=60.0)
    images = [rattled(4, seed) for seed in range(6)]
    first = calculator.evaluate_together(images[:1])
    found = first + calculator.evaluate_together(images[1:])
    assert sizes == requests
    for atoms, e in zip(images, found, strict=True):
        atoms.calc = EMT()
        assert e.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-10)


def test_a_structure_that_comes_twice_is_computed_once(engine):
    calculator = EngineCalculator(engine(workers=1), limit=60.0)
    one, other = rattled(4, 0), rattled(4, 1)
    found = calculator.evaluate_together([one, other, one.copy()])
    assert calculator.evaluations == 2
    assert found[0].energy == found[2].energy != found[1].energy


def test_what_nobody_waits_for_is_not_computed(engine, monkeypatch):
    """A case that has failed must not keep a worker for the rest of its structures."""
    sizes = recorded_sizes(monkeypatch, lambda structures: len(structures[0]))
    one = engine(workers=1)
    with pytest.raises(ModelRaisedError, match="two is bad"):
        one.evaluate_together([rattled(2, 0), *(rattled(4, i) for i in range(400))], FORCES, 60.0)
    one.evaluate(rattled(5, 0), FORCES, 60.0)
    one.close()
    assert sizes[0] == 2
    assert 5 in sizes
    assert len(sizes) < 300


def test_a_batch_that_memory_is_too_small_for_is_halved(tmp_path):
    """And one of its size is not tried again."""
    log = tmp_path / "log"
    path = write_model(tmp_path / "m.py", SMALL_MEMORY.format(log=str(log)))
    model = read_model_file(path, own=True)
    environment = ensure_environment(model, offline=True)
    images = [rattled(4, seed) for seed in range(8)]
    with WorkerProcess(
        model, environment, checkpoint=None, device="cpu", dtype="default"
    ) as worker:
        worker.start(60)
        for tried in (["4 4 4 4 4 4 4 4", "4 4 4 4", "4 4", "4 4", "4 4", "4 4"], ["4 4"] * 4):
            log.write_text("")
            found = worker.evaluate(images, FORCES, 60)
            assert log.read_text().splitlines() == tried
            for atoms, e in zip(images, found, strict=True):
                atoms.calc = EMT()
                assert e.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-10)


def test_requests_are_limited_by_atoms(engine, monkeypatch):
    sizes = recorded_sizes(monkeypatch, lambda structures: [len(atoms) for atoms in structures])
    monkeypatch.setattr("uipbench.engine.MOST_ATOMS", 10)
    one = engine(workers=1, batch_limit=8)
    one.evaluate_together([rattled(n, n) for n in (4, 5, 4, 11, 4)], FORCES, 60.0)
    assert sizes[0] == [4, 5]
    assert sorted(n for request in sizes for n in request) == [4, 4, 4, 5, 11]
    assert all(len(request) == 1 or sum(request) <= 10 for request in sizes)


def test_requests_are_limited_by_edges(engine, monkeypatch):
    """Four atoms of nickel have more of them than four of copper, stretched."""
    sizes = recorded_sizes(monkeypatch, lambda structures: [a.symbols[0] for a in structures])
    dense, wide = bulk("Ni", cubic=True), bulk("Cu", a=5.0, cubic=True)
    assert n_edges(dense) > 2 * n_edges(wide)
    monkeypatch.setattr("uipbench.engine.MOST_EDGES", 2 * n_edges(wide))
    engine(workers=1, batch_limit=8).evaluate_together([wide, wide, dense, wide], FORCES, 60.0)
    assert sizes[0] == ["Cu", "Cu"]
    assert sorted(map(sorted, sizes[1:])) == [["Cu"], ["Ni"]]


def test_requests_for_stress_do_not_cut_batches_of_others(engine, monkeypatch):
    """Cells and positions relax at the same time; each kind fills its batches."""
    go, kinds, evaluate = threading.Event(), [], WorkerProcess.evaluate

    def waits(self, structures, properties, timeout):
        kinds.append((len(structures), "stress" in properties))
        go.wait(60)
        return evaluate(self, structures, properties, timeout)

    monkeypatch.setattr(WorkerProcess, "evaluate", waits)
    one = engine(workers=1, batch_limit=8)
    with ThreadPoolExecutor(9) as pool:
        for i in range(9):
            properties = ("energy", "forces", "stress") if i % 2 else FORCES
            pool.submit(one.evaluate, rattled(4, i), properties, 60.0)
            wait_until(lambda i=i: kinds and one._requests.qsize() == i)
        go.set()
    assert kinds == [(1, False), (4, True), (4, False)]


def test_a_bad_structure_in_a_batch_raises_its_own_error(engine):
    calculator = EngineCalculator(engine(workers=1, batch_limit=8), limit=60.0)
    with pytest.raises(ModelRaisedError, match="two is bad"):
        calculator.evaluate_together([rattled(4, 0), rattled(2, 1), rattled(5, 2)])
    calculator.seconds = 61.0
    with pytest.raises(CaseTimeoutError):
        calculator.evaluate_together([rattled(4, 0)])


def test_any_change_of_a_structure_is_evaluated_again_and_nothing_else(engine):
    calculator = EngineCalculator(engine(workers=1), limit=60.0)
    atoms = rattled(4, 0)
    atoms.calc = calculator
    changes = [
        lambda: atoms.translate([1e-9, 0, 0]),
        lambda: atoms.set_cell(atoms.cell * 1.001),
        lambda: atoms.set_pbc([True, True, False]),
        lambda: atoms.set_initial_magnetic_moments([1.0, 0, 0, 0]),
        lambda: atoms.set_atomic_numbers([29, 29, 29, 47]),
    ]
    atoms.get_forces()
    for n, change in enumerate(changes, start=1):
        change()
        forces = atoms.get_forces()
        atoms.get_potential_energy()
        assert calculator.evaluations == n + 1
    free = atoms.copy()
    free.calc = EMT()
    assert np.allclose(forces, free.get_forces(), atol=1e-10)
    atoms.info["note"] = "no physics"
    atoms.get_forces()
    assert calculator.evaluations == len(changes) + 1
