"""Judging a bundle, or result files alone, without running anything of them.

Every number of the ``fixed`` protocol is computed again from the raw predictions, through the
task's own code; every score from the records. Numbers of the ``relaxed`` protocol cannot follow
from a file: those only :mod:`uipbench.submission.spotcheck` can check.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uipbench.case import ReferenceStructure
from uipbench.conformance.version import suite_version
from uipbench.errors import CaseError, RegistryError
from uipbench.metrics import force_sums
from uipbench.model_header import card_table, read_header, read_source, variant_tables
from uipbench.model_registry import find_model, list_models
from uipbench.modelfile import read_model_file
from uipbench.outcome import PROTOCOLS
from uipbench.plan import content_key, physics_version
from uipbench.reference_calculator import ReferenceCalculator
from uipbench.registry import load_tasks, task_version
from uipbench.regress.comparison import rms_force
from uipbench.regress.tolerances import force_tolerance, value_tolerance
from uipbench.results import PredictedRecord
from uipbench.submission.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from uipbench.case import Case
    from uipbench.results import CaseRecord, ResultFile
    from uipbench.submission.bundle import Bundle, PredictionsFile, RawPrediction
    from uipbench.task import Task

SCORE_TOLERANCE = 1e-9
"""Relative: the same sums of the same numbers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        problems: Why it is refused, one line each; empty if it can be believed.
        notes: What could not be checked, or has changed since.
        scores: Metrics by ``task/protocol``, recomputed.
        n_values: Numbers that were computed again from raw predictions.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    scores: Mapping[str, Mapping[str, float | None]]
    n_values: int = 0


def verify_results(results: Sequence[ResultFile]) -> Verdict:
    """Judge result files of one model without raw predictions.

    Args:
        results: One a task; not empty.
    """
    pairs, problems = _known_tasks(results)
    problems += _one_model(results)
    for task, result in pairs:
        problems += _records(task, result)
    notes = [f"{r.task}: without raw predictions, its numbers are only read" for r in results]
    if results[0].model.card.name not in list_models():
        notes.append("the model is not registered here, so that its card is only read")
    notes += [line for task, result in pairs for line in _incomplete(task, result)]
    return Verdict(tuple(problems), tuple(notes), {} if problems else scores_of(pairs))


def verify_bundle(bundle: Bundle) -> Verdict:
    """Judge a bundle."""
    results = list(bundle.results.values())
    if not results:
        return Verdict(("has no results",), (), {})
    alone = verify_results(results)
    pairs, _ = _known_tasks(results)
    problems = [*alone.problems, *_foreign(bundle), *_environment(bundle), *_check(bundle)]
    count = Counter[str]()
    for task, result in pairs:
        raw = bundle.predictions.get(task.name)
        problems += _follows(task, result, raw, count)
    if not problems:
        problems += _score_problems(bundle.manifest.scores, alone.scores)
    notes = [n for n in alone.notes if "without raw predictions" not in n]
    if bundle.check is not None and bundle.check.version != suite_version():
        notes.append("the check report is of another version of the checks")
    return Verdict(tuple(problems), tuple(notes), alone.scores, count["values"])


def _known_tasks(
    results: Sequence[ResultFile],
) -> tuple[list[tuple[Task, ResultFile]], list[str]]:
    tasks = load_tasks()
    pairs = [(tasks[r.task], r) for r in results if r.task in tasks]
    return pairs, [f"{r.task}: no such task here" for r in results if r.task not in tasks]


def _one_model(results: Sequence[ResultFile]) -> Iterator[str]:
    first = results[0]
    for result in results:
        if result.own_data is not None:
            yield f"{result.task}: is on own data, which never enters the public board"
        if result.model != first.model or result.settings != first.settings:
            yield f"{result.task}: is of another model or settings than {first.task}"
    name = first.model.card.name
    if name in list_models():
        known = find_model(name)
        if first.model.own or known.code_sha256 != first.model.code_sha256:
            yield f"'{name}' is registered here with other code; take another name, or score again"
        elif known.card != first.model.card:
            yield f"the card of '{name}' is not the registered one; score again"


