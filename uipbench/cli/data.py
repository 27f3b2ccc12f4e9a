"""``uipbench data``: a user's own reference data."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from uipbench.case import ReferenceStructure

_FOLDER = click.Path(path_type=Path, file_okay=False)
_EXISTING = click.Path(path_type=Path, exists=True)


@click.group(name="data")
def data() -> None:
    """Own reference data: make, check, show and import them.

    Score a model on them with 'uipbench score MODEL --data FOLDER'.

    \b
    Example:
      uipbench data new my-cases --task surface_energy
    """


@data.command()
@click.argument("folder", type=_FOLDER)
@click.option("--task", default="surface_energy", show_default=True, help="Task of the example.")
def new(folder: Path, task: str) -> None:
    """Make FOLDER with a commented table and one example that validates.

    \b
    Example:
      uipbench data new my-cases --task surface_energy
    """
    from uipbench.own_data.writing import new_folder
    from uipbench.registry import load_task

    new_folder(folder, load_task(task), _task_names())
    click.echo(f"{folder / 'cases.toml'}: edit it, then: uipbench data validate {folder}")


@data.command()
@click.argument("folder", type=_FOLDER)
def validate(folder: Path) -> None:
    """Check table and structures of FOLDER; every problem names file, row and field.

    Exit code: 0 nothing is wrong, 1 something is, 2 the table cannot be read.

    \b
    Example:
      uipbench data validate my-cases
    """
    from uipbench.own_data import read_table, unfinished

    problems = unfinished(folder)
    for problem in problems:
        click.echo(problem, err=True)
    n = len(read_table(folder).case)
    click.echo(f"{folder}: {n} cases, {len(problems)} with problems")
    sys.exit(1 if problems else 0)


@data.command()
@click.argument("folder", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def show(folder: Path, *, as_json: bool) -> None:
    """Show the cases of FOLDER with their reference values.

    \b
    Example:
      uipbench data show my-cases
    """
    import json

    from uipbench.cli.listing import case_row, rows_table
    from uipbench.console import make_console
    from uipbench.own_data import open_own_data

    with tempfile.TemporaryDirectory() as scratch:
        own = open_own_data(folder, Path(scratch))
        rows = {task.title: [case_row(case) for case in task.cases()] for task in own.tasks}
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    console = make_console()
    for title, entries in rows.items():
        console.print(rows_table(title, entries))


@data.group(name="import")
def import_() -> None:
    """Add cases to a folder from files of other programs.

    \b
    Example:
      uipbench data import neb my-cases path/to/band --id lifepo4_b
    """


def _row_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every import of one case."""
    options = (
        click.option("--id", "case_id", required=True, help="Identifier of the new case."),
        click.option("--title", help="What people read."),
        click.option("--material", help="Cases of one material are not independent."),
        click.option("--value", type=float, help="Reference value, in the task's unit."),
        click.option("--uncertainty", type=click.FloatRange(0), help="Of the value."),
        click.option("--source", default="", help="Where it is from, such as a DOI."),
        click.option("--fixed-only", is_flag=True, help="Score energies at these structures only."),
        click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="host=CoO2, say."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@import_.command()
@click.argument("folder", type=_FOLDER)
@click.argument("images", nargs=-1, required=True, type=_EXISTING)
@click.option("--energies", type=_EXISTING, help="File with one total energy (eV) an image.")
@click.option("--bulk", type=_EXISTING, help="Perfect crystal, whose strain the cell follows.")
@click.option("--task", default="li_migration", show_default=True, help="Task of the case.")
@_row_options
def neb(
    folder: Path,
    images: tuple[Path, ...],
    energies: Path | None,
    bulk: Path | None,
    task: str,
    **row: Any,  # noqa: ANN401
) -> None:
    """Add the finished band in IMAGES to FOLDER.

    IMAGES: a folder with numbered VASP folders (00, 01, …) or one file an image; or one file with
    all images; or files in their order.

    \b
    Example:
      uipbench data import neb my-cases neb-run --id lifepo4_b --source doi:10.1000/182
    """
    from uipbench.own_data.imports import read_file, read_images

    band = read_images(images, _numbers(energies) if energies else None)
    structures = {f"image_{i}": image for i, image in enumerate(band)}
    if bulk:
        structures["bulk"] = read_file(bulk)
    _add(folder, task, structures, row)


@import_.command()
@click.argument("folder", type=_FOLDER)
@click.argument("structures", nargs=-1, required=True, metavar="ROLE=FILE[@ENERGY]...")
@click.option("--task", required=True, help="Name of the task.")
@_row_options
def files(folder: Path, structures: tuple[str, ...], task: str, **row: Any) -> None:  # noqa: ANN401
    """Add one case to FOLDER, a file a role.

    FILE is anything ASE reads (vasprun.xml, OUTCAR, CIF, …), the folder of a VASP calculation, or
    JSON of pymatgen (Structure, Slab, ComputedStructureEntry). @ENERGY is the total energy in eV
    where the file has none. Slabs are turned so that their normal is along z.

    \b
    Example:
      uipbench data import files my-cases --task surface_energy --id mgo_100 bulk=bulk slab=slab
    """
    from uipbench.own_data.imports import read_file, upright

    found: dict[str, ReferenceStructure] = {}
    for text in structures:
        role, path, energy = _role(text)
        found[role] = read_file(path, energy)
        if task == "surface_energy":
            found[role] = upright(found[role], vacuum=role.startswith("slab"))
    _add(folder, task, found, row)


@import_.command()
@click.argument("folder", type=_FOLDER)
@click.argument("source", type=_EXISTING)
@click.option(
    "--bulk-energy", type=float, help="DFT energy of the bulk in eV an atom, where slabs have one."
)
@click.option("--prefix", default="slab", show_default=True, help="First part of identifiers.")
def slabs(folder: Path, source: Path, bulk_energy: float | None, prefix: str) -> None:
    """Add slabs of pymatgen from the JSON file SOURCE to FOLDER, all of one material.

    Each is a Slab's dictionary with its oriented unit cell. Its reference value is its
    'surface_energy' (J/m^2) where the dictionary has one, otherwise it follows from its 'energy'
    and --bulk-energy.

    \b
    Example:
      uipbench data import slabs my-cases slabs.json --prefix mgo --bulk-energy -5.98
    """
    from uipbench.own_data.slabs import read_slabs

    for slab in read_slabs(source, bulk_energy):
        row = {"case_id": f"{prefix}_{slab.name}", "title": slab.title, "value": slab.value}
        _add(folder, "surface_energy", slab.structures, row)


def _role(text: str) -> tuple[str, Path, float | None]:
    role, equals, rest = text.partition("=")
    path, at, energy = rest.rpartition("@")
    if not equals or not role.isidentifier():
        msg = f"'{text}': expected ROLE=FILE or ROLE=FILE@ENERGY"
        raise click.UsageError(msg)
    if not at:
        return role, Path(rest), None
    try:
        return role, Path(path), float(energy)
    except ValueError:
        return role, Path(rest), None


def _numbers(path: Path) -> list[float]:
    from uipbench.errors import ReferenceDataError

    numbers = []
    for line, text in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        words = text.partition("#")[0].split()
        if words:
            try:
                numbers.append(float(words[-1]))
            except ValueError as error:
                msg = f"{path}: line {line}: '{words[-1][:40]}' is no energy in eV"
                raise ReferenceDataError(msg) from error
    return numbers


def _add(
    folder: Path, task: str, structures: Mapping[str, ReferenceStructure], row: dict[str, Any]
) -> None:
    from pydantic import ValidationError

    from uipbench.errors import SettingsError
    from uipbench.own_data import OwnCase, unfinished
    from uipbench.own_data.writing import add_case
    from uipbench.registry import load_task

    fields = {"task": load_task(task).name, "id": row.pop("case_id")}
    fields |= {"tags": dict(_tag(text) for text in row.pop("tags", ()))}
    if row.pop("fixed_only", False):
        fields["protocols"] = ["fixed"]
    try:
        case = OwnCase(**fields, **{name: value for name, value in row.items() if value})
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"--{'.'.join(str(p) for p in first['loc'])}: {first['msg']}"
        raise SettingsError(msg) from error
    add_case(folder, case, structures, _task_names())
    click.echo(f"{folder}: added {case.id} ({', '.join(structures)})")
    for problem in unfinished(folder):
        if f"('{case.id}')" in problem:
            click.echo(f"to be done: {problem}", err=True)


def _tag(text: str) -> tuple[str, str | int | float]:
    key, equals, value = text.partition("=")
    if not equals:
        msg = f"--tag '{text}': expected KEY=VALUE"
        raise click.UsageError(msg)
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value


def _task_names() -> list[str]:
    from uipbench.registry import load_tasks

    return list(load_tasks())
