"""The calculations that recipes are made of, every step kept in the step store."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from ase.constraints import FixSymmetry
from ase.eos import EquationOfState
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from uipbench.errors import ReferenceEngineError
from uipbench.reference.gpaw_calculator import StoredDft
from uipbench.reference.guide import NORMAL, STRAINS, Guide, coordinates, stiffened
from uipbench.reference.joined_start import JoinedDft
from uipbench.reference.scaled_bfgs import ScaledBFGS
from uipbench.reference.settings import SYMMETRY_TOLERANCE_A
from uipbench.reference.steps import Evaluation, StepStore
from uipbench.units import GPA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from uipbench.reference.settings import DftSettings

BFGS_ALPHA = 15.0
"""Initial Hessian in eV/Å². ASE's 70 needs about twice the steps for slabs, and stops early in
soft metals, where the first steps are too short."""

EOS_STRAINS = (-0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03)
"""Linear strains of the equation of state."""


@dataclass(frozen=True, slots=True)
class DftStructure:
    """A structure with its DFT evaluation."""

    atoms: Atoms
    evaluation: Evaluation
    settings: DftSettings

    @property
    def max_force(self) -> float:
        """Largest force on an atom in eV/Å."""
        return float(np.linalg.norm(self.evaluation.forces, axis=1).max())


@dataclass(frozen=True, slots=True)
class BulkState:
    """Minimum of an equation of state.

    Attributes:
        atoms: The input structure, scaled to the equilibrium volume.
        bulk_modulus_gpa: Bulk modulus in GPa.
        strain: Linear strain from the input structure.
    """

    atoms: Atoms
    bulk_modulus_gpa: float
    strain: float


class DftEngine:
    """Runs the calculations of recipes.

    Args:
        work: Folder of the step store and of the codes' own output.
        log: Called with one line of progress.
        potential: Gives relaxations of positions their first curvature and those of cells their
            start; None starts from :data:`BFGS_ALPHA` and the structure as it is.
    """

    def __init__(
        self,
        work: Path,
        log: Callable[[str], None] = print,
        potential: Calculator | None = None,
    ) -> None:
        self._store = StepStore(work / "steps")
        self._logs = work / "output"
        self._guide = Guide(work / "guide", potential)
        self._log = log
        self.seconds = 0.0

    def calculator(self, settings: DftSettings) -> StoredDft:
        """An ASE calculator over the step store; count what it computes in ``seconds``."""
        return StoredDft(settings, self._store, self._logs)

    def joined_calculator(self, slabs: tuple[Atoms, Atoms], settings: DftSettings) -> StoredDft:
        """As :meth:`calculator`, for two slabs joined: see :class:`JoinedDft`."""
        return JoinedDft(slabs, settings, self._store, self._logs)

    def log(self, line: str) -> None:
        """One line of progress."""
        self._log(line)

    def single_point(
        self, atoms: Atoms, settings: DftSettings, calculator: StoredDft | None = None
    ) -> DftStructure:
        """Energy, forces (and moments) of one structure.

        Args:
            atoms: Structure.
            settings: DFT settings.
            calculator: One with these settings, such as of :meth:`joined_calculator`; without one
                the calculation starts from atoms.
        """
        calculator = calculator or self.calculator(settings)
        evaluation = calculator.evaluate(atoms)
        self.seconds += evaluation.seconds
        self._log(f"{atoms.get_chemical_formula()} E = {evaluation.energy:.4f} eV")
        return DftStructure(atoms.copy(), evaluation, settings)

    def relax_positions(
        self,
        atoms: Atoms,
        settings: DftSettings,
        *,
        fmax: float,
        max_steps: int = 60,
        calculator: StoredDft | None = None,
    ) -> DftStructure:
        """Relax atomic positions in the fixed cell until no force exceeds ``fmax`` eV/Å.

        ``calculator`` as in :meth:`single_point`.

        Raises:
            ReferenceEngineError: Not converged within ``max_steps``.
        """
        calculator = calculator or self.calculator(settings)
        return self._guided(atoms, settings, calculator, fmax, max_steps)

    def relax_cell(
        self, atoms: Atoms, settings: DftSettings, *, fmax: float, max_steps: int = 60
    ) -> DftStructure:
        """Relax cell and positions; the cutoff should be high enough for the stress.

        Raises:
            ReferenceEngineError: Not converged within ``max_steps``.
        """
        moving = atoms.copy()
        moving.calc = self.calculator(settings)
        optimiser = BFGS(FrechetCellFilter(moving), alpha=BFGS_ALPHA, logfile=None)
        return self._relaxed(optimiser, moving, settings, fmax, max_steps, stress=True)

    def relax_to_pressure(
        self,
        atoms: Atoms,
        settings: DftSettings,
        *,
        fmax: float,
        pressure: float,
        max_steps: int = 60,
    ) -> DftStructure:
        """Relax cell and positions to a pressure, such as that of :meth:`basis_pressure`.

        GPAW chooses the plane waves of every step by the cutoff, so that the last energy is that of
        a calculation of its own.

        Args:
            atoms: Start.
            settings: The cutoff need not be high enough for the stress.
            fmax: Limit for forces (eV/Å) and for the virial over the root of the number of atoms
                (eV), which balances the second derivatives of strain and positions.
            pressure: eV/Å³ at the start's volume, and inverse to the volume.
            max_steps: Steps before giving up.

        Raises:
            ReferenceEngineError: Not converged within ``max_steps``.
        """
        calculator = self.calculator(settings)
        return self._guided(atoms, settings, calculator, fmax, max_steps, STRAINS, pressure)

    def good_start(self, atoms: Atoms, settings: DftSettings) -> Atoms:
        """The structure as a potential relaxes it, or as it is where DFT has begun from it."""
        if self.calculator(settings).is_stored(atoms):
            return atoms
        return self._guide.relaxed(atoms)

    def basis_pressure(self, atoms: Atoms, settings: DftSettings, cutoff_ev: float) -> float:
        """What the finite basis adds to the pressure in eV/Å³ (Pulay stress).

        It depends on atoms and is inverse to the volume, and hardly depends on where the atoms are:
        relaxing to it relaxes the true pressure to zero, at the price of one calculation at the
        higher cutoff.

        Args:
            atoms: Structure near the one that is looked for.
            settings: Settings of the relaxation.
            cutoff_ev: Cutoff that is high enough for the stress.
        """
        fine = self.stress_point(atoms, replace(settings, cutoff_ev=cutoff_ev))
        return _pressure(self.stress_point(atoms, settings)) - _pressure(fine)

    def stress_point(self, atoms: Atoms, settings: DftSettings) -> DftStructure:
        """As :meth:`single_point`, with the stress."""
        evaluation = self.calculator(settings).evaluate(atoms, stress=True)
        self.seconds += evaluation.seconds
        self._log(f"{atoms.get_chemical_formula()} E = {evaluation.energy:.4f} eV, with stress")
        return DftStructure(atoms.copy(), evaluation, settings)

    def relax_along_normal(
        self,
        atoms: Atoms,
        settings: DftSettings,
        *,
        fmax: float,
        normal_stress: float,
        max_steps: int = 60,
    ) -> DftStructure:
        """Relax positions and the length of the cell along z; the in-plane lattice stays.

        Args:
            atoms: Start with its first two cell vectors in the xy plane.
            settings: The cutoff need not be high enough for the stress: see ``normal_stress``.
            fmax: Limit for forces (eV/Å) and for the zz virial over the root of the number of
                atoms (eV), which balances the second derivatives of strain and positions.
            normal_stress: zz stress (eV/Å³) to relax to. That of the crystal at its equation-of-
                state lattice constant, in the same cell with the same settings, is what the
                finite basis adds (Pulay stress): relaxing to it relaxes the true stress to zero.
            max_steps: Steps before giving up.

        Raises:
            ReferenceEngineError: Not converged within ``max_steps``.
        """
        calculator = self.calculator(settings)
        return self._guided(atoms, settings, calculator, fmax, max_steps, NORMAL, -normal_stress)

    def _guided(  # noqa: PLR0913, PLR0917 - what relaxations with a first curvature share
        self,
        atoms: Atoms,
        settings: DftSettings,
        calculator: StoredDft,
        fmax: float,
        max_steps: int,
        strains: Sequence[tuple[int, int]] = (),
        pressure: float = 0.0,
    ) -> DftStructure:
        """Relax the :func:`coordinates`, from the potential's curvature where there is one."""
        free = partial(coordinates, strains=strains, pressure=pressure)
        for curvature in self._curvatures(atoms, strains):
            begin = partial(_begun, atoms, calculator, curvature, free)
            unscaled = _stored_steps(*begin(BFGS), fmax, max_steps) if self._guide else 0
            if unscaled > 1:
                break
        kind = BFGS
        if curvature is not None:
            scaled = _stored_steps(*begin(ScaledBFGS), fmax, max_steps)
            kind = BFGS if unscaled > scaled else ScaledBFGS
        moving, optimiser = begin(kind)
        return self._relaxed(optimiser, moving, settings, fmax, max_steps, stress=bool(strains))

    def _curvatures(
        self, atoms: Atoms, strains: Sequence[tuple[int, int]]
    ) -> Iterator[np.ndarray | None]:
        """First curvatures: those of earlier versions, whose relaxations go on, then today's."""
        yield None
        if not self._guide:
            return
        curvature = self._guide.curvature(atoms, strains)
        yield curvature
        if strains == STRAINS:
            yield stiffened(curvature)

    def _relaxed(  # noqa: PLR0913 - what the four kinds of relaxation share
        self,
        optimiser: BFGS,
        moving: Atoms,
        settings: DftSettings,
        fmax: float,
        max_steps: int,
        *,
        stress: bool,
    ) -> DftStructure:
        """Run the optimiser; the last structure with its calculation."""
        calculator = moving.calc
        before = calculator.seconds
        self._run(optimiser, moving, fmax, max_steps)
        evaluation = calculator.evaluate(moving, stress=stress)
        self.seconds += calculator.seconds - before
        moving.calc = None
        moving.set_constraint()
        return DftStructure(moving, evaluation, settings)

    def _run(self, optimiser: BFGS, atoms: Atoms, fmax: float, max_steps: int) -> None:
        def report() -> None:
            force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
            energy = atoms.get_potential_energy()
            formula = atoms.get_chemical_formula()
            self._log(f"{formula} step {optimiser.nsteps} E = {energy:.4f} eV fmax = {force:.3f}")

        optimiser.attach(report)
        if not optimiser.run(fmax=fmax, steps=max_steps):
            msg = f"{atoms.get_chemical_formula()}: not relaxed to {fmax} eV/Å in {max_steps} steps"
            raise ReferenceEngineError(msg)

    def equation_of_state(self, atoms: Atoms, settings: DftSettings) -> BulkState:
        """Equilibrium volume by a Birch-Murnaghan fit; for crystals without internal freedom.

        Seven linear strains of up to ±3 % around the input; moved and repeated when the minimum
        lies outside.

        Raises:
            ReferenceEngineError: The minimum was not bracketed after four moves.
        """
        start = atoms.copy()
        shift = 0.0
        for _ in range(4):
            volumes, energies = self._energy_curve(start, settings, shift)
            best = int(np.argmin(energies))
            if 0 < best < len(energies) - 1:
                volume, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
                strain = (volume / start.get_volume()) ** (1 / 3) - 1
                return BulkState(scaled(start, strain), float(modulus * GPA), float(strain))
            shift += 0.04 if best else -0.04
        msg = f"{atoms.get_chemical_formula()}: no minimum of the equation of state found"
        raise ReferenceEngineError(msg)

    def _energy_curve(
        self, atoms: Atoms, settings: DftSettings, shift: float
    ) -> tuple[list[float], list[float]]:
        structures = [scaled(atoms, shift + strain) for strain in EOS_STRAINS]
        energies = [self.single_point(s, settings).evaluation.energy for s in structures]
        return [s.get_volume() for s in structures], energies


