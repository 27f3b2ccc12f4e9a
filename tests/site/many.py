"""A made-up benchmark of any size: several tasks, materials and models with random errors.

Its numbers mean nothing; models are named ``synthetic-…``. Also used to measure load times:
``python -m tests.site.many OUT MODELS CASES``.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from tests.site.factories import THEORY, StandInTask, make_card, make_result
from uipbench.casefiles import CaseFile, Quantity, write_case
from uipbench.metrics import force_sums
from uipbench.outcome import Failed, Predicted

if TYPE_CHECKING:
    from uipbench.results import ResultFile

ELEMENTS = ("Li", "Na", "Mg", "Al", "Cu", "Ag", "O", "F", "Cl", "S")
CHEMISTRIES = ("fcc metal", "halide", "oxide")
QUANTITY = "surface_energy"


class FirstTask(StandInTask):
    name: ClassVar[str] = "first"
    title: ClassVar[str] = "First task"


class SecondTask(StandInTask):
    name: ClassVar[str] = "second"
    title: ClassVar[str] = "Second task"
    unit: ClassVar[str] = "eV"


def make_tasks(folder: Path, n_cases: int) -> list[StandInTask]:
    """Two tasks with ``n_cases`` together; each material has about three cases."""
    rng = np.random.default_rng(7)
    tasks: list[StandInTask] = []
    for kind in (FirstTask, SecondTask):
        cases = folder / kind.name
        for i in range(n_cases // 2):
            _write_case(cases, kind, i, rng)
        tasks.append(kind(cases))
    return tasks


def _write_case(folder: Path, task: type[StandInTask], i: int, rng: np.random.Generator) -> None:
    material = i // 3
    elements = sorted({ELEMENTS[material % 10], ELEMENTS[(material * 7 + material // 10) % 10]})
    atoms = bulk("Al", a=4.0)
    atoms.info["role"] = "bulk"
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.zeros((1, 3)))
    extxyz = io.StringIO()
    write(extxyz, [atoms], format="extxyz")
    value = float(rng.uniform(0.2, 2.0))
    file = CaseFile(
        schema_version=1,
        task=task.name,
        id=f"case_{i}",
        title=f"Case {i}",
        material=f"M{material}",
        elements=elements,
        chemistry=CHEMISTRIES[material % 3],
        tier="quick" if i % 3 == 0 else "full",
        protocols=["fixed", "relaxed"],
        references={QUANTITY: Quantity(value=value, unit=task.unit, uncertainty=0.03)},
        roles=["bulk"],
        tags={},
        details={},
        theory=THEORY,
        published=[],
        recipe="",
        cpu_seconds=0.0,
    )
    write_case(folder, file, extxyz.getvalue())


def make_results(tasks: list[StandInTask], n_models: int) -> list[ResultFile]:
    """Results of made-up models; the last one was run in the first task alone."""
    found = []
    for m in range(n_models):
        rng = np.random.default_rng(m)
        scale = 0.05 + 0.3 * m / n_models
        card = make_card(
            f"synthetic-{m}",
            family=f"family {m % 3}",
            licence=("MIT", "Apache-2.0")[m % 2],
            xc=("PBE", "r2SCAN")[m % 4 == 3],
        )
        ran = tasks[:1] if m == n_models - 1 and n_models > 2 else tasks
        found += [make_result(task, card, _outcomes(task, scale, rng)) for task in ran]
    return found


def _outcomes(
    task: StandInTask, scale: float, rng: np.random.Generator
) -> dict[str, dict[str, Predicted | Failed]]:
    forces = rng.normal(size=(4, 3))
    return {
        protocol: {
            case.id: Failed(kind="not_converged", message="500 steps", seconds=3.0, evaluations=500)
            if rng.random() < 0.05
            else Predicted(
                values={QUANTITY: case.reference(QUANTITY) + float(rng.normal(-scale, scale))},
                force_statistics={"bulk": force_sums(0.8 * forces, forces)}
                if protocol == "fixed"
                else {},
                details={},
                seconds=float(rng.uniform(0.5, 9)),
                evaluations=int(rng.integers(3, 90)),
            )
            for case in task.cases()
        }
        for protocol in ("fixed", "relaxed")
    }


def main() -> None:
    from uipbench.site import build_site

    out, n_models, n_cases = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with TemporaryDirectory() as folder:
        tasks = make_tasks(Path(folder), n_cases)
        build_site(out, results=make_results(tasks, n_models), tasks=tasks)


if __name__ == "__main__":
    main()
