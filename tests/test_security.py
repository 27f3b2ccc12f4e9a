"""What SECURITY.md promises."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import uipbench as package
from tests.conftest import write_model
from uipbench.bounded import read_bounded
from uipbench.casefiles import read_lock
from uipbench.errors import RegistryError, UipbenchError
from uipbench.history import read_history
from uipbench.journal import Journal
from uipbench.model_registry import find_model, registered_models
from uipbench.modelfile import read_model_file
from uipbench.results import read_result
from uipbench.weights import UntrustedWeightsWarning, checkpoint_sha256, warn_of_pickle

ROOT = Path(package.__file__).parent
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
WATCHED = """
import sys
found = []
sys.addaudithook(lambda event, args: found.append(args) if event == "pickle.find_class" else None)
from pathlib import Path
import uipbench
uipbench.score("emt", out=Path(sys.argv[1]), cases=["al_111"], protocols=["fixed"])
from uipbench.cli import cli
site = ["site", "build", "--out", sys.argv[1] + "/site", "--results", sys.argv[1]]
cli(site, standalone_mode=False)
assert not found, found
"""


def harness_sources() -> list[Path]:
    """Everything that runs in the harness: not the files of models."""
    return [p for p in ROOT.rglob("*.py") if (ROOT / "models") not in p.parents]


def test_harness_unpickles_and_evaluates_nothing():
    sources = harness_sources()
    assert len(sources) > 100
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in FORBIDDEN_CALLS, path
                continue
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert not (node.func.attr == "load" and "np" in ast.dump(node.func)), path
                continue
            elif isinstance(node, ast.keyword):
                assert node.arg not in {"allow_pickle", "shell"}, path
                continue
            else:
                continue
            assert not names & FORBIDDEN_MODULES, path


def test_scoring_and_the_site_unpickle_nothing(tmp_path):
    """Python itself tells of every class that is looked up by an unpickler."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_packages_that_unpickle_are_known():
    unpickling = {model.card.family for model in registered_models() if model.unpickles}
    assert {"MACE", "SevenNet", "HIENet", "M3GNet", "UMA", "MatterSim"} <= unpickling
    for model in registered_models():
        refuses = model.variables.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD") == "1"
        assert refuses is not model.unpickles


@pytest.mark.parametrize("name", ["mace-mp-0-small", "sevennet-0", "uma-s-1p1"])
def test_pickled_weights_are_warned_of_with_their_digest(name):
    model = find_model(name)
    with pytest.warns(UntrustedWeightsWarning, match=f"'{name}' are unpickled.*{'ab' * 32}.*trust"):
        warn_of_pickle(model, "ab" * 32)
    if model.weights.sha256:
        with pytest.warns(UntrustedWeightsWarning, match="is that of the card"):
            warn_of_pickle(model, model.weights.sha256)


def test_others_are_not_warned_of():
    model = find_model("chgnet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_pickle(model, "ab" * 32)


LOADER = """
import os
from ase.calculators.emt import EMT


def load(checkpoint, device, dtype):
    assert ("TORCH_FORCE_WEIGHTS_ONLY_LOAD" in os.environ) is {forced}
    return EMT()
"""


@pytest.mark.parametrize(("unpickles", "forced"), [("true", False), ("false", True)])
def test_command_warns_once_in_one_line_and_torch_is_told(uipbench, tmp_path, unpickles, forced):
    write_model(
        tmp_path / "m.py", LOADER.format(forced=forced), extra=f"# unpickles = {unpickles}\n"
    )
    (tmp_path / "w.pt").write_bytes(b"weights")
    done = uipbench(
        *("score", "m.py", "--checkpoint", "w.pt", "--cases", "al_111", "--protocol", "fixed")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if "warning" in line]
    assert len(lines) == (0 if forced else 1), done.stderr
    if not forced:
        assert lines[0].startswith("uipbench: warning: the weights of 'm' are unpickled")
        assert hashlib.sha256(b"weights").hexdigest() in lines[0]


def test_other_values_of_unpickles_are_refused(tmp_path):
    path = write_model(tmp_path / "m.py", LOADER, extra="# unpickles = [1]\n")
    with pytest.raises(RegistryError, match=r"'unpickles' is .*expected true or false"):
        read_model_file(path, own=True)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("r.json", read_result),
        ("j", lambda p: Journal(p).read()),
        ("h.jsonl", read_history),
        ("lock.json", lambda p: read_lock(p.parent)),
    ],
)
def test_huge_files_and_pipes_are_refused_at_once(tmp_path, name, read):
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**34)  # takes no room on the disk
    with pytest.raises(UipbenchError, match="larger than 64 MB"):
        read(tmp_path / name)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(UipbenchError, match="not a regular file"):
        read(tmp_path / name)


def test_pipe_as_a_checkpoint_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "weights")
    with pytest.raises(RegistryError, match="weights: cannot be read: not a regular file"):
        checkpoint_sha256(find_model("emt"), tmp_path / "weights")
    os.mkfifo(tmp_path / "m.py")
    with pytest.raises(RegistryError, match=r"m.py: cannot be read: not a regular file"):
        read_model_file(tmp_path / "m.py", own=True)


def test_bound_is_exact(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    assert read_bounded(tmp_path / "f", 5) == b"12345"
    with pytest.raises(OSError, match="larger than"):
        read_bounded(tmp_path / "f", 4)
