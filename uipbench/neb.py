"""Minimum-energy paths of a model: climbing-image nudged elastic band, one request a band.

Henkelman and Jónsson, J. Chem. Phys. 113, 9978 (2000), doi:10.1063/1.1323224 (improved tangent);
Henkelman, Uberuaga, Jónsson, J. Chem. Phys. 113, 9901 (2000), doi:10.1063/1.1329672 (climbing
image); start from a known path, or from the image-dependent pair potential: Smidstrup et al., J.
Chem. Phys. 140, 214106 (2014), doi:10.1063/1.4878664. The band and its forces are ASE's; here the
images of a step are evaluated together, and a band that does not converge is an error.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.geometry import find_mic

from uipbench.errors import CalculationError, NotConvergedError
from uipbench.relaxation import INITIAL_HESSIAN, MAX_DISPLACEMENT_A, Relaxed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from uipbench.batched_neb import BatchedNEB

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


def path_coordinates(images: Sequence[Atoms]) -> np.ndarray:
    """(n,) distance along the path in Å, in the space of all atoms, from the first image.

    Args:
        images: Structures with the same atoms in the same order and the same cell.
    """
    steps = np.linalg.norm(_steps(images).reshape(len(images) - 1, -1), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _steps(images: Sequence[Atoms]) -> np.ndarray:
    """(n − 1, atoms, 3) shortest displacements from each image to the next."""
    positions = np.array([image.positions for image in images])
    return _shortest(np.diff(positions, axis=0), images[0])


def _shortest(vectors: np.ndarray, atoms: Atoms) -> np.ndarray:
    """The shortest of the periodic images of vectors, whatever the shape of their array."""
    shortest, _ = find_mic(vectors.reshape(-1, 3), atoms.cell, atoms.pbc)
    return np.asarray(shortest).reshape(vectors.shape)


def moved_path(path: Sequence[Atoms], initial: Atoms, final: Atoms, images: int) -> list[Atoms]:
    """A path with its ends moved to ``initial`` and ``final``, and the atoms between along.

    Args:
        path: Images of the same hop in the same cell, end points included.
        initial: First image.
        final: Last image, with the same atoms in the same order and the same cell.
        images: Number of images. Where the path has another one, they are at equal distances on
            the lines between its images.
    """
    along = path_coordinates(path)
    where = along if images == len(path) else np.linspace(0.0, along[-1], images)
    there = np.cumsum([path[0].positions, *_steps(path)], axis=0)
    there = np.apply_along_axis(lambda x: np.interp(where, along, x), 0, there)
    first = _shortest(initial.positions - there[0], initial)
    last = _shortest(final.positions - there[-1], initial)
    moved = [initial.copy() for _ in where]
    for image, positions, part in zip(moved, there, where / along[-1], strict=True):
        image.positions = positions + (1 - part) * first + part * last
    return moved


def climbing_image_neb(  # noqa: PLR0913 - the settings of a band
    initial: Relaxed,
    final: Relaxed,
    calculator: Calculator,
    *,
    images: int,
    fmax: float,
    max_steps: int = 400,
    path: Sequence[Atoms] | None = None,
) -> Band:
    """The path between two relaxed end points, its highest image on the saddle point.

    Converged when no force on an atom of any image exceeds ``fmax``: perpendicular to the path and
    of the springs on the others, the whole force on the climbing image. Where no image rises above
    both end points there is no saddle point to climb to, and the barrier is that of the plain band:
    zero from the higher end point, the difference of the two from the lower one.

    Args:
        initial: Relaxed first image.
        final: Relaxed last image, with the same atoms in the same order and the same cell.
        calculator: The model.
        images: Images with the end points, at least three.
        fmax: Limit in eV/Å.
        max_steps: Steps of the band before giving up.
        path: A path of the same hop to start from, see :func:`moved_path`; without it, the start is
            an IDPP interpolation. A path that bends out of a mirror plane needs one: a symmetric
            start stays on the ridge.

    Raises:
        CalculationError: Too few images.
        NotConvergedError: The limit was not reached; with the force that was left.
    """
    from uipbench.batched_neb import BatchedNEB, idpp, known

    if images < LEAST_IMAGES:
        msg = f"{images} images, a band needs at least {LEAST_IMAGES}"
        raise CalculationError(msg)
    ends = initial.atoms, final.atoms
    band = idpp(*ends, images) if path is None else moved_path(path, *ends, images)
    band[0].calc, band[-1].calc = known(band[0], initial.energy), known(band[-1], final.energy)
    plain = BatchedNEB(band, calculator, climb=False)
    used = _converge(plain, max(CLIMB_BELOW, fmax), max_steps)
    top, start = int(np.argmax(plain.band_energies)), plain.get_positions()
    climbing = BatchedNEB(band, calculator, climb=True)
    try:  # also where all images lie below an end point: a saddle point may lie between two images
        used += _converge(climbing, fmax, max_steps - used)
    except NotConvergedError:
        if top not in {0, images - 1}:
            raise
        plain.set_positions(start)
        return _finished(plain, max_steps + _converge(plain, fmax, max_steps))
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
    from uipbench.batched_neb import BatchedNEB, idpp, known

    band = idpp(initial.atoms, middle.atoms, images)
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
