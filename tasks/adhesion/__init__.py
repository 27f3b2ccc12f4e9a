"""Work of adhesion, equilibrium distance and theoretical strength of coherent interfaces.

W_ad = (E_A + E_B − E_AB) / A, positive where the slabs A and B bind; A is the substrate, B the film
on top of it. All three are in the DFT in-plane cell of the interface: the substrate's own, to which
the film is strained (tags ``mismatch_a``, ``mismatch_b``, ``strained_side``). The cell is never
relaxed, so that the film's strain energy cancels.

The binding curve moves the two relaxed slabs, each rigid, apart along the normal (Rose, Ferrante,
Smith, Phys. Rev. Lett. 47, 675 (1981), doi:10.1103/PhysRevLett.47.675). Its distance is that
between the highest atom of A and the lowest of B; its minimum is the equilibrium distance, its
steepest rise the largest traction, also called theoretical strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from uipbench.kit import (
    J_PER_M2,
    CalculationError,
    Case,
    Prediction,
    Protocol,
    Task,
    evaluate,
    evaluate_roles,
    relax_positions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ase import Atoms
    from ase.calculators.calculator import Calculator

FMAX = 0.01
"""Force limit of the model's relaxations in eV/Å."""

EV_PER_NM2 = 100 / J_PER_M2
"""1 J/m² in eV/nm² (6.2415)."""

LEAST_POINTS = 6
"""Separations that a binding curve needs."""

FIRST_CURVE_ROLE = "curve_0"
FINE_STEP_A = 0.1
"""Separations this far from the model's minimum are added to its curve."""

SAME_DISTANCE_A = 0.02
"""Closer points would turn the noise of their energies into slopes."""

SEARCH_STEP_A = 0.2
SEARCH_STEPS = 4
"""A minimum outside the DFT separations is looked for this many steps below them."""


class Adhesion(Task):
    """Work of adhesion in the ``fixed`` and ``relaxed`` protocols."""

    name: ClassVar[str] = "adhesion"
    title: ClassVar[str] = "Adhesion"
    summary: ClassVar[str] = (
        "The energy it costs to pull two crystals apart along their interface, per area. "
        "It decides whether lithium wets its electrolyte, and whether a coating stays on a cathode "
        "that breathes."
    )
    quantity: ClassVar[str] = "work_of_adhesion"
    unit: ClassVar[str] = "J/m^2"
    primary_metric: ClassVar[str] = "mae"
    citation: ClassVar[str] = (
        "Rose, Ferrante and Smith, Phys. Rev. Lett. 47, 675 (1981), doi:10.1103/PhysRevLett.47.675"
    )
    version: ClassVar[int] = 1

    def predict(self, case: Case, calculator: Calculator, protocol: Protocol) -> Prediction:
        """W_ad in J/m², equilibrium distance in Å, largest traction in GPa.

        ``fixed``: energies at the DFT structures; also ``curve_rmse``, the root mean square
        deviation of the binding curve from DFT in J/m².

        ``relaxed``: the slabs and the interface are relaxed with the model in the DFT in-plane
        cell, and the model's own slabs are moved rigidly to find the minimum of its curve.

        Distance and traction are left out where the model's curve has no minimum: its slabs repel
        each other, which W_ad says already.

        Raises:
            NotConvergedError: A relaxation did not reach its limit.
            CalculationError: The structures of the case do not make an interface.
        """
        _check(case)
        if protocol == "fixed":
            return _fixed(case, calculator)
        return _relaxed(case, calculator)

    def reference_details(self, case: Case) -> dict[str, float]:
        """DFT's binding curve."""
        energies = {role: s.energy for role, s in case.structures.items()}
        return _points(_distances(case), _curve(energies, in_plane_area(case.atoms("interface"))))


@dataclass(frozen=True, slots=True)
class CurveMinimum:
    """What a binding curve says.

    Attributes:
        distance: Equilibrium distance in Å.
        energy: Energy there in J/m²; minus the work of separation of the rigid slabs.
        largest_traction: Largest slope behind the minimum in GPa.
    """

    distance: float
    energy: float
    largest_traction: float


def in_plane_area(atoms: Atoms) -> float:
    """Area of the cell normal to its third vector's plane in Å²."""
    return float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))


