"""Minimum-energy paths of a model: climbing-image nudged elastic band, one request a band.

Henkelman and Jónsson, J. Chem. Phys. 113, 9978 (2000), doi:10.1063/1.1323224 (improved tangent);
Henkelman, Uberuaga, Jónsson, J. Chem. Phys. 113, 9901 (2000), doi:10.1063/1.1329672 (climbing
image); start from the image-dependent pair potential: Smidstrup et al., J. Chem. Phys. 140, 214106
(2014), doi:10.1063/1.4878664. The band and its forces are ASE's; here the images of a step are
evaluated together, and a band that does not converge is an error.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic
from ase.mep import NEB
from ase.mep.neb import idpp_interpolate, interpolate

from uipbench.errors import CalculationError, NotConvergedError
from uipbench.evaluation import evaluate
from uipbench.outcome import Evaluated
from uipbench.relaxation import INITIAL_HESSIAN, MAX_DISPLACEMENT_A, Relaxed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from ase.calculators.calculator import Calculator

SPRING_CONSTANT = 1.0
"""Of every spring in eV/Å². It only spaces the images: it acts along the path."""

CLIMB_BELOW = 0.15
"""Largest force (eV/Å) of the plain band at which the highest image starts to climb."""

QUICK_STEPS = 60
"""Steps of the quick optimiser before the careful one starts again."""

LEAST_IMAGES = 3


@dataclass(frozen=True, slots=True)
class Band:
    """A converged band, end points included.

    Attributes:
        images: The images, without calculator.
        energies: (n,) in eV.
        steps: Steps of the band, each one evaluation of every moving image.
        max_force: Largest force on an atom of the band in eV/Å, spring forces included.
        climbing_force: Largest true force on an atom of the highest moving image in eV/Å.
    """

    images: tuple[Atoms, ...]
    energies: np.ndarray
    steps: int
    max_force: float
    climbing_force: float

    @property
    def barriers(self) -> tuple[float, float]:
        """Forward and backward barrier in eV: highest energy minus that of each end point."""
        top = float(self.energies.max())
        return top - float(self.energies[0]), top - float(self.energies[-1])


def evaluate_together(structures: Sequence[Atoms], calculator: Calculator) -> list[Evaluated]:
    """Energies (eV) and forces (eV/Å) of structures, which are not changed.

    A calculator with a method ``evaluate_together``, as the harness's, gets them in one request;
    any other one after another.
    """
    together = getattr(calculator, "evaluate_together", None)
    if together is None:
        return [evaluate(atoms, calculator) for atoms in structures]
    found = together(structures)
    return [Evaluated(float(e.energy), np.asarray(e.forces)) for e in found]


def path_coordinates(images: Sequence[Atoms]) -> np.ndarray:
    """(n,) distance along the path in Å, in the space of all atoms, from the first image."""
    steps = [
        np.linalg.norm(find_mic(b.positions - a.positions, a.cell, a.pbc)[0])
        for a, b in pairwise(images)
    ]
    return np.concatenate([[0.0], np.cumsum(steps)])


def interpolated_band(
    initial: Atoms, final: Atoms, *, images: int, via: Atoms | None = None, share: float = 0.5
) -> list[Atoms]:
    """IDPP interpolation from ``initial`` to ``final``, end points included.

    Args:
        initial: First image.
        final: Last image, with the same atoms in the same order and the same cell.
        images: Number of images.
        via: A structure that the path leads through, for paths that bend out of a mirror plane,
            where a symmetric start would stay on the ridge.
        share: Part of the path that lies before ``via``.
    """
    if via is None:
        return _idpp(initial, final, images)
    before = min(max(round(share * (images - 1)), 1), images - 2)
    first = _idpp(initial, via, before + 1)
    return [*first, *_idpp(first[-1], final, images - before)[1:]]


def _idpp(initial: Atoms, final: Atoms, images: int) -> list[Atoms]:
    """IDPP between two structures; positions are continuous, not wrapped into the cell."""
    last = initial.copy()
    last.positions += find_mic(final.positions - initial.positions, initial.cell, initial.pbc)[0]
    band = [initial.copy() for _ in range(images - 1)] + [last]
    if images >= LEAST_IMAGES:
        interpolate(band)
        idpp_interpolate(NEB(band, method="improvedtangent"), traj=None, log=None, mic=True)
    for image in band:
        image.calc = None
    return band


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


def known(atoms: Atoms, energy: float, forces: np.ndarray | None = None) -> SinglePointCalculator:
    """A calculator that holds these results of ``atoms``."""
    results: dict[str, Any] = {"energy": energy} | ({} if forces is None else {"forces": forces})
    return SinglePointCalculator(atoms, **results)


def climbing_image_neb(  # noqa: PLR0913 - the settings of a band
    initial: Relaxed,
    final: Relaxed,
    calculator: Calculator,
    *,
    images: int,
    fmax: float,
    max_steps: int = 400,
    via: Atoms | None = None,
    share: float = 0.5,
) -> Band:
    """The path between two relaxed end points, its highest image on the saddle point.

    Converged when no force on an atom of any image exceeds ``fmax``: perpendicular to the path and
    of the springs on the others, the whole force on the climbing image.

    Args:
        initial: Relaxed first image.
        final: Relaxed last image, with the same atoms in the same order and the same cell.
        calculator: The model.
        images: Images with the end points, at least three.
        fmax: Limit in eV/Å.
        max_steps: Steps of the band before giving up.
        via: Structure that the start leads through; see :func:`interpolated_band`.
        share: Part of the path before ``via``.

    Raises:
        CalculationError: Too few images, or the highest image of the band is an end point.
        NotConvergedError: The limit was not reached; with the force that was left.
    """
    if images < LEAST_IMAGES:
        msg = f"{images} images, a band needs at least {LEAST_IMAGES}"
        raise CalculationError(msg)
    band = interpolated_band(initial.atoms, final.atoms, images=images, via=via, share=share)
    band[0].calc, band[-1].calc = known(band[0], initial.energy), known(band[-1], final.energy)
    plain = BatchedNEB(band, calculator, climb=False)
    used = _converge(plain, max(CLIMB_BELOW, fmax), max_steps)
    energies = plain.band_energies
    climbing = BatchedNEB(band, calculator, climb=True)
    try:
        used += _converge(climbing, fmax, max_steps - used)
    except NotConvergedError:
        _check_saddle(energies)
        raise
    _check_saddle(climbing.band_energies)
    return _finished(climbing, used)


def half_path(  # noqa: PLR0913 - the settings of a band
    initial: Relaxed,
    middle: Relaxed,
    calculator: Calculator,
    *,
    images: int,
    fmax: float,
    climb_fmax: float,
    max_steps: int = 150,
) -> Band:
    """The path from a minimum to the symmetric middle of a path whose other half is its mirror.

    Where the middle is the highest image it is the saddle point, and the plain band needs to reach
    ``fmax`` only. Where another image is higher, the middle is a minimum or a flat top; then the
    highest image climbs until no force exceeds ``climb_fmax``.

    Args:
        initial: Relaxed first image.
        middle: Structure relaxed within the symmetry that exchanges the end points.
        calculator: The model.
        images: Images from ``initial`` to ``middle``, both included.
        fmax: Limit of the plain band in eV/Å.
        climb_fmax: Limit of the climbing band in eV/Å.
        max_steps: Steps of the band before giving up.

    Raises:
        NotConvergedError: The limit was not reached.
    """
    band = _idpp(initial.atoms, middle.atoms, images)
    band[0].calc, band[-1].calc = known(band[0], initial.energy), known(band[-1], middle.energy)
    plain = BatchedNEB(band, calculator, climb=False)
    used = _converge(plain, fmax, max_steps)
    if int(np.argmax(plain.band_energies)) in {0, images - 1}:
        return _finished(plain, used)
    climbing = BatchedNEB(band, calculator, climb=True)
    used += _converge(climbing, climb_fmax, max_steps - used)
    return _finished(climbing, used)


def _finished(band: BatchedNEB, steps: int) -> Band:
    energies = band.band_energies
    largest = _largest(band.get_forces())
    highest_moving = band.images[1 + int(np.argmax(energies[1:-1]))]
    climbing_force = _largest(highest_moving.get_forces())
    images = tuple(image.copy() for image in band.images)
    return Band(images, energies, steps, largest, climbing_force)


def _converge(band: BatchedNEB, fmax: float, max_steps: int) -> int:
    """Converge the band by BFGS, or where that fails by FIRE from the same start; its steps.

    Band forces are no gradient: BFGS mostly needs a third of FIRE's steps but diverges now and
    then, most often when the barrier is low.
    """
    from ase.optimize import BFGS, FIRE

    start = band.get_positions()
    quick = min(QUICK_STEPS, max_steps)
    optimiser = BFGS(band, logfile=None, maxstep=MAX_DISPLACEMENT_A, alpha=INITIAL_HESSIAN)
    # Its update divides by zero where the forces do not change, and has no eigenvalues then.
    with np.errstate(divide="ignore", invalid="ignore"), suppress(np.linalg.LinAlgError):
        if optimiser.run(fmax=fmax, steps=quick):
            return int(optimiser.nsteps)
    band.set_positions(start)
    careful = FIRE(band, logfile=None, maxstep=MAX_DISPLACEMENT_A)
    if careful.run(fmax=fmax, steps=max_steps - quick):
        return quick + int(careful.nsteps)
    left = _largest(band.get_forces())
    kind = "climbing band" if band.climb else "band"
    msg = (
        f"{band.images[0].get_chemical_formula()}: {kind} of {band.nimages} images: "
        f"{left:.3f} eV/Å left after {max_steps} steps, limit {fmax} eV/Å"
    )
    raise NotConvergedError(msg)


def _largest(forces: np.ndarray) -> float:
    return float(np.linalg.norm(np.asarray(forces).reshape(-1, 3), axis=1).max())


def _check_saddle(energies: np.ndarray) -> None:
    top = int(np.argmax(energies))
    if top in {0, len(energies) - 1}:
        end = "first" if top == 0 else "last"
        msg = f"no barrier: the highest of {len(energies)} images is the {end} one"
        raise CalculationError(msg)
