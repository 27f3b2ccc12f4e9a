"""Rigid-shift scan of a boundary with a potential; run once, when a case is added.

    nice python -m uipbench.reference_data.grain_boundary.scan al_s5_210

Every in-plane shift of a grid, both cuts of the grains and two merging limits are built, widened
until no atoms are too near, and evaluated; the best are relaxed (positions and normal). The best of
those may be held on a saddle by its symmetry, or lie beside a lower translation of the grains: it
is displaced at random and relaxed some times more. The lowest whose two boundaries are still
equivalent is the start of the DFT relaxation. A start is written as soon as its scan is done;
without names, only the cases that have none are scanned, so that the command goes on where it was
stopped.
"""

from __future__ import annotations

import importlib.metadata
import math
import sys
from itertools import product
from typing import TYPE_CHECKING

from uipbench.cell_relaxation import relax_along_normal
from uipbench.errors import NotConvergedError
from uipbench.evaluation import evaluate
from uipbench.reference_data.grain_boundary.boundaries import (
    Translation,
    bicrystal,
    bond_length,
    bulk_cell,
    has_equivalent_boundaries,
    shortest_distance,
)
from uipbench.reference_data.grain_boundary.recipes import BoundaryRecipe, recipes
from uipbench.reference_data.grain_boundary.starts import (
    Candidate,
    Start,
    symmetrised,
    write_start,
)
from uipbench.reference_data.surface_energy.layered import layered_cell, layered_lattice
from uipbench.reference_data.surface_energy.slabs import MATERIALS, primitive_cell
from uipbench.relaxation import relax_cell
from uipbench.tasks.grain_boundary import grain_boundary_energy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms
    from ase.calculators.calculator import Calculator

    from uipbench.reference_data.surface_energy.slabs import Material

SHIFT_STEP_A = 1.7
MERGING_LIMITS = (0.5, 0.7)
GAPS = tuple(0.1 * n for n in range(21))
NEAREST = 0.75
"""Least distance of two atoms of a candidate, in bulk bond lengths."""

RELAXED_CANDIDATES = 8
DISPLACED_TRIALS = 5
DISPLACEMENT_A = 0.1
LOWER_BY_J_PER_M2 = 0.002
"""What a displaced start has to gain; the relaxations differ by up to that."""

FMAX = 0.02
SYMMETRY_TOLERANCES_A = (0.1, 0.03)
"""Symmetry is looked for within the first; within the second if the first one's costs energy."""


def potential_lattice(material: Material, calculator: Calculator) -> dict[str, float]:
    """The potential's lattice constants (Å) under the names of the recipes."""
    if material.free_z:
        cell = relax_cell(layered_cell(material), calculator, fmax=0.005)
        return layered_lattice(cell.atoms, material)
    start = primitive_cell(material)
    relaxed = relax_cell(start, calculator, fmax=0.002).atoms
    ratio = relaxed.get_volume() / start.get_volume()
    return {"lattice_constant_a": float(material.a * ratio ** (1 / 3))}


def translations(bulk: Atoms) -> Iterator[Translation]:
    """The grid of starts; of two opposite shifts, which are equivalent, one."""
    counts = [_divisions(float(length)) for length in bulk.cell.lengths()[:2]]
    hexagonal = min(abs(bulk.cell.angles()[2] - angle) for angle in (60, 120)) < 1
    n, m = (3, 3) if hexagonal else counts
    for centre, limit, i, j in product((False, True), MERGING_LIMITS, range(n), range(m)):
        if (i, j) <= ((-i) % n, (-j) % m):
            yield Translation(
                shifted_centre=centre, merged_below=limit, shift=(i / n, j / m), gap=0.0
            )


def _divisions(length: float) -> int:
    return 2 * max(1, math.ceil(length / (2 * SHIFT_STEP_A)))


def widened(recipe: BoundaryRecipe, material: Material, start: Translation) -> Translation | None:
    """The translation with the smallest gap that keeps atoms apart; None if there is none."""
    bulk = bulk_cell(material, recipe.boundary)
    least = NEAREST * bond_length(bulk)
    for gap in GAPS:
        wide = Translation(
            shifted_centre=start.shifted_centre,
            merged_below=start.merged_below,
            shift=start.shift,
            gap=round(gap, 1),
        )
        atoms = bicrystal(material, recipe.boundary, wide)
        if not (same_composition(atoms, bulk) and has_equivalent_boundaries(atoms, 1e-3)):
            return None
        if shortest_distance(atoms) >= least:
            return wide
    return None


def same_composition(atoms: Atoms, bulk: Atoms) -> bool:
    """Whether both have the same chemical formula, reduced."""
    reduced = [a.symbols.formula.reduce()[0] for a in (atoms, bulk)]
    return bool(reduced[0] == reduced[1])


def scan(recipe: BoundaryRecipe, calculator: Calculator, potential: str) -> Start:
    """The best start and everything that was tried.

    Raises:
        NotConvergedError: No candidate relaxed.
    """
    plain = MATERIALS[recipe.material]
    lattice = potential_lattice(plain, calculator)
    material = recipe.material_at(lattice)
    bulk = bulk_cell(material, recipe.boundary)
    bulk_energy = evaluate(bulk, calculator).energy / len(bulk)
    tried = _rigid(recipe, material, calculator, bulk_energy)
    tried, best = _relaxed(recipe, material, calculator, bulk_energy, tried)
    return Start(
        case=recipe.id,
        boundary=recipe.boundary.name,
        potential=potential,
        lattice=lattice,
        cell=best.cell[:].round(10).tolist(),
        symbols=best.get_chemical_symbols(),
        positions=best.positions.round(10).tolist(),
        chosen=tried[0],
        candidates=tried,
    )


