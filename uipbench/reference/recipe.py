"""What a data folder's ``recipes.py`` returns, and how its outcome becomes reference files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.extxyz import write_extxyz

from uipbench.casefiles import SCHEMA_VERSION, CaseFile, LevelOfTheory, PawSet
from uipbench.reference.gpaw_calculator import code_version, paw_sets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uipbench.reference.engine import DftEngine, DftStructure


class Recipe(Protocol):
    """Structure builder and settings of one case; ``compute`` runs them."""

    @property
    def id(self) -> str:
        """Identifier of the case."""

    @property
    def title(self) -> str:
        """What people read, such as ``Al(111)``."""

    @property
    def tier(self) -> Literal["quick", "full"]:
        """Tier of the case."""

    @property
    def comment(self) -> str:
        """What a reader of the case should know."""

    def compute(self, engine: DftEngine) -> ReferenceCase:
        """Run the calculations that are not in the step store, and derive the values."""


@dataclass(frozen=True, slots=True)
class ReferenceCase:
    """A computed case, ready to be written."""

    file: CaseFile
    structures: Mapping[str, DftStructure]

    def extxyz(self) -> str:
        """All structures with energy, forces and moments, in the order of ``roles``."""
        stream = io.StringIO()
        frames = []
        for role, structure in self.structures.items():
            atoms = structure.atoms.copy()
            atoms.info = {"role": role}
            e = structure.evaluation
            results: dict[str, Any] = {"energy": e.energy, "forces": np.asarray(e.forces)}
            if e.magmoms is not None:
                results["magmoms"] = np.asarray(e.magmoms)
            atoms.calc = SinglePointCalculator(atoms, **results)
            frames.append(atoms)
        write_extxyz(stream, frames)
        return stream.getvalue()


def level_of_theory(structures: Mapping[str, DftStructure]) -> LevelOfTheory:
    """Level of theory of structures that share everything but the k-point mesh."""
    first = next(iter(structures.values()))
    s = first.settings
    elements = sorted({e for d in structures.values() for e in d.atoms.get_chemical_symbols()})
    return LevelOfTheory(
        xc=s.xc,
        hubbard_u_ev=s.hubbard_u_ev,
        code=code_version(),
        paw={e: PawSet(**values) for e, values in paw_sets(tuple(elements), s.xc).items()},
        cutoff_ev=s.cutoff_ev,
        kpts={role: d.settings.kpts for role, d in structures.items()},
        grid_spacing_a=s.grid_spacing_a,
        smearing=("fermi-dirac", s.smearing_ev),
        spin_polarised=s.spin_polarised,
        dispersion="none",
    )


def case_file(
    structures: Mapping[str, DftStructure],
    *,
    cpu_seconds: float,
    **fields: Any,  # noqa: ANN401 - validated by CaseFile
) -> CaseFile:
    """A :class:`~uipbench.casefiles.CaseFile` with the fields that follow from the structures."""
    elements = {e for d in structures.values() for e in d.atoms.get_chemical_symbols()}
    return CaseFile(
        schema_version=SCHEMA_VERSION,
        elements=sorted(elements),
        roles=list(structures),
        theory=level_of_theory(structures),
        cpu_seconds=round(cpu_seconds, 1),
        **fields,
    )
