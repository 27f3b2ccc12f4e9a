"""The model files' own evaluators against the packages' calculators, and batches against singles.

On structures of the reference cases, as they are, displaced and strained: bulk, slabs, defects,
boundaries. All but the first model run nightly, since their environments and weights take minutes.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase.build import bulk

from tests.conftest import write_model
from uipbench.environments import ensure_environment
from uipbench.errors import RegistryError
from uipbench.model_registry import find_model, list_models
from uipbench.modelfile import with_package_calculator
from uipbench.registry import load_tasks
from uipbench.weights import fetch_weights
from uipbench.worker_process import Evaluation, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ase import Atoms

    from tests.conftest import Run
    from uipbench.modelfile import ModelFile

ENERGY = 1e-6  # eV/atom
FORCE = 1e-5  # eV/Å
STRESS = 1e-6  # eV/Å^3
TIMES_THE_OTHER = 1.5
"""Errors of one over those of the other, both against double precision, where they differ by more
than the limits. Which of two roundings is worse in one structure is chance."""
LARGEST = 16
OF_EACH_TASK = 2
PROPERTIES = ("energy", "forces", "stress")
DOWNLOADED_BY_MATGL = {"tensornet-matpes-pbe", "tensornet-matpes-r2scan", "m3gnet-mp-2021"}


def marked(names: Sequence[str]) -> list[object]:
    """All but CHGNet are slow."""
    return [n if n == "chgnet" else pytest.param(n, marks=pytest.mark.slow) for n in names]


def have_weights(name: str) -> bool:
    weights = find_model(name).weights
    return name in DOWNLOADED_BY_MATGL or bool(weights and weights.package)


WITH_WEIGHTS = [find_model(name) for name in list_models() if have_weights(name)]
EVALUATORS = [model.card.name for model in WITH_WEIGHTS if model.has_package_calculator]
BATCHES = [model.card.name for model in WITH_WEIGHTS if model.has_batch]


def test_every_model_with_weights_has_a_batch_evaluator() -> None:
    """But M3GNet, whose package gives other forces in a batch."""
    assert {model.card.name for model in WITH_WEIGHTS} - {"m3gnet-mp-2021"} == set(BATCHES)


def structures() -> list[Atoms]:
    """The smallest of every task, each as it is, displaced by 0.05 Å, and strained by 2 %."""
    made = []
    for task in load_tasks().values():
        known = {
            (len(atoms), case.id, role): atoms
            for case in task.cases()
            for role in case.structures
            if 1 < len(atoms := case.atoms(role)) <= LARGEST
        }
        made += [known[key] for key in sorted(known)[:OF_EACH_TASK]]
        made += [known[key] for key in sorted(known)[-OF_EACH_TASK:]]
    rng = np.random.default_rng(5)
    changed = []
    for atoms in made:
        plain = atoms.copy()
        plain.calc = None
        rattled = plain.copy()
        rattled.rattle(0.05, rng=rng)
        strained = plain.copy()
        strain = rng.normal(scale=0.02, size=(3, 3))
        strained.set_cell(plain.cell.array @ (np.eye(3) + (strain + strain.T) / 2), True)
        changed += [plain, rattled, strained]
    return changed


def worker_of(model: ModelFile) -> WorkerProcess:
    environment = ensure_environment(model)
    fetch_weights(model, environment, print)
    worker = WorkerProcess(model, environment, checkpoint=None, device="cpu", dtype="default")
    worker.start(600)
    return worker


def evaluated(
    worker: WorkerProcess, atoms: Sequence[Atoms], properties: tuple[str, ...] = PROPERTIES
) -> list[Evaluation]:
    answers = worker.evaluate(atoms, properties, 600)
    assert all(isinstance(answer, Evaluation) for answer in answers), answers
    return answers  # type: ignore[return-value]


Answers = tuple["Atoms", Evaluation, Evaluation]
"""A structure, what is tested, and what it is tested against."""


Exact = Callable[["Atoms"], tuple[float, "np.ndarray"]]
"""Energy (eV) and forces (eV/Å) by the same network in double precision."""


def assert_equal(answers: Sequence[Answers], exact: Exact | None = None) -> None:
    """Within the limits; where single precision is too coarse for them, both against double.

    There what is tested is to be within the limit, or as near as the other: over all structures,
    in the largest error and in the root mean square. CHGNet's package adds the energies of the
    elements in steps larger than the limit beyond 8 eV/atom, its angles of 180° magnify rounding;
    TensorNet's layers round differently in a batch.
    """
    apart = []
    for atoms, found, expected in answers:
        same_energy = abs(found.energy - expected.energy) <= ENERGY * len(atoms)
        same_forces = np.abs(found.forces - expected.forces).max() <= FORCE
        if not (same_energy and same_forces):
            apart.append((atoms, found, expected))
        if found.stress is not None:
            np.testing.assert_allclose(found.stress, expected.stress, rtol=0, atol=STRESS)
    if not apart:
        return
    assert exact is not None, apart
    energies, forces = [], []
    for atoms, *pair in answers:
        energy, force = exact(atoms)
        energies.append([abs(answer.energy - energy) / len(atoms) for answer in pair])
        forces.append([np.abs(answer.forces - force).max() for answer in pair])
    for errors, limit in ((np.array(energies), ENERGY), (np.array(forces), FORCE)):
        for size in (errors.max(axis=0), np.sqrt(np.mean(errors**2, axis=0))):
            assert size[0] <= max(limit, TIMES_THE_OTHER * size[1]), errors


def double_precision(name: str, atoms: Atoms) -> tuple[float, np.ndarray]:
    """Energy (eV) and forces (n, 3) in eV/Å of a CHGNet in double precision."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    converter = pytest.importorskip("chgnet.graph.converter", reason="chgnet is not installed")
    from chgnet.model import model as network
    from pymatgen.io.ase import AseAtomsAdaptor

    with pytest.MonkeyPatch.context() as patch:
        for module in (converter, network):
            patch.setattr(module, "TORCH_DTYPE", torch.float64)
        checkpoint = find_model(name).card.checkpoint
        exact = network.CHGNet.load(model_name=checkpoint, verbose=False, use_device="cpu")
        exact = exact.double().eval()
        elements = exact.composition_model.fc.weight[0]
        exact.composition_model = None  # computes in single precision whatever its weights are
        plain = atoms.copy()
        plain.calc = None
        graph = exact.graph_converter(AseAtomsAdaptor.get_structure(plain))
        energy = exact([graph], task="e")["e"].sum() * len(atoms)
        (gradient,) = torch.autograd.grad(energy, graph.atom_frac_coord)
        energy = energy + elements[graph.atomic_number - 1].sum()
    return float(energy), -np.linalg.solve(atoms.cell.array, gradient.numpy().T).T