def _begun(
    atoms: Atoms,
    calculator: StoredDft,
    curvature: np.ndarray | None,
    freedom: Callable[[Atoms], Atoms | FrechetCellFilter],
    kind: type[BFGS],
) -> tuple[Atoms, BFGS]:
    """A copy of the structure and the optimiser that moves it."""
    moving = atoms.copy()
    moving.calc = calculator
    optimiser = kind(freedom(moving), alpha=BFGS_ALPHA, logfile=None)
    if curvature is not None:
        optimiser.H0 = curvature.copy()  # BFGS writes into it
        keep_symmetry(moving)
    return moving, optimiser


def _stored_steps(moving: Atoms, optimiser: BFGS, fmax: float, max_steps: int) -> float:
    """How many steps of this way the store holds; infinite where its end is among them."""
    for steps in range(max_steps + 1):
        if not moving.calc.is_stored(moving):
            return steps
        if float(np.linalg.norm(optimiser.atoms.get_forces(), axis=1).max()) < fmax:
            return math.inf
        optimiser.step()
    return max_steps


def _pressure(found: DftStructure) -> float:
    stress = found.evaluation.stress
    if stress is None:
        msg = f"{found.atoms.get_chemical_formula()}: the step has no stress; compute it again"
        raise ReferenceEngineError(msg)
    return -float(np.mean(stress[:3]))


def keep_symmetry(atoms: Atoms) -> None:
    """Hold the symmetry of atoms and initial moments, which the forces have.

    Rounding errors of a curvature that a potential gives would break it step by step.
    """
    moments = atoms.get_initial_magnetic_moments()
    labelled = atoms.copy()
    if moments.any():
        kinds = np.column_stack([atoms.numbers, moments.round(3)])
        labelled.numbers = np.unique(kinds, axis=0, return_inverse=True)[1].ravel() + 1
    constraint = FixSymmetry(labelled, symprec=SYMMETRY_TOLERANCE_A)
    atoms.set_cell(labelled.cell)
    atoms.positions[:] = labelled.positions
    atoms.set_constraint(constraint)


def scaled(atoms: Atoms, strain: float) -> Atoms:
    """Copy with every length multiplied by 1 + ``strain``."""
    copy = atoms.copy()
    copy.set_cell(atoms.cell[:] * (1 + strain), scale_atoms=True)
    return copy


def with_mesh(settings: DftSettings, kpts: tuple[int, int, int]) -> DftSettings:
    """The same settings with another k-point mesh."""
    return replace(settings, kpts=kpts)
