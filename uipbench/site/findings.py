"""Claims of the literature beside what the records say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from uipbench.site import evidence as measures
from uipbench.site.text import unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from uipbench.case import Case
    from uipbench.site.evidence import Evidence
    from uipbench.site.records import Records
    from uipbench.site.tables import Tables

    Gather = Callable[[Records, Tables, str, Callable[[Case], bool]], list[Evidence]]

Outcome = Literal["reproduced", "refuted", "mixed", "not decidable yet"]
SIGNED = (
    "Mean signed error with its 95 % interval over materials, {unit}, relaxed; an interval below "
    "zero agrees, one above is against."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence of the literature and how it is put to the test.

    Attributes:
        measure: What is shown for each model, and when it agrees.
        gather: Finds the evidence.
        task: Name of the task the numbers are of, or nothing for all.
        families: Families of models that the source is about; empty for all.
        about: Whether a case is one of those that the claim is about.
        needs: Cases without which it cannot be decided.
    """

    claim: str
    source: str
    doi: str
    measure: str
    gather: Gather
    task: str = ""
    families: frozenset[str] = frozenset()
    about: Callable[[Case], bool] = lambda _: True
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A claim with its source and the evidence.

    Attributes:
        measure: What is shown for each model, and when it agrees.
        task: Name of the task the numbers are of, or nothing.
        families: Families of models that the source is about; empty for all.
        cases: Reference cases that the claim is about.
        needs: Cases without which it cannot be decided.
    """

    claim: str
    source: str
    doi: str
    measure: str
    task: str
    families: frozenset[str]
    cases: int
    needs: str
    evidence: tuple[Evidence, ...]

    @property
    def verdict(self) -> str:
        """How many models agree."""
        return counted(self.evidence)

    @property
    def named(self) -> tuple[Evidence, ...]:
        """Evidence of the models that the source is about."""
        return tuple(e for e in self.evidence if self.is_about(e))

    @property
    def outcome(self) -> Outcome:
        """The verdict over the models that the source is about and that the cases decide."""
        decided = {e.agrees for e in self.named} - {None}
        if not decided:
            return "not decidable yet"
        return "mixed" if len(decided) > 1 else "reproduced" if True in decided else "refuted"

    def is_about(self, evidence: Evidence) -> bool:
        """Whether the source is about this model's family."""
        return not self.families or evidence.entry.card.family in self.families


def counted(evidence: tuple[Evidence, ...]) -> str:
    """How many of some models agree."""
    agree = sum(e.agrees is True for e in evidence)
    against = sum(e.agrees is False for e in evidence)
    open_ = len(evidence) - agree - against
    parts = [f"{agree} of {len(evidence)} models agree"]
    if against:
        parts.append(f"{against} against")
    if open_:
        parts.append(f"{open_} not decided by these cases")
    return ", ".join(parts)


def findings(records: Records, tables: Tables, *, undecided: bool = False) -> list[Finding]:
    """All claims for which there are numbers; with ``undecided`` also the others."""
    found = [_finding(claim, records, tables) for claim in CLAIMS]
    return [finding for finding in found if finding.evidence or undecided]


def _finding(claim: Claim, records: Records, tables: Tables) -> Finding:
    of_task = {name: t for (name, _), t in tables.items() if claim.task in {"", name}}
    cases = {(name, c.id) for name, t in of_task.items() for c in t.task.cases() if claim.about(c)}
    units = "".join({unit(table.task.unit) for table in of_task.values()} if claim.task else "")
    return Finding(
        claim=claim.claim,
        source=claim.source,
        doi=claim.doi,
        measure=claim.measure.format(unit=units),
        task=claim.task,
        families=claim.families,
        cases=len(cases),
        needs=claim.needs,
        evidence=tuple(claim.gather(records, tables, claim.task, claim.about)),
    )


def _has(*symbols: str) -> Callable[[Case], bool]:
    return lambda case: set(symbols) <= set(case.elements)


def _is_element(case: Case) -> bool:
    return len(case.elements) == 1


def _is_layered_oxide(case: Case) -> bool:
    return {"Li", "O"} <= set(case.elements) and bool({"Ni", "Co", "Mn"} & set(case.elements))


def _is_lithium_on_a_collector(case: Case) -> bool:
    return set(case.elements) in ({"Li", "Ag"}, {"Li", "Cu"})


