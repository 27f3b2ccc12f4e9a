"""Crystals of the surface-energy set and the slabs cut from them (pymatgen's SlabGenerator)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from ase.build import make_supercell
from ase.spacegroup import crystal

from uipbench.errors import ReferenceEngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

Basis = tuple[tuple[str, tuple[float, float, float]], ...]


SALT_GRID_SPACING_A = 0.16
"""See :class:`~uipbench.reference.settings.DftSettings`; simple metals do not need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A crystal and the DFT settings that suit it.

    Attributes:
        spacegroup: International number.
        basis: Symbol and fractional coordinates of the asymmetric unit.
        a: Starting lattice constant in Å; the equation of state finds the DFT one.
        c: Starting c in Å (hexagonal), else None.
        chemistry: Class shown on the board.
        cutoff_ev: Plane-wave cutoff in eV.
        kpoint_length: n·a of the k-point mesh in Å.
        grid_spacing_a: Largest spacing of the real-space grid in Å, or None for the code's choice.
        relaxation_kpoint_length: n·a of the coarser mesh of equations of state and of the first
            part of a relaxation; None for the same mesh.
        smearing_ev: Fermi-Dirac width in eV.
        magmom: Starting moment an atom in µB; not zero makes the case spin-polarised.
        magnetic: Symbol that the starting moment is for; empty means every atom.
        free_z: Symbol whose third coordinate the symmetry leaves free; empty means none.
        hubbard: GPAW's +U string by element.
    """

    spacegroup: int
    basis: Basis
    a: float
    chemistry: str
    cutoff_ev: float
    kpoint_length: float
    smearing_ev: float
    c: float | None = None
    grid_spacing_a: float | None = None
    relaxation_kpoint_length: float | None = None
    magmom: float = 0.0
    magnetic: str = ""
    free_z: str = ""
    hubbard: Mapping[str, str] = field(default_factory=dict)

    @property
    def cubic(self) -> bool:
        """Whether one lattice constant says it all."""
        return self.c is None

    def with_lattice(self, a: float, c: float | None = None, z: float | None = None) -> Material:
        """The same crystal with other lattice constants and another free coordinate."""
        basis = tuple(
            (symbol, (x, y, z if z is not None and symbol == self.free_z else old))
            for symbol, (x, y, old) in self.basis
        )
        return replace(self, a=a, c=c, basis=basis)

    def conventional(self) -> Atoms:
        """Conventional cell."""
        lengths = [self.a, self.a, self.c or self.a]
        angles = [90, 90, 90] if self.cubic else [90, 90, 120]
        symbols = [symbol for symbol, _ in self.basis]
        positions = [position for _, position in self.basis]
        atoms = crystal(symbols, positions, spacegroup=self.spacegroup, cellpar=lengths + angles)
        atoms.info.clear()
        return atoms


def _metal(spacegroup: int, symbol: str, a: float, cutoff: float, chemistry: str) -> Material:
    return Material(
        spacegroup=spacegroup,
        basis=((symbol, (0.0, 0.0, 0.0)),),
        a=a,
        chemistry=chemistry,
        cutoff_ev=cutoff,
        kpoint_length=60.0,
        relaxation_kpoint_length=40.0,
        smearing_ev=0.1,
    )


def _rocksalt(cation: str, anion: str, a: float, cutoff: float, chemistry: str) -> Material:
    return Material(
        spacegroup=225,
        basis=((cation, (0.0, 0.0, 0.0)), (anion, (0.5, 0.5, 0.5))),
        a=a,
        chemistry=chemistry,
        cutoff_ev=cutoff,
        kpoint_length=25.0,
        grid_spacing_a=SALT_GRID_SPACING_A,
        smearing_ev=0.01,
    )


def antifluorite(anion: str, a: float, chemistry: str) -> Material:
    """Lithium in the tetrahedra of a face-centred lattice of anions; ``a`` is where it starts."""
    return Material(
        spacegroup=225,
        basis=(("Li", (0.25, 0.25, 0.25)), (anion, (0.0, 0.0, 0.0))),
        a=a,
        chemistry=chemistry,
        cutoff_ev=520.0,
        kpoint_length=25.0,
        grid_spacing_a=SALT_GRID_SPACING_A,
        smearing_ev=0.01,
    )


def antiperovskite(halogen: str, a: float) -> Material:
    """Li3O and a halogen, lithium in octahedra around oxygen; ``a`` in Å is where it starts."""
    return Material(
        spacegroup=221,
        basis=((halogen, (0, 0, 0)), ("O", (0.5, 0.5, 0.5)), ("Li", (0.5, 0.5, 0))),
        a=a,
        chemistry="oxide halide",
        cutoff_ev=520.0,
        kpoint_length=25.0,
        grid_spacing_a=SALT_GRID_SPACING_A,
        smearing_ev=0.01,
    )


def _layered_sulfide(
    basis: tuple[tuple[str, tuple[float, float, float]], ...], a: float, c: float
) -> Material:
    return Material(
        spacegroup=164,
        basis=basis,
        a=a,
        c=c,
        chemistry="layered sulfide",
        cutoff_ev=520.0,
        kpoint_length=25.0,
        grid_spacing_a=SALT_GRID_SPACING_A,
        smearing_ev=0.1,
        free_z="S",
    )


MATERIALS = {
    "Li": _metal(229, "Li", 3.44, 520.0, "bcc metal"),
    "Na": _metal(229, "Na", 4.20, 520.0, "bcc metal"),
    "Al": _metal(225, "Al", 4.04, 400.0, "fcc metal"),
    "Cu": _metal(225, "Cu", 3.63, 520.0, "fcc metal"),
    "Ag": _metal(225, "Ag", 4.15, 520.0, "fcc metal"),
    "Ni": replace(_metal(225, "Ni", 3.52, 520.0, "fcc metal"), magmom=0.7),
    "Mg": replace(
        _metal(194, "Mg", 3.19, 520.0, "hcp metal"), c=5.18, basis=(("Mg", (1 / 3, 2 / 3, 0.25)),)
    ),
    "Si": Material(
        spacegroup=227,
        basis=(("Si", (0.0, 0.0, 0.0)),),
        a=5.47,
        chemistry="semiconductor",
        cutoff_ev=400.0,
        kpoint_length=40.0,
        smearing_ev=0.05,
    ),
    "LiF": _rocksalt("Li", "F", 4.07, 520.0, "halide"),
    "LiCl": _rocksalt("Li", "Cl", 5.15, 520.0, "halide"),
    "LiBr": _rocksalt("Li", "Br", 5.51, 520.0, "halide"),
    "LiI": _rocksalt("Li", "I", 6.03, 520.0, "halide"),
    "NaF": _rocksalt("Na", "F", 4.70, 520.0, "halide"),
    "NaCl": _rocksalt("Na", "Cl", 5.70, 520.0, "halide"),
    "NaBr": _rocksalt("Na", "Br", 6.05, 520.0, "halide"),
    "MgO": _rocksalt("Mg", "O", 4.26, 520.0, "oxide"),
    "Li2O": antifluorite("O", 4.64, "oxide"),
    "Li2S": antifluorite("S", 5.72, "sulfide"),
    # Zhao and Daemen, J. Am. Chem. Soc. 134, 15042 (2012), doi:10.1021/ja305709z
    "Li3OCl": antiperovskite("Cl", 3.91),
    "LiTiS2": _layered_sulfide(
        (("Ti", (0, 0, 0)), ("S", (1 / 3, 2 / 3, 0.24)), ("Li", (0, 0, 0.5))), a=3.46, c=6.19
    ),
    # Lithiated it is LiTiS2; in PBE the sheets hardly hold together, and c is soft
    "TiS2": _layered_sulfide((("Ti", (0, 0, 0)), ("S", (1 / 3, 2 / 3, 0.22))), a=3.41, c=6.5),
    "LiCoO2": Material(
        spacegroup=166,
        basis=(("Co", (0, 0, 0)), ("O", (0, 0, 0.26)), ("Li", (0, 0, 0.5))),
        a=2.85,
        c=14.1,
        chemistry="layered oxide",
        cutoff_ev=520.0,
        kpoint_length=25.0,
        grid_spacing_a=SALT_GRID_SPACING_A,
        smearing_ev=0.05,
        magmom=1.0,
        magnetic="Co",
        free_z="O",
        hubbard={"Co": ":d,3.32,0"},
    ),
}


def primitive_cell(material: Material) -> Atoms:
    """Primitive cell of the crystal, with starting moments."""
    from pymatgen.io.ase import AseAtomsAdaptor

    structure = AseAtomsAdaptor.get_structure(material.conventional()).get_primitive_structure()
    return with_moments(AseAtomsAdaptor.get_atoms(structure, msonable=False), material)


def build_slab(
    material: Material,
    miller_index: tuple[int, int, int],
    termination: int,
    min_thickness: float,
    vacuum: float,
) -> tuple[Atoms, Atoms]:
    """Oriented bulk cell and symmetric stoichiometric slab with the same in-plane lattice.

    Args:
        material: Crystal with its final lattice constants.
        miller_index: With respect to the conventional cell.
        termination: Which admissible cut, counted from the lowest shift.
        min_thickness: Least distance between the outermost planes in Å.
        vacuum: Vacuum in Å.

    Raises:
        ReferenceEngineError: No symmetric, non-polar, stoichiometric cut exists.
    """
    from pymatgen.core.surface import SlabGenerator
    from pymatgen.io.ase import AseAtomsAdaptor

    structure = AseAtomsAdaptor.get_structure(material.conventional())
    size = min_thickness
    while True:
        generator = SlabGenerator(
            structure, miller_index, size, 15.0, primitive=True, max_normal_search=max(miller_index)
        )
        cuts = [s for s in generator.get_slabs() if s.is_symmetric() and not s.is_polar()]
        cuts = [s for s in cuts if _same_composition(s)]
        if not cuts:
            msg = f"{structure.reduced_formula}{miller_index}: no symmetric non-polar slab"
            raise ReferenceEngineError(msg)
        cut = sorted(cuts, key=lambda s: s.shift)[termination]
        slab = AseAtomsAdaptor.get_atoms(cut.get_orthogonal_c_slab(), msonable=False)
        bulk = AseAtomsAdaptor.get_atoms(cut.oriented_unit_cell, msonable=False)
        slab, bulk = reduce_in_plane(slab), reduce_in_plane(bulk)
        _unwrap(slab)
        if np.ptp(slab.positions[:, 2]) >= min_thickness - 1e-6:
            break
        size += 1.0
    slab.center(vacuum=vacuum / 2, axis=2)
    slab.pbc = bulk.pbc = True
    return with_moments(bulk, material), with_moments(slab, material)


def _same_composition(slab: object) -> bool:
    bulk = slab.oriented_unit_cell.composition  # type: ignore[attr-defined]
    return bool(slab.composition.reduced_formula == bulk.reduced_formula)  # type: ignore[attr-defined]


def _unwrap(slab: Atoms) -> None:
    """Put the vacuum at the cell's border."""
    slab.wrap(eps=1e-6)
    slab.info.clear()


