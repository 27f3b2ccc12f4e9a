"""Errors and scores, from records and references alone; pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uipbench.outcome import Outcome, Predicted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from uipbench.case import Case

    AbsoluteError = Callable[[Case, Mapping[str, float]], float | None]

_SUMS = ("n", "sum_abs", "sum_sq", "sum_model_dft", "sum_dft_sq")


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
    present = [outcomes[c.id] for c in scored if c.id in outcomes]
    distances = [_distance(outcomes.get(case.id), case, distance) for case in scored]
    charged = [t if d is None else d for d, t in zip(distances, trivial, strict=True)]
    sums = _total_sums(present)
    return Score(
        mae=_mean([d for d in distances if d is not None]),
        mean_signed_error=_mean([e for e, _ in known]),
        mape=_mean([100 * abs(e / r) for e, r in known if r != 0]),
        coverage=len(known) / len(scored),
        skill=skill(charged, trivial),
        force_mae=_ratio(sums["sum_abs"], sums["n"]),
        softening_slope=_ratio(sums["sum_model_dft"], sums["sum_dft_sq"]),
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


def _total_sums(outcomes: Sequence[Outcome]) -> dict[str, float]:
    total = dict.fromkeys(_SUMS, 0.0)
    for outcome in outcomes:
        if isinstance(outcome, Predicted):
            for sums in outcome.force_statistics.values():
                for name in _SUMS:
                    total[name] += sums[name]
    return total


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