CLAIMS: tuple[Claim, ...] = (
    Claim(
        claim="Out of the box, universal potentials predict elemental surface energies only "
        "modestly.",
        source="Focassio et al. 2025",
        doi="10.1021/acsami.4c03815",
        task="surface_energy",
        families=frozenset({"M3GNet", "CHGNet", "MACE"}),
        about=_is_element,
        measure="Mean absolute error over the facets of elements with its 95 % interval over "
        "materials, and the mean uncertainty of these references, {unit}, relaxed; an interval "
        "above that uncertainty agrees, one below is against.",
        gather=measures.absolute_errors,
    ),
    Claim(
        claim="Universal potentials underpredict surface energies.",
        source="Wines and Choudhary 2024 (CHIPS-FF)",
        doi="10.48550/arXiv.2412.10516",
        task="surface_energy",
        families=frozenset({"M3GNet", "CHGNet", "MACE", "SevenNet"}),
        measure=SIGNED,
        gather=measures.signed_errors,
    ),
    Claim(
        claim="Universal potentials are systematically too soft away from equilibrium.",
        source="Deng et al. 2025",
        doi="10.1038/s41524-024-01500-6",
        families=frozenset({"M3GNet", "CHGNet", "MACE"}),
        measure="Softening slope with its 95 % interval over materials: model forces against DFT "
        "forces over all structures of all tasks with at least three cases, fixed; an interval "
        "below 1 agrees, one above is against.",
        gather=measures.softening_slopes,
    ),
    Claim(
        claim="M3GNet underpredicts activation energies of lithium by about 150 meV.",
        source="Guo et al. 2024",
        doi="10.1039/D4TA00721B",
        task="li_migration",
        families=frozenset({"M3GNet"}),
        measure=SIGNED,
        gather=measures.signed_errors,
        needs="hops in at least five materials",
    ),
    Claim(
        claim="CHGNet and M3GNet make LiFePO4 a solid solution with too low a voltage, where "
        "experiment and DFT+U have two phases.",
        source="Kwon and Kim 2024",
        doi="10.1039/D4TA03452J",
        task="voltage_profile",
        families=frozenset({"CHGNet", "M3GNet"}),
        about=_has(*measures.IRON_PHOSPHATE),
        measure="Stable intermediate contents on the model’s hull, and the error of its average "
        "voltage, relaxed; phases between with a voltage too low by more than its uncertainty "
        "agree, no phase between or a voltage too high is against.",
        gather=measures.too_low_and_mixed,
        needs="FePO4 as a host, with an intermediate content",
    ),
    Claim(
        claim="Charges, which magnetic moments tell, matter for the phases of LixFePO4.",
        source="Deng et al. 2023 (CHGNet)",
        doi="10.1038/s42256-023-00716-3",
        task="voltage_profile",
        about=_has(*measures.IRON_PHOSPHATE),
        measure="Stable intermediate contents on the model’s hull, relaxed; none from a model with "
        "magnetic moments (CHGNet), and some from one without them, agree.",
        gather=measures.mixed_without_moments,
        needs="FePO4 as a host, with an intermediate content",
    ),
    Claim(
        claim="Orientation decides how strongly two solids bind: LiCoO2(003)|Li3YCl6(100) hardly "
        "(0.15 eV/nm²), (110)|(100) strongly (4.40 eV/nm²).",
        source="Zahiri et al. 2021",
        doi="10.1038/s41563-021-01016-0",
        task="adhesion",
        measure="Pairs of orientations of the same two solids, which DFT tells apart, in the order "
        "of DFT, relaxed; all of them agree.",
        gather=measures.orientations,
        needs="two solids in two orientations",
    ),
    Claim(
        claim="Coherent Σ2 boundaries of layered cathodes cost little (0.097 J/m²), Σ3 more (0.286 "
        "J/m²).",
        source="He et al. 2021",
        doi="10.1021/acs.jpcc.1c02400",
        task="grain_boundary",
        about=_is_layered_oxide,
        measure="Order of two boundaries of a layered cathode.",
        gather=measures.no_measure,
        needs="two boundaries of a layered cathode",
    ),
    Claim(
        claim="Boundaries of Li3OCl cost little energy.",
        source="Dawson et al. 2018",
        doi="10.1021/jacs.7b10593",
        task="grain_boundary",
        about=_has("Li", "O", "Cl"),
        measure="Energies of boundaries of Li3OCl.",
        gather=measures.no_measure,
        needs="several boundaries of Li3OCl",
    ),
    Claim(
        claim="Lithium binds to Ag(110) and Ag(111) more than to Cu(111).",
        source="Shin and Manthiram 2022",
        doi="10.1021/acsami.2c01980",
        task="adhesion",
        about=_is_lithium_on_a_collector,
        measure="Order of lithium on silver and on copper.",
        gather=measures.no_measure,
        needs="lithium on silver and on copper",
    ),
)
