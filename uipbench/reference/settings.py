"""Settings of one DFT calculation, and what they say in a case's level of theory."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ase import Atoms

    from uipbench.casefiles import LevelOfTheory

SETUPS: Mapping[str, str] = {"Li": "sv3"}
"""Projector-augmented-wave sets that differ from GPAW's default."""

SYMMETRY_TOLERANCE_A = 1e-5
"""How far atoms may be from their symmetric places."""

Mesh = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DftSettings:
    """What determines a plane-wave DFT energy, apart from the structure.

    Attributes:
        cutoff_ev: Plane-wave cutoff in eV.
        kpts: Γ-centred Monkhorst-Pack mesh.
        smearing_ev: Width of the Fermi-Dirac occupation in eV; energies are extrapolated to 0 K.
        xc: Exchange-correlation functional.
        spin_polarised: Whether spin-up and spin-down densities may differ.
        hubbard: GPAW's +U string by element, such as ``":d,3.32,0"``.
        charge: Charge of the cell in units of e, compensated by a uniform background.
        dipole_layer: Dipole correction normal to the slab (asymmetric slabs).
        grid_spacing_a: Largest spacing of the real-space grid in Å; None for what the code derives
            from the cutoff. That one (0.17 to 0.19 Å at 520 eV) leaves γ of LiF(100) to the height
            of the cell: 0.304 to 0.319 J/m²; at 0.16 and 0.13 Å it is 0.321 to 0.323.
        scf: SCF limits: eV per valence electron, electrons per valence electron, eV² per valence
            electron. At ten times the density limit, forces of a restarted step were off by
            0.01 eV/Å, at twenty times by 0.2 eV/Å (LiCl(100), 12 atoms).
    """

    cutoff_ev: float
    kpts: Mesh
    smearing_ev: float
    xc: str = "PBE"
    spin_polarised: bool = False
    hubbard: Mapping[str, str] = field(default_factory=dict)
    charge: float = 0.0
    dipole_layer: bool = False
    grid_spacing_a: float | None = None
    scf: Mapping[str, float] = field(
        default_factory=lambda: {"energy": 1e-5, "density": 5e-5, "eigenstates": 2e-8}
    )

    @property
    def hubbard_u_ev(self) -> dict[str, float]:
        """U in eV by element."""
        return {element: float(u.split(",")[1]) for element, u in self.hubbard.items()}

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types, for keys and files; what is not set stays out of the keys."""
        values = asdict(self)
        if self.grid_spacing_a is None:
            del values["grid_spacing_a"]
        values["kpts"] = list(self.kpts)
        return values


def kpoint_mesh(atoms: Atoms, length: float, *, slab: bool = False) -> Mesh:
    """Smallest Γ-centred mesh whose supercell measures at least ``length`` Å along each axis.

    Args:
        atoms: Structure whose cell sets the mesh.
        length: Target of n·a in Å for every lattice vector (k·a of ``docs/references.md``).
        slab: One k-point along the third axis.
    """
    n1, n2, n3 = (max(1, math.ceil(length / a - 1e-6)) for a in atoms.cell.lengths())
    return (n1, n2, 1 if slab else n3)


def wrong_settings(theory: LevelOfTheory, role: str, settings: DftSettings) -> Iterator[str]:
    """One line for every setting that a stored case does not share with its recipe.

    Args:
        theory: Of the case.
        role: Structure whose mesh is compared.
        settings: The recipe's, for that structure.
    """
    pairs = {
        "functional": (theory.xc, settings.xc),
        "U": (theory.hubbard_u_ev, settings.hubbard_u_ev),
        "cutoff (eV)": (theory.cutoff_ev, settings.cutoff_ev),
        f"mesh of {role}": (theory.kpts[role], settings.kpts),
        "grid spacing (Å)": (theory.grid_spacing_a, settings.grid_spacing_a),
        "smearing (eV)": (theory.smearing[1], settings.smearing_ev),
        "spin polarisation": (theory.spin_polarised, settings.spin_polarised),
    }
    for name, (stored, expected) in pairs.items():
        if stored != expected:
            yield f"{name} is {stored}, the recipe's is {expected}; compute it again (--again)"
