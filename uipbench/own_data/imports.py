"""Structures from files of other programs: ASE's readers, and pymatgen's JSON without pymatgen."""

from __future__ import annotations

import gzip
import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from uipbench.case import ReferenceStructure
from uipbench.errors import ReferenceDataError
from uipbench.extended_xyz import check_columns
from uipbench.own_data.table import read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

OUTPUTS = ("vasprun.xml", "OUTCAR", "CONTCAR", "POSCAR")
"""What is looked for in a folder of one VASP calculation, the first that is there; also as .gz."""

ENDS = {"OUTCAR": b"General timing and accounting", "vasprun": b"</modeling>"}
"""What the last part of an output of VASP holds when the calculation has ended."""

_TAIL = 2**16


PROGRAMS = frozenset({".py", ".pckl", ".pickle", ".pkl", ".bundle"})
"""ASE would execute the first, and unpickle others."""


def read_file(path: Path, energy: float | None = None) -> ReferenceStructure:
    """The last structure of a file or of a folder of a VASP calculation.

    Args:
        path: Anything that ASE reads, or JSON of pymatgen (Structure, Slab,
            ComputedStructureEntry).
        energy: Total energy in eV where the file has none.

    Raises:
        ReferenceDataError: Not readable; names the file.
    """
    found = read_files(path)[-1]
    if energy is None:
        return found
    return ReferenceStructure(found.atoms, energy, found.forces, found.magmoms)


def read_files(path: Path) -> list[ReferenceStructure]:
    """All structures of a file.

    Raises:
        ReferenceDataError: Not readable; names the file.
    """
    if path.is_dir():
        places = [path / name for plain in OUTPUTS for name in (plain, f"{plain}.gz")]
        path = next((place for place in places if place.is_file()), path)
        if path.is_dir():
            msg = f"{path}: has none of {', '.join(OUTPUTS)}"
            raise ReferenceDataError(msg)
    if path.suffix == ".json":
        entries = read_json(path)
        if entries is not None:
            return [_entry(e, f"{path}: entry {i}") for i, e in enumerate(entries, start=1)]
    return _read_with_ase(path)


def _read_with_ase(path: Path) -> list[ReferenceStructure]:
    from ase.io import read

    if not path.is_file():
        msg = f"{path}: no such file"
        raise ReferenceDataError(msg)
    if path.suffix in PROGRAMS:
        msg = f"{path}: is a program or a pickle, which reading would run; convert it first"
        raise ReferenceDataError(msg)
    try:
        _check_ended(path)
        if path.suffix in {".xyz", ".extxyz"}:
            check_columns(path.read_text(errors="replace"))
        frames: list[Atoms] = read(path, index=":")
    except ReferenceDataError:
        raise
    except Exception as error:
        msg = f"{path}: ASE cannot read it ({type(error).__name__}: {error})"
        raise ReferenceDataError(" ".join(msg.split())) from error
    if not frames:
        msg = f"{path}: has no structure"
        raise ReferenceDataError(msg)
    return [_from_ase(frame) for frame in frames]


def _check_ended(path: Path) -> None:
    """An output of VASP that was cut would give a structure on the way for the last one."""
    end = next((end for name, end in ENDS.items() if path.name.startswith(name)), None)
    if end is None:
        return
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        tail = b""
        if path.suffix != ".gz":
            stream.seek(max(0, path.stat().st_size - _TAIL))
        while block := stream.read(_TAIL):
            tail = (tail + block)[-_TAIL:]
    if end not in tail:
        msg = (
            f"{path}: the calculation has not ended ('{end.decode()}' is missing at its end); "
            "where its last structure is good, give CONTCAR and its energy: FILE@ENERGY"
        )
        raise ReferenceDataError(msg)


def _from_ase(frame: Atoms) -> ReferenceStructure:
    results = frame.calc.results if frame.calc else {}
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell[:], pbc=True)
    magmoms = results.get("magmoms")
    return ReferenceStructure(
        atoms,
        float(results.get("energy", math.nan)),
        np.asarray(results.get("forces", np.full((len(atoms), 3), math.nan)), dtype=float),
        None if magmoms is None or not np.any(magmoms) else np.asarray(magmoms, dtype=float),
    )


def read_json(path: Path) -> list[dict[str, Any]] | None:
    """Objects of pymatgen in a JSON file; None where it is something else.

    Raises:
        ReferenceDataError: Not JSON.
    """
    try:
        content = json.loads(read_bounded(path))
    except (ValueError, RecursionError) as error:
        msg = f"{path}: is not JSON: {error}"
        raise ReferenceDataError(msg) from error
    entries = content if isinstance(content, list) else [content]
    known = all(isinstance(e, dict) and ("lattice" in e or "structure" in e) for e in entries)
    return entries if entries and known else None


def _entry(entry: dict[str, Any], where: str) -> ReferenceStructure:
    """A ComputedStructureEntry, a Structure or a Slab."""
    structure = entry.get("structure", entry)
    energy = entry.get("energy")  # without corrections: those are a field of their own
    try:
        value = float(energy) if isinstance(energy, int | float) else math.nan
    except OverflowError as error:
        msg = f"{where}: field 'energy': {error}"
        raise ReferenceDataError(msg) from error
    return from_pymatgen(structure, where, value)


