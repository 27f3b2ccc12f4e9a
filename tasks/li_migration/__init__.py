"""Migration barriers of lithium and the energy profiles of its hops.

E_m = max(E along the path) − E(initial), forward; the backward barrier is counted from the final
structure. A path is a row of images, ``image_0`` to ``image_n``, with the same atoms in the same
order. Its cell is that of the perfect crystal, strained as the case's ``bulk`` is when the model
relaxes it, because a user's cell has the model's own lattice constants. A case without ``bulk``
keeps the DFT cell.

In DFT some cells are charged (tag ``charge``): Li⁺ is taken out of a closed-shell crystal.
Potentials know no charge; the barrier, a difference within one cell, is compared all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from uipbench.kit import (
    CalculationError,
    Case,
    Prediction,
    Protocol,
    Task,
    climbing_image_neb,
    evaluate_together,
    path_coordinates,
    relax_cell,
    relax_positions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from uipbench.kit import Band

IMAGES = 7
"""Images of the model's band, end points included: with an odd number one is half-way."""

BAND_FMAX = 0.03
"""Force limit of the band, of the climbing image too, in eV/Å."""

BAND_STEPS = 400
"""Steps of the band before it counts as not converged."""

END_FMAX = 0.01
"""Force limit of the end points in eV/Å."""

BULK_FMAX = 0.002
"""Limit of the bulk relaxation: forces in eV/Å, virial an atom in eV."""

LEAST_IMAGES = 3
LEAST_HOP = 0.5
"""Least distance of the relaxed end points, relative to that in DFT; nearer, they are the same."""

SAME_CELL_A = 1e-5


class LiMigration(Task):
    """Migration barriers in the ``fixed`` and ``relaxed`` protocols."""

    name: ClassVar[str] = "li_migration"
    title: ClassVar[str] = "Li migration barrier"
    summary: ClassVar[str] = (
        "The energy that a lithium atom must find to hop to the next site of a crystal, a "
        "boundary or a surface. It enters conductivity and plating exponentially: at room "
        "temperature 60 meV are a factor of ten."
    )
    quantity: ClassVar[str] = "migration_barrier"
    unit: ClassVar[str] = "eV"
    primary_metric: ClassVar[str] = "mae"
    citation: ClassVar[str] = (
        "Henkelman, Uberuaga and Jónsson, J. Chem. Phys. 113, 9901 (2000), doi:10.1063/1.1329672"
    )
    version: ClassVar[int] = 1

    def predict(self, case: Case, calculator: Calculator, protocol: Protocol) -> Prediction:
        """Barriers forward and backward in eV, and ``profile_rmse`` in eV.

        ``fixed``: energies at the DFT images. ``profile_rmse`` is the root mean square deviation
        of the profile, counted from ``image_0``, over all other images.

        ``relaxed``: the end points are relaxed with the model in the strained cell, and a
        climbing-image band is converged between them (:func:`uipbench.kit.climbing_image_neb`).
        It starts from the DFT path, moved with the end points: a path of the same mechanism.
        A model without a saddle point has the barrier that the definition gives: zero from the
        higher end point.
        ``profile_rmse`` compares at the coordinates of the DFT images, relative to the path's
        length.

        Every image is in the details: ``image_<i>_ev`` (from the first) at
        ``image_<i>_coordinate``, between 0 and 1.

        Raises:
            NotConvergedError: A relaxation or the band did not reach its limit.
            CalculationError: The structures are no path, or the model has no hop.
        """
        path = checked_path(case)
        if protocol == "fixed":
            return _fixed(case, path, calculator)
        return _relaxed(case, path, calculator)


def image_roles(roles: Sequence[str]) -> list[str]:
    """The roles ``image_0``, ``image_1``, … in their order."""
    found = [role for role in roles if role.startswith("image_")]
    return sorted(found, key=lambda role: int(role.removeprefix("image_")))


def barriers(energies: np.ndarray) -> tuple[float, float]:
    """Forward and backward barrier of a path from the energies of its images (n,)."""
    top = float(energies.max())
    return top - float(energies[0]), top - float(energies[-1])


def checked_path(case: Case) -> dict[str, Atoms]:
    """Copies of the case's images by role, in order.

    Raises:
        CalculationError: Too few images, images of different atoms or cells, or a path whose
            highest image is an end point.
    """
    roles = image_roles(list(case.structures))
    if len(roles) < LEAST_IMAGES:
        msg = f"{case.id}: {len(roles)} images, a path needs at least {LEAST_IMAGES}"
        raise CalculationError(msg)
    path = {role: case.atoms(role) for role in roles}
    first = path[roles[0]]
    for role, atoms in path.items():
        if not np.array_equal(atoms.numbers, first.numbers):
            msg = f"{case.id}: {role} has other atoms than {roles[0]}, or another order of them"
            raise CalculationError(msg)
        if not np.abs(atoms.cell.array - first.cell.array).max() <= SAME_CELL_A:
            msg = f"{case.id}: {role} has another cell than {roles[0]}"
            raise CalculationError(msg)
    top = int(np.argmax([case.structures[role].energy for role in roles]))
    if top in {0, len(roles) - 1}:
        msg = f"{case.id}: the highest image in DFT, {roles[top]}, is an end point: no barrier"
        raise CalculationError(msg)
    return path


