"""All that a task may import: cases, the contract, relaxations, units, errors."""

from uipbench.case import Case
from uipbench.cell_relaxation import relax_along_normal
from uipbench.errors import CalculationError, NotConvergedError
from uipbench.evaluation import evaluate, evaluate_roles
from uipbench.neb import Band, climbing_image_neb, evaluate_together, path_coordinates
from uipbench.outcome import Evaluated, Outcome, Predicted, Prediction, Protocol
from uipbench.relaxation import Relaxed, relax_cell, relax_positions
from uipbench.task import Task
from uipbench.units import GPA, J_PER_M2

__all__ = [
    "GPA",
    "J_PER_M2",
    "Band",
    "CalculationError",
    "Case",
    "Evaluated",
    "NotConvergedError",
    "Outcome",
    "Predicted",
    "Prediction",
    "Protocol",
    "Relaxed",
    "Task",
    "climbing_image_neb",
    "evaluate",
    "evaluate_roles",
    "evaluate_together",
    "path_coordinates",
    "relax_along_normal",
    "relax_cell",
    "relax_positions",
]
