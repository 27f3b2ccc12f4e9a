"""Curves of a case, DFT and all models in one figure, read from the details of the records.

Two spellings of details make a curve, so that a task gets its figure without code here:

``<name>_<k>_<x>`` and ``<name>_<k>_<y>``, k = 0, 1, …
    Points of a line, such as ``image_3_coordinate`` and ``image_3_ev``. The first of the two that
    is called ``coordinate``, ``distance_a`` or ``content`` is x.
``<name>_x<a>_to_x<b>_<unit>``
    A step of a profile that is constant between the contents a and b, such as
    ``voltage_x0_to_x0.5_v``.

DFT's own curve comes from the energies of structures whose roles are ``image_<k>``, along the path;
otherwise from the case's details, and from ``reference_details(case)`` of the task.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uipbench.neb import path_coordinates
from uipbench.outcome import PROTOCOLS, Predicted
from uipbench.site import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from uipbench.case import Case
    from uipbench.site.records import Records
    from uipbench.task import Task

_POINT = re.compile(r"(?P<name>[a-z_]+?)_(?P<k>\d+)_(?P<what>[a-z][a-z0-9_]*)")
_STEP = re.compile(r"(?P<name>[a-z_]+?)_x(?P<a>[\d.]+)_to_x(?P<b>[\d.]+)_(?P<unit>[a-z0-9_]+)")
_ABSCISSAE = {
    "coordinate": "Path coordinate",
    "distance_a": "Distance, Å",
    "content": "Content",
}
_IMAGE = re.compile(r"image_\d+")
_LEAST_POINTS = 2


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a figure.

    Attributes:
        name: What the curve is of, such as ``image`` or ``voltage``.
        steps: Whether y is constant between neighbouring x.
        x_title: Title of the abscissa.
        y_title: Title of the ordinate.
        x: Rising values.
        y: As many values.
    """

    name: str
    steps: bool
    x_title: str
    y_title: str
    x: tuple[float, ...]
    y: tuple[float, ...]


def curves_of(details: Mapping[str, float]) -> list[Curve]:
    """All curves that details spell out."""
    return [*_lines(details), *_profiles(details)]


def _lines(details: Mapping[str, float]) -> Iterable[Curve]:
    found: dict[str, dict[int, dict[str, float]]] = {}
    for key, value in details.items():
        match = _POINT.fullmatch(key)
        if match:
            points = found.setdefault(match["name"], {})
            points.setdefault(int(match["k"]), {})[match["what"]] = value
    for name, points in found.items():
        kinds = {what for point in points.values() for what in point}
        x = next((what for what in _ABSCISSAE if what in kinds), None)
        y = sorted(kinds - {x})
        if x is None or not y or len(points) < _LEAST_POINTS:
            continue
        pairs = sorted((p[x], p[y[0]]) for p in points.values() if x in p and y[0] in p)
        yield Curve(name, False, _ABSCISSAE[x], _unit_title("Energy", f"_{y[0]}"), *_columns(pairs))


def _profiles(details: Mapping[str, float]) -> Iterable[Curve]:
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for key, value in details.items():
        match = _STEP.fullmatch(key)
        if match:
            step = (float(match["a"]), float(match["b"]), value)
            found.setdefault((match["name"], match["unit"]), []).append(step)
    for (name, unit), steps in found.items():
        title = _unit_title(text.words(name).capitalize(), f"_{unit}")
        x, y = _columns([(end, v) for a, b, v in sorted(steps) for end in (a, b)])
        yield Curve(name, True, "Ions per formula unit", title, x, y)


def _columns(pairs: list[tuple[float, float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(x for x, _ in pairs), tuple(y for _, y in pairs)


def _unit_title(word: str, key: str) -> str:
    unit = text.key_unit(f"x{key}")
    return f"{word}, {unit}" if unit else word


def reference_details(task: Task, case: Case) -> dict[str, float]:
    """Details of the reference itself."""
    return {**case.details, **task.reference_details(case)}


def path_curve(case: Case) -> dict[str, float]:
    """Details that DFT's energies of the structures ``image_<k>`` make, in eV from the first.

    The coordinate is the length of the path relative to the whole, from 0 to 1; nothing with fewer
    than two images.
    """
    roles = [role for role in case.structures if _IMAGE.fullmatch(role)]
    roles.sort(key=lambda role: int(role.removeprefix("image_")))
    if len(roles) < _LEAST_POINTS:
        return {}
    lengths = path_coordinates([case.atoms(role) for role in roles])
    first = case.structures[roles[0]].energy
    found = {f"{role}_ev": case.structures[role].energy - first for role in roles}
    whole = float(lengths[-1]) or 1.0
    coordinates = zip(roles, lengths, strict=True)
    return found | {f"{role}_coordinate": float(x) / whole for role, x in coordinates}


def case_figures(records: Records, task: Task, case: Case) -> list[dict[str, Any]]:
    """Figures of a case for the browser: a curve name each, DFT first, then the models."""
    figures: dict[str, dict[str, Any]] = {}
    for curve in curves_of(path_curve(case) | reference_details(task, case)):
        _add(figures, curve, {"id": "", "name": "DFT", "protocol": ""})
    for entry in records.entries:
        label = text.clean(text.clip(entry.card.title or entry.name, 40))
        for protocol in PROTOCOLS:
            outcome = entry.outcomes(task.name, protocol).get(case.id)
            if isinstance(outcome, Predicted):
                for curve in curves_of(outcome.details):
                    series = {"id": entry.name, "name": label, "protocol": protocol}
                    _add(figures, curve, series)
    return list(figures.values())


def _add(figures: dict[str, dict[str, Any]], curve: Curve, series: dict[str, str]) -> None:
    figure = figures.setdefault(
        curve.name,
        {
            "title": text.words(curve.name).capitalize(),
            "steps": curve.steps,
            "x": curve.x_title,
            "y": curve.y_title,
            "series": [],
        },
    )
    figure["series"].append({**series, "x": curve.x, "y": curve.y})


def material_figure(records: Records, task: Task, case: Case) -> dict[str, Any] | None:
    """Scored quantity of all cases of the case's material, DFT and models; None with one case."""
    scored = [c for c in task.cases() if task.quantity in c.references]
    family = [c for c in scored if c.material == case.material]
    if len(family) < _LEAST_POINTS:
        return None
    family.sort(key=lambda c: c.reference(task.quantity))
    series = [
        {
            "id": entry.name,
            "name": text.clean(text.clip(entry.card.title or entry.name, 40)),
            "protocol": protocol,
            "y": [_value(records, entry.name, task, c, protocol) for c in family],
        }
        for entry in records.entries
        for protocol in PROTOCOLS
    ]
    return {
        "y": f"{text.words(task.quantity).capitalize()}, {text.unit(task.unit)}",
        "cases": [text.clean(text.clip(c.title, 40)) for c in family],
        "pages": [f"{c.id}.html" for c in family],
        "reference": [c.reference(task.quantity) for c in family],
        "uncertainty": [c.references[task.quantity].uncertainty or 0.0 for c in family],
        "series": [s for s in series if any(v is not None for v in s["y"])],
    }


def _value(records: Records, name: str, task: Task, case: Case, protocol: str) -> float | None:
    entry = next(e for e in records.entries if e.name == name)
    outcome = entry.outcomes(task.name, "fixed" if protocol == "fixed" else "relaxed").get(case.id)
    return outcome.values.get(task.quantity) if isinstance(outcome, Predicted) else None
