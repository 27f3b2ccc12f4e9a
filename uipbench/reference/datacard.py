"""The data card of a task's references: a page with tables and a plot, made from the files.

Prose that only people know stands in the data folder's ``README.md.j2``, which extends
``card.md.j2`` beside this module and fills its blocks; a task without one gets the plain card.
Every number is put in from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from uipbench.errors import ReferenceEngineError, RegistryError
from uipbench.reference import card_tables as tables
from uipbench.reference import queue
from uipbench.reference.card_plot import compared_quantities, write_plot
from uipbench.reference.card_tables import difference
from uipbench.reference.catalogue import read_case_files
from uipbench.reference.convergence import ConvergenceFile, read_all_convergence
from uipbench.reference.paw_check import PawCheckFile, read_checks
from uipbench.reference.published import explanations
from uipbench.registry import load_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uipbench.casefiles import CaseFile
    from uipbench.task import Task

CARD_NAME = "README.md"
PLOT_NAME = "ours_against_published.svg"
TEMPLATE_NAME = "README.md.j2"
PLAIN_TEMPLATE = "card.md.j2"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSource:
    """What a card is made from.

    Attributes:
        task: The task.
        folder: Its data folder, for the prose.
        planned: Number of recipes.
        files: Finished cases, in the order of the card.
        tests: Convergence tests.
        explain_above: Differences to published values above that need an explanation; None
            where the task states no limit.
        explanations: Explanation by case.
        paw_checks: Checks of the lithium set.
    """

    task: Task
    folder: Path
    planned: int
    files: Sequence[CaseFile]
    tests: Sequence[ConvergenceFile] = ()
    explain_above: float | None = None
    explanations: Mapping[str, str] = field(default_factory=dict)
    paw_checks: PawCheckFile | None = None


@dataclass(frozen=True, slots=True)
class WrittenCard:
    """Files of a card; ``no_plot`` says why there is no plot, and is empty if there is one."""

    card: Path
    plot: Path | None
    no_plot: str = ""


def card_source(task: str) -> CardSource:
    """What there is for the card of a task.

    Raises:
        RegistryError: The task has no recipes.
        ReferenceDataError: A file is damaged.
    """
    recipes = queue.load_recipes(task)
    folder = queue.DATA_FOLDER / task
    return CardSource(
        task=load_task(task),
        folder=folder,
        planned=len(recipes),
        files=in_queue_order([r.id for r in recipes], read_case_files(queue.case_folder(task))),
        tests=read_all_convergence(queue.convergence_folder(task)),
        explain_above=_explain_above(task),
        explanations=explanations(folder),
        paw_checks=read_checks(),
    )


def _explain_above(task: str) -> float | None:
    try:
        limit: float | None = getattr(queue.data_module(task, "published"), "EXPLAIN_ABOVE", None)
    except RegistryError:
        return None
    return limit


def in_queue_order(ids: Sequence[str], files: Sequence[CaseFile]) -> list[CaseFile]:
    """Case files sorted by chemistry, material and queue, as readers look for them."""
    order = {case_id: n for n, case_id in enumerate(ids)}
    return sorted(files, key=lambda f: (f.chemistry, f.material, order.get(f.id, len(order))))


def card_text(task: str) -> str:
    """The card as it follows from the files of the task.

    Raises:
        RegistryError: The task has no recipes.
        ReferenceDataError: A file is damaged.
    """
    return render(card_source(task))


def render(source: CardSource) -> str:
    """The card as Markdown."""
    environment = Environment(
        loader=ChoiceLoader(
            [FileSystemLoader(source.folder), FileSystemLoader(Path(__file__).parent)]
        ),
        undefined=StrictUndefined,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown from our own files
    )
    template = environment.select_template([TEMPLATE_NAME, PLAIN_TEMPLATE])
    return template.render(_context(source))


def _context(source: CardSource) -> dict[str, Any]:
    files = source.files
    limit = source.explain_above
    large = [f for f in files if limit is not None and abs(difference(f) or 0.0) > limit]
    return {
        "task": source.task.name,
        "title": source.task.title,
        "summary": source.task.summary,
        "citation": source.task.citation,
        "quantity": source.task.quantity.replace("_", " "),
        "unit": tables.UNITS.get(source.task.unit, source.task.unit),
        "finished": len(files),
        "planned": source.planned,
        "fixed_only": sum("relaxed" not in file.protocols for file in files),
        "compared": sum(difference(file) is not None for file in files),
        "explain_above": limit,
        "cpu_hours": f"{sum(file.cpu_seconds for file in files) / 3600:.1f}",
        "codes": sorted({file.theory.code for file in files}),
        "functionals": sorted({_functional(file) for file in files}),
        "licences": sorted({file.licence for file in files}),
        "values_table": tables.values_table(files),
        "large_differences": [
            (f.title, difference(f), source.explanations.get(f.id)) for f in large
        ],
        "sources": sorted({p.doi for file in files for p in file.published}),
        "convergence_table": tables.convergence_table(source.tests),
        "bulk_table": tables.bulk_table(files),
        "paw_table": tables.paw_table(files),
        "paw_checks": tables.paw_check_lines(source.paw_checks),
        "plot": PLOT_NAME if compared_quantities(files) else "",
        "example": files[0].id if files else "CASE",
    }


def _functional(file: CaseFile) -> str:
    u = ", ".join(f"{e} {value:g} eV" for e, value in sorted(file.theory.hubbard_u_ev.items()))
    return f"{file.theory.xc}+U ({u})" if u else file.theory.xc


def write_card(task: str) -> WrittenCard:
    """Write the card, and the plot where there is something to compare and matplotlib.

    Raises:
        RegistryError: The task has no recipes.
        ReferenceDataError: A file is damaged.
    """
    source = card_source(task)
    card, plot = source.folder / CARD_NAME, source.folder / PLOT_NAME
    card.write_text(render(source), encoding="utf-8")
    try:
        write_plot(source.files, plot)
    except ReferenceEngineError as error:
        return WrittenCard(card, None, str(error))
    return WrittenCard(card, plot)
