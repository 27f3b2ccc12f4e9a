"""Asking one worker about small structures, and what every check needs of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from uipbench.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

    from uipbench.modelfile import ModelFile
    from uipbench.worker_process import Evaluation, WorkerProcess

_PLAIN: Final = ("energy", "forces")
_WITH_STRESS: Final = ("energy", "forces", "stress")
PATH_LENGTH_A: Final = 5e-5
PATH_POINTS: Final = 9


class Probe:
    """A started worker that is asked one structure at a time.

    Args:
        worker: The worker.
        limit: Seconds one structure may take.

    Attributes:
        evaluations: Structures evaluated.
        seconds: Time they took in the model.
    """

    def __init__(self, worker: WorkerProcess, *, limit: float) -> None:
        self._worker = worker
        self._limit = limit
        self.evaluations = 0
        self.seconds = 0.0

    @property
    def stated_dtype(self) -> str:
        """Precision that the calculator says it computes in; else the one asked for."""
        return self._worker.info.dtype

    @property
    def device(self) -> str:
        """Device that the calculator says it is on."""
        return self._worker.info.device

    def ask(self, atoms: Atoms, *, stress: bool = False, watch: bool = False) -> Evaluation:
        """Evaluate one structure in a request of its own.

        Args:
            atoms: The structure.
            stress: Whether the stress is wanted too.
            watch: Whether the worker is to report changes of its copy of the structure.

        Raises:
            CaseError: The model's error, or the worker's.
        """
        (answer,) = self._send([atoms], _WITH_STRESS if stress else _PLAIN, watch=watch)
        return answer

    def ask_together(self, structures: Sequence[Atoms]) -> list[Evaluation]:
        """Evaluate structures in one request, a batch where the model has an evaluator for it.

        Raises:
            CaseError: The error of the first structure that has one, or the worker's.
        """
        return self._send(structures, _PLAIN)

    def _send(
        self, structures: Sequence[Atoms], properties: tuple[str, ...], *, watch: bool = False
    ) -> list[Evaluation]:
        answers = self._worker.evaluate(
            structures, properties, self._limit * len(structures), watch=watch
        )
        evaluations = []
        for answer in answers:
            self.evaluations += 1
            if isinstance(answer, CaseError):
                raise answer
            self.seconds += answer.seconds
            evaluations.append(answer)
        return evaluations


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a model is said to be.

    Attributes:
        model: The model file.
        own_weights: Whether a user's checkpoint replaces the card's weights.
        case_elements: Elements of the benchmark's cases.
    """

    model: ModelFile
    own_weights: bool
    case_elements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The model under check, and its answer on the structure that most checks vary.

    Attributes:
        claims: What the model is said to be.
        probe: Where to ask.
        elements: One or two elements that the model answered for.
        atoms: A low-symmetry structure of them.
        answer: The model's answer on it.
        noise: Scatter of its energy in eV along a path too short for anything else.
    """

    claims: Claims
    probe: Probe
    elements: tuple[str, ...]
    atoms: Atoms
    answer: Evaluation
    noise: float


def energy_noise(probe: Probe, atoms: Atoms, forces: np.ndarray) -> float:
    """Scatter in eV of the energy about a parabola along 5·10⁻⁵ Å of the forces' direction.

    Rounding to single precision shows as about 10⁻⁷ of the energy, double precision as 10⁻¹⁵.

    Raises:
        CaseError: The model's error, or the worker's.
    """
    # Points at equal distances could all fall on the grid of single precision.
    along = np.cos(np.pi * (np.arange(PATH_POINTS) + 0.5) / PATH_POINTS) / 2
    size = float(np.linalg.norm(forces))
    direction = forces / size if size else np.ones_like(forces) / np.sqrt(forces.size)
    energies = [probe.ask(displaced(atoms, PATH_LENGTH_A * x * direction)).energy for x in along]
    parabola = np.polynomial.Polynomial.fit(along, np.subtract(energies, energies[0]), 2)
    residual = np.subtract(energies, energies[0]) - parabola(along)
    return float(np.sqrt(np.mean(residual**2)))


def displaced(atoms: Atoms, displacement: np.ndarray) -> Atoms:
    """A copy with every atom moved.

    Args:
        atoms: The structure.
        displacement: (n, 3) or (3,) in Å.
    """
    moved = atoms.copy()
    moved.positions += displacement
    return moved
