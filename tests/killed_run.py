"""The run that ``test_kill`` kills.

The fork server imports this module, so that a run starts in milliseconds with the tasks read, and
most random moments lie in the run and not in what comes before it.
"""

from __future__ import annotations

from pathlib import Path

from uipbench.checking import case_elements
from uipbench.conformance.version import suite_version
from uipbench.registry import load_task
from uipbench.scoring import score

CASES = ("al_*", "cu_*", "ag_*")
TASK = "surface_energy"
LOGGING = """
import hashlib, os, time
import numpy as np
from ase.calculators.calculator import Calculator


class Logging(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms=None, *args, **kwargs):
        numbers = np.round([*atoms.cell[:], *atoms.positions], 5)
        name = hashlib.sha256(numbers.tobytes()).hexdigest()[:16]
        log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, (name + "\\n").encode())
        os.close(log)
        time.sleep(0.01)
        energy = float(np.cos(atoms.positions).sum())
        self.results = {{"energy": energy, "forces": np.sin(atoms.positions)}}


def load(checkpoint, device, dtype):
    return Logging()
"""


def run(model: str, out: str) -> None:
    """Score the model, as the command line does."""
    score(
        model,
        out=Path(out),
        tasks=[TASK],
        cases=CASES,
        protocols=["fixed"],
        offline=True,
        force=True,
    )


def read_once() -> None:
    """What every run reads before it computes, and keeps."""
    case_elements()
    suite_version()
    for case in load_task(TASK).cases():
        dict(case.structures)


read_once()
