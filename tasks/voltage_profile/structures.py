"""What the structures of a host are: contents, volumes, magnetic states; and what is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.formula import Formula

from uipbench.kit import CalculationError, Case
from uipbench.tasks.voltage_profile.profile import Profile, formation_energies, voltage_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

METAL = "metal"
"""Role of the working ion's metal."""

SAME_CONTENT = 1e-6
"""Contents closer than this are the same."""

MAGNETIC_UB = 0.5
"""A site moment may end this far from its start, or half of the start, in µB."""

MP2020_ELEMENTAL_ANIONS: Mapping[str, float] = {
    "H": -0.179,
    "Si": 0.071,
    "S": -0.503,
    "Se": -0.472,
    "Sb": -0.192,
    "Te": -0.422,
}
"""Corrections in eV an atom that an element gets when the ion makes a compound of it.

MP2020 of pymatgen; Wang et al., Sci. Rep. 11, 15496 (2021), doi:10.1038/s41598-021-94550-5.
"""


@dataclass(frozen=True, slots=True)
class Series:
    """A host at several contents.

    Attributes:
        host: Formula unit without the ion.
        contents: Ions a formula unit, by role.
        units: Formula units in the cell, by role.
        metal_atoms: Atoms in the cell of the metal.
    """

    host: str
    contents: Mapping[str, float]
    units: Mapping[str, int]
    metal_atoms: int

    def lowest_energies(self, energies: Mapping[str, float]) -> dict[float, float]:
        """Energy (eV a formula unit) of the best ordering by content, from eV by role."""
        best: dict[float, float] = {}
        for role, content in self.contents.items():
            energy = energies[role] / self.units[role]
            best[content] = min(best.get(content, np.inf), energy)
        return best

    def formation_energies(self, energies: Mapping[str, float]) -> dict[str, float]:
        """Energy of every ordering above the line between the two ends, eV a formula unit."""
        lowest = self.lowest_energies(energies)
        above = formation_energies(lowest)
        return {
            role: energies[role] / self.units[role] - lowest[x] + above[x]
            for role, x in self.contents.items()
        }

    def profile(self, energies: Mapping[str, float]) -> Profile:
        """Voltage profile, from energies in eV by role."""
        metal = energies[METAL] / self.metal_atoms
        return voltage_profile(self.lowest_energies(energies), metal)

    def volume_change(self, energies: Mapping[str, float], volumes: Mapping[str, float]) -> float:
        """Change in % from the least to the largest content, best orderings, from Å³ by role."""
        first, last = (
            volumes[role] / self.units[role]
            for end in (min(self.contents.values()), max(self.contents.values()))
            for role in [self._best(end, energies)]
        )
        return 100 * (last / first - 1)

    def _best(self, content: float, energies: Mapping[str, float]) -> str:
        roles = [role for role, x in self.contents.items() if x == content]
        return min(roles, key=lambda role: energies[role] / self.units[role])

    def without_corrections(
        self, energies: Mapping[str, float], corrections: str
    ) -> dict[str, float]:
        """Energies without the part of a model's composition corrections that does not cancel.

        MP2020 does not correct a host that is one element, but corrects its compounds with the
        ion. In every other host its corrections (anions, GGA/GGA+U mixing) are the same at every
        content; the metal has none.
        """
        anion = MP2020_ELEMENTAL_ANIONS.get(self.host, 0.0) if corrections == "MP2020" else 0.0
        corrected = {role for role, x in self.contents.items() if x > 0}
        return {
            role: energy - anion * self.units[role] if role in corrected else energy
            for role, energy in energies.items()
        }


