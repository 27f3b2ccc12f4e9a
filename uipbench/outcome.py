"""What came of one case in one protocol: ``Predicted`` or ``Failed``; never ``None``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

Protocol = Literal["fixed", "relaxed"]
PROTOCOLS: tuple[Protocol, ...] = ("fixed", "relaxed")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The model's energy and forces of one structure of the case, at the DFT geometry.

    Attributes:
        energy: eV.
        forces: (n, 3) in eV/Å.
    """

    energy: float
    forces: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a task's ``predict`` returns.

    Attributes:
        values: Predicted quantities by name, in the units of the case's references.
        evaluated: Evaluations at DFT geometries by role (``fixed`` protocol), from which force
            errors and the softening slope follow.
        details: Further numbers worth keeping, such as steps and residual forces.
    """

    values: Mapping[str, float]
    evaluated: Mapping[str, Evaluated] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """A case that has a number.

    Attributes:
        values: Predicted quantities by name.
        force_statistics: Sums from which force errors follow, by role; see
            :func:`uipbench.metrics.force_sums`.
        details: Further numbers worth keeping.
        seconds: Time the model's evaluations took.
        evaluations: Number of structures evaluated.
    """

    values: Mapping[str, float]
    force_statistics: Mapping[str, Mapping[str, float]]
    details: Mapping[str, float]
    seconds: float
    evaluations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A case without a number, and why.

    Attributes:
        kind: Such as ``not_converged``, ``worker_crashed``; see :mod:`uipbench.errors`.
        message: One line.
        seconds: Time the model's evaluations took.
        evaluations: Number of structures evaluated.
    """

    kind: str
    message: str
    seconds: float = 0.0
    evaluations: int = 0


Outcome = Predicted | Failed
