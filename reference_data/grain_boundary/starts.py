"""Starts of the DFT relaxations: found by a scan with a potential, stored with the scan.

A start is stored at the potential's lattice constants and scaled to those of DFT, so that the
recipe needs neither the potential nor the scan.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uipbench.casefiles import write_atomically
from uipbench.errors import ReferenceDataError
from uipbench.reference_data.grain_boundary.boundaries import Translation, symmetry_operations
from uipbench.reference_data.surface_energy.slabs import with_moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uipbench.reference_data.surface_energy.slabs import Material

FOLDER = Path(__file__).parent / "starts"
Vector = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Candidate(_Strict):
    """A start that was tried.

    Attributes:
        shifted_centre: See :class:`~boundaries.Translation`.
        shift: In-plane shift in lattice vectors.
        gap: Widening of each boundary in Å.
        merged_below: Merging limit in bulk bond lengths.
        atoms: Number of atoms after merging.
        rigid: γ in J/m² as built, by the potential.
        relaxed: γ in J/m² relaxed by the potential; None where the rigid one was too high to try.
        displaced_seed: Seed of the random displacements after which it was relaxed once more, if
            it was.
    """

    shifted_centre: bool
    shift: tuple[float, float]
    gap: float
    merged_below: float
    atoms: int
    rigid: float
    relaxed: float | None = None
    displaced_seed: int | None = None

    @property
    def translation(self) -> Translation:
        """What builds it."""
        return Translation(
            shifted_centre=self.shifted_centre,
            shift=self.shift,
            gap=self.gap,
            merged_below=self.merged_below,
        )


class Start(_Strict):
    """Contents of ``starts/<case>.json``.

    Attributes:
        case: Identifier of the case.
        boundary: Name such as ``Σ5(210)[001]``.
        potential: Name and version of the potential and of its package.
        lattice: The potential's lattice constants, as the recipe's.
        cell: Cell vectors in Å.
        symbols: Chemical symbols.
        positions: Å, relaxed by the potential and symmetrised.
        chosen: The best candidate.
        candidates: All, the best first.
    """

    schema_version: Literal[1] = 1
    case: str
    boundary: str
    potential: str
    lattice: dict[str, Positive]
    cell: tuple[Vector, Vector, Vector]
    symbols: list[str]
    positions: list[Vector]
    chosen: Candidate
    candidates: list[Candidate]

    def atoms(self, lattice: Mapping[str, float], material: Material) -> Atoms:
        """The start scaled to other lattice constants, with the material's starting moments.

        Args:
            lattice: ``lattice_constant_a`` and, in layered crystals with the normal along c,
                ``lattice_constant_c`` in Å.
            material: For the moments.
        """
        a = lattice["lattice_constant_a"] / self.lattice["lattice_constant_a"]
        name = "lattice_constant_a" if material.cubic else "lattice_constant_c"
        scale = np.array([a, a, lattice[name] / self.lattice[name]])
        scaled = Atoms(
            self.symbols,
            np.array(self.positions) * scale,
            cell=np.array(self.cell) * scale,
            pbc=True,
        )
        return with_moments(scaled, material)


def read_start(case_id: str) -> Start:
    """The stored start of a case.

    Raises:
        ReferenceDataError: There is none, or it is not of the schema.
    """
    path = FOLDER / f"{case_id}.json"
    try:
        return Start.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        module = "uipbench.reference_data.grain_boundary.scan"
        msg = f"{path}: no start; make it with: python -m {module} {case_id}"
        raise ReferenceDataError(msg) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        msg = f"{path}: {where}: {first['msg']}; restore the file"
        raise ReferenceDataError(msg) from error


def write_start(start: Start) -> Path:
    """Write ``starts/<case>.json``; its path."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{start.case}.json"
    text = json.dumps(start.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"
    write_atomically(path, text)
    return path


def symmetrised(atoms: Atoms, tolerance: float) -> Atoms:
    """Copy with the positions averaged over the symmetry operations found within a tolerance.

    The noise of a single-precision potential would hide the symmetry from the DFT code, and with
    it multiply the k-points.

    Args:
        atoms: Structure whose cell has the symmetry already.
        tolerance: Å.
    """
    scaled = atoms.get_scaled_positions(wrap=False)
    rotations, translations = symmetry_operations(atoms, tolerance)
    total = np.zeros_like(scaled)
    for rotation, shift in zip(rotations, translations, strict=True):
        images = scaled @ rotation.T + shift
        difference = images[:, None, :] - scaled[None, :, :]
        difference -= np.rint(difference)
        apart = np.linalg.norm(difference @ atoms.cell[:], axis=-1)
        apart[atoms.numbers[:, None] != atoms.numbers[None, :]] = np.inf
        target = apart.argmin(axis=1)
        total[target] += scaled[target] + difference[np.arange(len(atoms)), target]
    copy = atoms.copy()
    copy.set_scaled_positions(total / len(rotations))
    return copy
