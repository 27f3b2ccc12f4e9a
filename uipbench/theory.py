"""Levels of theory of a model and of a reference, compared by rule.

A model card states its training data's level as a label, such as ``PBE(+U)``, ``r2SCAN`` or
``PBE-D3(BJ)``; a case states its own in machine-readable form. What is compared, in this order:

============= =======================================================================
functional    names after synonyms (``GGA``, ``GGA-PBE`` are PBE; ``r²SCAN`` is r2SCAN);
              where they differ nothing else is compared
Hubbard U     ``+U`` and ``(+U)`` mean the Materials Project's rule: oxides and fluorides of
              eight metals, with its values; each U of the case must be the model's
dispersion    none, or a correction by name (D2, D3, D4, TS, MBD, VV10)
============= =======================================================================

``unknown`` is compared with nothing; ``none`` (an empirical potential) differs from everything.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from uipbench.case import Case
    from uipbench.casefiles import LevelOfTheory

MATERIALS_PROJECT_U: Final[Mapping[str, float]] = MappingProxyType(
    {
        "Co": 3.32,
        "Cr": 3.7,
        "Fe": 5.3,
        "Mn": 3.9,
        "Mo": 4.38,
        "Ni": 6.2,
        "V": 3.25,
        "W": 6.2,
    }
)
"""U in eV on d electrons, in oxides and fluorides alone (doi:10.1103/PhysRevB.84.045115, and the
Materials Project's documentation of its Hubbard U values)."""

U_TOLERANCE_EV: Final = 0.005
_U_ANIONS: Final = frozenset({"O", "F"})
_FUNCTIONALS: Final = {
    "pbe": "PBE",
    "gga": "PBE",
    "ggapbe": "PBE",
    "pbegga": "PBE",
    "pbesol": "PBEsol",
    "rpbe": "RPBE",
    "revpbe": "revPBE",
    "pw91": "PW91",
    "lda": "LDA",
    "tpss": "TPSS",
    "scan": "SCAN",
    "rscan": "rSCAN",
    "r2scan": "r2SCAN",
    "metaggar2scan": "r2SCAN",
    "hse": "HSE06",
    "hse06": "HSE06",
    "pbe0": "PBE0",
    "b3lyp": "B3LYP",
    "blyp": "BLYP",
    "ωb97mv": "ωB97M-V",
    "wb97mv": "ωB97M-V",
    "none": "none",
    "unknown": "unknown",
    "": "unknown",
}
_HUBBARD: Final = re.compile(r"\(\s*\+\s*U\s*\)|\+\s*U\b", re.IGNORECASE)
_DISPERSION: Final = re.compile(
    r"[-+ ](D2|D3|D4|TS|MBD|r?VV10)\b(?:\s?\(?(?:BJ|0)\)?)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class TheoryLabel:
    """A level of theory, normalised.

    Attributes:
        functional: Such as ``PBE``; ``none`` and ``unknown`` as they are.
        hubbard: Whether +U is applied by the Materials Project's rule.
        dispersion: Such as ``D3``, or ``none``.
    """

    functional: str
    hubbard: bool = False
    dispersion: str = "none"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A way in which references differ from the model's level of theory.

    Attributes:
        reference: Level of the references, such as ``PBE+U``.
        reason: What differs.
        n_cases: Cases it concerns.
        n_all: All cases.
    """

    reference: str
    reason: str
    n_cases: int
    n_all: int

    @property
    def share(self) -> str:
        """`` (3 of 20 cases)``; empty where it is all of them."""
        return "" if self.n_cases == self.n_all else f" ({self.n_cases} of {self.n_all} cases)"


@cache
def parse_label(text: str) -> TheoryLabel:
    """The level of theory that a card's ``xc`` names."""
    hubbard = _HUBBARD.search(text) is not None
    rest = _HUBBARD.sub(" ", text)
    found = _DISPERSION.search(rest)
    dispersion = found[1].upper() if found else "none"
    rest = _DISPERSION.sub(" ", rest).strip()
    name = re.split(r"[\s(/,;:]", rest, maxsplit=1)[0]
    key = re.sub(r"[-_]", "", name).casefold().replace("²", "2")
    return TheoryLabel(_FUNCTIONALS.get(key, name), hubbard, dispersion)


def reference_label(theory: LevelOfTheory) -> str:
    """Short label of a case's level of theory, such as ``PBE+U``."""
    plus = "+U" if theory.hubbard_u_ev else ""
    return f"{theory.xc}{plus}" + ("" if theory.dispersion == "none" else f"-{theory.dispersion}")


def differences(model_xc: str, theory: LevelOfTheory, elements: Collection[str]) -> tuple[str, ...]:
    """What differs between a model's level of theory and that of a case.

    Args:
        model_xc: ``xc`` of the model card.
        theory: Level of the case.
        elements: Chemical symbols of the case.

    Returns:
        A text for each difference; none where they agree or the model's is unknown.
    """
    model, case = parse_label(model_xc), parse_label(theory.xc)
    if model.functional == "unknown":
        return ()
    if model.functional == "none":
        return (f"the model was fitted to no functional, the reference is {theory.xc}",)
    if model.functional != case.functional:
        return (f"the model's functional is {model.functional}, the reference's {case.functional}",)
    return (
        *_hubbard_differences(model, theory.hubbard_u_ev, elements),
        *_dispersion_differences(model.dispersion, theory.dispersion),
    )


def _hubbard_differences(
    model: TheoryLabel, reference: Mapping[str, float], elements: Collection[str]
) -> list[str]:
    trained: Mapping[str, float] = {}
    if model.hubbard and _U_ANIONS.intersection(elements):
        trained = {e: u for e, u in MATERIALS_PROJECT_U.items() if e in elements}
    return [
        f"U on {e} is {_u(trained.get(e))} in the model's data, {_u(reference.get(e))} in the "
        "reference"
        for e in sorted({*trained, *reference})
        if abs(trained.get(e, 0.0) - reference.get(e, 0.0)) > U_TOLERANCE_EV
    ]


def _u(value: float | None) -> str:
    return f"{value:g} eV" if value else "none"


def _dispersion_differences(model: str, reference: str) -> list[str]:
    found = _DISPERSION.search(f" {reference}")
    normal = found[1].upper() if found else "none"
    if model == normal:
        return []
    return [f"dispersion is {model} in the model, {normal} in the reference"]


def mismatches(model_xc: str, cases: Iterable[Case]) -> list[Mismatch]:
    """How the cases' levels of theory differ from the model's, the most frequent first."""
    listed = list(cases)
    counts = Counter(
        (reference_label(case.theory), "; ".join(found))
        for case in listed
        if (found := differences(model_xc, case.theory, case.elements))
    )
    return [Mismatch(*pair, n, len(listed)) for pair, n in counts.most_common()]
