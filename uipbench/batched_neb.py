"""ASE's nudged elastic band, its images evaluated together; apart, because importing it is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic
from ase.mep import NEB
from ase.mep.neb import idpp_interpolate, interpolate

from uipbench.evaluation import evaluate_together

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

SPRING_CONSTANT = 1.0
"""Of every spring in eV/Å². It only spaces the images: it acts along the path."""


class BatchedNEB(NEB):
    """ASE's band, whose moving images are evaluated in one request.

    Args:
        images: End points with known energy, moving images between them.
        calculator: The model.
        climb: Whether the highest image climbs.
    """

    def __init__(self, images: list[Atoms], calculator: Calculator, *, climb: bool) -> None:
        super().__init__(
            images,
            k=SPRING_CONSTANT,
            climb=climb,
            method="improvedtangent",
            remove_rotation_and_translation=False,
        )
        self._calculator = calculator

    def get_forces(self) -> Any:  # noqa: ANN401 - ASE is untyped
        """Band forces, ((n − 2)·atoms, 3); the true ones are evaluated where positions changed."""
        moving = self.images[1:-1]
        if any(image.calc is None or image.calc.check_state(image) for image in moving):
            found = evaluate_together(moving, self._calculator)
            for image, evaluated in zip(moving, found, strict=True):
                image.calc = known(image, evaluated.energy, evaluated.forces)
        return super().get_forces()

    @property
    def band_energies(self) -> np.ndarray:
        """(n,) energies of all images in eV, of the last evaluation."""
        return np.array([image.get_potential_energy() for image in self.images])


class Known(SinglePointCalculator):
    """Results of one structure, of which the band moves nothing but the positions."""

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:  # noqa: ARG002
        """ASE's hook; its own compares everything: half of a band's time beside the calls."""
        return [] if np.array_equal(atoms.positions, self.atoms.positions) else ["positions"]


def known(atoms: Atoms, energy: float, forces: np.ndarray | None = None) -> Known:
    """A calculator that holds these results of ``atoms``."""
    results: dict[str, Any] = {"energy": energy} | ({} if forces is None else {"forces": forces})
    return Known(atoms, **results)


def idpp(initial: Atoms, final: Atoms, images: int) -> list[Atoms]:
    """IDPP between two structures; positions are continuous, not wrapped into the cell."""
    last = initial.copy()
    last.positions += find_mic(final.positions - initial.positions, initial.cell, initial.pbc)[0]
    band = [initial.copy() for _ in range(images - 1)] + [last]
    if images > len((initial, final)):
        interpolate(band)
        idpp_interpolate(NEB(band, method="improvedtangent"), traj=None, log=None, mic=True)
    for image in band:
        image.calc = None
    return band
