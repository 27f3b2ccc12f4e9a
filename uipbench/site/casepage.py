"""The page of a case: reference, level of theory, all predictions, structures, files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from uipbench.outcome import PROTOCOLS
from uipbench.site.cards import xc_mismatch, xc_reasons
from uipbench.site.cells import Cell, CellMaker, cell_maker
from uipbench.site.curves import case_figures, material_figure
from uipbench.site.strip import Axis, make_axis
from uipbench.site.text import clean, clip, number
from uipbench.site.viewer import viewer_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.case import Case
    from uipbench.casefiles import Published, Quantity
    from uipbench.outcome import Protocol
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task


LEAST_MOMENT_MUB = 0.2
"""Smaller moments of atoms are left out of the page."""


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """A model's cells by protocol.

    Attributes:
        mismatch: The case's level of theory where the model's is another one, or nothing.
        reasons: What differs, in words.
    """

    entry: Entry
    cells: dict[Protocol, Cell]
    mismatch: str
    reasons: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityTable:
    """All predictions of one quantity, beside ours and published values.

    Attributes:
        name: Name of the quantity.
        scored: Whether it is the one that models are ranked by.
        axis: Axis of the dot strip.
        digits: Decimals of its numbers; none where all are whole and without a unit, as counts.
    """

    name: str
    scored: bool
    reference: Quantity
    published: tuple[Published, ...]
    rows: tuple[PredictionRow, ...]
    axis: Axis
    digits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureFacts:
    """What the page says about a structure; lengths in Å, angles in degrees, energies in eV.

    Attributes:
        moments: Those of atoms that have one, in µB, such as ``2 Fe ±3.6, 2 Fe ±4.2``.
    """

    role: str
    formula: str
    n_atoms: int
    lengths: tuple[float, ...]
    angles: tuple[float, ...]
    periodic: str
    energy: float
    max_force: float
    kpts: str
    moments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """Everything the page of a case shows."""

    task: Task
    case: Case
    tables: tuple[QuantityTable, ...]
    structures: tuple[StructureFacts, ...]
    plot: dict[str, Any]
    previous: Case | None
    following: Case | None


def case_pages(records: Records, task: Task) -> list[CasePage]:
    """The pages of all cases of a task."""
    cases = list(task.cases())
    make = cell_maker(task)
    neighbours = zip([None, *cases], cases, [*cases[1:], None], strict=False)
    return [
        CasePage(
            task=task,
            case=case,
            tables=_tables(records, make, case),
            structures=_structures(case),
            plot=_plot(records, task, case),
            previous=previous,
            following=following,
        )
        for previous, case, following in neighbours
    ]


def _plot(records: Records, task: Task, case: Case) -> dict[str, Any]:
    """What the figures and the viewer of the page are drawn from."""
    titles = [clean(clip(e.card.title or e.name, 40)) for e in records.entries]
    return {
        "models": [entry.name for entry in records.entries],
        "titles": titles,
        "figures": case_figures(records, task, case),
        "material": material_figure(records, task, case),
        "viewer": viewer_data(case),
    }


def _tables(records: Records, make: CellMaker, case: Case) -> tuple[QuantityTable, ...]:
    scored = make.task.quantity
    names = sorted(case.references, key=lambda name: name != scored)
    return tuple(_table(records, make, case, name) for name in names)


def _table(records: Records, make: CellMaker, case: Case, name: str) -> QuantityTable:
    rows = [_row(entry, make, case, name) for entry in records.entries]
    scored = name == make.task.quantity
    shown = [r for r in rows if scored or any(c.value is not None for c in r.cells.values())]
    reference = case.references[name]
    published = tuple(p for p in case.published if p.quantity == name and p.unit == reference.unit)
    values = _shown_values(reference, published, shown)
    counts = reference.unit == "1" and all(value.is_integer() for value in values)
    return QuantityTable(
        name=name,
        scored=scored,
        reference=reference,
        published=published,
        rows=tuple(shown),
        axis=make_axis(values),
        digits=0 if counts else 3,
    )


def _row(entry: Entry, make: CellMaker, case: Case, name: str) -> PredictionRow:
    cells = {protocol: make(entry, case, protocol, name) for protocol in reversed(PROTOCOLS)}
    xc = entry.card.xc
    return PredictionRow(entry, cells, xc_mismatch(xc, [case]), xc_reasons(xc, [case]))


def _shown_values(
    reference: Quantity, published: Sequence[Published], rows: Sequence[PredictionRow]
) -> list[float]:
    spread = reference.uncertainty or 0.0
    cells = [cell for row in rows for cell in row.cells.values()]
    return [
        reference.value - spread,
        reference.value + spread,
        *(p.value for p in published),
        *(cell.value for cell in cells if cell.value is not None),
    ]


def _structures(case: Case) -> tuple[StructureFacts, ...]:
    facts = []
    for role, structure in case.structures.items():
        atoms = structure.atoms
        cell = [float(x) for x in atoms.cell.cellpar()]
        forces = np.linalg.norm(structure.forces, axis=1)
        facts.append(
            StructureFacts(
                role=role,
                formula=str(atoms.get_chemical_formula("metal")),
                n_atoms=len(atoms),
                lengths=tuple(cell[:3]),
                angles=tuple(cell[3:]),
                periodic="".join(a for a, p in zip("abc", atoms.pbc, strict=True) if p),
                energy=structure.energy,
                max_force=float(forces.max(initial=0.0)),
                kpts=" × ".join(str(k) for k in case.theory.kpts.get(role, ())),
                moments=_moments(atoms.get_chemical_symbols(), structure.magmoms),
            )
        )
    return tuple(facts)


def _moments(symbols: Sequence[str], moments: np.ndarray | None) -> str:
    if moments is None:
        return ""
    signs: dict[tuple[str, str], list[bool]] = {}
    for symbol, moment in zip(symbols, moments, strict=True):
        if abs(moment) >= LEAST_MOMENT_MUB:
            signs.setdefault((symbol, number(abs(float(moment)), 1)), []).append(moment > 0)
    return ", ".join(
        f"{len(up)} {symbol} {'' if all(up) else '±' if any(up) else '−'}{size}"
        for (symbol, size), up in signs.items()
    )
