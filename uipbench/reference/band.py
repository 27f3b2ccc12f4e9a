"""The images of a DFT band, each with a calculator of its own that keeps its density."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uipbench.reference.engine import DftStructure
from uipbench.relaxation import Relaxed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

    from uipbench.reference.engine import DftEngine
    from uipbench.reference.gpaw_calculator import StoredDft
    from uipbench.reference.settings import DftSettings
    from uipbench.reference.steps import Evaluation


class DftBand:
    """What :mod:`uipbench.neb` takes for a calculator; every image of every step is stored.

    Args:
        engine: Runs what is not in its step store.
        settings: DFT settings of all images.
    """

    def __init__(self, engine: DftEngine, settings: DftSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._calculators: list[StoredDft] = []
        self._steps = 0

    def evaluate_together(self, structures: Sequence[Atoms]) -> list[Evaluation]:
        """Energy, forces and moments of the images, in the order of the band."""
        while len(self._calculators) < len(structures):
            self._calculators.append(self._engine.calculator(self._settings))
        found = [c.evaluate(a) for c, a in zip(self._calculators, structures, strict=False)]
        self._engine.seconds += sum(e.seconds for e in found)
        self._steps += 1
        energies = ", ".join(f"{e.energy:.4f}" for e in found)
        largest = max(float(np.linalg.norm(e.forces, axis=1).max()) for e in found)
        formula = structures[0].get_chemical_formula()
        self._engine.log(f"{formula} band {self._steps} E = {energies} eV fmax = {largest:.3f}")
        return found

    def calculations(self, structures: Sequence[Atoms]) -> list[DftStructure]:
        """The images with their DFT evaluations; those of the last step are in the store."""
        found = self.evaluate_together(structures)
        return [
            DftStructure(a.copy(), e, self._settings)
            for a, e in zip(structures, found, strict=True)
        ]


def as_relaxed(found: DftStructure) -> Relaxed:
    """A DFT relaxation as an end point of a band."""
    return Relaxed(found.atoms.copy(), found.evaluation.energy, 0, found.max_force)
