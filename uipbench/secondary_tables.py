"""What ``uipbench score`` shows beside the scores: secondary metrics, forces by structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from uipbench.console import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.metrics import ForceScore
    from uipbench.secondary import SecondaryMetric


def secondary_table(metrics: Mapping[str, Sequence[SecondaryMetric]]) -> Table | None:
    """Secondary metrics of a task, a row each, two columns a protocol; None without any.

    Args:
        metrics: Metrics by protocol.
    """
    found = {p: {m.name: m for m in of_protocol} for p, of_protocol in metrics.items()}
    rows = {m.name: m for of_protocol in metrics.values() for m in of_protocol}
    if not rows:
        return None
    table = Table(box=None)
    table.add_column("also")
    for protocol in found:
        table.add_column(protocol, justify="right")
        table.add_column("over")
    for name, metric in rows.items():
        cells = [_cells(of_protocol.get(name)) for of_protocol in found.values()]
        unit = f" ({metric.unit})" if metric.unit else ""
        table.add_row(metric.title + unit, *(cell for pair in cells for cell in pair))
    return table


def _cells(metric: SecondaryMetric | None) -> tuple[str, str]:
    if metric is None:
        return "", ""
    return number(metric.value), f"{metric.n_used}/{metric.n_possible} {metric.of}"


def force_table(rows: Mapping[str, ForceScore]) -> Table | None:
    """Forces at the DFT structures, a row a kind of structure; None where there are none."""
    if not any(row.n_structures for row in rows.values()):
        return None
    table = Table(box=None)
    table.add_column("forces (fixed)")
    for name in ("structures", "MAE (eV/Å)", "softening"):
        table.add_column(name, justify="right")
    for label, row in rows.items():
        slope = number(row.softening_slope, 2)
        table.add_row(label, str(row.n_structures), number(row.mae), slope)
    return table
