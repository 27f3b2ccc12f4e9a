"""Voltage profiles of insertion hosts and of the alloys of an anode.

V(x1→x2) = −[E(x2) − E(x1) − (x2 − x1)·E(metal)] / (x2 − x1) in volts, energies in eV per formula
unit of the host and per atom of the working ion's metal, x in ions per formula unit (Aydinol et
al., Phys. Rev. B 56, 1354 (1997), doi:10.1103/PhysRevB.56.1354). The contents are the corners of
the lower convex hull of energy against x, so that voltages never rise with x.

A case is one host: the role ``metal`` is the working ion's metal, every other role an ordering of
the ion in the host at some content. Tags: ``host`` (formula unit), ``working_ion`` (``Li`` where it
is missing), ``x_min`` and ``x_max`` (the ends of the hull).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from uipbench.kit import (
    CalculationError,
    Case,
    Prediction,
    Protocol,
    Task,
    energy_corrections,
    evaluate_roles,
    relax_cell,
)
from uipbench.tasks.voltage_profile.profile import Profile, formation_energies
from uipbench.tasks.voltage_profile.structures import TAGS, Series, series_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase.calculators.calculator import Calculator

FMAX = 0.005
"""Limit of the model's relaxations: forces in eV/Å, virial an atom in eV."""


class VoltageProfile(Task):
    """Voltage profiles in the ``fixed`` and ``relaxed`` protocols."""

    name: ClassVar[str] = "voltage_profile"
    title: ClassVar[str] = "Voltage profile"
    summary: ClassVar[str] = (
        "The voltage against lithium metal while lithium enters a host, from the convex hull of "
        "energy against lithium content. "
        "It decides what a cell delivers, whether an electrode stays one phase or splits into two "
        "with a moving boundary between them, and how much it swells at its interfaces."
    )
    quantity: ClassVar[str] = "average_voltage"
    unit: ClassVar[str] = "V"
    primary_metric: ClassVar[str] = "capacity_averaged_mae"
    citation: ClassVar[str] = (
        "Aydinol et al., Phys. Rev. B 56, 1354 (1997), doi:10.1103/PhysRevB.56.1354"
    )
    version: ClassVar[int] = 1
    corrections_cancel: ClassVar[bool] = False

    def predict(self, case: Case, calculator: Calculator, protocol: Protocol) -> Prediction:
        """Average voltage (V), phase behaviour, and in ``relaxed`` the volume change (%).

        ``capacity_averaged_voltage_error`` is 1/Δx ∫|V − V_DFT| dx in V, which is what the headline
        metric averages. ``lowest_formation_energy`` (eV per formula unit) is that of the
        intermediate contents against the two ends: above zero, the host separates into two phases.
        ``stable_intermediates`` counts the intermediate contents on the hull, and
        ``hull_agreement`` is the fraction of them that DFT puts on the same side.

        ``relaxed``: cell and positions of every structure are relaxed with the model, also those
        of the metal.

        Raises:
            NotConvergedError: A relaxation did not reach its limit.
            CalculationError: The structures of the case do not make a voltage profile.
        """
        series = series_of(case)
        if protocol == "relaxed":
            return _relaxed(case, series, calculator)
        evaluated = evaluate_roles(case, calculator)
        found = series.without_corrections(
            {role: e.energy for role, e in evaluated.items()}, energy_corrections(calculator)
        )
        values, details = _values(case, series, found), _details(series, found)
        return Prediction(values=values, evaluated=evaluated, details=details)

    def inputs(self, case: Case) -> dict[str, object]:
        """The tags that say what the host is, which ion moves, and between which contents."""
        return {name: case.tags[name] for name in TAGS if name in case.tags}

    def reference_details(self, case: Case) -> dict[str, float]:
        """Steps of DFT's profile, and its formation energies; nothing where there is no profile."""
        try:
            series = series_of(case)
        except CalculationError:
            return {}
        return _details(series, {role: s.energy for role, s in case.structures.items()})

    def absolute_error(self, case: Case, values: Mapping[str, float]) -> float | None:
        """1/Δx ∫|V − V_DFT| dx in V; an average voltage alone counts as a flat profile.

        A case whose structures do not make a profile counts by its average voltage.
        """
        if "capacity_averaged_voltage_error" in values:
            return values["capacity_averaged_voltage_error"]
        if self.quantity not in values:
            return None
        try:
            dft = dft_profile(case, series_of(case))
        except CalculationError:
            return super().absolute_error(case, values)
        flat = Profile((dft.contents[0], dft.contents[-1]), (values[self.quantity],))
        return flat.mean_distance(dft)


def _relaxed(case: Case, series: Series, calculator: Calculator) -> Prediction:
    relaxed = {
        role: relax_cell(case.atoms(role), calculator, fmax=FMAX) for role in case.structures
    }
    found = series.without_corrections(
        {role: r.energy for role, r in relaxed.items()}, energy_corrections(calculator)
    )
    volumes = {role: r.atoms.get_volume() for role, r in relaxed.items()}
    values = _values(case, series, found)
    values["volume_change"] = series.volume_change(found, volumes)
    steps = {f"{role}_steps": float(r.steps) for role, r in relaxed.items()}
    return Prediction(values=values, details=_details(series, found) | steps)


def reference_values(series: Series, energies: Mapping[str, float]) -> dict[str, float]:
    """Average voltage (V) and phase behaviour, from energies in eV by role."""
    profile = series.profile(energies)
    inner = list(formation_energies(series.lowest_energies(energies)).values())[1:-1]
    values = {"average_voltage": profile.average}
    if inner:
        values["lowest_formation_energy"] = min(inner)
        values["stable_intermediates"] = float(len(profile.contents) - 2)
    return values


def dft_profile(case: Case, series: Series) -> Profile:
    """The profile that follows from the DFT energies of the case."""
    return series.profile({role: s.energy for role, s in case.structures.items()})


def _values(case: Case, series: Series, energies: Mapping[str, float]) -> dict[str, float]:
    values = reference_values(series, energies)
    profile, dft = series.profile(energies), dft_profile(case, series)
    values["capacity_averaged_voltage_error"] = profile.mean_distance(dft)
    inner = sorted(series.lowest_energies(energies))[1:-1]
    if inner:
        agree = [(x in profile.contents) == (x in dft.contents) for x in inner]
        values["hull_agreement"] = sum(agree) / len(agree)
    return values


def _details(series: Series, energies: Mapping[str, float]) -> dict[str, float]:
    """The steps of the profile, and the formation energy of every ordering."""
    profile = series.profile(energies)
    steps = zip(pairwise(profile.contents), profile.voltages, strict=True)
    voltages = {f"voltage_x{a:.4g}_to_x{b:.4g}_v": voltage for (a, b), voltage in steps}
    formation = series.formation_energies(energies)
    return voltages | {f"{role}_formation_energy_ev": e for role, e in formation.items()}


TASK = VoltageProfile()
