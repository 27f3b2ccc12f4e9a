"""Magnetic states that a calculation is started from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

ANIONS = (8, 16)
"""Oxygen and sulfur."""

NEAREST_SHELL = 1.1
"""Sites within this factor of the shortest distance are nearest neighbours."""

COORDINATION = 1.25
"""Anions within this factor of a site's shortest distance belong to it."""

NON_MAGNETIC = "nm"
"""Name of the state without moments."""

NO_MOMENT_MUB = 0.1
"""A site has a moment from here on; low-spin cobalt(III) is left with 1e-15 µB."""

BREATHING_A = 0.05
"""How far anions move away from a site with an electron, and towards one without, in the start of a
localised state: half of the difference of the distances in LiFePO4 and FePO4. Moments alone do not
keep an electron where it is put there; in LixCoO2 they do, and this costs 0.3 eV in 10 atoms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Magnetism:
    """Site moments of a redox-active metal.

    Attributes:
        symbol: The metal.
        oxidised: Moment of a site without an electron from the ion in µB.
        reduced: Moment of a site with one in µB.
        antiferromagnetic: Whether alternating signs are tried.
        non_magnetic: Whether vanishing moments are tried.
        mixed: Whether electrons that all sites share are tried beside those on sites.
        breathing_a: As :data:`BREATHING_A`.
    """

    symbol: str
    oxidised: float
    reduced: float
    antiferromagnetic: bool = False
    non_magnetic: bool = False
    mixed: bool = True
    breathing_a: float = BREATHING_A

    def starts(self, atoms: Atoms, ion: str = "Li") -> dict[str, Atoms]:
        """Copies of the structure with starting moments, by name of the state.

        With as many ions as metal sites, or none, all sites are alike. Between, an electron an ion
        is shared by all sites (``mixed``) or belongs to those nearest to the ions (``localised``),
        whose anions then move by ``breathing_a``. The first state is the one that is relaxed:
        localised, with alternating signs where these are tried, as in insulators.
        """
        sizes = self._sizes(atoms, ion)
        signs = {"fm": np.ones(len(self._sites(atoms)))}
        if self.antiferromagnetic:
            signs = self._alternating(atoms) | signs
        found = {}
        for name, sign in signs.items():
            for state, size in sizes.items():
                start = self._breathed(atoms, size) if state == "localised" else atoms
                found["_".join(filter(None, (name, state)))] = self._with(start, sign * size)
        if self.non_magnetic:
            found[NON_MAGNETIC] = self._with(atoms, np.zeros(len(self._sites(atoms))))
        return found

    def _sites(self, atoms: Atoms) -> np.ndarray:
        return np.flatnonzero(np.array(atoms.get_chemical_symbols()) == self.symbol)

    def _with(self, atoms: Atoms, moments: np.ndarray) -> Atoms:
        copy = atoms.copy()
        every = np.zeros(len(atoms))
        every[self._sites(atoms)] = moments
        copy.set_initial_magnetic_moments(every)
        return copy

    def _sizes(self, atoms: Atoms, ion: str) -> dict[str, np.ndarray]:
        sites = self._sites(atoms)
        ions = np.flatnonzero(np.array(atoms.get_chemical_symbols()) == ion)
        share = min(1.0, len(ions) / len(sites))
        mean = np.full(len(sites), self.oxidised + share * (self.reduced - self.oxidised))
        if share in {0.0, 1.0}:
            return {"": mean}
        distances = [atoms.get_distances(site, ions, mic=True).min() for site in sites]
        nearest = np.argsort(np.round(distances, 3), kind="stable")[: len(ions)]
        localised = np.full(len(sites), self.oxidised)
        localised[nearest] = self.reduced
        return {"localised": localised} | ({"mixed": mean} if self.mixed else {})

    def _breathed(self, atoms: Atoms, sizes: np.ndarray) -> Atoms:
        """Anions moved along their bonds to the metal; ions and metal stay."""
        moved = atoms.copy()
        for site, size in zip(self._sites(atoms), sizes, strict=True):
            outwards = 1.0 if size == self.reduced else -1.0
            moved.positions += breathing(atoms, site, outwards * self.breathing_a)
        return moved

    def _alternating(self, atoms: Atoms) -> dict[str, np.ndarray]:
        """Half of the sites up: the choice with the most antiparallel nearest neighbours."""
        sites = self._sites(atoms)
        if len(sites) % 2:
            return {}
        distances = _shortest(atoms, sites)
        near = distances < NEAREST_SHELL * distances.min()
        best = max(_halves(len(sites)), key=lambda s: int((near & (np.outer(s, s) < 0)).sum()))
        return {"afm": best}


def breathing(atoms: Atoms, site: int, outwards: float) -> np.ndarray:
    """(n, 3) displacements in Å of the anions around a metal site along their bonds to it."""
    anions = np.flatnonzero(np.isin(atoms.numbers, ANIONS))
    bonds = atoms.get_distances(site, anions, mic=True, vector=True)
    lengths = np.linalg.norm(bonds, axis=1)
    own = lengths < COORDINATION * lengths.min()
    displacements = np.zeros((len(atoms), 3))
    displacements[anions[own]] = outwards * bonds[own] / lengths[own, None]
    return displacements


def _halves(n: int) -> list[np.ndarray]:
    patterns = []
    for down in combinations(range(1, n), n // 2):
        signs = np.ones(n)
        signs[list(down)] = -1.0
        patterns.append(signs)
    return patterns


def _shortest(atoms: Atoms, sites: np.ndarray) -> np.ndarray:
    metal = atoms[sites]
    distances: np.ndarray = metal.get_all_distances(mic=True)
    np.fill_diagonal(distances, np.inf)
    return distances
