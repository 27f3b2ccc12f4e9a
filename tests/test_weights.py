"""Weights: where they are, what is said where they are missing, and fetching them once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import write_model
from uipbench.environments import Environment, ensure_environment
from uipbench.errors import EnvironmentSetupError, RegistryError
from uipbench.model_registry import find_model
from uipbench.modelfile import ModelFile, read_model_file
from uipbench.weights import content_sha256, fetch_weights, own_weights, weights_sha256
from uipbench.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Run

LOADER = """
import os
from pathlib import Path
from ase.calculators.emt import EMT


def load(checkpoint, device, dtype):
    path = Path(os.environ["TOY_CACHE"]) / "toy.pt"
    if checkpoint is None and not path.exists():
        print("Downloading: 50%", end="\\r")
        print("Downloading: 100%")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
    if os.environ.get("HF_HUB_OFFLINE") and checkpoint is None:
        assert path.exists()
    return EMT()
"""
WEIGHTS = (
    "# [tool.uipbench.weights]\n"
    '# url = "https://example.org/toy.pt"\n'
    '# file = "${TOY_CACHE:-~/.cache/toy}/toy.*"\n'
    '# access = "gated: ask first"\n'
)
SHA256 = hashlib.sha256(b"weights").hexdigest()


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOY_CACHE", str(tmp_path / "toy-cache"))
    return write_model(tmp_path / "toy.py", LOADER, extra=WEIGHTS)


def read(path: Path) -> tuple[ModelFile, Environment]:
    model = read_model_file(path, own=True)
    return model, ensure_environment(model, offline=True)


def test_weights_are_fetched_once_by_the_loader_with_its_progress(toy: Path) -> None:
    model, environment = read(toy)
    said: list[str] = []
    fetch_weights(model, environment, said.append)
    assert said == ["Downloading the weights of toy", "Downloading: 50%", "Downloading: 100%"]
    assert weights_sha256(model, environment, None) == SHA256
    said.clear()
    fetch_weights(model, environment, said.append)
    assert said == []


def test_stated_digest_is_checked(toy: Path) -> None:
    toy.write_text(toy.read_text().replace("# access", f'# sha256 = "{"ab" * 32}"\n# access'))
    model, environment = read(toy)
    fetch_weights(model, environment, print)
    message = f"sha256 {SHA256[:12]}…, expected abababababab…; remove it, so that it is downloaded"
    with pytest.raises(EnvironmentSetupError, match=message):
        weights_sha256(model, environment, None)


def test_loader_that_fails_or_keeps_them_elsewhere(toy: Path) -> None:
    text = toy.read_text()
    toy.write_text(text.replace("Downloading: 100%", "x").replace('"toy.pt"', '"other.bin"'))
    with pytest.raises(EnvironmentSetupError, match=r"the loader put them elsewhere; .*toy-cache"):
        fetch_weights(*read(toy), print)
    toy.write_text(text.replace("path.write_bytes", "raise ConnectionError('no network') #"))
    with pytest.raises(EnvironmentSetupError, match=r"(?s)gated: ask first.*no network"):
        fetch_weights(*read(toy), print)


def test_weights_that_are_not_there_have_no_digest(toy: Path) -> None:
    with pytest.raises(EnvironmentSetupError, match="its weights are not there"):
        weights_sha256(*read(toy), None)


def test_offline_says_all_that_is_missing(
    toy: Path, tmp_path: Path, uipbench: Callable[..., Run]
) -> None:
    toy.write_text(toy.read_text().replace('["ase"]', '["ase", "no-such-package"]'))
    done = uipbench("score", str(toy), "--offline", UIPBENCH_CACHE=str(tmp_path / "none"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    for part in (
        "model 'toy' cannot run offline",
        "download https://example.org/toy.pt (gated: ask first)",
        "give the file with --checkpoint",
        f"or copy the folder {tmp_path / 'toy-cache'} from a machine that has it",
        f"uipbench env create {toy}",
    ):
        assert part in line
    assert not (tmp_path / "none").exists()


def test_fresh_machine_without_a_network(tmp_path: Path, uipbench: Callable[..., Run]) -> None:
    """The first command of a new user explains itself before anything is installed."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "UIPBENCH_CACHE": str(tmp_path)}
    done = uipbench("score", "mace-mp-0-small", "--offline", **home)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "2023-12-10-mace-128-L0_energy_epoch-249.model" in line
    assert str(tmp_path / "mace" / "20231210mace128L0_energy_epoch249model") in line
    assert "uipbench env create mace-mp-0-small makes it and downloads the weights" in line
    gated = uipbench("score", "uma-s-1p2", "--offline", **home).stderr
    assert "ask for access on https://huggingface.co/facebook/UMA" in gated
    assert f"copy the folder {tmp_path / '.cache/fairchem/models--facebook--UMA'} from" in gated
    assert "*" not in gated  # nobody can put a file there