def _records(task: Task, result: ResultFile) -> Iterator[str]:
    cases = {case.id: case for case in task.cases()}
    if result.task_version != task_version(task):
        yield (
            f"{task.name}: computed with version {result.task_version} of the task, here it is "
            f"{task_version(task)}; score again"
        )
    seen: set[tuple[str, str]] = set()
    version = physics_version(task, result.model)
    for record in result.records:
        where = f"{task.name}/{record.case_id} ({record.protocol})"
        case = cases.get(record.case_id)
        if (record.case_id, record.protocol) in seen:
            yield f"{where}: is there twice"
        elif case is None or record.protocol not in case.protocols:
            yield f"{where}: no such case here; update uipbench and score again"
        elif record.key != content_key(
            result.model, result.settings, version, task, case, record.protocol
        ):
            yield f"{where}: its key is not that of this model, task, case and settings"
        else:
            yield from (f"{where}: {problem}" for problem in _implausible(task, record))
        seen.add((record.case_id, record.protocol))


def _implausible(task: Task, record: CaseRecord) -> Iterator[str]:
    outcome = record.outcome
    if outcome.seconds < 0 or outcome.evaluations < 0:
        yield "negative time or number of evaluations"
    if isinstance(outcome, PredictedRecord):
        if task.quantity not in outcome.values:
            yield f"has no {task.quantity}"
        if not outcome.evaluations:
            yield "has numbers, but evaluated nothing"


def _incomplete(task: Task, result: ResultFile) -> Iterator[str]:
    there = {(r.case_id, r.protocol) for r in result.records}
    for protocol in PROTOCOLS:
        wanted = [case.id for case in task.cases() if protocol in case.protocols]
        missing = [i for i in wanted if (i, protocol) not in there]
        if missing:
            yield (
                f"{task.name} ({protocol}): {len(missing)} of {len(wanted)} cases are missing, "
                f"such as {missing[0]}; they count as failed"
            )


def _foreign(bundle: Bundle) -> Iterator[str]:
    record = next(iter(bundle.results.values())).model
    if bundle.manifest.model != record.card.name:
        yield f"the manifest is of '{bundle.manifest.model}', the results of '{record.card.name}'"
    for task, result in bundle.results.items():
        if result.task != task:
            yield f"results/{task}.json is of task '{result.task}'"
    with tempfile.TemporaryDirectory(prefix="uipbench-verify-") as folder:
        path = Path(folder) / "model.py"
        path.write_bytes(bundle.model_source)
        try:
            code = _codes(path)
        except RegistryError as error:
            yield f"model.py: {str(error).replace(f'{path}: ', '')}"
            return
    if record.code_sha256 not in code:
        yield "model.py is not the code that the results were made with"


def _codes(path: Path) -> set[str]:
    """Digest of the code as the model, or as the variants of its family."""
    table = card_table(path, read_header(path, read_source(path)))
    names = list(variant_tables(path, table)) if "variants" in table else [""]
    return {read_model_file(path, own=True, name=variant).code_sha256 for variant in names}


def _environment(bundle: Bundle) -> Iterator[str]:
    for name, version in next(iter(bundle.results.values())).model.packages.items():
        if bundle.lock.get(name) != version:
            stated = bundle.lock.get(name, "nothing")
            yield f"environment.lock has {stated} of {name}, the results were made with {version}"


def _check(bundle: Bundle) -> Iterator[str]:
    if bundle.check is None:
        return
    failed = bundle.check.names("fail")
    if failed:
        yield f"the model fails the check '{failed[0]}'"
    if not bundle.check.names("pass"):
        yield "the check report has nothing that passed"
    for task, result in bundle.results.items():
        if result.check is None or result.check.verdict != bundle.check.verdict:
            yield f"{task}: has another check report than check.json"


