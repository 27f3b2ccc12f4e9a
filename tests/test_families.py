"""Families whose weights cannot be had in CI, end to end on small random checkpoints.

Each runs in its own environment, which is made where it is missing: minutes, so all are slow.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.build import bulk

from uipbench.environments import ensure_environment
from uipbench.model_registry import find_model
from uipbench.modelfile import with_package_calculator
from uipbench.paths import cache_folder
from uipbench.weights import content_sha256
from uipbench.worker_process import Evaluation, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ase import Atoms

    from tests.conftest import Run

pytestmark = pytest.mark.slow

BUILD = Path(__file__).parent / "random_checkpoints.py"
FAMILIES = {
    "mace": "mace-mp-0-small",
    "orb": "orb-v3-conservative-inf-omat",
    "uma": "uma-s-1p2",
    "matgl": "tensornet-matpes-pbe-2025.2",
    "mattersim": "mattersim-v1-1m",
    "eqv2": "eqv2-31m-omat",
}
PREDICTED_FORCES = {"eqv2-31m-omat"}
"""No derivatives of the energy, so that random weights are beyond the check."""
PROPERTIES = ("energy", "forces", "stress")
ONE_CASE = ("--tasks", "surface_energy", "--cases", "al_111", "--protocol", "fixed")
FLOAT32_SPACING = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Checkpoint of a family, made once in its environment."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def checkpoint(family: str) -> Path:
        path = folder / f"random-{family}"
        if not path.exists():
            python = ensure_environment(find_model(FAMILIES[family])).python
            command = [str(python), str(BUILD), family, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-2000:]
        return path

    return checkpoint


@pytest.fixture(scope="module", params=FAMILIES)
def worker(
    request: pytest.FixtureRequest, checkpoints: Callable[[str], Path]
) -> Iterator[WorkerProcess]:
    model = find_model(FAMILIES[request.param])
    with WorkerProcess(
        model,
        ensure_environment(model),
        checkpoint=checkpoints(request.param),
        device="cpu",
        dtype="default",
    ) as started:
        started.start(600)
        yield started


def structures() -> list[Atoms]:
    """Different sizes, elements and cells, none of them symmetric."""
    made = [
        bulk("LiF", "rocksalt", a=4.07).repeat((2, 1, 1)),
        bulk("Cu", cubic=True),
        bulk("Al"),
        bulk("Li", "bcc", a=3.43).repeat((1, 1, 3)),
    ]
    for seed, atoms in enumerate(made):
        atoms.rattle(0.05, seed=seed)
    return made


def evaluate(worker: WorkerProcess, atoms: list[Atoms]) -> list[Evaluation]:
    answers = worker.evaluate(atoms, PROPERTIES, 600)
    assert all(isinstance(answer, Evaluation) for answer in answers), answers
    return answers  # type: ignore[return-value]


def test_batch_equals_single(worker: WorkerProcess) -> None:
    """Within 1 µeV/atom, or where that is finer than float32 four of its spacings."""
    made = structures()
    single = [evaluate(worker, [atoms])[0] for atoms in made]
    batch = evaluate(worker, made)
    assert worker._channel is not None
    assert not any("Traceback" in line for line in worker._channel.stderr_tail(200))
    for atoms, one, other in zip(made, single, batch, strict=True):
        limit = max(1e-6 * len(atoms), 4 * FLOAT32_SPACING * abs(one.energy))
        assert other.energy == pytest.approx(one.energy, abs=limit)
        assert other.forces == pytest.approx(one.forces, abs=1e-5)
        assert other.stress == pytest.approx(one.stress, abs=1e-6)


def test_evaluator_equals_the_calculator_of_the_package(
    checkpoints: Callable[[str], Path],
) -> None:
    """Where the package's calculator computes as in training; without rounding of the sum."""
    model = find_model(FAMILIES["matgl"])
    made = structures()
    answers = []
    for version in (model, with_package_calculator(model)):
        with WorkerProcess(
            version,
            ensure_environment(version),
            checkpoint=checkpoints("matgl"),
            device="cpu",
            dtype="default",
        ) as started:
            started.start(600)
            answers.append([evaluate(started, [atoms])[0] for atoms in made])
    for atoms, found, expected in zip(made, *answers, strict=True):
        assert found.energy == pytest.approx(expected.energy, abs=1e-6 * len(atoms))
        assert found.forces == pytest.approx(expected.forces, abs=1e-5)
        assert found.stress == pytest.approx(expected.stress, abs=1e-6)


