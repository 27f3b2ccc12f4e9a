"""``uipbench score`` without the terminal: one call scores one model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uipbench.checking import check_before_scoring
from uipbench.environments import ensure_environment
from uipbench.errors import RegistryError
from uipbench.model_registry import find_model, list_models, registered_models
from uipbench.modelfile import ModelFile, with_package_calculator
from uipbench.outcome import PROTOCOLS, Outcome
from uipbench.own_data import open_own_data
from uipbench.plan import Selection, Tier
from uipbench.registry import load_task, load_tasks, unknown
from uipbench.results import OwnDataRecord
from uipbench.session import RunOptions, Session
from uipbench.weights import check_offline, fetch_weights, own_weights, owner_of, renamed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from uipbench.environments import Environment
    from uipbench.outcome import Protocol
    from uipbench.plan import Job
    from uipbench.results import CaseRecord, ResultFile
    from uipbench.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentObserver:
    """An observer that shows nothing."""

    def evaluated(self) -> None:
        """Nothing."""

    def finished(self, job: Job, outcome: Outcome) -> None:
        """Nothing."""


def select_tasks(names: Sequence[str]) -> list[Task]:
    """Tasks by name, or all.

    Raises:
        RegistryError: An unknown name.
    """
    return [load_task(name) for name in names] if names else list(load_tasks().values())


def own_tasks(data: Path, names: Sequence[str], out: Path) -> tuple[OwnDataRecord, list[Task]]:
    """The tasks of a folder of own data, with its cases.

    Args:
        data: The folder.
        names: Tasks to choose; empty means all.
        out: Folder of results, where the compiled cases are kept too.

    Raises:
        ReferenceDataError: The data are wrong; names file, row and field.
        RegistryError: A name that is no task of the folder.
    """
    own = open_own_data(data, out / ".own-data")
    found = {task.name: task for task in own.tasks}
    for name in names:
        if name not in found:
            raise RegistryError(unknown("task", name, found))
    record = OwnDataRecord(name=own.name, sha256=own.digest)
    return record, [task for task in own.tasks if not names or task.name in names]


def open_session(  # noqa: PLR0913 - all but two are named
    model: str | ModelFile,
    options: RunOptions,
    *,
    name: str | None = None,
    package_calculator: bool = False,
    offline: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> Session:
    """Find a model, make its environment if it is not there, and look at what is done.

    Args:
        model: Registry name, path of a model file, or what :func:`find_model` made of it.
        options: How it is run.
        name: What to call it in results; a user's own weights have a name of their own anyway.
        package_calculator: Use the package's own calculator; see :func:`open_model`.
        offline: Install and download nothing.
        report: Called with one line of progress now and then.

    Raises:
        UipbenchError: Unknown model, or an environment that cannot be made.
    """
    file, environment = open_model(
        model,
        checkpoint=options.checkpoint,
        name=name,
        package_calculator=package_calculator,
        offline=offline,
        report=report,
    )
    return Session(file, environment, options)


def open_model(  # noqa: PLR0913 - all but one are named
    model: str | ModelFile,
    *,
    checkpoint: Path | None = None,
    name: str | None = None,
    package_calculator: bool = False,
    offline: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[ModelFile, Environment]:
    """Find a model and make ready what it needs: its environment and its weights.

    Args:
        model: Registry name, path of a model file, or what :func:`find_model` made of it.
        checkpoint: A user's own weights, or None.
        name: What to call it in results.
        package_calculator: Use the package's own calculator instead of uipbench's evaluator; the
            results are of the user's own ``model@package-calculator``.
        offline: Install and download nothing.
        report: Called with one line of progress now and then.

    Raises:
        UipbenchError: Unknown model, or an environment that cannot be made.
    """
    file = model if isinstance(model, ModelFile) else find_model(model)
    if checkpoint is not None:
        _check_not_another(file, checkpoint)
        file = own_weights(file, checkpoint, name)
    elif name is not None:
        file = renamed(file, name)
    if package_calculator:
        chosen = name or f"{file.card.name}@package-calculator"
        file = renamed(with_package_calculator(file), chosen)
    _check_own_name(file)
    if offline:
        check_offline(file, checkpoint)
    environment = ensure_environment(file, offline=offline, report=report)
    if checkpoint is None:
        fetch_weights(file, environment, report)
    return file, environment


def _check_not_another(model: ModelFile, checkpoint: Path) -> None:
    """Another registered model's weights are not a user's own: they have a card already.

    Raises:
        RegistryError: They are another's, which is named.
    """
    owner = None if model.own else owner_of(checkpoint, registered_models())
    if owner is not None and owner.card.name != model.card.name:
        msg = (
            f"{checkpoint}: these are the weights of the registered model '{owner.card.name}', "
            f"neither own ones nor those of '{model.card.name}'; score it by its name: "
            f"uipbench score {owner.card.name}"
        )
        raise RegistryError(msg)


def _check_own_name(model: ModelFile) -> None:
    """Results of a user's own file must not be taken for a registered model's.

    Raises:
        RegistryError: The name is taken.
    """
    name = model.card.name
    if model.own and (name in list_models() or name == "site"):
        msg = (
            f"{model.path.name}: the name '{name}' is taken; set another 'name' in its header, or "
            "give one with --name"
        )
        raise RegistryError(msg)


def score(  # noqa: PLR0913 - the options of the command line
    model: str,
    *,
    out: Path,
    tier: Tier = "quick",
    tasks: Sequence[str] = (),
    cases: Sequence[str] = (),
    protocols: Sequence[Protocol] = PROTOCOLS,
    device: str = "cpu",
    dtype: str = "default",
    checkpoint: Path | None = None,
    name: str | None = None,
    package_calculator: bool = False,
    offline: bool = False,
    force: bool = False,
    data: Path | None = None,
) -> dict[str, ResultFile]:
    """Score a model and write its result files.

    Args:
        model: Registry name, or path of a model file.
        out: Folder of the result files.
        tier: ``quick`` or ``full``.
        tasks: Names of tasks; empty means all.
        cases: Patterns of case identifiers; empty means all.
        protocols: ``fixed``, ``relaxed`` or both.
        device: Device of the model.
        dtype: Precision of the model.
        checkpoint: Own weights, a file or folder.
        name: What to call the model in results.
        package_calculator: Use the package's own calculator instead of uipbench's evaluator.
        offline: Never install or download anything.
        force: Score a model although it fails an essential check; its results are marked.
        data: Folder of own data that is scored instead of the public cases.

    Returns:
        Result by task; what was there already is not computed again.

    Raises:
        UipbenchError: Anything that does not belong to one case.
    """
    own, chosen = own_tasks(data, tasks, out) if data else (None, select_tasks(tasks))
    options = RunOptions(out=out, checkpoint=checkpoint, device=device, dtype=dtype, own_data=own)
    session = open_session(
        model, options, name=name, package_calculator=package_calculator, offline=offline
    )
    selection = Selection(tasks=chosen, tier=tier, cases=cases, protocols=protocols)
    with session.lock():
        missing = session.missing(session.jobs(selection))
        check_before_scoring(session, force=force)
        if missing:
            for _ in session.compute(missing, SilentObserver()):
                pass
        session.write(chosen)  # also what a killed run left in its journal
        return {task.name: session.result(task) for task in chosen}


def outcomes_by_protocol(records: Sequence[CaseRecord]) -> Mapping[str, Mapping[str, Outcome]]:
    """Outcome by case identifier, by protocol."""
    found: dict[str, dict[str, Outcome]] = defaultdict(dict)
    for record in records:
        found[record.protocol][record.case_id] = record.as_outcome()
    return found
