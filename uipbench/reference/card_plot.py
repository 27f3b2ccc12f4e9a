"""The plot of a data card: ours against published values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uipbench.errors import ReferenceEngineError
from uipbench.reference.card_tables import UNITS, difference, quantities
from uipbench.reference.catalogue import published_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from uipbench.casefiles import CaseFile

INCHES = 5.0


def compared_quantities(files: Sequence[CaseFile]) -> list[str]:
    """Quantities of which a case has a published value in the same unit."""
    return [
        name
        for name in quantities(files)
        if any(difference(file, name) is not None for file in files)
    ]


def write_plot(files: Sequence[CaseFile], path: Path) -> None:
    """A panel a quantity, a point a case; the same files give the same bytes.

    Args:
        files: At least one of them has a published value.
        path: The SVG file.

    Raises:
        ReferenceEngineError: matplotlib is not installed, or there is nothing to compare.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        msg = "the plot of the card needs matplotlib: pip install 'uipbench[dft]'"
        raise ReferenceEngineError(msg) from error
    from matplotlib.figure import Figure

    names = compared_quantities(files)
    if not names:
        msg = "no case has a published value: there is nothing to plot"
        raise ReferenceEngineError(msg)
    with mpl.rc_context({"svg.hashsalt": "uipbench", "svg.fonttype": "none"}):
        figure = Figure(figsize=(INCHES * len(names), INCHES), layout="constrained")
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            _draw(axes, files, name)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "uipbench"})


def _draw(axes: Any, files: Sequence[CaseFile], name: str) -> None:  # noqa: ANN401 - matplotlib
    shown = [file for file in files if difference(file, name) is not None]
    for material in sorted({file.material for file in shown}):
        own = [file for file in shown if file.material == material]
        x = [(published_value(file, name) or (0.0,))[0] for file in own]
        ours = [file.references[name] for file in own]
        errors = [quantity.uncertainty or 0.0 for quantity in ours]
        axes.errorbar(x, [q.value for q in ours], yerr=errors, fmt="o", ms=4, label=material)
    unit = quantities(shown)[name]
    label = f"({UNITS.get(unit, unit)})"
    axes.axline((0, 0), slope=1, color="0.6", lw=1, zorder=0)
    axes.set(xlabel=f"published {name.replace('_', ' ')} {label}", ylabel=f"ours {label}")
    axes.legend()