def _follows(
    task: Task, result: ResultFile, raw: PredictionsFile | None, count: Counter[str]
) -> Iterator[str]:
    """Whether the numbers of the fixed protocol follow from the raw predictions."""
    cases = {case.id: case for case in task.cases()}
    for record in result.records:
        case, outcome = cases.get(record.case_id), record.outcome
        if record.protocol != "fixed" or case is None or not isinstance(outcome, PredictedRecord):
            continue
        where = f"{task.name}/{record.case_id} (fixed)"
        answers = raw.cases.get(record.case_id) if raw is not None else None
        if answers is None:
            yield f"{where}: has a number, but no raw predictions"
            continue
        problem = _shape_problem(case, answers)
        if problem:
            yield f"{where}: {problem}"
            continue
        predicted = _with_answers(case, answers)
        calculator = ReferenceCalculator(predicted)
        calculator.energy_corrections = result.model.card.energy_corrections
        yield from (f"{where}: {p}" for p in _values(task, case, calculator, outcome, count))
        yield from (f"{where}: {p}" for p in _forces(case, predicted, outcome))


def _shape_problem(case: Case, answers: Mapping[str, RawPrediction]) -> str:
    if set(answers) != set(case.structures):
        return "the raw predictions are not of the roles of the case"
    for role, answer in answers.items():
        if len(answer.forces) != len(case.structures[role].forces):
            return f"role '{role}': {len(answer.forces)} forces, expected one an atom"
    return ""


def _with_answers(case: Case, answers: Mapping[str, RawPrediction]) -> Case:
    """The case with the model's energies and forces in the place of those of DFT."""
    structures = {
        role: ReferenceStructure(
            case.atoms(role), answer.energy, np.asarray(answer.forces).reshape(-1, 3)
        )
        for role, answer in answers.items()
    }
    return replace(case, structures=structures)


def _values(
    task: Task,
    case: Case,
    calculator: ReferenceCalculator,
    outcome: PredictedRecord,
    count: Counter[str],
) -> Iterator[str]:
    try:
        values = task.predict(case, calculator, "fixed").values
    except (CaseError, ArithmeticError, ValueError, KeyError, IndexError) as error:
        yield f"nothing follows from its raw predictions: {' '.join(str(error).split())[:200]}"
        return
    units = {task.quantity: task.unit} | {q: r.unit for q, r in case.references.items()}
    for name, stated in outcome.values.items():
        count["values"] += 1
        follows = values.get(name, math.nan)
        if not abs(follows - stated) <= value_tolerance(units.get(name), "fixed", stated):
            yield f"{name} is {stated:.6g}, but its raw predictions give {follows:.6g}"


def _forces(case: Case, predicted: Case, outcome: PredictedRecord) -> Iterator[str]:
    for role, stated in outcome.force_statistics.items():
        if role not in case.structures:
            yield f"has forces of a role '{role[:40]}' that the case does not have"
            continue
        follows = force_sums(predicted.structures[role].forces, case.structures[role].forces)
        if set(stated) != set(follows) or stated["n"] != follows["n"]:
            yield f"force sums of '{role}' are not of its atoms"
            continue
        root = math.sqrt(stated["n"])
        allowed = force_tolerance(rms_force(follows)) * root
        scale = math.sqrt(follows["sum_sq"]) + math.sqrt(follows["sum_dft_sq"]) + allowed
        limits = {"sum_abs": allowed * root}
        for name, value in follows.items():
            if abs(value - stated[name]) > limits.get(name, 3 * allowed * scale):
                yield f"{name} of the forces on '{role}' does not follow from the raw predictions"


def _score_problems(
    stated: Mapping[str, Mapping[str, float | None]],
    found: Mapping[str, Mapping[str, float | None]],
) -> Iterator[str]:
    if set(stated) != set(found):
        yield "the manifest has scores of other tasks than the results"
        return
    for place, scores in found.items():
        for name, value in scores.items():
            told = stated[place].get(name)
            same = told == value or (
                told is not None
                and value is not None
                and math.isclose(told, value, rel_tol=SCORE_TOLERANCE, abs_tol=SCORE_TOLERANCE)
            )
            if not same:
                yield f"{place}: the manifest says {name} = {told}, its records give {value}"
