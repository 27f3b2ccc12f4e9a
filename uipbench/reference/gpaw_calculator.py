"""GPAW behind the step store, as an ASE calculator."""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import time
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from uipbench.errors import ReferenceEngineError
from uipbench.reference import gpu
from uipbench.reference.grid_symmetry import symmetry_options
from uipbench.reference.origin import symmetric_shift
from uipbench.reference.settings import SETUPS
from uipbench.reference.steps import Evaluation, StepStore, step_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

    from uipbench.reference.settings import DftSettings

PAW_FOLDER = Path(__file__).parent.parent / "reference_data" / "paw"
MAX_ITERATIONS = 200
CAREFUL_MIXER = {
    "backend": "pulay",
    "method": "difference",
    "beta": 0.1,
    "nmaxold": 5,
    "weight": 50,
}
"""For states that GPAW's default mixing jumps out of (CoO2 with +U and another start volume)."""

METAL_MIXER = {"name": "msr1", "max_A": 0.1}
"""GPAW's default mixing with shorter steps: in a tall cell of metal its third to sixth iterations
slosh (twin of 12 Al: −202 eV instead of −45). 15 iterations instead of 20 to 25."""

METAL_ITERATIONS = 100
"""Then the careful mixing takes over; an interface of two metals needs up to 48."""

MORE_BANDS = "200%"
"""Of the filled bands, where GPAW's own number (120 % and four) is too small.

A tall cell of a metal has more filled bands than the mean where the waves of several k∥ + G come
together. Of 24 Al in 56 Å, 51 of a mean of 36 would be filled by free electrons at some k-points,
and GPAW takes 48: the energy was 14 meV off, and never settled."""

LARGEST_TOP_OCCUPATION = 1e-3
"""Of the highest band at any k-point, from 0 to 1."""

_TOO_FEW_BANDS: set[str] = set()
"""Formulas of the cells in which this process saw that."""

METAL_SMEARING_EV = 0.1
"""Least width of the occupations by which metals are known here."""

REMEDY = "install it with: pip install 'uipbench[dft]' (see docs/references.md for the libraries)"


def code_version() -> str:
    """Name and version of the code and of its PAW sets.

    Raises:
        ReferenceEngineError: GPAW is not installed.
    """
    try:
        versions = [f"{name} {importlib.metadata.version(name)}" for name in ("gpaw", "gpaw-data")]
    except importlib.metadata.PackageNotFoundError as error:
        msg = f"DFT references need {error.name}, which is not installed; {REMEDY}"
        raise ReferenceEngineError(msg) from error
    return ", ".join(versions)


@cache
def paw_sets(elements: tuple[str, ...], xc: str) -> dict[str, dict[str, Any]]:
    """Name, valence electrons and sha256 of the PAW set of each element."""
    from gpaw.setup_data import SetupData, search_for_file

    _add_setup_path()
    sets = {}
    for element in elements:
        kind = SETUPS.get(element, "paw")
        name = f"{element}.{xc}" if kind == "paw" else f"{element}.{kind}.{xc}"
        data = SetupData(element, xc, kind)
        _, source = search_for_file(name)
        digest = hashlib.sha256(source).hexdigest()
        sets[element] = {"name": name, "valence_electrons": int(data.Nv), "sha256": digest}
    return sets


def _add_setup_path() -> None:
    from gpaw import setup_paths

    if str(PAW_FOLDER) not in setup_paths:
        setup_paths.insert(0, str(PAW_FOLDER))