def from_pymatgen(
    structure: Any,  # noqa: ANN401 - as it comes from JSON
    where: str,
    energy: float = math.nan,
) -> ReferenceStructure:
    """A structure as pymatgen's ``as_dict`` writes it.

    Args:
        structure: Dictionary with ``lattice`` and ``sites``.
        where: For messages.
        energy: eV.

    Raises:
        ReferenceDataError: Something missing, or a site without one whole atom.
    """
    try:
        cell = np.asarray(structure["lattice"]["matrix"], dtype=float)
        sites = structure["sites"]
        symbols = [_symbol(site["species"], f"{where}: site {i}") for i, site in enumerate(sites)]
        scaled = np.asarray([site["abc"] for site in sites], dtype=float)
        atoms = Atoms(symbols, scaled_positions=scaled, cell=cell, pbc=True)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        msg = f"{where}: not a structure of pymatgen: {type(error).__name__}: {error}"
        raise ReferenceDataError(msg) from error
    if not len(atoms) or not np.isfinite(atoms.positions).all() or atoms.cell.volume < 1:
        msg = f"{where}: no atoms, positions that are not finite, or no cell"
        raise ReferenceDataError(msg)
    return ReferenceStructure(atoms, energy, np.full((len(atoms), 3), math.nan))


def _symbol(species: Sequence[dict[str, Any]], where: str) -> str:
    if len(species) != 1 or species[0]["occu"] != 1:
        msg = f"{where}: is not occupied by one whole atom"
        raise ReferenceDataError(msg)
    return str(re.sub(r"[^A-Za-z].*", "", species[0]["element"]))


def read_images(
    paths: Sequence[Path], energies: Sequence[float] | None
) -> list[ReferenceStructure]:
    """Images of a finished band in order.

    Args:
        paths: One file with all images, files in their order, or one folder with either numbered
            folders of VASP (``00``, ``01``, …) or one file an image.
        energies: Total energies in eV in the same order; they replace those of the files.

    Raises:
        ReferenceDataError: Not readable, or another number of energies than of images.
    """
    images = [s for path in _image_paths(paths) for s in _images_of(path, alone=len(paths) == 1)]
    if energies is not None:
        if len(energies) != len(images):
            msg = f"{paths[0]}: {len(images)} images, but {len(energies)} energies"
            raise ReferenceDataError(msg)
        images = [
            ReferenceStructure(s.atoms, e, s.forces, s.magmoms)
            for s, e in zip(images, energies, strict=True)
        ]
    for number, image in enumerate(images):
        if not math.isfinite(image.energy):
            msg = (
                f"{paths[0]}: image {number} has no energy (VASP computes no end points in a band: "
                "put their OUTCAR there, or give all energies with --energies)"
            )
            raise ReferenceDataError(msg)
    return continuous(images)


def _image_paths(paths: Sequence[Path]) -> Iterable[Path]:
    if len(paths) != 1 or not paths[0].is_dir():
        return paths
    inside = sorted(p for p in paths[0].iterdir() if not p.name.startswith("."))
    numbered = [p for p in inside if p.is_dir() and re.fullmatch(r"\d+", p.name)]
    found = numbered or [p for p in inside if p.is_file()]
    return sorted(found, key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)] or [0])


def _images_of(path: Path, *, alone: bool) -> list[ReferenceStructure]:
    found = read_files(path)
    return found if alone and path.is_file() else found[-1:]


def continuous(images: Sequence[ReferenceStructure]) -> list[ReferenceStructure]:
    """Images with every atom at the periodic place nearest to that in the image before."""
    done = [images[0]]
    for image in images[1:]:
        atoms, before = image.atoms, done[-1].atoms
        if len(atoms) == len(before) and np.allclose(atoms.cell[:], before.cell[:], atol=1e-4):
            shift = np.linalg.solve(before.cell[:].T, (atoms.positions - before.positions).T).T
            atoms.positions -= np.rint(shift) @ before.cell[:]
            atoms.cell = before.cell[:]
        done.append(ReferenceStructure(atoms, image.energy, image.forces, image.magmoms))
    return done


def upright(structure: ReferenceStructure, *, vacuum: bool) -> ReferenceStructure:
    """Turned: first vector along x, second in the xy plane; with vacuum, the third along z.

    A third vector that is not along the normal only shifts a slab against its own images across
    the vacuum, so that its energy stays.
    """
    atoms = structure.atoms
    cell, turn = atoms.cell.standard_form()
    turn *= atoms.cell.handedness  # a left-handed cell is inverted too
    lower = cell[:] * atoms.cell.handedness
    positions = atoms.positions @ turn.T
    if vacuum:
        lower = np.array([lower[0], lower[1], [0.0, 0.0, lower[2, 2]]])
    turned = Atoms(atoms.numbers, positions, cell=lower, pbc=True)
    if vacuum:
        turned = _in_one_piece(turned)
    return ReferenceStructure(
        turned, structure.energy, structure.forces @ turn.T, structure.magmoms
    )


def _in_one_piece(slab: Atoms) -> Atoms:
    """The slab moved along z so that its vacuum is at the border of the cell."""
    height = slab.cell[2, 2]
    z = np.sort(slab.positions[:, 2] % height)
    gaps = np.diff([*z, z[0] + height])
    widest = int(np.argmax(gaps))
    border = z[widest] + gaps[widest] / 2
    slab.positions[:, 2] = (slab.positions[:, 2] - border) % height
    return slab