def with_moments(atoms: Atoms, material: Material) -> Atoms:
    """Copy with nothing but cell, positions and the material's starting moments."""
    plain = atoms.copy()
    plain.info.clear()
    for name in set(plain.arrays) - {"numbers", "positions"}:
        del plain.arrays[name]
    if material.magmom:
        symbols = plain.get_chemical_symbols()
        moments = [material.magmom if material.magnetic in {"", s} else 0.0 for s in symbols]
        plain.set_initial_magnetic_moments(moments)
    return plain


def reduce_in_plane(atoms: Atoms) -> Atoms:
    """Choose the shortest in-plane lattice vectors (Gauss reduction); the third one stays."""
    change = np.eye(3, dtype=int)
    a, b = atoms.cell[0].copy(), atoms.cell[1].copy()
    while True:
        if a @ a > b @ b + 1e-9:
            a, b = b, -a
            change[[0, 1]] = change[[1, 0]]
            change[1] *= -1
        n = int(np.rint((a @ b) / (a @ a) - 1e-9))
        if n == 0:
            break
        b = b - n * a
        change[1] -= n * change[0]
    reduced = make_supercell(atoms, change, wrap=True)
    standard = reduced.copy()
    standard.set_cell(reduced.cell.standard_form()[0], scale_atoms=True)
    return standard
