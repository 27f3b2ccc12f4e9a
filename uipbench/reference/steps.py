"""Store of finished DFT steps: one small file a step, found by the content of the step.

A relaxation that was stopped is repeated from its start; every step that was finished
is read from here, so it costs nothing and the path is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from uipbench.errors import ReferenceEngineError

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

    from uipbench.reference.settings import DftSettings


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Outcome of one self-consistent calculation.

    Attributes:
        energy: Total energy in eV, extrapolated to zero smearing.
        forces: (n, 3) eV/Å.
        stress: Voigt vector in eV/Å³, or None where it was not asked for.
        magmoms: (n,) site moments in µB, or None without spin polarisation.
        seconds: CPU seconds.
        code: Name and version of the code.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray | None
    magmoms: np.ndarray | None
    seconds: float
    code: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        arrays = {"forces": self.forces, "stress": self.stress, "magmoms": self.magmoms}
        values = {name: None if a is None else np.asarray(a).tolist() for name, a in arrays.items()}
        return {"energy": self.energy, "seconds": self.seconds, "code": self.code, **values}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Evaluation:
        """Inverse of :meth:`as_json`."""
        arrays = {
            name: None if values[name] is None else np.asarray(values[name], dtype=float)
            for name in ("stress", "magmoms")
        }
        forces = np.asarray(values["forces"], dtype=float)
        return cls(
            values["energy"], forces, seconds=values["seconds"], code=values["code"], **arrays
        )


def step_key(atoms: Atoms, settings: DftSettings, code: str) -> str:
    """Digest of everything that determines the step, positions rounded to 1e-7 Å."""
    content = {
        "numbers": atoms.numbers.tolist(),
        "positions": np.round(atoms.positions, 7).tolist(),
        "cell": np.round(atoms.cell[:], 7).tolist(),
        "pbc": atoms.pbc.tolist(),
        "magmoms": np.round(atoms.get_initial_magnetic_moments(), 6).tolist(),
        "settings": settings.as_dict(),
        "code": code,
    }
    text = json.dumps(content, sort_keys=True).replace("-0.0,", "0.0,").replace("-0.0]", "0.0]")
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class StepStore:
    """Folder of finished steps, shared by processes through a lock a step."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def lock(self, key: str) -> FileLock:
        """Lock held while the step is computed, so that no step is computed twice."""
        return FileLock(self._folder / f"{key}.lock")

    def get(self, key: str) -> Evaluation | None:
        """The finished step, or None.

        Raises:
            ReferenceEngineError: The file is damaged.
        """
        path = self._folder / f"{key}.json"
        if not path.exists():
            return None
        try:
            return Evaluation.from_json(json.loads(path.read_text()))
        except (ValueError, KeyError) as error:
            msg = f"step file {path} is damaged ({error}); delete it and compute again"
            raise ReferenceEngineError(msg) from error

    def put(self, key: str, evaluation: Evaluation) -> None:
        """Store the step; the file appears whole or not at all."""
        path = self._folder / f"{key}.json"
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(evaluation.as_json()))
        partial.replace(path)
