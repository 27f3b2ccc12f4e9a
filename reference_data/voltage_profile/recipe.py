"""From a host to its case: every ordering relaxed, lithium metal once for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from uipbench.errors import ReferenceEngineError
from uipbench.reference.convergence import ConvergencePoint
from uipbench.reference.recipe import ReferenceCase, case_file
from uipbench.reference.settings import DftSettings, kpoint_mesh
from uipbench.reference_data.surface_energy.recipes import SurfaceRecipe
from uipbench.reference_data.surface_energy.slabs import MATERIALS, primitive_cell
from uipbench.reference_data.voltage_profile.magnetism import NO_MOMENT_MUB, NON_MAGNETIC
from uipbench.reference_data.voltage_profile.published import annotate
from uipbench.reference_data.voltage_profile.values import (
    UNITS,
    phase_behaviour,
    reference_values,
)
from uipbench.tasks.voltage_profile.structures import METAL, flipped_state, make_series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from uipbench.reference.engine import DftEngine, DftStructure
    from uipbench.reference_data.voltage_profile.hosts import Host

FMAX_EV_PER_A = 0.02
"""Limit for forces (eV/Å) and for the virial over the root of the number of atoms (eV): 0.1 GPa
in 4 atoms of a metal, 0.06 GPa in the olivine."""

CUTOFF_EV = 520.0

LITHIUM = SurfaceRecipe(material="Li", miller_index=(1, 0, 0))
"""Lithium metal: its lattice constant is that of the surface-energy set, from the same steps."""

LITHIUM_KPOINT_LENGTH = 40.0
LITHIUM_SMEARING_EV = 0.1

RECIPE = "reference_data/voltage_profile/recipes.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltageRecipe:
    """One host.

    Attributes:
        host: The host.
        tier: ``quick`` cases are relaxed by default when a model is scored.
        cutoff_factor: Multiplies the cutoff (convergence tests).
        kpoint_factor: Multiplies the k-point length (convergence tests).
    """

    host: Host
    tier: Literal["quick", "full"] = "full"
    cutoff_factor: float = 1.0
    kpoint_factor: float = 1.0

    @property
    def id(self) -> str:
        """Such as ``li_al``."""
        return self.host.id

    @property
    def title(self) -> str:
        """Such as ``Li–Al``."""
        return self.host.title

    @property
    def comment(self) -> str:
        """What a reader of the case should know."""
        return self.host.comment

    def structures(self) -> dict[str, Atoms]:
        """Starts of all structures but the metal, by role and rising content."""
        return self.host.structures()

    def settings(self, atoms: Atoms) -> DftSettings:
        """DFT settings of one structure of the host."""
        h = self.host
        return DftSettings(
            cutoff_ev=CUTOFF_EV * self.cutoff_factor,
            kpts=kpoint_mesh(atoms, h.kpoint_length * self.kpoint_factor),
            smearing_ev=h.smearing_ev,
            spin_polarised=h.magnetism is not None,
            hubbard=h.hubbard,
        )

    def starts(self, atoms: Atoms) -> dict[str, Atoms]:
        """The structure with every magnetic state that is tried, by name of the state."""
        if self.host.magnetism is None:
            return {"none": atoms}
        return self.host.magnetism.starts(atoms)

    def lithium(self, engine: DftEngine) -> DftStructure:
        """Body-centred cubic lithium at its equation-of-state lattice constant."""
        a = LITHIUM.lattice(engine)["lattice_constant_a"]
        cell = primitive_cell(MATERIALS["Li"].with_lattice(a))
        settings = DftSettings(
            cutoff_ev=CUTOFF_EV * self.cutoff_factor,
            kpts=kpoint_mesh(cell, LITHIUM_KPOINT_LENGTH * self.kpoint_factor),
            smearing_ev=LITHIUM_SMEARING_EV,
        )
        return engine.single_point(cell, settings)

    def relaxed(self, engine: DftEngine, atoms: Atoms) -> tuple[str, DftStructure]:
        """The best magnetic state of one ordering, cell and positions relaxed, and its name.

        The first state is relaxed; the others are computed at its geometry (mixed ones at the
        start, since anions that make room for an electron keep it), and the best of them is relaxed
        from there if it is lower. The mesh is that of the recipe's start, whether or not a
        potential relaxes it first.

        Raises:
            ReferenceEngineError: Not relaxed, or the state is not the one it was started as.
        """
        states = self._good_starts(engine, atoms)
        first, *others = states
        settings = self.settings(atoms)
        work = self._basis_work(engine, atoms)

        def relax(start: Atoms) -> DftStructure:
            pressure = work / start.get_volume()
            return engine.relax_to_pressure(start, settings, fmax=FMAX_EV_PER_A, pressure=pressure)

        def energy(structure: DftStructure) -> float:
            return structure.evaluation.energy

        best, found = first, relax(states[first])
        trials = {}
        for name in others:
            trial = states[name]
            if not name.endswith("mixed"):
                trial = found.atoms.copy()
                trial.set_initial_magnetic_moments(states[name].get_initial_magnetic_moments())
            trials[name] = engine.single_point(trial, settings)
        kept = {name: trial for name, trial in trials.items() if not _flipped(trial)}
        lowest = min(kept, key=lambda name: energy(kept[name]), default=first)
        if lowest != first and energy(kept[lowest]) < energy(found):
            best, found = lowest, relax(kept[lowest].atoms)
        wrong = _flipped(found)
        if wrong:
            msg = f"{self.id}: {atoms.symbols} as {best}: {wrong}; make that state a start"
            raise ReferenceEngineError(msg)
        return (NON_MAGNETIC if _has_no_moments(found) else best), found

    def _good_starts(self, engine: DftEngine, atoms: Atoms) -> dict[str, Atoms]:
        """As of :meth:`starts`, where a potential relaxes the first state to."""
        states = self.starts(atoms)
        plain = next(iter(states.values()))
        good = engine.good_start(plain, self.settings(plain))
        return states if good is plain else self.starts(good)

    def _basis_work(self, engine: DftEngine, atoms: Atoms) -> float:
        """Pressure of the basis times volume in eV: measured at the ends, additive between them.

        LixCoO2 with x = 1/3: −11.176 eV in 10 atoms, measured −11.202, a difference of 0.04 GPa
        (:class:`uipbench.reference.guide.AtBasisPressure` has the source).
        """
        structures = list(self.structures().values())
        ends = structures[0], structures[-1]
        counts = [_host_and_ions(end) for end in ends]
        works = [self._measured_work(engine, end) for end in ends]
        wanted = _host_and_ions(atoms)
        if wanted in counts:
            return works[counts.index(wanted)]
        return float(np.linalg.solve(np.transpose(counts), wanted) @ works)

    def _measured_work(self, engine: DftEngine, atoms: Atoms) -> float:
        start = next(iter(self._good_starts(engine, atoms).values()))
        measured = engine.basis_pressure(start, self.settings(atoms), self.host.stress_cutoff_ev)
        return float(measured * start.get_volume())

    def convergence_point(self, engine: DftEngine) -> ConvergencePoint:
        """Average voltage of the starts at the two ends, not relaxed, first magnetic states."""
        starts = list(self.structures().items())
        found = {}
        for role, atoms in (starts[0], starts[-1]):
            start = next(iter(self.starts(atoms).values()))
            found[role] = engine.single_point(start, self.settings(start))
        found[METAL] = self.lithium(engine)
        series = make_series(atoms_of(found), self.host.formula, "Li")
        value = series.profile(energies_of(found)).average
        return ConvergencePoint("average_voltage_not_relaxed", value, "V", found)

    def compute(self, engine: DftEngine) -> ReferenceCase:
        """Every ordering relaxed, lithium, and what follows from their energies."""
        before = engine.seconds
        states, found = {}, {}
        for role, atoms in self.structures().items():
            states[role], found[role] = self.relaxed(engine, atoms)
        found[METAL] = self.lithium(engine)
        values = reference_values(self.host.formula, atoms_of(found), energies_of(found))
        file = case_file(
            found,
            cpu_seconds=engine.seconds - before,
            task="voltage_profile",
            id=self.id,
            title=self.title,
            material=self.host.formula,
            chemistry=self.host.chemistry,
            tier=self.tier,
            protocols=["fixed", "relaxed"],
            references={k: {"value": v, "unit": UNITS[k]} for k, v in values.items()},
            tags=self.tags(found, states),
            details=details(found) | {"stress_cutoff_ev": self.host.stress_cutoff_ev},
            published=[],
            recipe=f"{RECIPE}:{self.id}",
            comment=self.comment,
        )
        return ReferenceCase(annotate(file), found)

    def tags(self, found: Mapping[str, DftStructure], states: Mapping[str, str]) -> dict[str, Any]:
        """Host, ends of the hull, phase behaviour in DFT, magnetic state by role."""
        series = make_series(atoms_of(found), self.host.formula, "Li")
        magnetic = {f"magnetic_state_{r}": s for r, s in states.items() if s != "none"}
        return {
            "host": self.host.formula,
            "working_ion": "Li",
            "x_min": min(series.contents.values()),
            "x_max": max(series.contents.values()),
            "phase_behaviour": phase_behaviour(series, energies_of(found)),
            **magnetic,
        }


def _host_and_ions(atoms: Atoms) -> tuple[int, int]:
    ions = atoms.get_chemical_symbols().count("Li")
    return len(atoms) - ions, ions


def _has_no_moments(structure: DftStructure) -> bool:
    """As LiCoO2, whichever way it was started; not so where no moments are tried at all."""
    moments = structure.evaluation.magmoms
    return moments is not None and bool(np.abs(moments).max() < NO_MOMENT_MUB)


def _flipped(structure: DftStructure) -> str:
    return flipped_state(structure.atoms, structure.evaluation.magmoms)


def energies_of(found: Mapping[str, DftStructure]) -> dict[str, float]:
    """Energies in eV by role."""
    return {role: structure.evaluation.energy for role, structure in found.items()}


def atoms_of(found: Mapping[str, DftStructure]) -> dict[str, Atoms]:
    """Structures by role."""
    return {role: structure.atoms for role, structure in found.items()}


def details(found: Mapping[str, DftStructure]) -> dict[str, float]:
    """Volumes, total moments, largest force that is left, smearing of the metal."""
    values = {f"volume_{role}_a3": s.atoms.get_volume() for role, s in found.items()}
    for role, structure in found.items():
        if structure.evaluation.magmoms is not None:
            values[f"moment_{role}_mub"] = float(np.sum(structure.evaluation.magmoms))
    relaxed = [s for role, s in found.items() if role != METAL]
    return values | {
        "residual_force_ev_per_a": max(s.max_force for s in relaxed),
        "relaxation_fmax_ev_per_a": FMAX_EV_PER_A,
        "metal_smearing_ev": found[METAL].settings.smearing_ev,
    }
