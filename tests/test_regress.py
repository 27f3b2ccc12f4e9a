"""``uipbench regress``: planted regressions are caught, noise is not."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import uipbench as package
from tests.conftest import write_model
from uipbench.casefiles import case_digest, read_lock, sha256_of
from uipbench.cli import cli
from uipbench.history import read_history, series
from uipbench.reference_calculator import disagreements
from uipbench.registry import load_tasks
from uipbench.regress.changes import pinned_packages
from uipbench.regress.comparison import compare_records, rms_force
from uipbench.regress.speed import speed_of
from uipbench.results import CaseRecord, FailedRecord, PredictedRecord
from uipbench.trend import find_steps

SCALED = """
from ase.calculators.emt import EMT


class Scaled(EMT):
    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.results["energy"] *= {energy}
        self.results["forces"] = self.results["forces"] * {forces}


def load(checkpoint, device, dtype):
    return Scaled()
"""


@dataclass
class Done:
    returncode: int
    stdout: str


def score(out, *, energy="1", forces="1", protocols=("fixed",), cases=("al_1*", "cu_1*")):
    """Result file of a scaled EMT; the model file lies beside the folder of results."""
    model = write_model(out.parent / "m.py", SCALED.format(energy=energy, forces=forces))
    package.score(str(model), out=out, protocols=protocols, cases=cases, force=True)
    return out / "m" / "surface_energy.json"


def edit(path, change):
    result = json.loads(path.read_text())
    result.pop("sha256", None)
    change(result)
    path.write_text(json.dumps(result))


def as_stored(path):
    """Undo what tells that the model file is another one, so that only numbers differ."""
    return lambda result: result["model"].update(json.loads(path.read_text())["model"])


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    return score(tmp_path_factory.mktemp("scored") / "results")


@pytest.fixture
def folders(scored, tmp_path, monkeypatch):
    """Two folders with the same results, and the model file beside them."""
    monkeypatch.chdir(tmp_path)
    paths = [tmp_path / name / "m" / "surface_energy.json" for name in ("stored", "fresh")]
    for path in paths:
        path.parent.mkdir(parents=True)
        shutil.copy(scored, path)
    shutil.copy(scored.parents[2] / "m.py", tmp_path)
    return paths


def run(*arguments, **environment):
    """The command in this process; an error of uipbench as ``main`` shows it."""
    done = CliRunner().invoke(cli, ["regress", *arguments], env=environment)
    if isinstance(done.exception, package.UipbenchError):
        return Done(2, str(done.exception))
    return Done(done.exit_code, done.output)


def regress(*more, **environment):
    return run("m", "--baseline", "stored", "--from", "fresh", *more, **environment)


@pytest.mark.usefixtures("folders")
def test_same_results_are_ok(tmp_path):
    done = regress("--junit", "j.xml", "--summary", "s.md", "--history", "h.jsonl")
    assert done.returncode == 0, done.stdout
    assert "m: ok; 6 of 6 case runs as stored" in done.stdout
    suite = ET.fromstring((tmp_path / "j.xml").read_text())[0]  # noqa: S314 - our own
    assert suite.attrib == {"name": "m", "tests": "6", "failures": "0", "errors": "0"}
    assert "| m | surface_energy | fixed | 6 | 6 |" in (tmp_path / "s.md").read_text()
    entry = read_history(tmp_path / "h.jsonl")[0]
    assert entry.verdict == "ok"
    assert entry.tasks["surface_energy/fixed"].largest_deviation == 0


@pytest.mark.parametrize(
    ("planted", "code", "message"),
    [
        ({"energy": "(1 + 1e-9)", "forces": "(1 + 1e-9)"}, 0, "m: ok"),
        ({"forces": "1.001"}, 1, "surface_energy: all forces: force_rms"),
        ({"energy": "1.001"}, 1, "drift: surface_energy/al_111 (fixed): surface_energy"),
    ],
)
def test_scaled_models(folders, tmp_path, *, planted, code, message):
    stored, fresh = folders
    shutil.copy(score(tmp_path / "other", **planted), fresh)
    edit(fresh, as_stored(stored))
    done = regress("--slowdown", "1000")
    assert done.returncode == code, done.stdout
    assert message in done.stdout


def test_noise_of_one_part_in_a_billion_is_none(folders):
    def shake(result):
        for record in result["records"]:
            values = record["outcome"]["values"]
            values.update({name: value * (1 + 1e-9) for name, value in values.items()})

    edit(folders[1], shake)
    assert regress().returncode == 0


def test_a_lost_number_is_a_failure(folders, tmp_path):
    def fail(result):
        result["records"][0]["outcome"] = {
            "status": "failed",
            "kind": "worker_crashed",
            "message": "bad | \x01 <b>\nnews",
            "seconds": 1.0,
            "evaluations": 1,
        }

    edit(folders[1], fail)
    more = ("--junit", "j.xml", "--summary", "s.md")
    done = regress(*more, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path / "g"))
    assert done.returncode == 3
    assert "::error title=m::surface_energy/al_100 (fixed): had a number, now" in done.stdout
    suite = ET.fromstring((tmp_path / "j.xml").read_text())[0]  # noqa: S314 - our own
    assert suite.find("testcase/error").get("type") == "failure"
    assert (tmp_path / "g").read_text() == (tmp_path / "s.md").read_text()
    assert "bad \\| \x01 &lt;b> news" in (tmp_path / "s.md").read_text()


def test_a_missing_record_is_a_failure(folders):
    edit(folders[1], lambda result: result["records"].pop())
    done = regress()
    assert done.returncode == 3
    assert "stored, but missing in the fresh results" in done.stdout


def test_a_moved_pin_is_drift_and_a_floating_version_is_a_note(folders, tmp_path):
    edit(folders[1], lambda result: result["model"]["packages"].update(ase="9.9"))
    done = regress()
    assert done.returncode == 1
    assert "changed: package ase: 3." in done.stdout
    model = tmp_path / "m.py"
    command = ("./m.py", "--baseline", "stored", "--from", "fresh")
    floating = run(*command)
    assert floating.returncode == 0, floating.stdout
    assert "  package ase: 3." in floating.stdout
    pin = f'"ase=={json.loads(folders[0].read_text())["model"]["packages"]["ase"]}"'
    model.write_text(model.read_text().replace('"ase"', pin))
    assert run(*command).returncode == 1


def test_slowdown_has_its_own_code_and_needs_the_same_processor(folders):
    def slow(result):
        for record in result["records"]:
            record["outcome"]["seconds"] = 1.0

    def slower(result):
        for i, record in enumerate(result["records"]):
            record["outcome"]["seconds"] = 1.7 + 0.1 * i

    edit(folders[0], slow)
    edit(folders[1], slower)
    done = regress()
    assert done.returncode == 4
    assert "speed: 1.95 × the stored time" in done.stdout
    assert regress("--slowdown", "2").returncode == 0
    edit(folders[1], lambda result: result["provenance"].update(processor="another"))
    other = regress()
    assert other.returncode == 0
    assert "not judged: another processor" in other.stdout


@pytest.fixture
def copied(tmp_path):
    """A copy of uipbench whose references can be edited."""
    source = Path(package.__file__).parent
    shutil.copytree(source, tmp_path / "copy" / "uipbench", ignore=shutil.ignore_patterns("site"))
    shutil.copytree(source / "site", tmp_path / "copy" / "uipbench" / "site")
    return tmp_path / "copy/uipbench/reference_data/surface_energy/cases"


def lock_again(cases, name):
    lock = read_lock(cases)
    lock[name] = sha256_of(cases / name)
    (cases / "lock.json").write_text(json.dumps(lock))


REGRESS = ("regress", "m", "--baseline", "stored", "--from", "fresh", "--cases", "al_111")


@pytest.mark.usefixtures("folders")
def test_an_edited_reference_is_caught(uipbench, copied):
    environment = {"PYTHONPATH": str(copied.parents[3])}
    edit(copied / "al_111.json", lambda c: c["references"]["surface_energy"].update(value=0.81))
    refused = uipbench(*REGRESS, **environment)
    assert refused.returncode == 2
    assert "al_111.json: sha256" in refused.stderr
    lock_again(copied, "al_111.json")
    done = uipbench(*REGRESS, **environment)
    assert done.returncode == 1
    assert "al_111: the reference surface_energy is 0.81 J/m^2, but its own DFT" in " ".join(
        done.stdout.split()
    )


@pytest.mark.usefixtures("folders")
def test_an_edited_structure_is_caught(uipbench, copied):
    path = copied / "al_111.extxyz"
    text = re.sub(r"energy=-(\d+\.\d)", r"energy=-\g<1>1", path.read_text(), count=1)
    path.write_text(text)
    before = case_digest(read_lock(copied), "al_111")
    lock_again(copied, "al_111.extxyz")
    assert case_digest(read_lock(copied), "al_111") != before
    done = uipbench(*REGRESS, PYTHONPATH=str(copied.parents[3]))
    assert done.returncode == 1
    assert "changed: surface_energy/al_111 (fixed): the structures of the case are" in done.stdout


def test_computing_again_gives_the_stored_bits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    score(tmp_path / "stored", cases=["al_111"], protocols=["fixed", "relaxed"])
    command = ("./m.py", "--baseline", "stored", "--slowdown", "1000", "--workers", "1")
    done = run(*command, "--out", "kept", "--history", "h.jsonl")
    assert done.returncode == 0, done.stdout
    assert "2 of 2 case runs as stored, largest deviation 0 of" in done.stdout
    assert (tmp_path / "kept" / "m" / "surface_energy.json").exists()
    again = run(*command, "--out", "kept")
    assert again.returncode == 2
    assert "is there already" in again.stdout


@pytest.mark.usefixtures("folders")
def test_unknown_model_and_empty_selection_are_one_line():
    done = run("nobody", "--baseline", "stored")
    assert done.returncode == 2
    assert "no stored results of 'nobody'" in done.stdout
    done = regress("--cases", "na_*")
    assert done.returncode == 2
    assert "nothing selected of 'm'" in done.stdout


def test_every_reference_follows_from_its_energies():
    for task in load_tasks().values():
        for case in task.cases():
            assert disagreements(task, case) == {}, case.id


def test_pinned_packages():
    dependencies = ["a==1", "B_c===2", "d~=3.1", "e==1.*", "f>=2", "g @ file:///x.whl", "]"]
    assert pinned_packages(dependencies) == {"a", "b-c", "g"}


def record(value, *, kind=None, seconds=1.0, protocol="fixed", model=None, dft=None):
    if kind:
        outcome = FailedRecord(kind=kind, message="m", seconds=1.0, evaluations=1)
    else:
        forces = {}
        if model is not None:
            d = {"n": float(model.size), "sum_abs": 0.0, "sum_sq": ((model - dft) ** 2).sum()}
            d |= {"sum_model_dft": (model * dft).sum(), "sum_dft_sq": (dft**2).sum()}
            forces = {"slab": d}
        outcome = PredictedRecord(
            values={"g": value},
            force_statistics=forces,
            details={},
            seconds=seconds,
            evaluations=2,
        )
    return CaseRecord(case_id="c", protocol=protocol, key="k", outcome=outcome)


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (record(1.0), record(1.00009), "same"),
        (record(1.0), record(1.00011), "drift"),
        (record(1.0, protocol="relaxed"), record(1.0009, protocol="relaxed"), "same"),
        (record(1.0, protocol="relaxed"), record(0.9989, protocol="relaxed"), "drift"),
        (record(1.0), record(0, kind="timed_out"), "failure"),
        (record(0, kind="timed_out"), record(0, kind="timed_out"), "same"),
        (record(0, kind="timed_out"), record(0, kind="not_converged"), "note"),
        (record(0, kind="timed_out"), record(1.0), "note"),
        (record(1.0), None, "failure"),
    ],
)
def test_status_of_a_case(before, after, status):
    assert compare_records("t", before, after, {"g": "J/m^2"}).status == status


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_rms_force_from_sums_is_that_of_the_forces(n, seed):
    model, dft = np.random.default_rng(seed).normal(size=(2, n, 3))
    sums = record(1.0, model=model, dft=dft).outcome.force_statistics["slab"]
    assert rms_force(sums) == pytest.approx(np.sqrt((model**2).mean()), rel=1e-9)


def test_speed_needs_most_cases_to_be_slower():
    def comparisons(ratios):
        pairs = [(record(1.0), record(1.0, seconds=r)) for r in ratios]
        return [compare_records("t", a, b, {}) for a, b in pairs]

    assert speed_of(comparisons([2.0, 1.8, 1.7, 1.6, 9.0])).slower
    assert not speed_of(comparisons([2.0, 1.8, 1.7])).slower
    assert not speed_of(comparisons([0.9, 0.8, 1.7, 1.6, 9.0, 0.9])).slower
    assert speed_of([]) is None


@pytest.mark.parametrize("seed", range(5))
def test_steps_are_found_where_they_are(seed):
    noise = np.random.default_rng(seed).normal(scale=0.01, size=60)
    noise[[7, 30]] += 1.0  # single bad nights
    level = np.where(np.arange(60) < 40, 0.2, 0.26)
    steps = find_steps(list(level + noise), resolution=0.001)
    assert [abs(s.index - 40) <= 1 for s in steps] == [True]
    assert steps[0].after - steps[0].before == pytest.approx(0.06, abs=0.01)


def test_noise_has_no_steps():
    random = np.random.default_rng(0)
    found = [find_steps(list(random.normal(size=60)), resolution=1e-6) for _ in range(100)]
    assert sum(bool(steps) for steps in found) <= 1


def test_equal_nights_then_another_version():
    steps = find_steps([0.1] * 10 + [0.1001] * 4, resolution=1e-5)
    assert [(s.index, s.before, s.after) for s in steps] == [(10, 0.1, 0.1001)]
    assert find_steps([0.1] * 10 + [0.1001] * 4, resolution=1e-3) == []
    assert find_steps([], resolution=1.0) == []


def test_history_names_the_damaged_line(tmp_path):
    path = tmp_path / "h.jsonl"
    assert read_history(path) == []
    path.write_text('\n{"date": 1}\n')
    with pytest.raises(package.UipbenchError, match=r"h.jsonl:2: date: Input should be a valid"):
        read_history(path)
    assert series([], "m", "t/fixed", "mae") == ([], [])