def test_forces_and_stress_are_derivatives_in_ev_and_angstrom(worker: WorkerProcess) -> None:
    """Central differences; single precision leaves some 1e-3 eV/Å of noise."""
    if worker._model.card.name in PREDICTED_FORCES:
        pytest.skip("predicts forces and stress, which random weights do at random")
    (atoms,) = evaluated = [bulk("LiF", "rocksalt", a=4.07).repeat((2, 1, 1))]
    atoms.rattle(0.1, seed=3)
    (center,) = evaluate(worker, evaluated)
    step, strain = 0.02, 0.005
    moved = [atoms.copy(), atoms.copy()]
    strained = [atoms.copy(), atoms.copy()]
    for sign, shifted, scaled in zip((1, -1), moved, strained, strict=True):
        shifted.positions[1, 2] += sign * step
        scaled.set_cell(scaled.cell.array * (1 + sign * strain), scale_atoms=True)
    up, down, wide, narrow = (e.energy for e in evaluate(worker, [*moved, *strained]))
    assert center.forces[1, 2] == pytest.approx(-(up - down) / (2 * step), abs=2e-3, rel=0.05)
    assert center.stress is not None
    pressure = (wide - narrow) / (2 * strain) / atoms.get_volume()
    assert center.stress[:3].sum() == pytest.approx(pressure, abs=2e-4, rel=0.05)


@pytest.mark.parametrize("family", FAMILIES)
def test_score_with_a_checkpoint(
    family: str, checkpoints: Callable[[str], Path], uipbench: Callable[..., Run], tmp_path: Path
) -> None:
    path, name = checkpoints(family), FAMILIES[family]
    force = ("--force",) if name in PREDICTED_FORCES else ()
    done = uipbench("score", name, "--checkpoint", str(path), *ONE_CASE, *force)
    assert done.returncode == 0, done.stdout + done.stderr
    results = tmp_path / "uipbench-results" / f"{name}@random-{family}" / "surface_energy.json"
    result = json.loads(results.read_text())
    assert result["model"]["own"]
    assert result["model"]["weights_sha256"] == content_sha256(path)
    (record,) = result["records"]
    assert np.isfinite(record["outcome"]["values"]["surface_energy"])


def test_mace_and_fairchem_in_one_call_from_the_caches_of_their_loaders(
    checkpoints: Callable[[str], Path], uipbench: Callable[..., Run], tmp_path: Path
) -> None:
    """Their packages cannot be installed together; their own loaders find the files offline."""
    mace = tmp_path / "mace" / "20231210mace128L0_energy_epoch249model"
    hub = tmp_path / "fairchem" / "models--facebook--UMA"
    files = {
        mace: checkpoints("mace").read_bytes(),
        hub / "refs" / "main": b"abc",
        hub / "snapshots" / "abc" / "checkpoints" / "uma-s-1p2.pt": checkpoints("uma").read_bytes(),
        hub / "snapshots" / "abc" / "references" / "iso_atom_elem_refs.yaml": b"omat: {}\n",
        hub / "snapshots" / "abc" / "references" / "form_elem_refs.yaml": b"refs: {}\n",
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    done = uipbench(
        "score",
        "mace-mp-0-small",
        "uma-s-1p2",
        "--offline",
        "--json",
        *("--workers", "1"),
        *ONE_CASE,
        timeout=1800,
        XDG_CACHE_HOME=str(tmp_path),
        FAIRCHEM_CACHE_DIR=str(tmp_path / "fairchem"),
        UIPBENCH_CACHE=os.fspath(cache_folder()),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(json.loads(done.stdout)) == ["mace-mp-0-small", "uma-s-1p2"]
