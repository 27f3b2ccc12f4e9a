"""Claims of the literature beside what the records say; a claim without data is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from uipbench.outcome import Predicted
from uipbench.resampling import LEAST_MATERIALS, interval, multiplicities
from uipbench.site.rows import View, compute_board
from uipbench.site.text import number, signed, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from uipbench.site.records import Entry, Records
    from uipbench.site.tables import Tables, TaskTable


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one model says about a claim.

    Attributes:
        shown: The number, as people read it.
        agrees: True, False, or None where the cases do not decide.
    """

    entry: Entry
    shown: str
    agrees: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A claim with its source and the evidence.

    Attributes:
        measure: What is shown for each model, and when it agrees.
        task: Name of the task the numbers are of, or nothing.
    """

    claim: str
    source: str
    doi: str
    measure: str
    task: str
    evidence: tuple[Evidence, ...]

    @property
    def verdict(self) -> str:
        """How many models agree."""
        agree = sum(e.agrees is True for e in self.evidence)
        against = sum(e.agrees is False for e in self.evidence)
        open_ = len(self.evidence) - agree - against
        parts = [f"{agree} of {len(self.evidence)} models agree"]
        if against:
            parts.append(f"{against} against")
        if open_:
            parts.append(f"{open_} not decided by these cases")
        return ", ".join(parts)


def findings(records: Records, tables: Tables) -> list[Finding]:
    """All claims for which there are numbers."""
    makers: tuple[Callable[[Records, Tables], Finding | None], ...] = (
        _surfaces_too_low,
        _too_soft,
        _barriers_too_low,
        _iron_phosphate,
    )
    found = (make(records, tables) for make in makers)
    return [finding for finding in found if finding is not None and finding.evidence]


def _surfaces_too_low(records: Records, tables: Tables) -> Finding | None:
    return _signed_errors(
        records,
        tables,
        task="surface_energy",
        claim="Out of the box, universal potentials predict elemental surface energies only "
        "modestly.",
        source=("Focassio et al. 2025", "10.1021/acsami.4c03815"),
        below=False,
    )


def _barriers_too_low(records: Records, tables: Tables) -> Finding | None:
    return _signed_errors(
        records,
        tables,
        task="li_migration",
        claim="M3GNet underpredicts activation energies of lithium by about 150 meV.",
        source=("Guo et al. 2024", "10.1039/D4TA00721B"),
        below=True,
    )


def _signed_errors(  # noqa: PLR0913 - a claim has these parts
    records: Records,
    tables: Tables,
    *,
    task: str,
    claim: str,
    source: tuple[str, str],
    below: bool,
) -> Finding | None:
    """Mean signed errors with their intervals over materials.

    An interval without zero agrees; one above zero is against where ``below``.
    """
    table = tables.get((task, "relaxed"))
    if table is None or not table.ran.any():
        return None
    models = [(m, e) for m, e in enumerate(records.entries) if table.ran[m]]
    found = (_signed_error(table, m, entry, below=below) for m, entry in models)
    rule = "below zero agrees, above is against" if below else "without zero is a systematic error"
    return Finding(
        claim=claim,
        source=source[0],
        doi=source[1],
        task=task,
        measure=f"Mean signed error with its 95 % interval over materials, "
        f"{unit(table.task.unit)}, relaxed; an interval {rule}.",
        evidence=tuple(e for e in found if e is not None),
    )


def _signed_error(table: TaskTable, model: int, entry: Entry, *, below: bool) -> Evidence | None:
    known = ~np.isnan(table.signed[model])
    if not known.any():
        return None
    errors = table.signed[model, known]
    materials = [table.cases[i].material for i in np.flatnonzero(known)]
    names = sorted(set(materials))
    shown = signed(float(errors.mean()))
    if len(names) < LEAST_MATERIALS:
        return Evidence(entry, shown, None)
    counts = multiplicities(names)[:, [names.index(n) for n in materials]]
    with np.errstate(invalid="ignore"):
        low, high = interval((counts @ errors) / counts.sum(axis=1))
    agrees = True if high < 0 else not below if low > 0 else None
    return Evidence(entry, f"{shown} ({signed(low)} … {signed(high)})", agrees)


def _too_soft(records: Records, tables: Tables) -> Finding | None:
    if not tables:
        return None
    rows = compute_board(tables, View(protocol="fixed")).rows
    found = [
        Evidence(entry, number(row.softening_slope, 2), row.softening_slope < 1)
        for entry, row in zip(records.entries, rows, strict=True)
        if not math.isnan(row.softening_slope)
    ]
    return Finding(
        claim="Universal potentials are systematically too soft away from equilibrium.",
        source="Deng et al. 2025",
        doi="10.1038/s41524-024-01500-6",
        task="",
        measure="Softening slope: model forces against DFT forces over all structures of all "
        "tasks; below 1 agrees.",
        evidence=tuple(found),
    )


def _iron_phosphate(records: Records, tables: Tables) -> Finding | None:
    """Phases between FePO4 and LiFePO4, and the voltage."""
    table = tables.get(("voltage_profile", "relaxed"))
    if table is None:
        return None
    hosts = [case for case in table.cases if {"Fe", "P", "O"} <= set(case.elements)]
    found = []
    for case in hosts:
        for entry in records.entries:
            outcome = entry.outcomes("voltage_profile", "relaxed").get(case.id)
            if not isinstance(outcome, Predicted) or "stable_intermediates" not in outcome.values:
                continue
            phases = outcome.values["stable_intermediates"]
            error = outcome.values[table.task.quantity] - case.reference(table.task.quantity)
            shown = f"{phases:.0f} phases between, {signed(error, 2)} V"
            found.append(Evidence(entry, shown, phases > 0 and error < 0))
    return Finding(
        claim="CHGNet and M3GNet make LiFePO4 a solid solution with too low a voltage, where "
        "experiment and DFT+U have two phases.",
        source="Kwon and Kim 2024",
        doi="10.1039/D4TA03452J",
        task="voltage_profile",
        measure="Stable intermediate contents on the model’s hull, and the error of its average "
        "voltage, relaxed; phases between and a voltage too low agree.",
        evidence=tuple(found),
    )
