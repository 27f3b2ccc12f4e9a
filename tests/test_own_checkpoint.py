"""An own fine-tuned checkpoint, from the package's own trainer to a named row, in one command."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from uipbench.environments import ensure_environment
from uipbench.model_registry import find_model
from uipbench.paths import cache_folder
from uipbench.weights import content_sha256

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Run

TUNE = Path(__file__).parent / "finetuned_checkpoints.py"
ONE_CASE = ("--tasks", "surface_energy", "--cases", "al_111", "--protocol", "fixed")
FAMILIES = {
    "sevennet": "sevennet-0",
}


def tuned(family: str, python: Path, path: Path, weights: str = "") -> Path:
    command = [str(python), str(TUNE), family, str(path), weights]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return path


def scored(uipbench: Callable[..., Run], model: str, checkpoint: Path, folder: Path) -> None:
    """One row under the user's name, with the digest of the file, unlike the registered model."""
    done = uipbench(
        "score",
        model,
        *("--checkpoint", str(checkpoint), "--name", "my-tuned", "--workers", "1", "--offline"),
        *ONE_CASE,
        timeout=1800,
        UIPBENCH_CACHE=str(cache_folder()),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(
        (folder / "uipbench-results" / "my-tuned" / "surface_energy.json").read_text()
    )
    assert result["model"]["own"]
    assert result["model"]["card"]["name"] == "my-tuned"
    assert result["model"]["card"]["xc"] == "unknown"
    assert result["model"]["weights_sha256"] == content_sha256(checkpoint)
    (record,) = result["records"]
    assert np.isfinite(record["outcome"]["values"]["surface_energy"])


def test_chgnet_from_its_own_trainer(uipbench: Callable[..., Run], tmp_path: Path) -> None:
    pytest.importorskip("chgnet", reason="chgnet is not installed")
    checkpoint = tuned("chgnet", Path(sys.executable), tmp_path / "epoch0.pth.tar")
    scored(uipbench, "chgnet", checkpoint, tmp_path)


def test_checkpoint_of_another_family(uipbench: Callable[..., Run], tmp_path: Path) -> None:
    pytest.importorskip("chgnet", reason="chgnet is not installed")
    path = tmp_path / "other.pth"
    path.write_bytes(pickle.dumps({"model_state_dict": {}}))
    done = uipbench("score", "chgnet", "--checkpoint", "other.pth", "--name", "my-tuned", *ONE_CASE)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "other.pth: this checkpoint cannot be loaded as chgnet: " in last
    assert "expected weights of that architecture, as its package saves them" in last
    assert not (tmp_path / "uipbench-results" / "my-tuned" / "surface_energy.json").exists()


def test_weights_of_another_registered_model(uipbench: Callable[..., Run], tmp_path: Path) -> None:
    """Swapped by mistake, they would be a second, nameless row of a model on the board."""
    chgnet = pytest.importorskip("chgnet", reason="chgnet is not installed")
    weights = find_model("chgnet-0.2.0").weights
    assert weights is not None
    path = tmp_path / "mine.pth.tar"
    path.write_bytes((Path(chgnet.__file__).parent / weights.file).read_bytes())
    for model in ("chgnet", "mace-mp-0-small"):
        done = uipbench("score", model, "--checkpoint", path.name, "--name", "my-tuned", *ONE_CASE)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert "the weights of the registered model 'chgnet-0.2.0'" in line
        assert "uipbench score chgnet-0.2.0" in line


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_family_from_its_own_package(
    family: str, uipbench: Callable[..., Run], tmp_path: Path
) -> None:
    """Environments are made where they are missing, and weights that can be had are fetched."""
    model = find_model(FAMILIES[family])
    python = ensure_environment(model).python
    weights = _start(family, python, tmp_path)
    checkpoint = tuned(family, python, tmp_path / "tuned.pth", weights)
    scored(uipbench, FAMILIES[family], checkpoint, tmp_path)


def _start(family: str, python: Path, folder: Path) -> str:
    """What the fine-tuning begins with, where the package's own name of it is not enough."""
    if family == "mace":
        path = folder / "random-mace.model"
        build = TUNE.with_name("random_checkpoints.py")
        subprocess.run([str(python), str(build), family, str(path)], check=True)
        return str(path)
    weights = find_model(FAMILIES[family]).weights
    if weights is None or not weights.url:
        return ""
    found = weights.cached()
    return str(found) if found else find_model(FAMILIES[family]).card.checkpoint
