"""The data card of a task's references: tables and a plot made from the files.

The prose stands in the data folder's ``README.md.j2``; every number is put in from here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from uipbench.errors import ReferenceEngineError
from uipbench.reference import queue
from uipbench.reference.catalogue import headline, published_value, read_case_files
from uipbench.reference.convergence import ConvergenceFile, read_all_convergence
from uipbench.reference.paw_check import PawCheckFile, cutoff_error, read_checks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from uipbench.casefiles import CaseFile, PawSet

CARD_NAME = "README.md"
PLOT_NAME = "ours_against_published.svg"
TEMPLATE_NAME = "README.md.j2"
EXPLANATIONS_NAME = "explanations.json"
NONE = "–"


def card_text(task: str) -> str:
    """The card as it follows from the files of the task.

    Raises:
        RegistryError: The task has no recipes.
        ReferenceDataError: A file is damaged.
    """
    queue.load_recipes(task)
    folder = queue.DATA_FOLDER / task
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown from our own files
    )
    return environment.get_template(TEMPLATE_NAME).render(_context(task, folder))


def _context(task: str, folder: Path) -> dict[str, Any]:
    files = in_queue_order(task, read_case_files(queue.case_folder(task)))
    tests = read_all_convergence(queue.convergence_folder(task))
    limit: float = queue.data_module(task, "published").EXPLAIN_ABOVE
    explanations: dict[str, str] = json.loads((folder / EXPLANATIONS_NAME).read_text())
    large = [file for file in files if abs(difference(file) or 0.0) > limit]
    return {
        "task": task,
        "finished": len(files),
        "planned": len(queue.load_recipes(task)),
        "compared": sum(difference(file) is not None for file in files),
        "explain_above": limit,
        "cpu_hours": f"{sum(file.cpu_seconds for file in files) / 3600:.1f}",
        "codes": sorted({file.theory.code for file in files}),
        "values_table": values_table(files),
        "large_differences": [(f.title, difference(f), explanations.get(f.id)) for f in large],
        "sources": sorted({p.doi for file in files for p in file.published}),
        "convergence_table": convergence_table(tests) if tests else "",
        "bulk_table": bulk_table(files),
        "paw_table": paw_table(files),
        "paw_checks": paw_check_lines(read_checks()),
        "plot": PLOT_NAME,
    }


def in_queue_order(task: str, files: Sequence[CaseFile]) -> list[CaseFile]:
    """Case files sorted by chemistry, material and queue, as readers look for them."""
    order = {recipe.id: n for n, recipe in enumerate(queue.load_recipes(task))}
    return sorted(files, key=lambda f: (f.chemistry, f.material, order.get(f.id, len(order))))


def difference(file: CaseFile) -> float | None:
    """Ours minus the published value of the headline quantity."""
    quantity = headline(file)
    published = published_value(file, quantity)
    return None if published is None else file.references[quantity].value - published[0]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def values_table(files: Sequence[CaseFile]) -> str:
    """Every case: values, uncertainty, published value, settings."""
    quantities = list(files[0].references) if files else []
    names = [f"{name.replace('_', ' ')}" for name in quantities]
    header = [
        "case",
        *names,
        "±",
        "published",
        "difference",
        "cutoff / eV",
        "k (slab)",
        "thickness / Å",
    ]
    return table(header, [_values_row(file, quantities) for file in files])


def _values_row(file: CaseFile, quantities: Sequence[str]) -> list[str]:
    main = headline(file)
    published = published_value(file, main)
    change = difference(file)
    mesh = file.theory.kpts[file.roles[-1]]
    error = file.references[main].uncertainty
    return [
        file.title,
        *(f"{file.references[name].value:.3f}" for name in quantities),
        NONE if error is None else f"{error:.3f}",
        NONE if published is None else f"{published[0]:.3f}",
        NONE if change is None else f"{change:+.3f}",
        f"{file.theory.cutoff_ev:.0f}",
        "×".join(str(n) for n in mesh),
        f"{file.details['thickness_a']:.1f}" if "thickness_a" in file.details else NONE,
    ]


def convergence_table(tests: Sequence[ConvergenceFile]) -> str:
    """Change of the quantity when one setting is made finer."""
    names = [variant.name for variant in tests[0].variants]
    header = ["case", names[0], *names[1:], "together"]
    rows = [
        [
            test.title,
            f"{test.variants[0].value:.4f}",
            *(f"{variant.change:+.4f}" for variant in test.variants[1:]),
            f"{100 * test.relative_deviation:.1f} %",
        ]
        for test in tests
    ]
    return table(header, rows)


def one_per_material(files: Sequence[CaseFile]) -> list[CaseFile]:
    """The first case of each material."""
    return list({file.material: file for file in reversed(files)}.values())[::-1]


def bulk_table(files: Sequence[CaseFile]) -> str:
    """Lattice constants and bulk moduli against published ones: the check of every PAW set."""
    rows = []
    for file in one_per_material(files):
        for name, unit in (
            ("lattice_constant_a", "Å"),
            ("lattice_constant_c", "Å"),
            ("bulk_modulus_gpa", "GPa"),
        ):
            if name in file.details:
                rows.append(_bulk_row(file, name, unit))
    header = ["material", "quantity", "ours", "published", "difference", "source"]
    return table(header, rows)


def _bulk_row(file: CaseFile, name: str, unit: str) -> list[str]:
    ours = file.details[name]
    published = published_value(file, name)
    label = f"{name.removesuffix('_gpa').replace('_', ' ')} / {unit}"
    digits = 3 if unit == "Å" else 1
    if published is None:
        return [file.material, label, f"{ours:.{digits}f}", NONE, NONE, NONE]
    value, doi = published
    percent = f"{100 * (ours / value - 1):+.1f} %"
    return [file.material, label, f"{ours:.{digits}f}", f"{value:.{digits}f}", percent, doi]


def paw_table(files: Sequence[CaseFile]) -> str:
    """The PAW set of every element."""
    sets: dict[str, PawSet] = {}
    for file in files:
        sets |= file.theory.paw
    rows = [
        [element, p.name, str(p.valence_electrons), f"`{p.sha256[:12]}…`"]
        for element, p in sorted(sets.items())
    ]
    return table(["element", "set", "valence electrons", "sha256"], rows)


def paw_check_lines(checks: PawCheckFile | None) -> str:
    """The checks of the three-electron lithium set, or an empty text."""
    if checks is None:
        return ""
    rows = [
        [
            c.material,
            f"{c.cutoff_ev:.0f}",
            f"{c.lattice_constant_a:.4f}",
            f"{cutoff_error(checks.bulk, c.material, c.cutoff_ev):+.4f}",
            f"{c.bulk_modulus_gpa:.2f}",
        ]
        for c in checks.bulk
    ]
    header = ["material", "cutoff / eV", "a / Å", "a − a(highest) / Å", "B / GPa"]
    number = len(checks.eigenvalues.pseudo)
    largest = 1000 * checks.eigenvalues.largest_error
    ghosts = (
        f"Ghosts: the {number} eigenvalues of the atom below 15 eV agree with the all-electron "
        f"ones within {largest:.0f} meV; there is no additional one."
    )
    return f"{table(header, rows)}\n\n{ghosts}"


def write_plot(task: str, path: Path) -> None:
    """Ours against published, one point a case.

    Raises:
        ReferenceEngineError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        msg = "the plot of the card needs matplotlib: pip install 'uipbench[dft]'"
        raise ReferenceEngineError(msg) from error
    from matplotlib.figure import Figure

    files = [f for f in read_case_files(queue.case_folder(task)) if difference(f) is not None]
    with mpl.rc_context({"svg.hashsalt": "uipbench", "svg.fonttype": "none"}):
        figure = Figure(figsize=(5.0, 5.0), layout="constrained")
        _draw(figure, files)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "uipbench"})


def _draw(figure: Any, files: Sequence[CaseFile]) -> None:  # noqa: ANN401 - matplotlib
    axes = figure.subplots()
    for material in sorted({file.material for file in files}):
        own = [file for file in files if file.material == material]
        x = [(published_value(f, headline(f)) or (0.0,))[0] for f in own]
        ours = [f.references[headline(f)] for f in own]
        errors = [q.uncertainty or 0.0 for q in ours]
        axes.errorbar(x, [q.value for q in ours], yerr=errors, fmt="o", ms=4, label=material)
    if files:
        unit = files[0].references[headline(files[0])].unit
        name = headline(files[0]).replace("_", " ")
        axes.axline((0, 0), slope=1, color="0.6", lw=1, zorder=0)
        axes.set(xlabel=f"published {name} ({unit})", ylabel=f"ours ({unit})")
        axes.legend()


def write_card(task: str) -> list[Path]:
    """Write the card, and the plot where matplotlib is installed; the files written."""
    folder = queue.DATA_FOLDER / task
    written = [folder / CARD_NAME]
    written[0].write_text(card_text(task), encoding="utf-8")
    try:
        write_plot(task, folder / PLOT_NAME)
    except ReferenceEngineError:
        return written
    return [*written, folder / PLOT_NAME]
