"""The hosts of the set: which structures they have at which content, and their DFT settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from uipbench.reference_data.voltage_profile import crystals
from uipbench.reference_data.voltage_profile.magnetism import Magnetism
from uipbench.reference_data.voltage_profile.orderings import (
    SINGLE,
    Crystal,
    Supercell,
    orderings,
    reduced,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

ROWS: Supercell = ((1, 0, 0), (0, 2, 0), (0, 0, 1))
"""Twice a layered cell in the layer: at half filling, rows of ions."""

STAGE_TWO: Supercell = ((1, 0, 0), (0, 1, 0), (0, 0, 2))
"""Two layers: at half filling, every other gap between the layers is empty."""

ROOT_THREE: Supercell = ((2, 1, 0), (-1, 1, 0), (0, 0, 1))
ROOT_THREE_60: Supercell = ((1, 1, 0), (-1, 2, 0), (0, 0, 1))
"""√3×√3 in the layer, for vectors at 120° and 60°: a third or two thirds, evenly spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One content of a host.

    Attributes:
        name: Role; several orderings get ``_1``, ``_2``, ….
        crystal: The crystal, with every site of the ion occupied unless ``ions`` is None.
        supercell: Cell in which the ions are ordered, in vectors of the reduced primitive cell.
        ions: Ions left in it; None takes the crystal as it is.
    """

    name: str
    crystal: Crystal
    supercell: Supercell = SINGLE
    ions: int | None = None

    def structures(self) -> dict[str, Atoms]:
        """Reduced cells of all orderings by role."""
        parent = reduced(self.crystal.primitive())
        if self.ions is None:
            return {self.name: parent}
        found = orderings(parent, self.supercell, self.ions)
        names = [self.name] if len(found) == 1 else [f"{self.name}_{i + 1}" for i in range(99)]
        return {name: reduced(atoms) for name, atoms in zip(names, found, strict=False)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host with its phases and the DFT settings that suit it.

    Attributes:
        id: Identifier of the case.
        formula: Formula unit without lithium, of which contents are counted.
        title: What people read.
        chemistry: Class shown on the board.
        phases: By rising content.
        kpoint_length: n·a of the k-point mesh in Å.
        smearing_ev: Fermi-Dirac width in eV.
        magnetism: Starting moments, or None: not spin-polarised.
        hubbard: GPAW's +U string by element.
        stress_cutoff_ev: Cutoff that is high enough for the stress. In LiCoO2 it is off by 2.6 GPa
            at 650 eV and by 0.2 GPa at 900 eV; metals without d electrons need less.
        shear: Strain +ε along x, −ε along y of the starts; breaks the symmetry that would keep a
            Jahn-Teller ion from distorting.
        comment: What a reader of the case should know.
    """

    id: str
    formula: str
    title: str
    chemistry: str
    phases: tuple[Phase, ...]
    kpoint_length: float
    smearing_ev: float
    magnetism: Magnetism | None = None
    hubbard: Mapping[str, str] = field(default_factory=dict)
    stress_cutoff_ev: float = 900.0
    shear: float = 0.0
    comment: str = ""

    def structures(self) -> dict[str, Atoms]:
        """Starts of all structures but the metal, by role and rising content."""
        found = {r: atoms for phase in self.phases for r, atoms in phase.structures().items()}
        if self.shear:
            for atoms in found.values():
                strain = np.diag([1 + self.shear, 1 - self.shear, 1.0])
                atoms.set_cell(atoms.cell[:] @ strain, scale_atoms=True)
        return found


def _alloy(symbol: str, kind: str, *phases: tuple[str, Crystal]) -> Host:
    return Host(
        id=f"li_{symbol.lower()}",
        formula=symbol,
        title=f"Li–{symbol}",
        chemistry=kind,
        phases=tuple(Phase(name=name, crystal=crystal) for name, crystal in phases),
        kpoint_length=40.0,
        smearing_ev=0.1,
        stress_cutoff_ev=900.0 if symbol in {"Ag", "Zn"} else 700.0,
    )


def _layered_oxide(
    metal: str, crystal: Crystal, magnetism: Magnetism, u: float, shear: float = 0.0
) -> Host:
    return Host(
        id=f"lix{metal.lower()}o2",
        formula=f"{metal}O2",
        title=f"Liₓ{metal}O₂",
        chemistry="layered oxide",
        phases=(
            Phase(name="x0", crystal=crystal, ions=0),
            Phase(name="x1_3", crystal=crystal, supercell=ROOT_THREE_60, ions=1),
            Phase(name="x1_2", crystal=crystal, supercell=ROWS, ions=1),
            Phase(name="x2_3", crystal=crystal, supercell=ROOT_THREE_60, ions=2),
            Phase(name="x1", crystal=crystal, ions=1),
        ),
        kpoint_length=25.0,
        smearing_ev=0.05,
        magnetism=magnetism,
        hubbard={metal: f":d,{u},0"},
        shear=shear,
    )


LAYERED_SULFIDE = Host(
    id="lixtis2",
    formula="TiS2",
    title="LiₓTiS₂",
    chemistry="layered sulfide",
    phases=(
        Phase(name="x0", crystal=crystals.TIS2),
        Phase(name="x1_3", crystal=crystals.LITIS2, supercell=ROOT_THREE, ions=1),
        Phase(name="x1_2_rows", crystal=crystals.LITIS2, supercell=ROWS, ions=1),
        Phase(name="x1_2_stage", crystal=crystals.LITIS2, supercell=STAGE_TWO, ions=1),
        Phase(name="x2_3", crystal=crystals.LITIS2, supercell=ROOT_THREE, ions=2),
        Phase(name="x1", crystal=crystals.LITIS2, ions=1),
    ),
    kpoint_length=40.0,
    smearing_ev=0.05,
    comment="No dispersion correction: PBE leaves the layers of TiS2 too far apart.",
)