def _rigid(
    recipe: BoundaryRecipe, material: Material, calculator: Calculator, bulk_energy: float
) -> list[Candidate]:
    found: dict[tuple[int, float], Candidate] = {}
    for start in translations(bulk_cell(material, recipe.boundary)):
        wide = widened(recipe, material, start)
        if wide is None:
            continue
        atoms = bicrystal(material, recipe.boundary, wide)
        energy = evaluate(atoms, calculator).energy
        gamma = round(grain_boundary_energy(atoms, energy, bulk_energy), 4)
        if not math.isfinite(gamma):
            continue
        candidate = Candidate(
            shifted_centre=wide.shifted_centre,
            shift=wide.shift,
            gap=wide.gap,
            merged_below=wide.merged_below,
            atoms=len(atoms),
            rigid=gamma,
        )
        found.setdefault((len(atoms), gamma), candidate)
    return sorted(found.values(), key=lambda c: c.rigid)


def _relaxed(
    recipe: BoundaryRecipe,
    material: Material,
    calculator: Calculator,
    bulk_energy: float,
    tried: list[Candidate],
) -> tuple[list[Candidate], Atoms]:
    """Candidates, the relaxed ones first, and the structure of the best."""
    results = []
    for candidate in tried[:RELAXED_CANDIDATES]:
        start = bicrystal(material, recipe.boundary, candidate.translation)
        found = _relax(start, calculator, bulk_energy, max_steps=150)
        if found is not None:
            relaxed = candidate.model_copy(update={"relaxed": round(found[0], 4)})
            results.append((relaxed, found[1]))
    if not results:
        msg = f"{recipe.id}: no candidate relaxed"
        raise NotConvergedError(msg)
    results.sort(key=lambda result: result[0].relaxed or 0.0)
    first, plain = results[0]
    lowest, best = first, symmetrised(plain, SYMMETRY_TOLERANCES_A[-1])
    for seed in range(DISPLACED_TRIALS):
        start = plain.copy()
        start.rattle(DISPLACEMENT_A, seed=seed)
        found = _relax(start, calculator, bulk_energy, max_steps=300)
        if found is None:
            continue
        gamma, atoms = found
        if round(gamma, 4) > (lowest.relaxed or 0.0) - LOWER_BY_J_PER_M2:
            continue
        symmetric = _symmetric(atoms, gamma, calculator, bulk_energy)
        if has_equivalent_boundaries(symmetric, SYMMETRY_TOLERANCES_A[-1]):
            lowest = first.model_copy(update={"relaxed": round(gamma, 4), "displaced_seed": seed})
            best = symmetric
    done = [candidate for candidate, _ in results]
    if lowest.displaced_seed is not None:
        done.insert(0, lowest)
    seen = {candidate.model_copy(update={"relaxed": None}).model_dump_json() for candidate in done}
    rest = [candidate for candidate in tried if candidate.model_dump_json() not in seen]
    return [*done, *rest], best


def _symmetric(atoms: Atoms, least: float, calculator: Calculator, bulk_energy: float) -> Atoms:
    """A start relaxed to γ ``least``, in the largest symmetry that costs no energy."""
    for tolerance in SYMMETRY_TOLERANCES_A:
        start = symmetrised(atoms, tolerance)
        found = _relax(start, calculator, bulk_energy, max_steps=150)
        if found is not None and found[0] < least + LOWER_BY_J_PER_M2:
            return symmetrised(found[1], SYMMETRY_TOLERANCES_A[-1])
    return atoms


def _relax(
    start: Atoms, calculator: Calculator, bulk_energy: float, *, max_steps: int
) -> tuple[float, Atoms] | None:
    """γ in J/m² and structure, relaxed by the potential; None where that does not converge."""
    try:
        relaxed = relax_along_normal(start, calculator, fmax=FMAX, max_steps=max_steps)
    except NotConvergedError:
        return None
    return grain_boundary_energy(relaxed.atoms, relaxed.energy, bulk_energy), relaxed.atoms


def main(ids: list[str]) -> None:
    """Scan the named cases, or those that have no start, with CHGNet."""
    from uipbench.models.chgnet import load
    from uipbench.reference_data.grain_boundary.starts import FOLDER

    variant = "0.3.0"
    calculator = load(None, "cpu", "default", variant)
    potential = f"CHGNet {variant}, chgnet {importlib.metadata.version('chgnet')}"
    for recipe in recipes():
        if recipe.id in ids or (not ids and not (FOLDER / f"{recipe.id}.json").exists()):
            start = scan(recipe, calculator, potential)
            best, number = start.chosen, len(start.candidates)
            line = f"{best.relaxed} J/m^2, {best.atoms} atoms, best of {number}: {best.translation}"
            sys.stdout.write(f"{recipe.id}: {line}\n")
            sys.stdout.flush()
            write_start(start)


if __name__ == "__main__":
    main(sys.argv[1:])
