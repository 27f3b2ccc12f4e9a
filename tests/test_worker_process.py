"""A model in its own process: what it answers, and everything that can go wrong with it."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT

from tests.conftest import write_model
from uipbench.environments import ensure_environment
from uipbench.errors import (
    ModelRaisedError,
    NonFiniteError,
    WorkerCrashedError,
    WorkerProtocolError,
    WorkerTimeoutError,
)
from uipbench.model_registry import find_model
from uipbench.weights import weights_sha256
from uipbench.worker_process import Evaluation, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

EVALUATION = ("energy", "forces")
WITH_STRESS = ("energy", "forces", "stress")
START = 120.0

STUB = """
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

class Stub(Calculator):
    implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        n = len(atoms)
        self.results = {"energy": float(n), "forces": np.zeros((n, 3))}
        self.answer(atoms, properties)

    def answer(self, atoms, properties):
        pass
"""


def worker_of(model: str | Path, **options: Any) -> WorkerProcess:
    found = find_model(model)
    settings = {"checkpoint": None, "device": "cpu", "dtype": "default"} | options
    return WorkerProcess(found, ensure_environment(found, offline=True), **settings)


def stub(folder: Path, answer: str, *, more: str = "", extra: str = "") -> Path:
    """A model file whose calculator runs ``answer`` after filling in zeros."""
    lines = "\n".join(f"        {line}" for line in answer.splitlines())
    body = (
        f"{STUB}\nclass Model(Stub):\n    def answer(self, atoms, properties):\n{lines}\n\n"
        f"def load(checkpoint, device, dtype):\n    return Model()\n{more}\n"
    )
    return write_model(folder / "stub.py", body, extra=extra)


def rattled(atoms: Atoms, seed: int = 1) -> Atoms:
    atoms.rattle(0.05, seed=seed)
    return atoms


def only(answers: list[Any]) -> Any:
    (answer,) = answers
    return answer


@pytest.fixture(scope="module")
def emt() -> Iterator[WorkerProcess]:
    with worker_of("emt") as worker:
        worker.start(START)
        yield worker


@pytest.mark.parametrize(
    "atoms",
    [
        rattled(bulk("Cu", cubic=True) * (2, 2, 2)),
        rattled(bulk("Al")),
        fcc111("Pt", (2, 2, 4), vacuum=8.0),
        Atoms("Au2", positions=[[0, 0, 0], [0, 0, 2.6]]),
    ],
    ids=["supercell", "primitive", "slab", "molecule"],
)
def test_answers_are_those_of_the_calculator_itself(emt: WorkerProcess, atoms: Atoms) -> None:
    answer = only(emt.evaluate([atoms], EVALUATION, 60))
    direct = atoms.copy()
    direct.calc = EMT()
    assert answer.energy == direct.get_potential_energy()
    np.testing.assert_array_equal(answer.forces, direct.get_forces())
    assert answer.stress is None
    assert answer.seconds > 0


def test_stress_comes_when_asked_for(emt: WorkerProcess) -> None:
    atoms = rattled(bulk("Ni", cubic=True))
    answer = only(emt.evaluate([atoms], WITH_STRESS, 60))
    atoms.calc = EMT()
    np.testing.assert_array_equal(answer.stress, atoms.get_stress())


def test_one_bad_structure_does_not_spoil_a_batch(emt: WorkerProcess) -> None:
    good = bulk("Cu", cubic=True)
    answers = emt.evaluate([good, bulk("Na"), good], EVALUATION, 60)
    assert isinstance(answers[1], ModelRaisedError)
    assert "No EMT-potential for Na" in str(answers[1])
    assert answers[0].energy == answers[2].energy


def test_structures_are_not_changed(emt: WorkerProcess) -> None:
    atoms = rattled(bulk("Cu", cubic=True))
    before = atoms.copy()
    emt.evaluate([atoms], EVALUATION, 60)
    assert atoms == before
    assert atoms.calc is None


def test_info_says_what_runs(emt: WorkerProcess) -> None:
    assert (emt.info.device, emt.info.dtype) == ("cpu", "float64")
    assert emt.info.python == ".".join(map(str, sys.version_info[:3]))
    assert "ase" in emt.info.packages


def test_initial_moments_reach_the_model(tmp_path: Path) -> None:
    answer = "self.results['energy'] = float(atoms.get_initial_magnetic_moments().sum())"
    with worker_of(stub(tmp_path, answer)) as worker:
        worker.start(START)
        plain = bulk("W", cubic=True)
        magnetic = plain.copy()
        magnetic.set_initial_magnetic_moments([2.5, 2.0])
        energies = [a.energy for a in worker.evaluate([plain, magnetic], EVALUATION, 60)]
    assert energies == [0.0, 4.5]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ("raise RuntimeError('no\\nsecond line')", ModelRaisedError, r"RuntimeError: no$"),
        ("raise RuntimeError", ModelRaisedError, r"RuntimeError: \(no message\)"),
        ("raise SystemExit(3)", ModelRaisedError, "SystemExit: 3"),
        ("self.results['energy'] = float('nan')", NonFiniteError, "energy holds 1 value"),
        ("self.results['forces'][0] = np.inf", NonFiniteError, "forces holds 3 value"),
        ("self.results['forces'] = np.zeros((7, 3))", NonFiniteError, r"shape \(7, 3\), expected"),
        ("self.results['energy'] = np.zeros(2)", NonFiniteError, r"energy has shape \(2,\)"),
        ("self.results['forces'] = None", NonFiniteError, "forces is missing"),
        ("self.results['energy'] = 'low'", ModelRaisedError, "could not convert string"),
        ("del self.results['forces']", ModelRaisedError, "forces not present"),
    ],
)
def test_bad_answer_is_an_error_of_the_structure(
    tmp_path: Path, answer: str, error: type[Exception], message: str
) -> None:
    with worker_of(stub(tmp_path, f"if len(atoms) == 1:\n    {answer}")) as worker:
        worker.start(START)
        bad, good = worker.evaluate([bulk("Cu"), bulk("Cu", cubic=True)], EVALUATION, 60)
    assert isinstance(bad, error)
    with pytest.raises(error, match=message):
        raise bad
    assert isinstance(good, Evaluation)


def test_stress_as_a_matrix_becomes_voigt(tmp_path: Path) -> None:
    answer = "self.results['stress'] = np.array([[1., 6, 5], [6, 2, 4], [5, 4, 3]])"
    with worker_of(stub(tmp_path, answer)) as worker:
        worker.start(START)
        evaluation = only(worker.evaluate([bulk("Cu")], WITH_STRESS, 60))
    assert list(evaluation.stress) == [1, 2, 3, 4, 5, 6]


def test_results_of_an_earlier_structure_do_not_linger(tmp_path: Path) -> None:
    answer = "if len(atoms) > 1:\n    self.results['stress'] = np.ones(6)"
    with worker_of(stub(tmp_path, answer)) as worker:
        worker.start(START)
        first, second = worker.evaluate([bulk("Cu", cubic=True), bulk("Cu")], WITH_STRESS, 60)
    assert isinstance(first, Evaluation)
    assert isinstance(second, ModelRaisedError)


def test_printing_does_not_reach_the_wire(tmp_path: Path) -> None:
    answer = "import os\nprint('x' * 10**6)\nos.write(1, b'UIPB' * 10**5)\ninput_ = os.read(0, 10)"
    with worker_of(stub(tmp_path, answer)) as worker:
        worker.start(START)
        assert only(worker.evaluate([bulk("Cu")], EVALUATION, 60)).energy == 1.0


def test_exit_is_a_crash_with_code_and_last_words(tmp_path: Path) -> None:
    answer = "import os, sys\nprint('last words', file=sys.stderr)\nsys.stderr.flush()\nos._exit(7)"
    with worker_of(stub(tmp_path, answer)) as worker:
        worker.start(START)
        with pytest.raises(WorkerCrashedError, match=r"exit code 7; last line.*: last words"):
            worker.evaluate([bulk("Cu")], EVALUATION, 60)
        with pytest.raises(WorkerCrashedError, match="not running"):
            worker.evaluate([bulk("Cu")], EVALUATION, 60)


def test_kill_from_outside_names_the_signal_and_memory(tmp_path: Path) -> None:
    with worker_of(stub(tmp_path, "pass")) as worker:
        worker.start(START)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        time.sleep(0.2)
        with pytest.raises(WorkerCrashedError, match=r"SIGKILL.*ran out of memory"):
            worker.evaluate([bulk("Cu")], EVALUATION, 60)


def test_crashed_worker_can_be_started_again(tmp_path: Path) -> None:
    with worker_of(stub(tmp_path, "if len(atoms) == 1:\n    import os; os._exit(1)")) as worker:
        worker.start(START)
        with pytest.raises(WorkerCrashedError):
            worker.evaluate([bulk("Cu")], EVALUATION, 60)
        worker.start(START)
        assert only(worker.evaluate([bulk("Cu", cubic=True)], EVALUATION, 60)).energy == 4.0


def test_sleeping_model_is_killed_at_the_time_limit(tmp_path: Path) -> None:
    with worker_of(stub(tmp_path, "import time; time.sleep(1000)")) as worker:
        worker.start(START)
        pid = worker.pid
        begin = time.monotonic()
        with pytest.raises(WorkerTimeoutError, match=r"time limit.*1 structure"):
            worker.evaluate([bulk("Cu")], EVALUATION, 0.5)
        assert time.monotonic() - begin < 5
        assert not psutil.pid_exists(pid)


def test_what_the_model_started_is_killed_too(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    answer = (
        "import subprocess, time, pathlib\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        f"pathlib.Path({str(pids)!r}).write_text(str(child.pid))\ntime.sleep(1000)"
    )
    with worker_of(stub(tmp_path, answer)) as worker:
        worker.start(START)
        with pytest.raises(WorkerTimeoutError):
            worker.evaluate([bulk("Cu")], EVALUATION, 2.0)
    assert gone(int(pids.read_text()))


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("def load(a, b, c):\n    raise ValueError('no weights')", ModelRaisedError, "no weights"),
        ("import no_such_module\ndef load(a, b, c): ...", ModelRaisedError, "no_such_module"),
        ("import os\ndef load(a, b, c): os._exit(4)", WorkerCrashedError, "exit code 4"),
        ("import time\ndef load(a, b, c): time.sleep(99)", WorkerTimeoutError, "while it was load"),
    ],
)
def test_model_that_cannot_be_loaded(
    tmp_path: Path, body: str, error: type[Exception], message: str
) -> None:
    worker = worker_of(write_model(tmp_path / "m.py", body))
    with pytest.raises(error, match=message):
        worker.start(3.0 if error is WorkerTimeoutError else START)
    assert worker.pid is None


def test_other_program_on_the_wire_is_a_protocol_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "serve.py"
    program.write_text("print('hello, I am no worker at all'); import time; time.sleep(9)")
    monkeypatch.setattr("uipbench.worker_process.SERVE", program)
    with pytest.raises(WorkerProtocolError, match="expected a frame that starts with"):
        worker_of("emt").start(START)


BATCH = """
def load_batch(checkpoint, device, dtype):
    def evaluate(structures, properties):
        print(len(structures))
        {}
        return [{{"energy": 100.0 + len(a), "forces": np.zeros((len(a), 3))}} for a in structures]
    return evaluate
