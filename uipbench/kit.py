"""All that a task may import: cases, the contract, relaxations, units, errors."""

from uipbench.case import Case
from uipbench.cell_relaxation import relax_along_normal
from uipbench.energy_convention import energy_corrections
from uipbench.errors import CalculationError, NotConvergedError
from uipbench.evaluation import evaluate, evaluate_roles
from uipbench.neb import Band, climbing_image_neb, evaluate_together, path_coordinates
from uipbench.outcome import Evaluated, Outcome, Predicted, Prediction, Protocol
from uipbench.relaxation import Relaxed, relax_cell, relax_positions
from uipbench.secondary import (
    Compared,
    SecondaryMetric,
    by_material,
    compared,
    mean_or_nan,
    mean_spearman,
    pairs_in_order,
    predicted_value,
    spearman,
)
from uipbench.task import Task
from uipbench.units import GPA, J_PER_M2

__all__ = [
    "GPA",
    "J_PER_M2",
    "Band",
    "CalculationError",
    "Case",
    "Compared",
    "Evaluated",
    "NotConvergedError",
    "Outcome",
    "Predicted",
    "Prediction",
    "Protocol",
    "Relaxed",
    "SecondaryMetric",
    "Task",
    "by_material",
    "climbing_image_neb",
    "compared",
    "energy_corrections",
    "evaluate",
    "evaluate_roles",
    "evaluate_together",
    "mean_or_nan",
    "mean_spearman",
    "pairs_in_order",
    "path_coordinates",
    "predicted_value",
    "relax_along_normal",
    "relax_cell",
    "relax_positions",
    "spearman",
]
