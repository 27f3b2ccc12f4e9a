"""Interfaces that start from the densities of their two slabs.

A superposition of atoms puts the levels of two different slabs some eV apart; the first iterations
then move tens of electrons across the interface and the calculation needs 40 to 60 iterations to
bring them back. The slabs' own densities, one of them shifted along z, need 20 (Al/Ag(001), 5 + 5
layers). Where a calculation starts decides about its way, not about its end.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from uipbench.reference.gpaw_calculator import StoredDft
from uipbench.reference.gpu import on_cpu, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ase import Atoms

    from uipbench.reference.settings import DftSettings
    from uipbench.reference.steps import Evaluation, StepStore

NEAR_A = 0.1
"""Farthest that an atom may have moved from the calculation whose orbitals are used again."""


@dataclass(frozen=True, slots=True)
class SlabDensity:
    """A slab's converged density.

    Attributes:
        atoms: The slab.
        smooth: (spins, nx, ny, nz) pseudo density on the real-space grid.
        matrices: Atomic density matrix of every atom.
    """

    atoms: Atoms
    smooth: np.ndarray
    matrices: list[np.ndarray]


class JoinedDft(StoredDft):
    """ASE calculator of two slabs in one cell, A at its place and B moved along z.

    Args:
        slabs: A and B alone, in the cell of the interface.
        settings: DFT settings of all three.
        store: Finished steps.
        log_folder: Folder of the code's output.
    """

    def __init__(
        self, slabs: tuple[Atoms, Atoms], settings: DftSettings, store: StepStore, log_folder: Path
    ) -> None:
        super().__init__(settings, store, log_folder)
        self._slabs = slabs
        self._densities: tuple[SlabDensity, SlabDensity] | None = None
        self._last: np.ndarray | None = None

    def _compute(self, atoms: Atoms, key: str, *, stress: bool) -> Evaluation:
        if self._last is None or np.abs(atoms.positions - self._last).max() > NEAR_A:
            self._gpaw = None
        if self._gpaw is not None:
            found = super()._compute(atoms, key, stress=stress)
        else:
            with self._starting_from_slabs(atoms):
                found = super()._compute(atoms, key, stress=stress)
        self._last = atoms.positions.copy()
        return found

    def _origin_shift(self, atoms: Atoms) -> np.ndarray:  # noqa: ARG002
        """None: densities and atoms stay in the cell of the interface."""
        return np.zeros(3)

    @contextmanager
    def _starting_from_slabs(self, atoms: Atoms) -> Iterator[None]:
        """GPAW's superposition of atoms replaced while the calculation is set up."""
        from gpaw.new.builder import DFTComponentsBuilder

        if self._densities is None:
            a, b = (self._slab_density(slab) for slab in self._slabs)
            self._densities = (a, b)
        densities = self._densities
        plain = DFTComponentsBuilder.density_from_superposition

        def from_slabs(builder: Any, basis_set: Any) -> Any:  # noqa: ANN401 - GPAW has no types
            density = plain(builder, basis_set)
            fill(density, densities, atoms)
            return density

        DFTComponentsBuilder.density_from_superposition = from_slabs
        try:
            yield
        finally:
            DFTComponentsBuilder.density_from_superposition = plain

    def _slab_density(self, slab: Atoms) -> SlabDensity:
        """Computed anew, for a step has no density; the step is stored if it was not there."""
        self._gpaw = None
        step = super()._compute(slab, self.key(slab), stress=False)
        if not self.is_stored(slab):
            self._store.put(self.key(slab), step)
        density = self._gpaw.dft.density
        self._gpaw = None
        matrices = [on_cpu(density.D_asii[a]).copy() for a in range(len(slab))]
        return SlabDensity(slab, on_cpu(density.nt_sR.data).copy(), matrices)


def fill(density: Any, slabs: tuple[SlabDensity, SlabDensity], atoms: Atoms) -> None:  # noqa: ANN401
    """Put the sum of the slabs' densities into GPAW's density of the interface ``atoms``.

    Left as it is where the grids differ.
    """
    a, b = slabs
    if not a.smooth.shape == b.smooth.shape == tuple(density.nt_sR.data.shape):
        return
    upper = atoms.positions[len(a.atoms) :, 2]
    distance = float(np.mean(upper - b.atoms.positions[:, 2]))
    height = float(atoms.cell[2, 2])
    put(density.nt_sR.data, a.smooth + shifted(b.smooth, distance, height))
    for index, matrix in enumerate((*a.matrices, *b.matrices)):
        put(density.D_asii[index], matrix)


def shifted(values: np.ndarray, distance: float, height: float) -> np.ndarray:
    """A density moved along z by Fourier interpolation; its integral stays.

    Args:
        values: (…, nz) on the planes z = height·k/nz, k = 0 … nz − 1.
        distance: Å, upwards.
        height: Of the cell, in Å.
    """
    count = values.shape[-1]
    phases = np.exp(-2j * np.pi * np.fft.rfftfreq(count, height / count) * distance)
    moved = np.fft.irfft(np.fft.rfft(values, axis=-1) * phases, n=count, axis=-1)
    return np.asarray(moved)
