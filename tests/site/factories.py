"""A task with made-up cases, and results of made-up models."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from uipbench.casefiles import CaseFile, LevelOfTheory, Published, Quantity, write_case
from uipbench.history import HistoryEntry, HistoryMetrics
from uipbench.metrics import force_sums
from uipbench.outcome import Failed, Predicted, Prediction
from uipbench.plan import content_key
from uipbench.registry import task_version
from uipbench.results import (
    CardRecord,
    CaseRecord,
    ModelRecord,
    Provenance,
    ResultFile,
    RunSettings,
    outcome_record,
)
from uipbench.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOSTILE = "</td></script><script>alert(1)</script>'\"&\u202e../../x\u2028"
REFERENCES = {"al_111": 0.8, "li_100": 0.46, "lif_100": 0.28, "mgo_100": 0.9}
QUICK = ("al_111", "li_100")
THEORY = LevelOfTheory(
    xc="PBE",
    hubbard_u_ev={},
    code="none",
    paw={},
    cutoff_ev=400.0,
    kpts={"bulk": (4, 4, 4)},
    smearing=("fermi-dirac", 0.1),
    spin_polarised=False,
    dispersion="none",
)


class StandInTask(Task):
    """A task whose cases are written by the test."""

    name: ClassVar[str] = "surface_energy"
    title: ClassVar[str] = "Surface energy"
    summary: ClassVar[str] = "What it is. Why it matters."
    quantity: ClassVar[str] = "surface_energy"
    unit: ClassVar[str] = "J/m^2"
    citation: ClassVar[str] = "nobody"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def data_folder(self) -> Path:
        return self._folder

    def predict(self, case, calculator, protocol) -> Prediction:
        raise NotImplementedError


def write_cases(folder: Path, references: Mapping[str, float], title: str | None = None) -> None:
    for case_id, value in references.items():
        atoms = bulk("Al", a=4.04)
        atoms.info["role"] = "bulk"
        atoms.calc = SinglePointCalculator(atoms, energy=-3.7, forces=np.zeros((1, 3)))
        extxyz = io.StringIO()
        write(extxyz, [atoms], format="extxyz")
        file = CaseFile(
            schema_version=1,
            task="surface_energy",
            id=case_id,
            title=title or case_id,
            material=case_id.split("_")[0],
            elements=["Al"],
            chemistry="fcc metal",
            tier="quick" if case_id in QUICK else "full",
            protocols=["fixed", "relaxed"],
            references={
                "surface_energy": Quantity(value=value, unit="J/m^2", uncertainty=0.02),
                "surface_energy_unrelaxed": Quantity(value=1.05 * value, unit="J/m^2"),
            },
            roles=["bulk"],
            tags={"miller_index": [1, 1, 1]},
            details={"area_a2": 7.0},
            theory=THEORY,
            published=[
                Published(
                    quantity="surface_energy",
                    value=1.02 * value,
                    unit="J/m^2",
                    doi="10.1038/sdata.2016.80",
                    method="PBE",
                )
            ],
            recipe="recipes.py",
            cpu_seconds=1.0,
        )
        write_case(folder, file, extxyz.getvalue())


def make_card(name: str, **changes: object) -> CardRecord:
    fields: dict[str, object] = {
        "name": name,
        "title": name.upper(),
        "family": "graph network",
        "checkpoint": "1",
        "licence": "MIT",
        "training_data": "MPtrj",
        "xc": "PBE",
        "parameters": 412525,
        "elements": ["Al", "Li"],
        "energy_convention": "total",
        "citation": "someone",
        "url": "https://example.org/",
    }
    return CardRecord.model_validate(fields | changes)


def make_outcomes(factor: float, *, failed: tuple[str, ...] = ()) -> dict[str, Predicted | Failed]:
    forces = np.linspace(-1, 1, 12).reshape(4, 3)
    return {
        case_id: Failed(kind="not_converged", message="500 steps", seconds=2.0, evaluations=500)
        if case_id in failed
        else Predicted(
            values={"surface_energy": factor * value},
            force_statistics={"bulk": force_sums(factor * forces, forces)},
            details={},
            seconds=1.5,
            evaluations=3,
        )
        for case_id, value in REFERENCES.items()
    }


def make_result(
    task: Task,
    card: CardRecord,
    outcomes: Mapping[str, Mapping[str, Predicted | Failed]],
    *,
    own: bool = False,
    key: str | None = None,
) -> ResultFile:
    model = ModelRecord(
        card=card, weights_sha256="ab" * 32, code_sha256="cd" * 32, packages={"x": "1"}, own=own
    )
    settings = RunSettings(device="cpu", dtype="float32")
    version = task_version(task)
    cases = {case.id: case for case in task.cases()}
    return ResultFile(
        schema_version=1,
        task=task.name,
        task_version=version,
        model=model,
        settings=settings,
        provenance=Provenance(
            uipbench_version="0.1.0",
            commit=None,
            python="3.11",
            platform="somewhere",
            processor="a processor",
            started="2026-01-01T00:00:00+00:00",
        ),
        records=[
            CaseRecord(
                case_id=case_id,
                protocol=protocol,
                key=key or content_key(model, settings, version, task, cases[case_id], protocol),
                outcome=outcome_record(outcome),
            )
            for protocol, of_protocol in outcomes.items()
            for case_id, outcome in of_protocol.items()
        ],
    )


def night(day: int, **changes: object) -> HistoryEntry:
    """A made-up night of January 2026; the model's package is version 2 from the 15th on."""
    fields: dict[str, object] = {
        "date": f"2026-01-{day:02}T02:17:00+00:00",
        "model": "soft",
        "verdict": "ok" if day < 15 else "drift",
        "packages": {"x": "1" if day < 15 else "2"},
        "weights_sha256": "ab" * 32,
        "uipbench_version": "0.1.0",
        "commit": "c0ffee",
        "processor": "a processor",
        "tasks": {
            "surface_energy/relaxed": HistoryMetrics(
                metrics={"mae": 0.12 if day < 15 else 0.15, "coverage": 1.0},
                n_cases=2,
                largest_deviation=0.1 if day < 15 else 30.0,
                seconds_per_evaluation=0.010 + 0.0001 * (day % 3),
                speed_ratio=1.0 if day < 15 else 1.2,
            )
        },
    }
    return HistoryEntry.model_validate(fields | changes)


def board(site: Path) -> dict[tuple[str, str], dict[str, object]]:
    rows = json.loads((site / "data/board.json").read_text())["rows"]
    return {(row["model"], row["protocol"]): row for row in rows}