class StoredDft(Calculator):
    """ASE calculator that reads finished steps from a store and computes the others with GPAW.

    GPAW's wave functions are kept from one step to the next, but for another cell only those with
    spin (their state is to stay): the others need 11 iterations from atoms, and with the wave
    functions of the old cell 10 to 22. It sees the atoms moved to where most of the symmetry of the
    first structure is usable, by the same part of the cell in every step.
    """

    implemented_properties: ClassVar[Sequence[str]] = ["energy", "forces", "stress", "magmoms"]

    def __init__(self, settings: DftSettings, store: StepStore, log_folder: Path) -> None:
        super().__init__()
        if gpu.is_wanted():
            gpu.prepare()
        self._settings = settings
        self._store = store
        self._log_folder = log_folder
        self._gpaw: Any = None
        self._more: dict[str, Any] = {}
        self._cell = np.zeros((3, 3))
        self._shift: np.ndarray | None = None
        self.seconds = 0.0

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's hook; fills ``results``."""
        super().calculate(atoms, properties, system_changes)
        evaluation = self.evaluate(self.atoms, stress="stress" in properties)
        self.seconds += evaluation.seconds
        self.results = {"energy": evaluation.energy, "forces": evaluation.forces}
        if evaluation.stress is not None:
            self.results["stress"] = evaluation.stress
        if evaluation.magmoms is not None:
            self.results["magmoms"] = evaluation.magmoms

    def evaluate(self, atoms: Atoms, *, stress: bool = False) -> Evaluation:
        """The step from the store, computed first if it is not there."""
        key = self.key(atoms)
        found = self._store.get(key)
        if found is None or (stress and found.stress is None):
            with self._store.lock(key):
                found = self._store.get(key)
                if found is None or (stress and found.stress is None):
                    found = self._compute(atoms, key, stress=stress)
                    self._store.put(key, found)
        return found

    def is_stored(self, atoms: Atoms) -> bool:
        """Whether the step needs no calculation."""
        return self._store.get(self.key(atoms)) is not None

    def key(self, atoms: Atoms) -> str:
        """Key of the step in the store."""
        return step_key(atoms, self._settings, code_version())

    def _compute(self, atoms: Atoms, key: str, *, stress: bool) -> Evaluation:
        start = time.process_time()
        if atoms.get_chemical_formula() in _TOO_FEW_BANDS:
            self._more = {"nbands": MORE_BANDS}
        if self._shift is None:
            self._shift = self._origin_shift(atoms)
        bare = atoms.copy()
        bare.translate(self._shift @ atoms.cell[:])
        if self._gpaw is None or not (self._settings.spin_polarised or self._has_cell(atoms)):
            self._gpaw = self._make_gpaw(key, bare)
        self._cell = atoms.cell.array.copy()
        energy = self._converged_energy(bare, key)
        forces = bare.get_forces()
        return Evaluation(
            energy=energy,
            forces=np.asarray(forces),
            stress=np.asarray(bare.get_stress()) if stress else None,
            magmoms=bare.get_magnetic_moments() if self._settings.spin_polarised else None,
            seconds=time.process_time() - start,
            code=code_version(),
        )

    def _has_cell(self, atoms: Atoms) -> bool:
        return bool(np.allclose(atoms.cell.array, self._cell, rtol=0, atol=1e-10))

    def _origin_shift(self, atoms: Atoms) -> np.ndarray:
        return symmetric_shift(atoms) if atoms.pbc.all() else np.zeros(3)

    def _converged_energy(self, atoms: Atoms, key: str) -> float:
        """Energy in eV; tried again from atoms where it did not converge or had too few bands.

        Raises:
            ReferenceEngineError: Not self-consistent, or too few bands, then either.
        """
        from gpaw import KohnShamConvergenceError

        again: dict[str, Any] = {}
        atoms.calc = self._gpaw
        try:
            energy = float(atoms.get_potential_energy())
        except KohnShamConvergenceError:
            again = {"mixer": CAREFUL_MIXER}
            if self._is_metal:
                again["nbands"] = MORE_BANDS
        else:
            if top_occupation(self._gpaw) <= LARGEST_TOP_OCCUPATION:
                return energy
            _TOO_FEW_BANDS.add(atoms.get_chemical_formula())
            self._more = {"nbands": MORE_BANDS}
        atoms.calc = self._gpaw = self._make_gpaw(key, atoms, **again)
        try:
            energy = float(atoms.get_potential_energy())
        except KohnShamConvergenceError as error:
            self._gpaw = None
            msg = (
                f"{atoms.symbols}: not self-consistent, nor in {MAX_ITERATIONS} iterations with "
                f"careful mixing; see {self._log_folder / key}.txt, and try another start"
            )
            raise ReferenceEngineError(msg) from error
        if top_occupation(self._gpaw) > LARGEST_TOP_OCCUPATION:
            self._gpaw = None
            msg = (
                f"{atoms.symbols}: the highest band is filled at some k-point, also with "
                f"{MORE_BANDS} of the bands; see {self._log_folder / key}.txt, and raise MORE_BANDS"
            )
            raise ReferenceEngineError(msg)
        return energy

    @property
    def _is_metal(self) -> bool:
        s = self._settings
        return s.smearing_ev >= METAL_SMEARING_EV and not s.spin_polarised

    def _make_gpaw(self, key: str, atoms: Atoms, **extra: Any) -> Any:  # noqa: ANN401
        from gpaw import GPAW, PW, FermiDirac

        _add_setup_path()
        s = self._settings
        extra = {**self._more, **extra}
        setups = dict(SETUPS)
        for element, u in s.hubbard.items():
            setups[element] = setups.get(element, "") + u
        if s.dipole_layer:
            extra["poissonsolver"] = {"dipolelayer": "xy"}
        if self._is_metal and "mixer" not in extra:
            extra |= {"mixer": METAL_MIXER, "maxiter": METAL_ITERATIONS}
        if s.grid_spacing_a is not None:
            extra["h"] = s.grid_spacing_a
        if gpu.is_wanted() and math.prod(s.kpts) > 1:
            extra["parallel"] = {"gpu": True}
        self._log_folder.mkdir(parents=True, exist_ok=True)
        return GPAW(
            mode=PW(s.cutoff_ev),
            xc=s.xc,
            kpts={"size": s.kpts, "gamma": True},
            occupations=FermiDirac(s.smearing_ev),
            setups=setups,
            spinpol=s.spin_polarised,
            charge=s.charge,
            convergence=dict(s.scf),
            eigensolver="davidson",
            symmetry=symmetry_options(atoms, s),
            txt=str(self._log_folder / f"{key}.txt"),
            **{"maxiter": MAX_ITERATIONS, **extra},
        )


def top_occupation(gpaw: Any) -> float:  # noqa: ANN401 - GPAW has no types
    """Occupation of the highest band, from 0 to 1, at the k-point where it is largest."""
    places = product(range(len(gpaw.get_ibz_k_points())), range(gpaw.get_number_of_spins()))
    return max(float(gpaw.get_occupation_numbers(kpt=k, spin=s, raw=True)[-1]) for k, s in places)
