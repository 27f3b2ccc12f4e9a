"""All checks of one model, in a worker in the model's own environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uipbench.conformance import derivatives, extremes, identity, invariance
from uipbench.conformance.probe import Subject, energy_noise
from uipbench.conformance.report import NOT_MADE, Check, Finding
from uipbench.conformance.structures import low_symmetry_cell, pairs
from uipbench.conformance.version import suite_version
from uipbench.errors import CalculationError, CaseError, WorkerError
from uipbench.results import CheckRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.conformance.probe import Claims, Probe
    from uipbench.results import CheckLine

CHECKS: Final = (
    Check(
        name="golden-energies",
        essential=True,
        meaning="other weights than the card's, or weights that this package reads wrongly",
        find=identity.check_golden,
    ),
    Check(
        name="precision",
        essential=True,
        meaning="computes in less than the precision it states; small differences are noise",
        find=identity.check_precision,
    ),
    Check(
        name="forces",
        essential=True,
        meaning="forces are not the gradient of the energy; relaxations go astray",
        find=derivatives.check_forces,
    ),
    Check(
        name="stress",
        essential=True,
        meaning="stress is not the strain derivative of the energy; cells relax wrongly",
        find=derivatives.check_stress,
    ),
    Check(
        name="translation",
        essential=True,
        meaning="the energy depends on where the crystal lies in its cell",
        find=invariance.check_translation,
    ),
    Check(
        name="rotation",
        essential=True,
        meaning="the energy depends on the orientation; facets cannot be compared",
        find=invariance.check_rotation,
    ),
    Check(
        name="permutation",
        essential=True,
        meaning="the energy depends on the order of the atoms",
        find=invariance.check_permutation,
    ),
    Check(
        name="supercell",
        essential=True,
        meaning="the energy is not extensive; slab and bulk cannot be compared",
        find=invariance.check_supercell,
    ),
    Check(
        name="batch",
        essential=True,
        meaning="structures evaluated together influence one another",
        find=invariance.check_batch,
    ),
    Check(
        name="determinism",
        essential=True,
        meaning="the answer depends on chance or on what was asked before",
        find=invariance.check_determinism,
    ),
    Check(
        name="input",
        essential=False,
        meaning="changes the structure it is given; scoring hands it copies, other scripts do not",
        find=invariance.check_input,
    ),
    Check(
        name="elements",
        essential=False,
        meaning="the card lists elements that the model cannot do; their cases fail",
        find=identity.check_elements,
    ),
    Check(
        name="unlisted-element",
        essential=False,
        meaning="gives numbers for elements it never saw; scoring goes by the card",
        find=identity.check_unlisted,
    ),
    Check(
        name="isolated-atom",
        essential=False,
        meaning="wrong where an atom has no neighbours, as far above a surface",
        find=extremes.check_isolated,
    ),
    Check(
        name="dimer",
        essential=False,
        meaning="a jump or a hole in the energy surface; relaxations and paths may stall there",
        find=extremes.check_dimer,
    ),
)
WEIGHTS: Final = Check(
    name="weights", essential=True, meaning="the file is damaged, or another one than the card's"
)
ANSWERS: Final = Check(
    name="answers",
    essential=True,
    meaning="no finite energy and forces for a crystal of its elements",
)


def run_suite(
    probe: Probe, claims: Claims, weights: Finding
) -> tuple[CheckRecord, WorkerError | None]:
    """Make all checks.

    Args:
        probe: Of a started worker.
        claims: What the model is said to be.
        weights: What the digest of the weights said.

    Returns:
        The report, and the error that ended it early if the worker crashed or took too long:
        another run may have better luck.

    Raises:
        RegistryError: The card states a golden structure that is not known.
    """
    lines = [WEIGHTS.as_line(weights)]
    lost: WorkerError | None = None
    try:
        subject = _subject(probe, claims)
    except CaseError as error:
        lost = error if isinstance(error, WorkerError) else None
        lines.append(ANSWERS.as_line(_no_answer(error)))
    else:
        lines.append(_answered(subject))
        for check in CHECKS:
            try:
                lines.append(check.line(subject))
            except WorkerError as error:
                lost = error
                lines.append(check.as_line(_no_answer(error)))
                break
    return report(lines, probe.evaluations, probe.seconds), lost


def report(lines: Sequence[CheckLine], evaluations: int = 0, seconds: float = 0.0) -> CheckRecord:
    """A report with the checks that were not reached, if any, at its end."""
    made = {line.name for line in lines}
    missing = [check.as_line(NOT_MADE) for check in (ANSWERS, *CHECKS) if check.name not in made]
    return CheckRecord(
        version=suite_version(),
        lines=[*lines, *missing],
        evaluations=evaluations,
        seconds=round(seconds, 3),
    )


def _subject(probe: Probe, claims: Claims) -> Subject:
    """The first of the structures that the model answers for.

    Raises:
        CaseError: The error of the first structure, if all fail; the worker's at once.
    """
    first: CalculationError | None = None
    for elements in pairs(claims.model.card.elements):
        atoms = low_symmetry_cell(elements)
        try:
            answer = probe.ask(atoms)
            noise = energy_noise(probe, atoms, answer.forces)
        except CalculationError as error:
            first = first or error
            continue
        return Subject(
            claims=claims,
            probe=probe,
            elements=elements,
            atoms=atoms,
            answer=answer,
            noise=noise,
        )
    assert first is not None  # noqa: S101  # there is always a structure to try
    raise first


def _answered(subject: Subject) -> CheckLine:
    formula = subject.atoms.get_chemical_formula()
    measured = f"{formula}: {subject.answer.energy:.4f} eV on {subject.probe.device}"
    return ANSWERS.as_line(Finding(status="pass", measured=measured, limit="finite"))


def _no_answer(error: CaseError) -> Finding:
    message = " ".join(str(error).split())[:300]
    return Finding(status="fail", measured=message, limit="an answer")
