"""Is it the model of the card: weights, known energies, precision, elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from ase.data import chemical_symbols

from uipbench.conformance.report import Finding, judge
from uipbench.conformance.structures import element_crystal, golden_structure
from uipbench.errors import CalculationError

if TYPE_CHECKING:
    from uipbench.conformance.probe import Probe, Subject
    from uipbench.conformance.report import Status

GOLDEN_LIMIT: Final = 1e-3
"""eV/atom."""
DOUBLE_LIMIT: Final = 1e-9
"""Scatter in eV that double precision cannot reach, and single cannot stay below."""
SINGLE_SHARE: Final = 2e-6
"""Scatter of single precision relative to the energy: 30 roundings."""


def check_golden(subject: Subject) -> Finding:
    """Energies that the card states."""
    golden = subject.claims.model.golden
    if subject.claims.own_weights or not golden:
        measured = (
            "own weights, not compared" if subject.claims.own_weights else "not stated in the card"
        )
        return Finding(status="unknown", measured=measured, limit="")
    differences = [
        (golden_energy(subject.probe, g.structure) - g.energy_per_atom, g.structure) for g in golden
    ]
    worst, name = max(differences, key=lambda pair: abs(pair[0]))
    return Finding(
        status=judge(abs(worst), GOLDEN_LIMIT),
        measured=f"{len(golden)} structures, {1e3 * worst:+.2g} meV/atom at most ({name})",
        limit=f"{1e3 * GOLDEN_LIMIT:g} meV/atom",
        value=abs(worst),
        bound=GOLDEN_LIMIT,
        unit="eV/atom",
    )


def golden_energy(probe: Probe, name: str) -> float:
    """Energy in eV/atom of a golden structure.

    Raises:
        CaseError: The model's error, or the worker's.
        RegistryError: No such structure.
    """
    atoms = golden_structure(name)
    return probe.ask(atoms).energy / len(atoms)


def check_precision(subject: Subject) -> Finding:
    """Scatter of the energy against what the stated precision allows."""
    stated, noise = subject.probe.stated_dtype, subject.noise
    single = SINGLE_SHARE * max(1.0, abs(subject.answer.energy))
    bound = {"float64": DOUBLE_LIMIT, "float32": single}.get(stated)
    levels = {"float64": DOUBLE_LIMIT, "float32": single, "half precision": math.inf}
    like = next(name for name, most in levels.items() if noise <= most)
    if bound is None:
        measured = f"not stated; energy scatters by {noise:.1e} eV, as {like} does"
        return Finding(status="unknown", measured=measured, limit="", value=noise, unit="eV")
    return Finding(
        status=judge(noise, bound),
        measured=f"says {stated}; energy scatters by {noise:.1e} eV, as {like} does",
        limit=f"{bound:.1e} eV",
        value=noise,
        bound=bound,
        unit="eV",
    )


def check_elements(subject: Subject) -> Finding:
    """Every element of the benchmark's cases that the card lists gives an answer."""
    card = subject.claims.model.card.elements
    needed = [e for e in subject.claims.case_elements if e in card or not card]
    raising = [e for e in needed if not _answers(subject.probe, e)]
    listed = "" if card else ", the card states none"
    text = f"{len(needed) - len(raising)} of {len(needed)} elements of the cases answer{listed}"
    if len(needed) < len(subject.claims.case_elements):
        text += f"; {len(subject.claims.case_elements) - len(needed)} others are not in the card"
    if raising:
        text += f"; none for {', '.join(raising)}"
    found: Status = "fail" if raising else "pass"
    status: Status = found if card else "unknown"
    return Finding(status=status, measured=text, limit="all that the card lists")


def check_unlisted(subject: Subject) -> Finding:
    """An element that the card does not list is refused."""
    card = subject.claims.model.card.elements
    others = [*subject.claims.case_elements, *chemical_symbols[1:]]
    unlisted = next((e for e in others if e not in card), None)
    if not card or unlisted is None:
        return Finding(status="unknown", measured="the card states no limits", limit="")
    answered = _answers(subject.probe, unlisted)
    return Finding(
        status="fail" if answered else "pass",
        measured=f"{'answers silently for' if answered else 'refuses'} {unlisted}",
        limit="an error",
    )


def _answers(probe: Probe, element: str) -> bool:
    try:
        probe.ask(element_crystal(element))
    except CalculationError:
        return False
    return True