def work_of_adhesion(area: float, slab_a: float, slab_b: float, interface: float) -> float:
    """W_ad = (E_A + E_B − E_AB) / A in J/m², from Å² and eV."""
    return (slab_a + slab_b - interface) / area * J_PER_M2


def joined(slab_a: Atoms, slab_b: Atoms, distance: float) -> Atoms:
    """A with B on top, at ``distance`` Å between highest and lowest atom; in-plane as they are."""
    upper = slab_b.copy()
    top, bottom = slab_a.positions[:, 2].max(), slab_b.positions[:, 2].min()
    upper.positions[:, 2] += top + distance - bottom
    both: Atoms = slab_a.copy() + upper
    return both


def separation(interface: Atoms, atoms_of_a: int) -> float:
    """Distance along z from the highest of the first ``atoms_of_a`` atoms to the lowest other."""
    z = interface.positions[:, 2]
    return float(z[atoms_of_a:].min() - z[:atoms_of_a].max())


def curve_roles(roles: Sequence[str]) -> list[str]:
    """The roles ``curve_0``, ``curve_1``, … in their order."""
    found = [role for role in roles if role.startswith("curve_")]
    return sorted(found, key=lambda role: int(role.removeprefix("curve_")))


def curve_minimum(distances: np.ndarray, energies: np.ndarray) -> CurveMinimum | None:
    """Minimum and largest traction of a binding curve, from a cubic spline through its points.

    The spline is within 1 % of the traction and 0.003 Å of the distance for universal binding
    curves with the separations of the references; a fit of the universal form itself would be off
    by up to 25 % where the curve is not universal.

    Args:
        distances: (n,) in Å, increasing.
        energies: (n,) in J/m².

    Returns:
        None where the lowest point is the first or the last one.
    """
    from scipy.interpolate import CubicSpline

    lowest = int(np.argmin(energies))
    if lowest in {0, len(energies) - 1}:
        return None
    spline = CubicSpline(distances, energies)
    grid = np.linspace(distances[lowest - 1], distances[-1], 4001)
    inside = grid <= distances[lowest + 1]
    best = int(np.argmin(spline(grid[inside])))
    slope = spline(grid[best:], 1).max()
    return CurveMinimum(float(grid[best]), float(spline(grid[best])), float(slope * 10))


def _check(case: Case) -> None:
    """Raise what is wrong with the structures of the case, before the model is asked."""
    missing = {"slab_a", "slab_b", "interface", FIRST_CURVE_ROLE} - set(case.structures)
    if missing:
        msg = f"{case.id}: no structure with role {', '.join(sorted(missing))}"
        raise CalculationError(msg)
    curve = curve_roles(list(case.structures))
    if len(curve) < LEAST_POINTS:
        msg = f"{case.id}: {len(curve)} separations, a binding curve needs {LEAST_POINTS}"
        raise CalculationError(msg)
    slab_a, slab_b = case.atoms("slab_a"), case.atoms("slab_b")
    numbers = np.concatenate([slab_a.numbers, slab_b.numbers])
    for role in ("interface", *curve):
        atoms = case.atoms(role)
        if not np.array_equal(atoms.numbers, numbers):
            msg = f"{case.id}: the atoms of {role} are not those of slab_a followed by slab_b"
            raise CalculationError(msg)
        if not np.allclose([slab_a.cell[:2], slab_b.cell[:2]], atoms.cell[:2], atol=1e-5):
            msg = f"{case.id}: slab_a, slab_b and {role} have different in-plane cells"
            raise CalculationError(msg)


def _fixed(case: Case, calculator: Calculator) -> Prediction:
    evaluated = evaluate_roles(case, calculator)
    area = in_plane_area(case.atoms("interface"))
    model = {role: e.energy for role, e in evaluated.items()}
    dft = {role: s.energy for role, s in case.structures.items()}
    curve = _curve(model, area)
    work = work_of_adhesion(area, model["slab_a"], model["slab_b"], model["interface"])
    rmse = float(np.sqrt(np.mean((curve - _curve(dft, area)) ** 2)))
    distances = _distances(case)
    found = curve_minimum(distances, curve)
    values = {"work_of_adhesion": work, "curve_rmse": rmse} | _quantities(found)
    details = _per_nm2(work) | _points(distances, curve)
    return Prediction(values=values, evaluated=evaluated, details=details)


