"""Errors and scores, from records and references alone; pure functions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uipbench.outcome import Outcome, Predicted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from uipbench.case import Case

    AbsoluteError = Callable[[Case, Mapping[str, float]], float | None]

_SUMS = ("n", "sum_abs", "sum_sq", "sum_model_dft", "sum_dft_sq")

LEAST_CASES = 3
"""Fewer cases have no skill: the median of one or two references is no guess to be measured by."""

LEAST_DFT_FORCE = 0.01
"""Root mean square of DFT force components (eV/Å) below which a slope would be that of noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Score of a model in one task and protocol.

    Attributes:
        mae: Mean absolute error over the predicted cases, or NaN.
        mean_signed_error: Mean of prediction − reference, or NaN.
        mape: Mean absolute error relative to the reference in percent, or NaN.
        coverage: Predicted cases / all cases.
        skill: 1 − (mean error, a failed or missing case counted with the trivial predictor's
            error) / (mean error of the trivial predictor), floored at 0; 1 is exact.
        force_mae: Mean absolute error of a force component in eV/Å, or NaN.
        softening_slope: Regression of model forces on DFT forces through the origin, or NaN.
        n_predicted: Predicted cases.
        n_failed: Failed cases.
        n_cases: All cases.
        seconds: Time of the model's evaluations.
        evaluations: Number of structures evaluated.
    """

    mae: float
    mean_signed_error: float
    mape: float
    coverage: float
    skill: float
    force_mae: float
    softening_slope: float
    n_predicted: int
    n_failed: int
    n_cases: int
    seconds: float
    evaluations: int


def force_sums(model: np.ndarray, dft: np.ndarray) -> dict[str, float]:
    """Sums over force components from which errors and slopes of any set of cases follow.

    Args:
        model: (n, 3) in eV/Å.
        dft: (n, 3) in eV/Å.
    """
    difference = model - dft
    values = (
        float(difference.size),
        float(np.abs(difference).sum()),
        float((difference**2).sum()),
        float((model * dft).sum()),
        float((dft**2).sum()),
    )
    return dict(zip(_SUMS, values, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceScore:
    """A model's forces beside those of DFT, at the DFT structures of any set of cases.

    Attributes:
        mae: Mean absolute error of a force component in eV/Å, or NaN.
        softening_slope: Regression of model forces on DFT forces through the origin; NaN where
            the DFT forces are noise (:data:`LEAST_DFT_FORCE`), as in relaxed crystals. Below 1
            the model's energy surface is too soft (Deng et al., npj Comput. Mater. (2025),
            doi:10.1038/s41524-024-01500-6).
        n_structures: Structures compared.
        n_components: Force components compared.
    """

    mae: float
    softening_slope: float
    n_structures: int
    n_components: int


def force_score(outcomes: Iterable[Outcome]) -> ForceScore:
    """Errors and slope over all structures of the outcomes, every component alike.

    Large forces decide the slope: a rigidly compressed interface weighs more than a relaxed slab.
    """
    return _force_score([sums for _, sums in _force_sums_of(outcomes)])


def kind_of_role(role: str) -> str:
    """The role without the numbers at its end.

    ``curve_0``, ``curve_1``, … of a binding curve are one kind, ``curve``; ``x0``, ``x1_2``, … of a
    voltage profile are ``x``.
    """
    return re.sub(r"[_0-9]+\Z", "", role)


def forces_by_kind(outcomes: Iterable[Outcome]) -> dict[str, ForceScore]:
    """:func:`force_score` of each kind of structure (:func:`kind_of_role`)."""
    groups: dict[str, list[Mapping[str, float]]] = {}
    for role, sums in _force_sums_of(outcomes):
        groups.setdefault(kind_of_role(role), []).append(sums)
    return {kind: _force_score(found) for kind, found in groups.items()}


def _force_sums_of(outcomes: Iterable[Outcome]) -> list[tuple[str, Mapping[str, float]]]:
    return [
        (role, sums)
        for outcome in outcomes
        if isinstance(outcome, Predicted)
        for role, sums in outcome.force_statistics.items()
    ]


def _force_score(found: Sequence[Mapping[str, float]]) -> ForceScore:
    total = {name: math.fsum(sums[name] for sums in found) for name in _SUMS}
    loud = total["sum_dft_sq"] > total["n"] * LEAST_DFT_FORCE**2
    return ForceScore(
        mae=_ratio(total["sum_abs"], total["n"]),
        softening_slope=_ratio(total["sum_model_dft"], total["sum_dft_sq"]) if loud else math.nan,
        n_structures=len(found),
        n_components=int(total["n"]),
    )


def trivial_prediction(references: Sequence[float]) -> float:
    """The trivial predictor: the median reference of the task's cases."""
    return float(np.median(np.asarray(references)))