def strained(atoms: Atoms, bulk: Atoms, relaxed_bulk: Atoms) -> Atoms:
    """The structure with the strain from ``bulk`` to ``relaxed_bulk``, atoms moving along.

    Both bulk cells are in the Cartesian frame of ``atoms``.
    """
    deformation = np.linalg.solve(bulk.cell[:], relaxed_bulk.cell[:])
    copy = atoms.copy()
    copy.set_cell(atoms.cell[:] @ deformation, scale_atoms=True)
    return copy


def relative_coordinates(images: Sequence[Atoms]) -> np.ndarray:
    """(n,) coordinate along the path, 0 at the first image and 1 at the last."""
    lengths = path_coordinates(images)
    return np.asarray(lengths / lengths[-1])


def rms(deviation: np.ndarray) -> float:
    """Root mean square over the images behind the first, whose energy is zero by definition."""
    return float(np.sqrt(np.mean(deviation[1:] ** 2)))


def _profile(energies: np.ndarray, coordinates: np.ndarray) -> dict[str, float]:
    details = {}
    for i, (energy, coordinate) in enumerate(zip(energies, coordinates, strict=True)):
        details[f"image_{i}_ev"] = float(energy)
        details[f"image_{i}_coordinate"] = float(coordinate)
    return details


def _dft_profile(case: Case, path: Mapping[str, Atoms]) -> np.ndarray:
    energies = np.array([case.structures[role].energy for role in path])
    return np.asarray(energies - energies[0])


def _values(profile: np.ndarray, rmse: float) -> dict[str, float]:
    forward, backward = barriers(profile)
    return {"migration_barrier": forward, "backward_barrier": backward, "profile_rmse": rmse}


def _fixed(case: Case, path: Mapping[str, Atoms], calculator: Calculator) -> Prediction:
    structures = {role: path.get(role) or case.atoms(role) for role in case.structures}
    found = evaluate_together(list(structures.values()), calculator)
    evaluated = dict(zip(structures, found, strict=True))
    profile = np.array([evaluated[role].energy for role in path])
    profile -= profile[0]
    dft = _dft_profile(case, path)
    coordinates = relative_coordinates(list(path.values()))
    details = _profile(profile, coordinates)
    details["dft_saddle_ev"] = float(profile[int(np.argmax(dft))])
    return Prediction(
        values=_values(profile, rms(profile - dft)), evaluated=evaluated, details=details
    )


def _relaxed(case: Case, path: Mapping[str, Atoms], calculator: Calculator) -> Prediction:
    images = list(path.values())
    dft, coordinates = _dft_profile(case, path), relative_coordinates(images)
    details = {}
    if "bulk" in case.structures:
        start = case.atoms("bulk")
        bulk = relax_cell(start, calculator, fmax=BULK_FMAX)
        images = [strained(atoms, start, bulk.atoms) for atoms in images]
        volume_ratio = bulk.atoms.get_volume() / start.get_volume()
        details["lattice_strain"] = float(volume_ratio ** (1 / 3) - 1)
    initial = relax_positions(images[0], calculator, fmax=END_FMAX)
    final = relax_positions(images[-1], calculator, fmax=END_FMAX)
    _check_apart(case, images, initial.atoms, final.atoms)
    band = climbing_image_neb(
        initial,
        final,
        calculator,
        images=IMAGES,
        fmax=BAND_FMAX,
        max_steps=BAND_STEPS,
        path=images,
    )
    details |= {
        "initial_steps": float(initial.steps),
        "final_steps": float(final.steps),
        "band_steps": float(band.steps),
        "band_max_force_ev_per_a": band.max_force,
        "climbing_force_ev_per_a": band.climbing_force,
    }
    return _from_band(band, dft, coordinates, details)


def _from_band(
    band: Band, dft: np.ndarray, dft_coordinates: np.ndarray, details: dict[str, float]
) -> Prediction:
    from scipy.interpolate import PchipInterpolator

    profile = band.energies - band.energies[0]
    coordinates = relative_coordinates(band.images)
    there = PchipInterpolator(coordinates, profile)(dft_coordinates)
    values = _values(profile, rms(np.asarray(there) - dft))
    return Prediction(values=values, details=details | _profile(profile, coordinates))


def _check_apart(case: Case, images: Sequence[Atoms], initial: Atoms, final: Atoms) -> None:
    """Raise where the model relaxes both end points to one structure."""
    wanted = float(path_coordinates([images[0], images[-1]])[-1])
    found = float(path_coordinates([initial, final])[-1])
    if found < LEAST_HOP * wanted:
        msg = (
            f"{case.id}: the end points relax to within {found:.2f} Å of each other "
            f"({wanted:.2f} Å in DFT): the model has no hop"
        )
        raise CalculationError(msg)


TASK = LiMigration()