"""


def test_batch_goes_through_load_batch(tmp_path: Path) -> None:
    with worker_of(stub(tmp_path, "pass", more=BATCH.format(""))) as worker:
        worker.start(START)
        alone = only(worker.evaluate([bulk("Cu")], EVALUATION, 60))
        several = worker.evaluate([bulk("Cu"), bulk("Cu", cubic=True)], EVALUATION, 60)
    assert alone.energy == 1.0
    assert [a.energy for a in several] == [101.0, 104.0]


@pytest.mark.parametrize("fault", ["raise RuntimeError('memory')", "structures = structures[1:]"])
def test_batch_that_fails_is_tried_one_by_one(tmp_path: Path, fault: str) -> None:
    with worker_of(stub(tmp_path, "pass", more=BATCH.format(fault))) as worker:
        worker.start(START)
        several = worker.evaluate([bulk("Cu"), bulk("Cu", cubic=True)], EVALUATION, 60)
    assert [a.energy for a in several] == [1.0, 4.0]


def test_environment_variables_and_threads_reach_the_model(tmp_path: Path) -> None:
    answer = (
        "import os\nassert os.environ['MY_SETTING'] == 'on', os.environ.get('MY_SETTING')\n"
        "assert os.environ['OMP_NUM_THREADS'] == '3'\n"
        "assert os.environ['CUDA_VISIBLE_DEVICES'] == ''"
    )
    path = stub(tmp_path, answer, extra='# environment = { MY_SETTING = "on" }\n')
    with worker_of(path, threads=3) as worker:
        worker.start(START)
        assert isinstance(only(worker.evaluate([bulk("Cu")], EVALUATION, 60)), Evaluation)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc's malloc")
def test_large_arrays_reuse_memory(tmp_path: Path) -> None:
    """The kernel clears the pages of 100 MB once, not again where they are used again."""
    answer = (
        "import resource\nfaults = []\n"
        "for _ in range(2):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    arrays = [np.ones(125_000) for _ in range(100)]\n"
        "    del arrays\n"
        "    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
        "assert faults[1] < 0.01 * 100e6 / resource.getpagesize(), faults"
    )
    with worker_of(stub(tmp_path, answer)) as worker:
        worker.start(START)
        assert isinstance(only(worker.evaluate([bulk("Cu")], EVALUATION, 60)), Evaluation)


@pytest.mark.parametrize("variable", ['"A=B" = "on"', 'A = "a\\u0000b"'])
def test_variable_that_no_process_can_have_is_said(tmp_path: Path, variable: str) -> None:
    path = stub(tmp_path, "pass", extra=f"# environment = {{ {variable} }}\n")
    with worker_of(path) as worker, pytest.raises(WorkerCrashedError, match="cannot be started"):
        worker.start(START)


def test_checkpoint_is_given_as_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights").write_text("3.5")
    body = f"{STUB}\ndef load(checkpoint, device, dtype):\n    float(open(checkpoint).read())\n"
    path = write_model(tmp_path / "m.py", body + "    return Stub()\n")
    with worker_of(path, checkpoint=Path("weights")) as worker:
        worker.start(START)


def test_worker_writes_nothing_into_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with worker_of(stub(tmp_path, "open('debris', 'w').close()")) as worker:
        worker.start(START)
        worker.evaluate([bulk("Cu")], EVALUATION, 60)
    assert not Path("debris").exists()


def test_worker_outlives_the_thread_that_started_it() -> None:
    with worker_of("emt") as worker:
        thread = threading.Thread(target=worker.start, args=(START,))
        thread.start()
        thread.join()
        time.sleep(0.3)
        assert isinstance(only(worker.evaluate([bulk("Cu")], EVALUATION, 60)), Evaluation)


HARNESS = """
import sys
from ase.build import bulk
from tests.test_worker_process import worker_of
worker = worker_of(sys.argv[1])
worker.start(60)
print(worker.pid, flush=True)
worker.evaluate([bulk("Cu")], ("energy", "forces"), 1000)
"""


@pytest.mark.parametrize("busy", ["while True: pass", "import time; time.sleep(1000)"])
def test_busy_worker_ends_with_a_harness_that_is_killed(tmp_path: Path, busy: str) -> None:
    path = stub(tmp_path, busy)
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout is not None
        pid = int(harness.stdout.readline())
        time.sleep(0.5)
        harness.kill()
    assert gone(pid)


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether the process ends within this time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


CHGNET_NACL_EV_PER_ATOM = -3.66174


def test_chgnet_equals_the_package_and_its_known_energy() -> None:
    """Against a plain ASE script; the energy is what chgnet 0.4.2 gave when this was written."""
    dynamics = pytest.importorskip("chgnet.model.dynamics", reason="chgnet is not installed")
    atoms = rattled(bulk("NaCl", "rocksalt", a=5.7, cubic=True))
    found = find_model("chgnet")
    assert weights_sha256(found, ensure_environment(found, offline=True), None)
    with worker_of("chgnet") as worker:
        worker.start(START)
        fast = only(worker.evaluate([atoms], EVALUATION, 120))
        full = only(worker.evaluate([atoms], WITH_STRESS, 120))
    atoms.calc = dynamics.CHGNetCalculator(use_device="cpu")
    for answer in (fast, full):
        assert answer.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
        np.testing.assert_allclose(answer.forces, atoms.get_forces(), atol=2e-6)
    assert fast.stress is None
    np.testing.assert_allclose(full.stress, atoms.get_stress(), atol=1e-6)
    assert full.energy / len(atoms) == pytest.approx(CHGNET_NACL_EV_PER_ATOM, abs=1e-4)