def score(
    cases: Sequence[Case],
    outcomes: Mapping[str, Outcome],
    quantity: str,
    protocol: str,
    absolute_error: AbsoluteError | None = None,
) -> Score:
    """Score one task and protocol.

    Args:
        cases: Cases to be scored; those without the protocol are left out.
        outcomes: Outcome by case identifier; a missing one counts like a failure.
        quantity: Reference quantity that is scored.
        protocol: ``fixed`` or ``relaxed``.
        absolute_error: What ``mae`` and ``skill`` average, from a case and predicted values;
            None for the distance of the quantity to its reference.
    """
    distance = absolute_error or _distance_of(quantity)
    scored = [case for case in cases if protocol in case.protocols]
    references = [case.reference(quantity) for case in scored]
    if not references:
        return _empty()
    median = {quantity: trivial_prediction(references)}
    trivial = [distance(case, median) or 0.0 for case in scored]
    errors = [_error(outcomes.get(case.id), case, quantity) for case in scored]
    known = [(e, r) for e, r in zip(errors, references, strict=True) if e is not None]
    distances = [_distance(outcomes.get(case.id), case, distance) for case in scored]
    charged = [t if d is None else d for d, t in zip(distances, trivial, strict=True)]
    present = [outcomes[c.id] for c in scored if c.id in outcomes]
    forces = force_score(present)
    return Score(
        mae=_mean([d for d in distances if d is not None]),
        mean_signed_error=_mean([e for e, _ in known]),
        mape=_mean([100 * abs(e / r) for e, r in known if r != 0]),
        coverage=len(known) / len(scored),
        skill=skill(charged, trivial) if len(scored) >= LEAST_CASES else math.nan,
        force_mae=forces.mae,
        softening_slope=forces.softening_slope,
        n_predicted=len(known),
        n_failed=sum(not isinstance(o, Predicted) for o in present),
        n_cases=len(scored),
        seconds=sum(o.seconds for o in present),
        evaluations=sum(o.evaluations for o in present),
    )


def skill(errors: Sequence[float], trivial_errors: Sequence[float]) -> float:
    """1 − mean(errors) / mean(trivial errors), floored at 0."""
    scale = sum(trivial_errors)
    if scale == 0:
        return 1.0 if sum(errors) == 0 else 0.0
    return max(0.0, 1 - sum(errors) / scale)


def _error(outcome: Outcome | None, case: Case, quantity: str) -> float | None:
    if not isinstance(outcome, Predicted) or quantity not in outcome.values:
        return None
    return outcome.values[quantity] - case.reference(quantity)


def _distance_of(quantity: str) -> AbsoluteError:
    def distance(case: Case, values: Mapping[str, float]) -> float | None:
        return abs(values[quantity] - case.reference(quantity)) if quantity in values else None

    return distance


def _distance(outcome: Outcome | None, case: Case, distance: AbsoluteError) -> float | None:
    return distance(case, outcome.values) if isinstance(outcome, Predicted) else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


def _empty() -> Score:
    nan = math.nan
    return Score(
        mae=nan,
        mean_signed_error=nan,
        mape=nan,
        coverage=0.0,
        skill=0.0,
        force_mae=nan,
        softening_slope=nan,
        n_predicted=0,
        n_failed=0,
        n_cases=0,
        seconds=0.0,
        evaluations=0,
    )