def _distances(case: Case) -> np.ndarray:
    """Separations of the case's curve in Å."""
    atoms_of_a = len(case.atoms("slab_a"))
    roles = curve_roles(list(case.structures))
    return np.array([separation(case.atoms(role), atoms_of_a) for role in roles])


def _points(distances: np.ndarray, energies: np.ndarray) -> dict[str, float]:
    """A binding curve (Å, J/m²) as details."""
    details = {}
    for i, (distance, energy) in enumerate(zip(distances, energies, strict=True)):
        details[f"curve_{i}_distance_a"] = float(distance)
        details[f"curve_{i}_j_per_m2"] = float(energy)
    return details


def _curve(energies: dict[str, float], area: float) -> np.ndarray:
    """Binding curve in J/m², zero for slabs apart, from energies by role in eV."""
    apart = energies["slab_a"], energies["slab_b"]
    return np.array(
        [-work_of_adhesion(area, *apart, energies[r]) for r in curve_roles([*energies])]
    )


def _quantities(found: CurveMinimum | None) -> dict[str, float]:
    if found is None:
        return {}
    return {
        "equilibrium_distance": found.distance,
        "largest_traction": found.largest_traction,
    }


def _per_nm2(work: float) -> dict[str, float]:
    return {"work_of_adhesion_ev_per_nm2": work * EV_PER_NM2}


def _relaxed(case: Case, calculator: Calculator) -> Prediction:
    roles = ("slab_a", "slab_b", "interface")
    a, b, ab = (relax_positions(case.atoms(role), calculator, fmax=FMAX) for role in roles)
    area = in_plane_area(ab.atoms)
    work = work_of_adhesion(area, a.energy, b.energy, ab.energy)
    slab_a = _without_drift(a.atoms, case.atoms("slab_a"))
    slab_b = _without_drift(b.atoms, case.atoms("slab_b"))

    def energy(distance: float) -> float:
        pulled = evaluate(joined(slab_a, slab_b, distance), calculator).energy
        return -work_of_adhesion(area, a.energy, b.energy, pulled)

    points = _scan(list(_distances(case)), energy)
    found = _minimum(points)
    details = {f"{role}_steps": float(r.steps) for role, r in zip(roles, (a, b, ab), strict=True)}
    details |= _per_nm2(work) | _points(np.array([*points]), np.array([*points.values()]))
    details |= {
        "interface_max_force_ev_per_a": ab.max_force,
        "interface_distance_a": separation(ab.atoms, len(slab_a)),
    }
    if found is not None:
        details["rigid_work_of_adhesion_j_per_m2"] = -found.energy
    return Prediction(values={"work_of_adhesion": work} | _quantities(found), details=details)


def _without_drift(relaxed: Atoms, start: Atoms) -> Atoms:
    """The relaxed slab with its centre over the same in-plane point as before."""
    moved = relaxed.copy()
    drift = (relaxed.positions - start.positions).mean(axis=0)
    moved.positions[:, :2] -= drift[:2]
    return moved


def _scan(distances: Sequence[float], energy: Callable[[float], float]) -> dict[float, float]:
    """The model's curve by rising distance, its points made denser around its minimum."""
    points = {d: energy(d) for d in distances}
    for _ in range(SEARCH_STEPS):
        if min(points, key=points.__getitem__) != min(points):
            break
        nearer = min(points) - SEARCH_STEP_A
        points[nearer] = energy(nearer)
    rough = _minimum(points)
    if rough is None:
        return dict(sorted(points.items()))
    for d in (rough.distance - FINE_STEP_A, rough.distance, rough.distance + FINE_STEP_A):
        if min(abs(d - known) for known in points) > SAME_DISTANCE_A:
            points[d] = energy(d)
    return dict(sorted(points.items()))


def _minimum(points: dict[float, float]) -> CurveMinimum | None:
    distances = np.array(sorted(points))
    return curve_minimum(distances, np.array([points[d] for d in distances]))


TASK = Adhesion()
