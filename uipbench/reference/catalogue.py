"""The reference cases of a task as a list, and the refreshing of what needs no DFT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from uipbench.casefiles import (
    CaseFile,
    read_case_file,
    read_lock,
    read_verified,
    write_case,
)
from uipbench.datasets import case_ids
from uipbench.reference.queue import State, case_folder, data_module, status

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """A case as ``uipbench reference list`` shows it.

    Attributes:
        task: Name of the task.
        id: Identifier of the case.
        state: ``done``, ``running`` or ``open``; the values below are there if it is done.
        title: What people read.
        tier: ``quick`` or ``full``.
        value: Headline quantity in ``unit``.
        unit: Unit of ``value``.
        uncertainty: Uncertainty of ``value``.
        published: Published value of the same quantity.
        doi: Where that is from.
    """

    task: str
    id: str
    state: State
    title: str
    tier: str
    value: float | None = None
    unit: str | None = None
    uncertainty: float | None = None
    published: float | None = None
    doi: str | None = None


def read_case_files(folder: Path) -> list[CaseFile]:
    """The JSON parts of all cases of a folder, verified, sorted by identifier.

    Raises:
        ReferenceDataError: A file is missing, damaged or not of the schema.
    """
    return [read_case_file(folder, case_id) for case_id in case_ids(folder)]


def headline(file: CaseFile) -> str:
    """Name of the quantity a case is mainly about: its first one."""
    return next(iter(file.references))


def published_value(file: CaseFile, quantity: str) -> tuple[float, str] | None:
    """Published value of a quantity and its DOI."""
    return next(((p.value, p.doi) for p in file.published if p.quantity == quantity), None)


def catalogue(task: str) -> list[CatalogueEntry]:
    """Every case of the task in the order of the queue.

    Raises:
        RegistryError: The task has no recipes.
        ReferenceDataError: A file is damaged.
    """
    files = {file.id: file for file in read_case_files(case_folder(task))}
    cases = [entry for entry in status(task) if entry.job.kind == "case"]
    return [
        _done(files[e.job.recipe.id])
        if e.job.recipe.id in files
        else CatalogueEntry(
            task=task,
            id=e.job.recipe.id,
            state=e.state,
            title=e.job.recipe.title,
            tier=e.job.recipe.tier,
        )
        for e in cases
    ]


def _done(file: CaseFile) -> CatalogueEntry:
    quantity = headline(file)
    reference = file.references[quantity]
    value, doi = published_value(file, quantity) or (None, None)
    return CatalogueEntry(
        task=file.task,
        id=file.id,
        state="done",
        title=file.title,
        tier=file.tier,
        value=reference.value,
        unit=reference.unit,
        uncertainty=reference.uncertainty,
        published=value,
        doi=doi,
    )


def refresh(task: str) -> list[str]:
    """Rewrite what the finished cases have from elsewhere than DFT.

    Published values, uncertainties, and the title, tier and comment of the recipe.

    Returns:
        Identifiers of the cases whose file changed (and with it their digest).

    Raises:
        ReferenceDataError: A file is damaged.
    """
    annotate = data_module(task, "published").annotate
    folder = case_folder(task)
    recipes = {entry.job.recipe.id: entry.job.recipe for entry in status(task)}
    changed = []
    for file in read_case_files(folder):
        recipe = recipes.get(file.id)
        new = file
        if recipe is not None:
            names = ("title", "tier", "comment")
            new = file.model_copy(update={name: getattr(recipe, name) for name in names})
        new = annotate(new)
        if new != file:
            structures = read_verified(folder, f"{file.id}.extxyz", read_lock(folder)).decode()
            write_case(folder, new, structures)
            changed.append(file.id)
    return changed
