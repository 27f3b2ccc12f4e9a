"""uipbench: universal machine-learning interatomic potentials on buried interfaces.

The public names are imported when they are first used, so that ``import uipbench`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uipbench.case import Case, ReferenceStructure
    from uipbench.errors import CalculationError, UipbenchError, WorkerError
    from uipbench.model_registry import find_model as load_model
    from uipbench.model_registry import list_models
    from uipbench.modelfile import ModelFile
    from uipbench.outcome import Failed, Outcome, Predicted, Prediction
    from uipbench.registry import load_task, load_tasks
    from uipbench.results import ResultFile, load_results
    from uipbench.scoring import score
    from uipbench.task import Task

__all__ = [
    "CalculationError",
    "Case",
    "Failed",
    "ModelFile",
    "Outcome",
    "Predicted",
    "Prediction",
    "ReferenceStructure",
    "ResultFile",
    "Task",
    "UipbenchError",
    "WorkerError",
    "list_models",
    "load_model",
    "load_results",
    "load_task",
    "load_tasks",
    "score",
]

_HOME = {
    "CalculationError": ("errors", "CalculationError"),
    "Case": ("case", "Case"),
    "Failed": ("outcome", "Failed"),
    "ModelFile": ("modelfile", "ModelFile"),
    "Outcome": ("outcome", "Outcome"),
    "Predicted": ("outcome", "Predicted"),
    "Prediction": ("outcome", "Prediction"),
    "ReferenceStructure": ("case", "ReferenceStructure"),
    "ResultFile": ("results", "ResultFile"),
    "Task": ("task", "Task"),
    "UipbenchError": ("errors", "UipbenchError"),
    "WorkerError": ("errors", "WorkerError"),
    "list_models": ("model_registry", "list_models"),
    "load_model": ("model_registry", "find_model"),
    "load_results": ("results", "load_results"),
    "load_task": ("registry", "load_task"),
    "load_tasks": ("registry", "load_tasks"),
    "score": ("scoring", "score"),
}


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    if name not in _HOME:
        msg = f"module 'uipbench' has no attribute '{name}'"
        raise AttributeError(msg)
    module, attribute = _HOME[name]
    return getattr(import_module(f"uipbench.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
