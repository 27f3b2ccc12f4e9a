"""Crystals of the migration set, and cells of them in the frame of the conventional cell."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from uipbench.errors import ReferenceEngineError
from uipbench.reference.settings import DftSettings, kpoint_mesh
from uipbench.reference_data.surface_energy.recipes import SurfaceRecipe
from uipbench.reference_data.surface_energy.slabs import (
    MATERIALS as SURFACE_MATERIALS,
)
from uipbench.reference_data.surface_energy.slabs import (
    Material,
    antifluorite,
    antiperovskite,
    with_moments,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.reference.engine import DftEngine

Lattice = dict[str, float]
Vector = tuple[float, float, float]
Vectors = tuple[Vector, Vector, Vector]

CELL_CUTOFF_EV = 900.0
"""Cutoff of cell relaxations, for the stress."""

CELL_FMAX_EV_PER_A = 0.005
EPS = 1e-6

FCC: Vectors = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
BCC: Vectors = ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5))
SIMPLE: Vectors = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
MIRRORED_LAYERS: Vectors = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (2 / 3, 4 / 3, 1 / 3))
"""A rhombohedral lattice in hexagonal vectors, the third one in the mirror plane normal to a."""

OWN: Mapping[str, Material] = {
    # Rabenau and Schulz, J. Less-Common Met. 50, 155 (1976), doi:10.1016/0022-5088(76)90263-0
    "Li3N": Material(
        spacegroup=191,
        basis=(("N", (0, 0, 0)), ("Li", (0, 0, 0.5)), ("Li", (1 / 3, 2 / 3, 0))),
        a=3.65,
        c=3.88,
        chemistry="nitride",
        cutoff_ev=520.0,
        kpoint_length=25.0,
        smearing_ev=0.01,
    ),
    "Li3OCl": SURFACE_MATERIALS["Li3OCl"],
    "Li3OBr": antiperovskite("Br", 4.02),
    "Li2Se": antifluorite("Se", 6.02, "selenide"),
    # NaTl type (B32): two diamond lattices, one of them lithium's
    "LiAl": Material(
        spacegroup=227,
        basis=(("Al", (0, 0, 0)), ("Li", (0.5, 0.5, 0.5))),
        a=6.36,
        chemistry="alloy",
        cutoff_ev=400.0,
        kpoint_length=40.0,
        smearing_ev=0.1,
    ),
}
"""Crystals whose lattice constants are relaxed here, from these starts on the code's own grid."""

MATERIALS: Mapping[str, Material] = {
    **SURFACE_MATERIALS,
    # Cobalt(III) is low-spin: LiCoO2 has no moments, nor has it where Li⁺ is taken out.
    "LiCoO2": replace(SURFACE_MATERIALS["LiCoO2"], magmom=0.0),
    **OWN,
}

PRIMITIVE: Mapping[str, Vectors] = {
    **dict.fromkeys(("LiF", "LiCl", "LiBr", "LiI", "Li2O", "Li2S", "Li2Se"), FCC),
    **dict.fromkeys(("Cu", "Ag", "Al", "LiAl"), FCC),
    "Li": BCC,
    "LiCoO2": MIRRORED_LAYERS,
}
"""Primitive vectors in conventional ones; the other crystals are primitive."""


def settings_of(material: Material, atoms: Atoms) -> DftSettings:
    """DFT settings of a crystal's own cell, as in the surface-energy set."""
    return DftSettings(
        cutoff_ev=material.cutoff_ev,
        kpts=kpoint_mesh(atoms, material.kpoint_length),
        smearing_ev=material.smearing_ev,
        spin_polarised=material.magmom != 0.0,
        hubbard=material.hubbard,
    )


def lattice_of(name: str, engine: DftEngine) -> Lattice:
    """DFT lattice constants; those of the surface-energy set are its own steps."""
    if name not in OWN:
        facet = SurfaceRecipe(material=name, miller_index=(1, 0, 0))
        return facet.lattice(engine)
    material = OWN[name]
    cell = crystal_cell(material, SIMPLE)
    settings = settings_of(material, cell)
    if material.cubic:
        state = engine.equation_of_state(cell, settings)
        return {
            "lattice_constant_a": material.a * (1 + state.strain),
            "bulk_modulus_gpa": state.bulk_modulus_gpa,
        }
    fine = replace(settings, cutoff_ev=CELL_CUTOFF_EV)
    a, _, c = engine.relax_cell(cell, fine, fmax=CELL_FMAX_EV_PER_A).atoms.cell.lengths()
    return {"lattice_constant_a": float(a), "lattice_constant_c": float(c)}


def at_lattice(name: str, lattice: Mapping[str, float]) -> Material:
    """The crystal at these lattice constants."""
    return MATERIALS[name].with_lattice(
        lattice["lattice_constant_a"],
        lattice.get("lattice_constant_c"),
        lattice.get("internal_coordinate_z"),
    )


def starting_lattice(name: str) -> Lattice:
    """The lattice constants that the crystal's DFT relaxation starts from, for tests and looks."""
    material = MATERIALS[name]
    lattice = {"lattice_constant_a": material.a}
    return lattice if material.c is None else lattice | {"lattice_constant_c": material.c}


def primitive_vectors(name: str) -> Vectors:
    """Primitive vectors of a crystal in its conventional ones."""
    return PRIMITIVE.get(name, SIMPLE)


def crystal_cell(
    material: Material,
    vectors: Sequence[Sequence[float]] | np.ndarray,
    repeat: Sequence[int] = (1, 1, 1),
) -> Atoms:
    """A cell of the crystal, in the Cartesian frame of its conventional cell.

    Args:
        material: Crystal with its final lattice constants.
        vectors: Cell vectors in conventional ones; lattice vectors of the crystal.
        repeat: Multiples of the three vectors.

    Raises:
        ReferenceEngineError: The vectors are not lattice vectors of the crystal.
    """
    conventional = material.conventional()
    matrix = np.asarray(vectors, dtype=float) * np.asarray(repeat)[:, None]
    reach = int(np.ceil(np.abs(matrix).sum(axis=0).max())) + 1
    inverse = np.linalg.inv(matrix)
    scaled = conventional.get_scaled_positions()
    found: dict[tuple[float, ...], int] = {}
    for shift in product(range(-reach, reach + 1), repeat=3):
        inside = (scaled + shift) @ inverse
        for index, x in enumerate(inside):
            if np.all(x > -EPS) and np.all(x < 1 - EPS):
                found.setdefault(tuple(np.round(x, 6) + 0.0), index)
    expected = len(conventional) * abs(np.linalg.det(matrix))
    if abs(len(found) - expected) > EPS:
        msg = f"{conventional.symbols}: {matrix.tolist()} are not lattice vectors"
        raise ReferenceEngineError(msg)
    keys = sorted(found, key=lambda x: (found[x], x))
    atoms = Atoms(
        [conventional.symbols[found[x]] for x in keys],
        cell=matrix @ conventional.cell[:],
        scaled_positions=np.array(keys),
        pbc=True,
    )
    return with_moments(atoms, material)
