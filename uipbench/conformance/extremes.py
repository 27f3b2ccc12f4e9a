"""Far from crystals: an atom alone, and two atoms from contact to infinity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from uipbench.conformance.report import Finding, judge
from uipbench.conformance.structures import bond_length, dimer, isolated_atom

if TYPE_CHECKING:
    from uipbench.conformance.probe import Subject

ISOLATED_LIMIT: Final = 1e-3
"""eV and eV/Å."""
JUMP_LIMIT: Final = 0.1
"""eV in one step of a dimer's curve, beyond what the forces explain."""
_EDGES: Final = (12.0, 15.0)
_STEP: Final = 0.1
_CONTACT: Final = 0.7
_NEAR: Final = 0.9
_FAR: Final = 7.0


def check_isolated(subject: Subject) -> Finding:
    """An atom in two boxes: no force on it, and no difference between the boxes."""
    element = subject.elements[0]
    small, large = (subject.probe.ask(isolated_atom(element, edge)) for edge in _EDGES)
    difference = abs(small.energy - large.energy)
    force = float(np.abs([small.forces, large.forces]).max())
    return Finding(
        status=judge(max(difference, force), ISOLATED_LIMIT),
        measured=(
            f"{element}: {large.energy:.3f} eV, force {1e3 * force:.2g} meV/Å, "
            f"boxes differ by {1e3 * difference:.2g} meV"
        ),
        limit=f"{1e3 * ISOLATED_LIMIT:g} meV/Å, {1e3 * ISOLATED_LIMIT:g} meV",
        value=max(difference, force),
        bound=ISOLATED_LIMIT,
        unit="eV",
    )


def check_dimer(subject: Subject) -> Finding:
    """A dimer's energy changes as its forces say, and close atoms repel.

    The change over two steps of 0.1 Å is compared with Simpson's rule on the forces.
    """
    elements = subject.elements
    bond = bond_length(elements)
    contact = subject.probe.ask(dimer(elements, _CONTACT * bond)).forces[1, 2]
    distances = np.arange(_NEAR * bond, _FAR, _STEP)
    answers = [subject.probe.ask(dimer(elements, float(r))) for r in distances]
    energy = np.array([a.energy for a in answers])
    force = np.array([a.forces[1, 2] for a in answers])
    work = _STEP / 3 * (force[:-2] + 4 * force[1:-1] + force[2:])
    jumps = np.abs(energy[2:] - energy[:-2] + work)
    worst = int(jumps.argmax())
    repels = bool(contact > 0)
    return Finding(
        status=judge(float(jumps[worst]), JUMP_LIMIT) if repels else "fail",
        measured=(
            f"{elements[0]}-{elements[-1]}: {1e3 * jumps[worst]:.2g} meV unexplained by forces at "
            f"{distances[worst + 1]:.1f} Å, {'repels' if repels else 'attracts'} at contact"
        ),
        limit=f"{1e3 * JUMP_LIMIT:g} meV, repels",
        value=float(jumps[worst]),
        bound=JUMP_LIMIT,
        unit="eV",
    )