def test_worker_of_downloaded_weights_may_not_download(toy: Path) -> None:
    """What was digested is what is read, so a hub's newer files must not slip in."""
    body = "import os\n" + LOADER.replace(
        "return EMT()", "raise ValueError(os.environ['HF_HUB_OFFLINE'])"
    )
    toy.write_text(toy.read_text().replace(LOADER, body))
    model, environment = read(toy)
    worker = WorkerProcess(model, environment, checkpoint=None, device="cpu", dtype="default")
    with pytest.raises(Exception, match="ValueError: 1"):
        worker.start(60)


def test_digest_of_a_folder_is_what_the_shell_gives(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("state.pt", "model.json", "B"):
        (folder / name).write_text(name)
    command = "LC_ALL=C; sha256sum * | sha256sum"
    shell = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True
    )
    assert content_sha256(folder) == shell.stdout.split()[0]
    assert content_sha256(folder, ("B",)) != content_sha256(folder)


def test_folder_with_the_files_of_the_card_is_the_registered_model(tmp_path: Path) -> None:
    model = find_model("tensornet-matpes-pbe")
    assert model.weights is not None
    for name in model.weights.files:
        (tmp_path / name).write_text("not these")
    other = own_weights(model, tmp_path, None)
    assert other.own
    assert other.card.name == f"tensornet-matpes-pbe@{tmp_path.name}"
    with pytest.raises(RegistryError, match="cannot be read: No such file"):
        own_weights(model, tmp_path / "none", None)


def test_own_weights_have_a_name_of_their_own_and_an_unknown_training(tmp_path: Path) -> None:
    path = tmp_path / "fine tuned.pt"
    path.write_bytes(b"x")
    model = own_weights(find_model("chgnet"), path, None)
    assert (model.card.name, model.own) == ("chgnet@fine-tuned", True)
    assert (model.card.xc, model.card.parameters, model.card.elements) == ("unknown", None, [])
    named = own_weights(find_model("chgnet"), path, "chgnet@ft-lif")
    assert named.card.name == "chgnet@ft-lif"
    for bad in ("../up", "", "a b", "x" * 81):
        with pytest.raises(RegistryError, match="--name"):
            own_weights(find_model("chgnet"), path, bad or "/")


def test_own_file_keeps_its_name(toy: Path, tmp_path: Path) -> None:
    path = tmp_path / "any.pt"
    path.write_bytes(b"x")
    model = read_model_file(toy, own=True)
    assert own_weights(model, path, None).card.name == "toy"
    assert own_weights(model, path, "toy@2").card.name == "toy@2"


def test_score_with_own_weights(tmp_path: Path, uipbench: Callable[..., Run]) -> None:
    """A family's model scored with a user's file: own name, own folder, digest of that file."""
    write_model(
        tmp_path / "toy.py",
        "from ase.calculators.emt import EMT\n\n\n"
        "def load(checkpoint, device, dtype):\n    open(checkpoint).read()\n    return EMT()\n",
    )
    (tmp_path / "tuned.pt").write_bytes(b"weights")
    selected = ["--tasks", "surface_energy", "--cases", "al_111", "--protocol", "fixed"]
    done = uipbench(
        "score", "./toy.py", "--checkpoint", "tuned.pt", "--name", "toy@tuned", *selected
    )
    assert done.returncode == 0, done.stderr
    path = tmp_path / "uipbench-results" / "toy@tuned" / "surface_energy.json"
    record = json.loads(path.read_text())["model"]
    assert record["weights_sha256"] == SHA256
    assert record["own"]
    taken = uipbench("score", "./toy.py", "--name", "chgnet", *selected)
    assert "the name 'chgnet' is taken" in taken.stderr
    two = uipbench("score", "emt", "chgnet", "--checkpoint", "tuned.pt", *selected)
    assert "--checkpoint belongs to one MODEL; 2 are given" in two.stderr


def test_cache_of_the_environment_variable_wins(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = read_model_file(toy, own=True)
    assert model.weights is not None
    assert str(model.weights.cache_pattern()).startswith(os.environ["TOY_CACHE"])
    monkeypatch.delenv("TOY_CACHE")
    assert str(model.weights.cache_pattern()).endswith("/.cache/toy/toy.*")
    assert "~" not in str(model.weights.cache_pattern())
