"""Forces and stress against differences of the energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from uipbench.conformance.probe import displaced
from uipbench.conformance.report import Finding, judge
from uipbench.errors import CalculationError
from uipbench.units import GPA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from uipbench.conformance.probe import Probe, Subject

STEP_A: Final = 0.01
STRAIN: Final = 0.005
FORCE_SHARE: Final = 0.005
FORCE_FLOOR: Final = 1e-3
STRESS_SHARE: Final = 0.01
STRESS_FLOOR: Final = 0.01 / GPA
APPROXIMATE_SHARE: Final = 0.2
"""For forces and stress that the card says are predicted directly, not as derivatives."""
_RATIO_TOLERANCE: Final = 0.03
_VOIGT: Final = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
_FORCE_CAUSES: Final = {
    -1.0: "the sign is reversed",
    0.529177: "the unit is eV/bohr, not eV/Å",
    0.0194469: "the unit is hartree/bohr, not eV/Å",
}
_STRESS_CAUSES: Final = {
    -1.0: "the sign is reversed",
    GPA: "the unit is GPa, not eV/Å³",
    -GPA: "GPa with the sign reversed",
    10 * GPA: "the unit is kbar, not eV/Å³",
    -10 * GPA: "kbar with the sign reversed",
}


def check_forces(subject: Subject) -> Finding:
    """Forces along two directions against a five-point difference of the energy.

    One direction is that of the forces themselves, so that a wrong size or sign cannot hide.
    """
    forces = subject.answer.forces
    size = float(np.linalg.norm(forces))
    directions = [_mixed(forces.shape)] + ([forces / size] if size else [])
    truth = [-_slope(subject, d) for d in directions]
    found = [float(np.sum(forces * d)) for d in directions]
    floor = FORCE_FLOOR + 2 * subject.noise / STEP_A
    return _compare(
        np.array(found),
        np.array(truth),
        bound=_share(subject, "forces", FORCE_SHARE) * size + floor,
        causes=_FORCE_CAUSES,
        scale=(1.0, "eV/Å", "eV/A"),
    )


def _slope(subject: Subject, direction: np.ndarray) -> float:
    """dE/ds along a direction of unit length, in eV/Å, from four energies."""
    energy = {
        n: subject.probe.ask(displaced(subject.atoms, n * STEP_A * direction)).energy
        for n in (-2, -1, 1, 2)
    }
    return (8 * (energy[1] - energy[-1]) - (energy[2] - energy[-2])) / (12 * STEP_A)


def _mixed(shape: tuple[int, ...]) -> np.ndarray:
    """A direction of unit length in which every component takes part."""
    direction = np.cos(1.3 * np.arange(np.prod(shape)) + 0.4).reshape(shape)
    return np.asarray(direction / np.linalg.norm(direction))


def check_stress(subject: Subject) -> Finding:
    """All six components against central differences of the energy under strain."""
    try:
        answer = subject.probe.ask(subject.atoms, stress=True)
    except CalculationError as error:
        return Finding(
            status="warning",
            measured=f"none: {str(error)[:200]}",
            limit="a stress; without it, cases that relax a cell fail",
        )
    assert answer.stress is not None  # noqa: S101  # the worker checks its shape
    volume = subject.atoms.get_volume()
    truth = np.array([_strain_slope(subject.probe, subject.atoms, ij) for ij in _VOIGT]) / volume
    size = float(np.linalg.norm(truth))
    floor = STRESS_FLOOR + 2 * subject.noise / (STRAIN * volume)
    return _compare(
        answer.stress,
        truth,
        bound=_share(subject, "stress", STRESS_SHARE) * size + floor,
        causes=_STRESS_CAUSES | {volume: "it is not divided by the volume"},
        scale=(GPA, "GPa", "GPa"),
    )


def _strain_slope(probe: Probe, atoms: Atoms, component: tuple[int, int]) -> float:
    """dE/dε of a symmetric strain in eV."""
    energies = []
    for sign in (-1, 1):
        strain = np.zeros((3, 3))
        strain[component] += sign * STRAIN / 2
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + strain + strain.T), scale_atoms=True)
        energies.append(probe.ask(strained).energy)
    return (energies[1] - energies[0]) / (2 * STRAIN)


def _share(subject: Subject, name: str, share: float) -> float:
    return APPROXIMATE_SHARE if name in subject.claims.model.approximate else share


def _compare(
    found: np.ndarray,
    truth: np.ndarray,
    *,
    bound: float,
    causes: Mapping[float, str],
    scale: tuple[float, str, str],
) -> Finding:
    factor, unit, ascii_unit = scale
    difference = float(np.abs(found - truth).max())
    square = float(truth @ truth)
    ratio = float(found @ truth) / square if square else float("nan")
    cause = next((text for r, text in causes.items() if _near(ratio, r)), "")
    status = judge(difference, bound)
    named = f": {cause}" if cause and status == "fail" else ""
    return Finding(
        status=status,
        measured=f"off by {factor * difference:.2g} {unit}, {ratio:.4g} times the slope{named}",
        limit=f"{factor * bound:.2g} {unit}",
        value=factor * difference,
        bound=factor * bound,
        unit=ascii_unit,
    )


def _near(ratio: float, expected: float) -> bool:
    return abs(ratio - expected) <= _RATIO_TOLERANCE * abs(expected)