SPINEL = Host(
    id="lixmn2o4",
    formula="Mn2O4",
    title="LiₓMn₂O₄",
    chemistry="spinel oxide",
    phases=tuple(
        Phase(name=name, crystal=crystals.LIMN2O4, ions=ions)
        for ions, name in enumerate(("x0", "x1_2", "x1"))
    ),
    kpoint_length=25.0,
    smearing_ev=0.05,
    magnetism=Magnetism(symbol="Mn", oxidised=3.0, reduced=3.8, antiferromagnetic=True),
    hubbard={"Mn": ":d,3.9,0"},
    shear=0.02,
)

OLIVINE = Host(
    id="lixfepo4",
    formula="FePO4",
    title="LiₓFePO₄",
    chemistry="olivine phosphate",
    phases=tuple(
        Phase(name=name, crystal=crystals.LIFEPO4, ions=ions)
        for ions, name in ((0, "x0"), (2, "x1_2"), (4, "x1"))
    ),
    kpoint_length=10.0,  # 3 × 2 × 1: both ends are insulators
    smearing_ev=0.05,
    # mixed at x = 1/2: 0.19 eV above the localised state (24 atoms) after four steps, and then not
    # self-consistent
    magnetism=Magnetism(
        symbol="Fe", oxidised=4.2, reduced=3.7, antiferromagnetic=True, mixed=False
    ),
    hubbard={"Fe": ":d,5.3,0"},
)

TITANIA = Host(
    id="lixtio2",
    formula="TiO2",
    title="LiₓTiO₂ (anatase)",
    chemistry="oxide",
    comment="x = 1/2 is one ordering of lithium in a tetragonal cell, without spin: others, and "
    "the orthorhombic cell of the experiment, may lie below it. Two phases are what these three "
    "structures give, no more.",
    phases=(
        Phase(name="x0", crystal=crystals.ANATASE),
        Phase(name="x1_2", crystal=crystals.LITIO2, ions=1),
        Phase(name="x1", crystal=crystals.LITIO2, ions=2),
    ),
    kpoint_length=25.0,
    smearing_ev=0.05,
)

HOSTS = (
    _alloy(
        "Al",
        "alloy",
        ("al", crystals.fcc("Al", 4.04)),
        ("lial3", crystals.l1_2("Li", "Al", 4.01)),
        ("lial", crystals.b32("Li", "Al", 6.36)),
    ),
    LAYERED_SULFIDE,
    _layered_oxide(
        "Co",
        crystals.layered_oxide("Co", 2.83, 14.1, 0.26),
        Magnetism(symbol="Co", oxidised=1.0, reduced=0.0, non_magnetic=True, breathing_a=0.0),
        3.32,
    ),
    _alloy(
        "Mg",
        "alloy",
        ("mg", crystals.hcp("Mg", 3.19, 5.19)),
        ("limg3", crystals.l1_2("Li", "Mg", 4.49)),
        ("limg_b2", crystals.b2("Li", "Mg", 3.49)),
        ("limg_b32", crystals.b32("Li", "Mg", 6.98)),
        ("li3mg", crystals.d0_3("Mg", "Li", 6.92)),
    ),
    TITANIA,
    _alloy(
        "Ag",
        "alloy",
        ("ag", crystals.fcc("Ag", 4.15)),
        ("liag3", crystals.l1_2("Li", "Ag", 4.10)),
        ("liag_b2", crystals.b2("Li", "Ag", 3.17)),
        ("liag_b32", crystals.b32("Li", "Ag", 6.34)),
        ("li3ag", crystals.d0_3("Ag", "Li", 6.45)),
    ),
    _alloy(
        "Zn",
        "alloy",
        ("zn", crystals.hcp("Zn", 2.66, 4.95)),
        ("lizn3", crystals.l1_2("Li", "Zn", 3.95)),
        ("lizn_b2", crystals.b2("Li", "Zn", 3.12)),
        ("lizn_b32", crystals.b32("Li", "Zn", 6.22)),
        ("li3zn", crystals.d0_3("Zn", "Li", 6.45)),
    ),
    replace(
        _alloy(
            "Al",
            "alloy",
            ("lial", crystals.b32("Li", "Al", 6.36)),
            ("li3al2", crystals.LI3AL2),
            ("li2al", crystals.LI2AL),
        ),
        id="li_al_rich",
        title="Li–Al beyond LiAl",
    ),
    OLIVINE,
    _layered_oxide(
        "Ni",
        crystals.layered_oxide("Ni", 2.88, 14.2, 0.258),
        Magnetism(symbol="Ni", oxidised=0.0, reduced=1.0),
        6.2,
        0.02,
    ),
    SPINEL,
    _alloy(
        "Si",
        "alloy of a semiconductor",
        ("si", crystals.diamond("Si", 5.47)),
        ("lisi_b32", crystals.b32("Li", "Si", 6.10)),
        ("li3si", crystals.d0_3("Si", "Li", 6.37)),
        ("li15si4", crystals.LI15SI4),
    ),
)
"""In the order of the queue: a cheap one, then hosts by cost and by what they answer."""