def exact_of(name: str) -> Exact | None:
    """Of a CHGNet in this process, which has the package."""
    chgnet = find_model(name).card.family == "CHGNet"
    return partial(double_precision, name) if chgnet else None


IN_DOUBLE = """

import matgl

matgl.set_default_dtype("float", 64)
_in_single = _potential


def _potential(*options):
    return _in_single(*options).double()
"""


@contextmanager
def tensornet_in_double(name: str, folder: Path) -> Iterator[Exact]:
    """The model file's own evaluator with the network in double precision."""
    path = folder / "double.py"
    path.write_text(find_model(name).path.read_text() + IN_DOUBLE)
    with worker_of(find_model(f"{path}::{name}")) as worker:

        def exact(atoms: Atoms) -> tuple[float, np.ndarray]:
            (answer,) = evaluated(worker, [atoms])
            return answer.energy, answer.forces

        yield exact


@pytest.mark.parametrize("name", marked(EVALUATORS))
def test_evaluator_equals_the_calculator_of_the_package(name: str) -> None:
    model = find_model(name)
    answers = []
    with worker_of(model) as own, worker_of(with_package_calculator(model)) as package:
        for i, atoms in enumerate(structures()):
            (expected,) = evaluated(package, [atoms])
            properties = PROPERTIES[: 3 if i % 2 else 2]
            (found,) = evaluated(own, [atoms], properties)
            assert (found.stress is not None) == ("stress" in properties)
            answers.append((atoms, found, expected))
    assert_equal(answers, exact_of(name))


