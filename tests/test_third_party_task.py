"""A task of another package: installed beside uipbench, listed and scored, nothing else touched."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import uipbench as package
from tests.conftest import write_model
from uipbench.datasets import load_cases

EXAMPLE = Path(__file__).parent / "example_task"
SOURCE = EXAMPLE / "src" / "vacancy_example"
TASK = "vacancy_formation"
QUANTITY = "vacancy_formation_energy"
TOO_DEEP = """
from ase.calculators.emt import EMT


class TooDeep(EMT):
    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.results["energy"] *= 1.1
        self.results["forces"] = 0.8 * self.results["forces"]


def load(checkpoint, device, dtype):
    return TooDeep()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> dict[str, str]:
    """Environment of an interpreter that finds the installed example; no network is used."""
    target = tmp_path_factory.mktemp("site-packages")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target)]
    done = subprocess.run([*command, str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    root = str(Path(package.__file__).parent.parent)
    path = os.pathsep.join([str(target), root, os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)}


@pytest.fixture
def command(installed, tmp_path):
    """The command line with the example installed, in an empty folder."""

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "uipbench", *arguments],
            cwd=tmp_path,
            env=installed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def test_listed_beside_the_others(command):
    listed = json.loads(command("list", "tasks", "--json"))["tasks"]
    cases = {task["name"]: task["cases"] for task in listed}
    assert cases[TASK] == len(load_cases(SOURCE / "cases", TASK)) == 4
    assert "surface_energy" in cases
    assert "Vacancy formation" in command("list", "tasks")


def test_not_there_unless_it_is_installed(uipbench):
    done = uipbench("score", "emt", "--tasks", TASK)
    assert done.returncode == 2
    assert f"no task named '{TASK}'" in done.stderr


def test_scored_with_the_known_answer(command, tmp_path):
    """The references are EMT's, so EMT is exact; all of it is in the output, the file, the page."""
    scores = json.loads(command("score", "emt", "--tasks", TASK, "--json"))["emt"][TASK]
    for protocol, tolerance in (("fixed", 1e-9), ("relaxed", 2e-3)):
        assert scores[protocol]["mae"] == pytest.approx(0, abs=tolerance)
        assert scores[protocol]["coverage"] == 1
        assert scores[protocol]["secondary"]["crystal_order"]["value"] == pytest.approx(1)
    assert scores["fixed"]["softening_slope"] == pytest.approx(1)
    assert (tmp_path / "uipbench-results" / "emt" / f"{TASK}.json").is_file()
    page = tmp_path / "uipbench-results" / "site" / "tasks" / f"{TASK}.html"
    assert "Order of crystals (Spearman)" in page.read_text(encoding="utf-8")
    text = command("score", "emt", "--tasks", TASK)
    assert "everything is there" in text
    assert "Order of crystals (Spearman)" in text


def test_wrong_model_has_its_errors(command, tmp_path):
    """Energies 10 % too deep: each formation energy is 10 % too large, forces 20 % too soft."""
    write_model(tmp_path / "deep.py", TOO_DEEP)
    arguments = (
        "score",
        "./deep.py",
        "--tasks",
        TASK,
        "--protocol",
        "fixed",
        "--json",
        "--force",
        "--no-page",
    )
    fixed = json.loads(command(*arguments))["deep"][TASK]["fixed"]
    values = [case.reference(QUANTITY) for case in load_cases(SOURCE / "cases", TASK)]
    assert fixed["mae"] == pytest.approx(0.1 * sum(values) / len(values))
    assert fixed["mean_signed_error"] == pytest.approx(fixed["mae"])
    assert fixed["softening_slope"] == pytest.approx(0.8)
    assert fixed["forces"]["vacancy_unrelaxed"]["softening_slope"] == pytest.approx(0.8)


def test_softening_over_several_tasks(command):
    """Structures of both tasks in one regression."""
    wanted = ("--tasks", TASK, "--tasks", "surface_energy", "--cases", "al*", "--cases", "cu*")
    scores = json.loads(
        command("score", "emt", *wanted, "--protocol", "fixed", "--json", "--no-page")
    )["emt"]
    kinds = [*scores[TASK]["fixed"]["forces"].values()]
    kinds += scores["surface_energy"]["fixed"]["forces"].values()
    overall = scores["all_tasks"]["fixed"]["forces"]
    assert overall["n_structures"] == sum(kind["n_structures"] for kind in kinds)
    slopes = [scores[name]["fixed"]["softening_slope"] for name in (TASK, "surface_energy")]
    assert min(slopes) < overall["softening_slope"] < max(slopes)
    assert "all tasks: softening slope" in command(
        "score", "emt", *wanted, "--protocol", "fixed", "--no-page"
    )


def test_references_are_what_the_script_computes(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "make_cases.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(package.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made, kept = (load_cases(folder, TASK) for folder in (tmp_path, SOURCE / "cases"))
    assert [case.id for case in made] == [case.id for case in kept]
    for new, old in zip(made, kept, strict=True):
        assert new.reference(QUANTITY) == pytest.approx(old.reference(QUANTITY), abs=1e-6)


def test_the_example_needs_the_kit_alone_and_nothing_knows_of_it():
    for path in SOURCE.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert {name for name in imported if name.startswith("uipbench")} == {"uipbench.kit"}
    sources = Path(package.__file__).parent.rglob("*.py")
    assert not [p for p in sources if "vacancy_example" in p.read_text(encoding="utf-8")]
