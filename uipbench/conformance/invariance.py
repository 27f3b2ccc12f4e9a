"""The same structure, written or asked for in another way, has the same energy and forces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from uipbench.conformance.probe import displaced
from uipbench.conformance.report import Finding, judge
from uipbench.conformance.structures import element_crystal

if TYPE_CHECKING:
    from ase import Atoms

    from uipbench.conformance.probe import Subject
    from uipbench.worker_process import Evaluation

ENERGY_LIMIT: Final = 1e-4
"""eV/atom."""
FORCE_LIMIT: Final = 2e-3
"""eV/Å."""
APPROXIMATE_FACTOR: Final = 100.0
"""For an invariance that the card says is learnt, not built in: 10 meV/atom, 0.2 eV/Å."""
_ANGLE, _AXIS = 37.0, (1, 2, 3)


def check_translation(subject: Subject) -> Finding:
    """All atoms moved by a part of the cell, and single atoms by whole lattice vectors."""
    atoms = subject.atoms
    lattice = np.array([[1, 0, 0], [0, -2, 0], [0, 0, 1], [-1, 1, 0]]) @ atoms.cell.array
    moved = [displaced(atoms, np.array([0.37, -1.21, 2.11])), displaced(atoms, lattice)]
    deviations = [_deviation(subject.probe.ask(m), subject.answer) for m in moved]
    return _finding(_worst(deviations))


def check_rotation(subject: Subject) -> Finding:
    """Cell and atoms turned by 37° about [123]; the forces turn with them."""
    turned = subject.atoms.copy()
    turned.rotate(_ANGLE, _AXIS, rotate_cell=True)
    matrix = np.linalg.solve(subject.atoms.cell.array, turned.cell.array)
    answer = subject.probe.ask(turned)
    expected = subject.answer.forces @ matrix
    deviation = _difference(answer, subject.answer.energy, expected)
    learnt = "rotation" in subject.claims.model.approximate
    return _finding(deviation, factor=APPROXIMATE_FACTOR if learnt else 1.0)


def check_permutation(subject: Subject) -> Finding:
    """Atoms in another order."""
    order = [2, 0, 3, 1]
    answer = subject.probe.ask(subject.atoms[order])
    return _finding(_difference(answer, subject.answer.energy, subject.answer.forces[order]))


def check_supercell(subject: Subject) -> Finding:
    """Twice the cell has twice the energy, and the same forces."""
    answer = subject.probe.ask(subject.atoms.repeat((2, 1, 1)))
    forces = np.concatenate([subject.answer.forces] * 2)
    return _finding(_difference(answer, 2 * subject.answer.energy, forces))


def check_batch(subject: Subject) -> Finding:
    """Three structures in one request against each on its own."""
    structures: list[Atoms] = [
        element_crystal(subject.elements[0]),
        subject.atoms,
        subject.atoms.repeat((1, 2, 1)),
    ]
    alone = [subject.probe.ask(atoms) for atoms in structures]
    together = subject.probe.ask_together(structures)
    deviations = [_deviation(a, b) for a, b in zip(together, alone, strict=True)]
    offers = "batch evaluator" if subject.claims.model.has_batch else "no batch evaluator"
    return _finding(_worst(deviations), note=f" ({offers})")


def check_determinism(subject: Subject) -> Finding:
    """The same structure again, after all the others."""
    again = subject.probe.ask(subject.atoms)
    deviation = _deviation(again, subject.answer)
    return _finding(deviation, note="" if any(deviation) else " (the same to the bit)")


def check_input(subject: Subject) -> Finding:
    """Atoms outside their cell, which some packages wrap in place."""
    lattice = subject.atoms.cell.array
    outside = displaced(subject.atoms, np.array([[1, 0, 0], [0, -1, 0]] * 2) @ lattice)
    changed = subject.probe.ask(outside, watch=True).changed
    return Finding(
        status="fail" if changed else "pass",
        measured=f"changes {', '.join(changed)}" if changed else "nothing changed",
        limit="nothing",
    )


def _deviation(answer: Evaluation, expected: Evaluation) -> tuple[float, float]:
    return _difference(answer, expected.energy, expected.forces)


def _difference(answer: Evaluation, energy: float, forces: np.ndarray) -> tuple[float, float]:
    """Differences in eV/atom and eV/Å."""
    per_atom = abs(answer.energy - energy) / len(forces)
    return per_atom, float(np.abs(answer.forces - forces).max())


def _worst(deviations: list[tuple[float, float]]) -> tuple[float, float]:
    return max(e for e, _ in deviations), max(f for _, f in deviations)


def _finding(deviation: tuple[float, float], *, factor: float = 1.0, note: str = "") -> Finding:
    energy, force = deviation
    value = max(energy / ENERGY_LIMIT, force / FORCE_LIMIT)
    return Finding(
        status=judge(value, factor),
        measured=f"{1e3 * energy:.2g} meV/atom, {1e3 * force:.2g} meV/Å{note}",
        limit=f"{1e3 * ENERGY_LIMIT * factor:.2g} meV/atom, {1e3 * FORCE_LIMIT * factor:.2g} meV/Å",
        value=value,
        bound=factor,
        unit="limit",
    )