@pytest.mark.parametrize("checkpoint", ["0.3.0", "0.2.0"])
def test_network_that_mixes_the_structures_of_a_batch_has_none(checkpoint: str) -> None:
    """CHGNet 0.2.0: in the package too, the energy of one without angles depends on the others."""
    pytest.importorskip("chgnet", reason="chgnet is not installed")
    from pymatgen.io.ase import AseAtomsAdaptor

    spec = importlib.util.spec_from_file_location("chgnet_file", find_model("chgnet").path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load(None, "cpu", "default", checkpoint).model
    made = [
        AseAtomsAdaptor.get_structure(bulk("LiF", "rocksalt", a=4.0).repeat((2, 1, 1))),
        AseAtomsAdaptor.get_structure(bulk("Li", "bcc", a=3.6)),  # no bond below 3 Å, no angle
    ]
    single = [float(network.predict_structure(s, task="e")["e"]) for s in made]
    batch = [float(answer["e"]) for answer in network.predict_structure(made, task="e")]
    mixes = np.abs(np.subtract(single, batch)).max() > ENERGY
    assert mixes == (checkpoint == "0.2.0")
    assert (module.load_batch(None, "cpu", "default", checkpoint) is None) == mixes


@pytest.mark.parametrize("name", marked(BATCHES))
def test_batch_equals_single(name: str, tmp_path: Path) -> None:
    made = structures()[::3] + structures()[1::3]
    with worker_of(find_model(name)) as worker:
        singles = [evaluated(worker, [atoms])[0] for atoms in made]
        batch = evaluated(worker, made)
        assert worker._channel is not None
        assert not any("Traceback" in line for line in worker._channel.stderr_tail(200))
    answers = list(zip(made, batch, singles, strict=True))
    if name.startswith("tensornet"):
        with tensornet_in_double(name, tmp_path) as exact:
            assert_equal(answers, exact)
    else:
        assert_equal(answers, exact_of(name))


def test_rounding_of_chgnet_is_that_of_the_package() -> None:
    """Where single precision gives the forces to 2e-5 eV/Å only."""
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.08, seed=1)
    model = find_model("chgnet")
    with worker_of(model) as own, worker_of(with_package_calculator(model)) as package:
        (found,), (other,) = evaluated(own, [atoms]), evaluated(package, [atoms])
    _, forces = double_precision("chgnet", atoms)
    errors = [np.abs(answer.forces - forces).max() for answer in (found, other)]
    assert errors[0] < 2e-5
    assert errors[0] < TIMES_THE_OTHER * errors[1]


TWO_CALCULATORS = """
from ase.calculators.emt import EMT
from ase.calculators.mixing import MixedCalculator


def load(checkpoint, device, dtype):
    return EMT()


def load_package_calculator(checkpoint, device, dtype):
    return MixedCalculator(EMT(), EMT(), 0.75, 0.75)
"""


def test_package_calculator_is_scored_as_another_model(
    uipbench: Callable[..., Run], tmp_path: Path
) -> None:
    """Half as much energy again, in a folder and with a content key of its own."""
    write_model(tmp_path / "toy.py", TWO_CALCULATORS)
    selected = ("--tasks", "surface_energy", "--cases", "al_111", "--protocol", "fixed")
    for options in ((), ("--package-calculator",)):
        done = uipbench("score", "./toy.py", *selected, *options)
        assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "uipbench-results"
    plain, package = (
        json.loads((folder / name / "surface_energy.json").read_text())
        for name in ("toy", "toy@package-calculator")
    )
    values = [r["records"][0]["outcome"]["values"]["surface_energy"] for r in (plain, package)]
    assert values[1] == pytest.approx(1.5 * values[0])
    assert plain["records"][0]["key"] != package["records"][0]["key"]
    assert package["model"]["own"]
    assert package["model"]["card"]["title"] == "toy, the package's calculator"


def test_model_without_another_calculator(uipbench: Callable[..., Run]) -> None:
    with pytest.raises(RegistryError, match="'emt' has no 'load_package_calculator'"):
        with_package_calculator(find_model("emt"))
    done = uipbench("check", "emt", "--package-calculator")
    assert done.returncode == 2
    assert "leave out --package-calculator" in done.stderr