def make_series(structures: Mapping[str, Atoms], host: str, ion: str) -> Series:
    """Contents and formula units of structures by role, one of them the metal.

    Raises:
        CalculationError: No metal, or a structure that is not the host with a number of ions.
    """
    if METAL not in structures:
        msg = f"no structure '{METAL}' of {ion}"
        raise CalculationError(msg)
    if set(structures[METAL].get_chemical_symbols()) != {ion}:
        msg = f"{METAL} is {structures[METAL].get_chemical_formula()}, expected {ion} alone"
        raise CalculationError(msg)
    unit = Formula(host).count()
    contents: dict[str, float] = {}
    units: dict[str, int] = {}
    for role, atoms in structures.items():
        if role == METAL:
            continue
        counts = Counter(atoms.get_chemical_symbols())
        ions = counts.pop(ion, 0)
        n = sum(counts.values()) // sum(unit.values())
        if n < 1 or counts != {symbol: n * number for symbol, number in unit.items()}:
            msg = f"{role} is {atoms.get_chemical_formula()}, expected {host} with {ion}"
            raise CalculationError(msg)
        known = (x for x in contents.values() if abs(x - ions / n) < SAME_CONTENT)
        contents[role], units[role] = next(known, ions / n), n
    return Series(host, contents, units, len(structures[METAL]))


def flipped_site(start: np.ndarray, found: np.ndarray) -> int | None:
    """First site whose moment is not the one it started with, or None; all signs may change.

    A moment may shrink or grow by half, or by :data:`MAGNETIC_UB`: the sphere in which it is
    counted holds a part of it. An electron that moves from one site to another stays within that.

    Args:
        start: (n,) starting moments in µB, the label of the magnetic state.
        found: (n,) site moments of the calculation in µB.
    """
    sign = -1.0 if float(np.dot(start, found)) < 0 else 1.0
    allowed = np.maximum(MAGNETIC_UB, np.abs(start) / 2)
    wrong = np.flatnonzero(np.abs(sign * found - start) > allowed)
    return int(wrong[0]) if len(wrong) else None


def flipped_state(atoms: Atoms, magmoms: np.ndarray | None) -> str:
    """What site moments say against the starting moments of the structure, or nothing."""
    start = atoms.get_initial_magnetic_moments()
    site = None if magmoms is None else flipped_site(start, magmoms)
    if site is None or magmoms is None:
        return ""
    return (
        f"the moment of atom {site} ({atoms.symbols[site]}) is {magmoms[site]:.2f} µB, it started "
        f"with {start[site]:.2f}: the magnetic state flipped"
    )


TAGS = ("host", "working_ion", "x_min", "x_max")
"""What a case says of its series beside the structures."""


def series_of(case: Case) -> Series:
    """The checked series of a case.

    Raises:
        CalculationError: One line: which case, what is missing or wrong, and where.
    """
    if "host" not in case.tags:
        msg = f"{case.id}: no tag 'host', the formula unit without lithium"
        raise CalculationError(msg)
    atoms = {role: case.atoms(role) for role in case.structures}
    try:
        series = make_series(atoms, str(case.tags["host"]), str(case.tags.get("working_ion", "Li")))
    except CalculationError as error:
        msg = f"{case.id}: {error}"
        raise CalculationError(msg) from error
    _check_ends(case, series)
    for role, structure in case.structures.items():
        flipped = flipped_state(atoms[role], structure.magmoms)
        if flipped:
            msg = f"{case.id}: {role}: {flipped}"
            raise CalculationError(msg)
    return series


def _check_ends(case: Case, series: Series) -> None:
    found = sorted(set(series.contents.values()))
    known = ", ".join(f"{x:.3g}" for x in found) or "none"
    for name in ("x_min", "x_max"):
        end = case.tags.get(name)
        if end is not None and all(abs(x - float(end)) >= SAME_CONTENT for x in found):
            msg = f"{case.id}: an end of the hull is missing: no x = {end:g}, contents are {known}"
            raise CalculationError(msg)
    if len(found) < 2:  # noqa: PLR2004 - two ends
        msg = f"{case.id}: a voltage needs two contents, found {known}"
        raise CalculationError(msg)
