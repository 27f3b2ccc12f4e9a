"""``uipbench list`` and ``uipbench show``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from uipbench.case import Case
    from uipbench.modelfile import ModelFile
    from uipbench.task import Task

KINDS = ("models", "tasks", "cases")


@click.command(name="list")
@click.argument("what", type=click.Choice(KINDS), required=False)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def list_(what: str | None, *, as_json: bool) -> None:
    """List models, tasks and cases; without argument models and tasks.

    \b
    Example:
      uipbench list cases
    """
    rows = {kind: _rows(kind) for kind in ([what] if what else KINDS[:2])}
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from uipbench.console import make_console

    console = make_console()
    for kind, entries in rows.items():
        console.print(rows_table(kind, entries))
        console.print()


def _rows(kind: str) -> list[dict[str, Any]]:
    if kind == "models":
        return _model_rows()
    from uipbench.datasets import case_ids
    from uipbench.registry import load_tasks

    tasks = load_tasks().values()
    if kind == "tasks":
        return [
            {
                "name": t.name,
                "title": t.title,
                "unit": t.unit,
                "cases": len(case_ids(t.data_folder)),
            }
            for t in tasks
        ]
    return [case_row(case) for task in tasks for case in task.cases()]


def _model_rows() -> list[dict[str, Any]]:
    from uipbench.model_registry import registered_models

    cards = [model.card for model in registered_models()]
    return [
        {
            "name": card.name,
            "title": card.title,
            "xc": card.xc,
            "licence": card.licence,
            "parameters": card.parameters,
        }
        for card in cards
    ]


def case_row(case: Case) -> dict[str, Any]:
    """What a list of cases says of one."""
    quantity, value = next(iter(case.references.items()))
    return {
        "task": case.task,
        "case": case.id,
        "title": case.title,
        "tier": case.tier,
        quantity: round(value.value, 4),
        "unit": value.unit,
        "uncertainty": value.uncertainty,
        "atoms": max(len(s.forces) for s in case.structures.values()),
    }


def rows_table(kind: str, rows: list[dict[str, Any]]) -> Table:
    """A table of such rows."""
    from rich.table import Table

    table = Table(title=kind, title_justify="left", box=None)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        numeric = any(isinstance(row.get(name), int | float) for row in rows)
        short = name in {"name", "case", "task"} or numeric
        table.add_column(name, justify="right" if numeric else "left", no_wrap=short)
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    return table


def _text(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def show(name: str, *, as_json: bool) -> None:
    """Show a model's card, a task, or a case with its structures and references.

    \b
    Examples:
      uipbench show chgnet
      uipbench show surface_energy
      uipbench show al_111
    """
    facts = _facts(name)
    if as_json:
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    from rich.table import Table

    from uipbench.console import make_console

    table = Table(box=None, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(key, _prose(value))
    make_console().print(table)


def _facts(name: str) -> dict[str, Any]:
    from uipbench.errors import RegistryError
    from uipbench.model_registry import find_model, list_models
    from uipbench.registry import load_tasks, unknown

    tasks = load_tasks()
    if name in tasks:
        return _task_facts(tasks[name])
    if name in list_models() or name.partition("::")[0].endswith(".py"):
        return _model_facts(find_model(name))
    cases = {case.id: case for task in tasks.values() for case in task.cases()}
    wanted = name.rsplit("/", 1)[-1]
    if wanted in cases:
        return _case_facts(cases[wanted])
    known = [*list_models(), *tasks, *cases]
    raise RegistryError(unknown("model, task or case", name, known).replace(" cases)", ")"))


def _model_facts(model: ModelFile) -> dict[str, Any]:
    card = model.card.model_dump()
    return {
        **card,
        "elements": f"{len(card['elements'])}: {' '.join(card['elements'])}",
        "dependencies": ", ".join(model.dependencies),
        "file": model.path.name,
    }


def _task_facts(task: Task) -> dict[str, Any]:
    cases = task.cases()
    return {
        "name": task.name,
        "title": task.title,
        "summary": task.summary,
        "quantity": f"{task.quantity} ({task.unit})",
        "primary metric": task.primary_metric,
        "citation": task.citation,
        "cases": len(cases),
        "quick cases": ", ".join(case.id for case in cases if case.tier == "quick"),
    }


def _case_facts(case: Case) -> dict[str, Any]:
    theory = case.theory
    references = {
        name: f"{q.value:.4f} ± {q.uncertainty or 0:.4f} {q.unit}"
        for name, q in case.references.items()
    }
    structures = {
        role: f"{s.atoms.get_chemical_formula()}, cell {s.atoms.cell.cellpar().round(3).tolist()}, "
        f"E = {s.energy:.6f} eV, largest force component {abs(s.forces).max():.3f} eV/Å"
        for role, s in case.structures.items()
    }
    published = [f"{p.value} {p.unit} ({p.method}, doi:{p.doi})" for p in case.published]
    return {
        "case": f"{case.task}/{case.id}",
        "title": case.title,
        "material": f"{case.material} ({case.chemistry})",
        "tier": case.tier,
        **references,
        "published": "; ".join(published) or "–",
        **{f"structure {role}": text for role, text in structures.items()},
        "level of theory": f"{theory.xc}, {theory.code}, {theory.cutoff_ev:g} eV, "
        f"k-points {theory.kpts}, smearing {theory.smearing[0]} {theory.smearing[1]} eV",
        "PAW sets": ", ".join(f"{p.name} ({p.valence_electrons} e)" for p in theory.paw.values()),
        "details": {k: round(v, 5) for k, v in case.details.items()},
        "recipe": case.recipe,
        "comment": case.comment or "–",
    }


def _prose(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} = {v}" for k, v in value.items())
    return _text(value)
