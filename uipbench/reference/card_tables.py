"""The tables of a data card, from case files and convergence tests of any task.

Cases of one task need not have the same quantities, protocols or details: a column is there where
one case has something to put into it, and a dash where another one has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.metrics import kind_of_role
from uipbench.reference.catalogue import headline, published_value
from uipbench.reference.paw_check import cutoff_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uipbench.casefiles import CaseFile, PawSet, Quantity
    from uipbench.reference.convergence import ConvergenceFile
    from uipbench.reference.paw_check import PawCheckFile

NONE = "–"
UNITS = {
    "J/m^2": "J/m²",
    "A": "Å",
    "angstrom": "Å",
    "eV/A": "eV/Å",
    "A^2": "Å²",
    "A^3": "Å³",
    "eV/nm^2": "eV/nm²",
    "percent": "%",
    "1": "",
}
BULK_ROWS = (
    ("lattice_constant_a", "Å"),
    ("lattice_constant_c", "Å"),
    ("bulk_modulus_gpa", "GPa"),
)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def quantities(files: Sequence[CaseFile]) -> dict[str, str]:
    """Unit of every quantity that a case has; headlines first."""
    first = {headline(file): file.references[headline(file)].unit for file in files}
    return first | {
        name: q.unit for file in files for name, q in file.references.items() if name not in first
    }


def difference(file: CaseFile, quantity: str | None = None) -> float | None:
    """Ours minus the published value of a quantity, the headline one by default.

    None where there is no published value, or one in another unit.
    """
    name = quantity or headline(file)
    published = published_value(file, name)
    own = file.references.get(name)
    units = {p.unit for p in file.published if p.quantity == name}
    if published is None or own is None or units != {own.unit}:
        return None
    return own.value - published[0]


def values_table(files: Sequence[CaseFile]) -> str:
    """Every case: values with uncertainties, published value, settings; empty without cases."""
    if not files:
        return ""
    names = quantities(files)
    columns: dict[str, list[str]] = {"case": [file.title for file in files]}
    for name, unit in names.items():
        shown_unit = UNITS.get(unit, unit)
        label = name.replace("_", " ") + (f" / {shown_unit}" if shown_unit else "")
        columns[label] = [_value(file.references.get(name)) for file in files]
    columns["published"] = [_published(file) for file in files]
    columns["difference"] = [_signed(difference(file)) for file in files]
    columns["protocols"] = [", ".join(file.protocols) for file in files]
    columns["cutoff / eV"] = [f"{file.theory.cutoff_ev:.0f}" for file in files]
    columns[_mesh_label(files)] = [_mesh(file) for file in files]
    columns["grid / Å"] = [_grid(file) for file in files]
    columns["thickness / Å"] = [_thickness(file) for file in files]
    if len(set(columns["protocols"])) == 1:
        del columns["protocols"]
    shown = {name: cells for name, cells in columns.items() if set(cells) != {NONE}}
    return table(list(shown), list(zip(*shown.values(), strict=True)))


def _value(quantity: Quantity | None) -> str:
    if quantity is None:
        return NONE
    error = "" if quantity.uncertainty is None else f" ± {quantity.uncertainty:.3f}"
    return f"{quantity.value:.3f}{error}"


def _published(file: CaseFile) -> str:
    published = published_value(file, headline(file))
    return NONE if published is None else f"{published[0]:.3f}"


def _signed(value: float | None) -> str:
    return NONE if value is None else f"{value:+.3f}"


def _mesh_label(files: Sequence[CaseFile]) -> str:
    kinds = {kind_of_role(file.roles[-1]) for file in files if file.roles}
    return f"k ({kinds.pop()})" if len(kinds) == 1 else "k-points"


def _mesh(file: CaseFile) -> str:
    """Mesh of the last structure, for which the others are made ready."""
    mesh = file.theory.kpts.get(file.roles[-1]) if file.roles else None
    return NONE if mesh is None else "×".join(str(n) for n in mesh)


def _grid(file: CaseFile) -> str:
    """Spacing of the real-space grid; a dash where it is the code's own choice."""
    spacing = file.theory.grid_spacing_a
    return NONE if spacing is None else f"{spacing:.2f}"


def _thickness(file: CaseFile) -> str:
    return f"{file.details['thickness_a']:.1f}" if "thickness_a" in file.details else NONE


def convergence_table(tests: Sequence[ConvergenceFile]) -> str:
    """Change of the quantity when one setting is made finer; empty without tests.

    Tests may have different variants; each first one is the case as used.
    """
    if not tests:
        return ""
    names = dict.fromkeys(v.name for test in tests for v in test.variants[1:])
    units = {test.unit for test in tests}
    unit = f" / {UNITS.get(next(iter(units)), next(iter(units)))}" if len(units) == 1 else ""
    header = ["case", tests[0].variants[0].name + unit, *names, "together"]
    return table(header, [_convergence_row(test, list(names)) for test in tests])


def _convergence_row(test: ConvergenceFile, names: Sequence[str]) -> list[str]:
    used = test.variants[0].value
    changes = {v.name: f"{v.change:+.4f}" for v in test.variants[1:]}
    together = f"{test.deviation:.4f}"
    if test.deviation < abs(used):
        together += f" ({100 * test.relative_deviation:.1f} %)"
    return [test.title, f"{used:.4f}", *(changes.get(name, NONE) for name in names), together]


def one_per_material(files: Sequence[CaseFile]) -> list[CaseFile]:
    """The first case of each material."""
    return list({file.material: file for file in reversed(files)}.values())[::-1]


def bulk_table(files: Sequence[CaseFile]) -> str:
    """Lattice constants and bulk moduli against published ones; empty where no case has any."""
    rows = [
        _bulk_row(file, name, unit)
        for file in one_per_material(files)
        for name, unit in BULK_ROWS
        if name in file.details
    ]
    header = ["material", "quantity", "ours", "published", "difference", "source"]
    return table(header, rows) if rows else ""


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
    """The PAW set of every element; empty without cases."""
    sets: dict[str, PawSet] = {}
    for file in files:
        sets |= file.theory.paw
    rows = [
        [element, p.name, str(p.valence_electrons), f"`{p.sha256[:12]}…`"]
        for element, p in sorted(sets.items())
    ]
    return table(["element", "set", "valence electrons", "sha256"], rows) if rows else ""


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
