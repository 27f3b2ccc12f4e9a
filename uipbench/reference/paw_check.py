"""Checks of the three-electron lithium PAW set: cutoff convergence in bulk cells, and ghosts.

The set is made by ``gpaw dataset`` with the options of :data:`GENERATOR`. A ghost state shows as an
eigenvalue of the pseudo atom that the all-electron atom does not have.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from uipbench.casefiles import PawSet, write_atomically
from uipbench.errors import ReferenceEngineError
from uipbench.reference.gpaw_calculator import PAW_FOLDER, code_version, paw_sets
from uipbench.reference.settings import DftSettings, kpoint_mesh

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ase import Atoms

    from uipbench.reference.engine import DftEngine

GENERATOR = ("Li", "-fPBE", "-tsv3", "-P1s,2s,2p,p,d", "-r1.4", "-05,1.0", "-zpoly,5")
CUTOFFS_EV = (400.0, 520.0, 700.0, 900.0)
HIGHEST_EV = 15.0
"""Eigenvalues of the atom are compared up to this energy."""

RESULT_FILE = PAW_FOLDER / "checks.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BulkCheck(_Strict):
    """Equation of state of a crystal at one cutoff; Å, GPa, CPU seconds."""

    material: str
    cutoff_ev: float
    kpts: tuple[int, int, int]
    lattice_constant_a: float
    bulk_modulus_gpa: float
    seconds: float


class EigenvalueCheck(_Strict):
    """All-electron and pseudo eigenvalues of the atom, in eV."""

    all_electron: list[float]
    pseudo: list[float]

    @property
    def largest_error(self) -> float:
        """Largest difference in eV."""
        return max(abs(a - b) for a, b in zip(self.all_electron, self.pseudo, strict=True))


class PawCheckFile(_Strict):
    """Contents of ``reference_data/paw/checks.json``."""

    paw: PawSet
    generator: list[str]
    code: str
    bulk: list[BulkCheck]
    eigenvalues: EigenvalueCheck


def check_paw(engine: DftEngine) -> PawCheckFile:
    """Compute every check; finished steps come from the engine's store.

    Raises:
        ReferenceEngineError: GPAW is missing or its generator failed.
    """
    code = code_version()
    eigenvalues = parse_eigenvalues(_generator_output())
    bulk = [
        _bulk_check(engine, material, cutoff) for material in ("Li", "LiF") for cutoff in CUTOFFS_EV
    ]
    return PawCheckFile(
        paw=PawSet(**paw_sets(("Li",), "PBE")["Li"]),
        generator=["gpaw", "dataset", *GENERATOR],
        code=code,
        bulk=bulk,
        eigenvalues=eigenvalues,
    )


def _bulk_check(engine: DftEngine, material: str, cutoff_ev: float) -> BulkCheck:
    cell, settings = _crystal(material, cutoff_ev)
    before = engine.seconds
    state = engine.equation_of_state(cell, settings)
    volume_factor = {"Li": 2, "LiF": 4}[material]
    return BulkCheck(
        material=material,
        cutoff_ev=cutoff_ev,
        kpts=settings.kpts,
        lattice_constant_a=round(float((volume_factor * state.atoms.get_volume()) ** (1 / 3)), 5),
        bulk_modulus_gpa=round(state.bulk_modulus_gpa, 3),
        seconds=round(engine.seconds - before, 1),
    )


def _crystal(material: str, cutoff_ev: float) -> tuple[Atoms, DftSettings]:
    """Primitive cell and settings, both as in the surface-energy references."""
    from ase.build import bulk

    if material == "Li":
        cell, length, smearing = bulk("Li", "bcc", a=3.44), 40.0, 0.1
    else:
        cell, length, smearing = bulk("LiF", "rocksalt", a=4.07), 25.0, 0.01
    mesh = kpoint_mesh(cell, length)
    return cell, DftSettings(cutoff_ev=cutoff_ev, kpts=mesh, smearing_ev=smearing)


def _generator_output() -> str:
    """What ``gpaw dataset`` prints; nothing is written."""
    command = [sys.executable, "-m", "gpaw", "dataset", *GENERATOR]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        msg = f"'gpaw dataset {' '.join(GENERATOR)}' failed: {last}"
        raise ReferenceEngineError(msg)
    return done.stdout


def parse_eigenvalues(output: str) -> EigenvalueCheck:
    """Eigenvalues below :data:`HIGHEST_EV` from the generator's table.

    Raises:
        ReferenceEngineError: The table is not there.
    """
    table = output.partition("Checking eigenvalues")[2]
    numbers = r"(-?\d+\.\d+)\s+(-?\d+\.\d+)\s+-?\d+\.\d+\s*$"
    found = re.findall(numbers, table, flags=re.MULTILINE)
    pairs = np.array(found, dtype=float).reshape(-1, 2)
    if not len(pairs):
        msg = "the output of 'gpaw dataset' has no table of eigenvalues; is this GPAW 26.7?"
        raise ReferenceEngineError(msg)
    below = pairs[pairs.min(axis=1) < HIGHEST_EV]
    return EigenvalueCheck(all_electron=below[:, 0].tolist(), pseudo=below[:, 1].tolist())


def write_checks(file: PawCheckFile, path: Path = RESULT_FILE) -> None:
    """Write the result file."""
    write_atomically(path, json.dumps(file.model_dump(mode="json"), indent=1) + "\n")


def read_checks(path: Path = RESULT_FILE) -> PawCheckFile | None:
    """The result file, or None where it was not computed."""
    return PawCheckFile.model_validate_json(path.read_bytes()) if path.exists() else None


def cutoff_error(checks: Sequence[BulkCheck], material: str, cutoff_ev: float) -> float:
    """Lattice constant at a cutoff minus that at the highest one, in Å."""
    by_cutoff = {c.cutoff_ev: c.lattice_constant_a for c in checks if c.material == material}
    return by_cutoff[cutoff_ev] - by_cutoff[max(by_cutoff)]
