"""The contract of a task plugin, checked when the task is registered."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from uipbench.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ase.calculators.calculator import Calculator

    from uipbench.case import Case
    from uipbench.outcome import Outcome, Prediction, Protocol
    from uipbench.secondary import SecondaryMetric

_TEXTS = ("name", "title", "summary", "quantity", "unit", "primary_metric", "citation")


class Task(ABC):
    """One property that potentials are scored on.

    A subclass sets the class attributes, implements :meth:`predict`, and lives in
    ``tasks/<name>/__init__.py`` under the name ``TASK`` (an instance), with its reference
    files in ``reference_data/<name>/cases``. Another package offers a task through the
    entry-point group ``uipbench.tasks``.

    Attributes:
        name: Identifier, equal to the folder's name.
        title: What people read, such as ``Surface energy``.
        summary: Two sentences: what it is, why it matters.
        quantity: The reference quantity that is scored.
        unit: Its unit in plain ASCII.
        primary_metric: Name of the headline metric.
        citation: Source of the definition.
        version: Raised by hand when the physics of ``predict`` changes: results of another
            version are stale.
        corrections_cancel: Whether composition corrections of a model's energies have no effect;
            otherwise ``predict`` asks for them (:func:`uipbench.kit.energy_corrections`).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    quantity: ClassVar[str]
    unit: ClassVar[str]
    primary_metric: ClassVar[str] = "mae"
    citation: ClassVar[str]
    version: ClassVar[int] = 1
    corrections_cancel: ClassVar[bool] = True

    @abstractmethod
    def predict(self, case: Case, calculator: Calculator, protocol: Protocol) -> Prediction:
        """Predict the case with the model behind ``calculator``.

        Args:
            case: Must not be changed.
            calculator: An ASE calculator; attach it to as many structures as needed, one after
                another.
            protocol: ``fixed`` (energies at the DFT structures) or ``relaxed``.

        Raises:
            CalculationError: The model answers, but the case cannot be scored.
        """

    def inputs(self, case: Case) -> dict[str, object]:  # noqa: ARG002
        """Details and tags of the case that :meth:`predict` uses beside its structures.

        Results are stale where one of them changes.
        """
        return {}

    @property
    def data_folder(self) -> Path:
        """Folder of the reference files; a task of another package overrides it."""
        from uipbench.datasets import reference_folder

        return reference_folder(self.name)

    @cached_property
    def _cases(self) -> tuple[Case, ...]:
        from uipbench.datasets import load_cases

        return load_cases(self.data_folder, self.name)

    def cases(self) -> Sequence[Case]:
        """All cases, verified against the lock.

        Raises:
            ReferenceDataError: A file is missing or damaged.
        """
        return self._cases

    def errors(self, case: Case, values: Mapping[str, float]) -> dict[str, float]:
        """Signed errors (prediction − reference) of every quantity that has a reference."""
        return {
            name: values[name] - quantity.value
            for name, quantity in case.references.items()
            if name in values
        }

    def secondary_metrics(
        self, cases: Sequence[Case], outcomes: Mapping[str, Outcome]
    ) -> list[SecondaryMetric]:
        """Metrics beside the primary one, of one protocol.

        Those of ``secondary_metrics(cases, outcomes)`` in ``metrics.py`` beside the task's module,
        if there is one, and the mean absolute error of every other quantity.

        Args:
            cases: Cases that have the protocol.
            outcomes: Outcome by identifier of the case; those that were not run are not in it.
        """
        from uipbench.secondary import mean_absolute_errors, metrics_of_folder

        own = metrics_of_folder(type(self).__module__)(cases, outcomes)
        return [*own, *mean_absolute_errors(cases, outcomes, self.quantity)]

    def reference_details(self, case: Case) -> dict[str, float]:  # noqa: ARG002
        """Details that a prediction with DFT's own energies would have, such as its curve."""
        return {}

    def absolute_error(self, case: Case, values: Mapping[str, float]) -> float | None:
        """What the headline metric averages, in ``unit``; None if it was not predicted.

        It is also asked for the error of the trivial predictor, whose only value is that of
        ``quantity``.
        """
        if self.quantity not in values:
            return None
        return abs(values[self.quantity] - case.reference(self.quantity))


def check_task(task: object, origin: str) -> Task:
    """The task itself, if it keeps the contract.

    Args:
        task: What the plugin offers.
        origin: Where it comes from, for the message.

    Raises:
        RegistryError: Names the plugin and what is wrong with it.
    """
    if not isinstance(task, Task):
        msg = f"{origin}: TASK is {type(task).__name__!r}, expected an instance of uipbench.Task"
        raise RegistryError(msg)
    for name in _TEXTS:
        value = getattr(task, name, None)
        if not isinstance(value, str) or not value.strip():
            msg = f"{origin}: task attribute '{name}' is {value!r}, expected a non-empty text"
            raise RegistryError(msg)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", task.name):
        msg = f"{origin}: task name '{task.name}' must be lower-case letters, digits and '_'"
        raise RegistryError(msg)
    if not isinstance(task.version, int) or task.version < 1:
        msg = f"{origin}: task version is {task.version!r}, expected a positive integer"
        raise RegistryError(msg)
    return task
