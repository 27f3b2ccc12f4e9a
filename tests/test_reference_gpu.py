import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from uipbench.errors import ReferenceEngineError
from uipbench.reference import gpu

RNG = np.random.default_rng(5)
NEEDS_GPAW = "GPAW is not installed"

TWO_SLABS = """
import sys
from pathlib import Path
from ase import Atoms
from ase.build import bulk
from uipbench.reference.gpaw_calculator import StoredDft
from uipbench.reference.joined_start import JoinedDft
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import StepStore

def show(calculator, atoms):
    step = calculator.evaluate(atoms)
    print("step", step.energy, *step.forces.ravel())

work = Path(sys.argv[1])
place = (StepStore(work / "steps"), work / "output")
salt = bulk("LiF", "rocksalt", 4.06)
salt.positions[0, 0] += 0.03
for mesh in ((3, 3, 3), (1, 1, 1)):
    show(StoredDft(DftSettings(cutoff_ev=300, kpts=mesh, smearing_ev=0.1, charge=-1), *place), salt)
cell = {"cell": [2.86, 2.86, 20], "pbc": [True, True, False]}
low = Atoms("Al", [[0, 0, 5]], **cell)
high = Atoms("Li", [[1.43, 1.43, 7.6]], **cell)
settings = DftSettings(cutoff_ev=250, kpts=(3, 3, 1), smearing_ev=0.1, dipole_layer=True)
show(JoinedDft((low, high), settings, *place), low + high)
"""


def complex_numbers(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


class OnDevice(np.ndarray):
    """CuPy's way to the CPU."""

    def get(self):
        return np.asarray(self)

    def set(self, values):
        self[...] = values


@pytest.fixture
def plain():
    return pytest.importorskip("gpaw.purepython", reason=NEEDS_GPAW)


@pytest.fixture
def ours():
    return gpu.kernels(np)


def same(plain, ours, name, out, arguments):
    """Both kernels fill ``out``, at the place None of the arguments, with the same numbers."""
    results = []
    for kernel in (getattr(plain, name), ours[name]):
        target = out.copy()
        kernel(*[target if a is None else a for a in arguments])
        results.append(target)
    assert results[1] == pytest.approx(results[0], abs=1e-12)
    assert np.abs(results[1] - out).max() > 0.1


def test_residuals(plain, ours):
    arguments = (None, RNG.normal(size=5), complex_numbers(5, 7))
    same(plain, ours, "calculate_residuals_gpu", complex_numbers(5, 7), arguments)


def test_density(ours):
    weights, waves, density = RNG.random(3), complex_numbers(3, 4, 4, 5), RNG.random((4, 4, 5))
    wanted = density + np.einsum("n,nxyz->xyz", weights, np.abs(waves) ** 2)
    ours["add_to_density_gpu"](weights, waves, density)
    assert density == pytest.approx(wanted, abs=1e-12)


def test_blocks(plain, ours):
    sizes = np.array([2, 3, 2]).view(OnDevice)
    arguments = (RNG.normal(size=17), sizes, complex_numbers(6, 7), None)
    same(plain, ours, "dH_aii_times_P_ani_gpu", complex_numbers(6, 7), arguments)


def test_waves_on_the_grid(plain, ours):
    places = RNG.permutation(60)[:20]
    arguments = (complex_numbers(3, 20), places, 1.0, None, 3, 4, 5)
    same(plain, ours, "pw_insert_gpu", np.zeros((3, 60), complex), arguments)
    with pytest.raises(NotImplementedError):
        ours["pw_insert_gpu"](complex_numbers(3, 20), places, 1.0, np.zeros((3, 36)), 3, 4, 5)


@pytest.mark.parametrize("conjugate", [False, True])
@pytest.mark.parametrize("real", [False, True])
def test_functions_of_atoms(ours, conjugate, real):
    expand = pytest.importorskip("gpaw.purepython", reason=NEEDS_GPAW).pwlfc_expand
    degree = np.array([0, 1, 2], np.int32)
    atom = np.array([0, 0, 1, 2, 2, 3], np.int32)
    spline = np.array([0, 2, 1, 0, 1, 2], np.int32)
    count = int(sum(2 * degree[spline] + 1))
    out = np.zeros((100, count)) if real else np.zeros((50, count), complex)
    common = (
        RNG.normal(size=(50, 3)),
        RNG.normal(size=(50, 3)),
        RNG.normal(size=(4, 3)),
        complex_numbers(4),
        RNG.normal(size=(50, 9)),
        degree,
        atom,
        spline,
        conjugate,
    )
    wanted, found = out.copy(), out.copy()
    expand(*common, wanted)
    ours["pwlfc_expand_gpu"](*common, found, None)
    assert found == pytest.approx(wanted, abs=1e-12)
    assert np.abs(found).max() > 1


def test_numbers_go_to_and_fro():
    there = np.zeros(3).view(OnDevice)
    gpu.put(there, np.arange(3.0))
    assert gpu.on_cpu(there).tolist() == [0, 1, 2]
    here = np.zeros((2, 2)).T
    gpu.put(here, np.eye(2))
    assert gpu.on_cpu(here).flags.c_contiguous
    assert gpu.on_cpu(here).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(("value", "wanted"), [("", False), ("0", False), ("1", True)])
def test_the_environment_asks_for_it(monkeypatch, value, wanted):
    monkeypatch.setenv(gpu.SWITCH, value)
    assert gpu.is_wanted() is wanted


def test_without_a_gpu_the_remedy_is_named():
    try:
        import cupy
    except ImportError:
        cupy = None
    if cupy is not None:
        pytest.skip("CuPy is installed")
    with pytest.raises(ReferenceEngineError, match="is set, but CuPy finds no GPU"):
        gpu._cupy()


def steps(tmp_path, name, **environment):
    script = tmp_path / "two_slabs.py"
    script.write_text(TWO_SLABS)
    process = subprocess.run(
        [sys.executable, str(script), str(tmp_path / name)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split()[1:] for line in process.stdout.splitlines() if line.startswith("step ")]
    return [np.array(line, dtype=float) for line in lines]


@pytest.mark.slow
def test_the_emulated_gpu_gives_the_energies_of_the_cpu(tmp_path):
    """A charged crystal, one with real waves, and two joined slabs below a dipole layer."""
    pytest.importorskip("gpaw", reason=NEEDS_GPAW)
    cpu = steps(tmp_path, "cpu")
    emulated = steps(tmp_path, "gpu", UIPBENCH_DFT_GPU="1", GPAW_CPUPY="1")
    assert len(cpu) == 3
    for one, other in zip(cpu, emulated, strict=True):
        assert other[0] == pytest.approx(one[0], abs=2e-6)
        assert other[1:] == pytest.approx(one[1:], abs=2e-3)
    texts = [p.read_text() for p in (tmp_path / "gpu" / "output").glob("*.txt")]
    assert sum("Storage: GPU" in text for text in texts) == len(texts) - 1
