"""Curves, periodic table, cost, robustness and findings: numbers by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ase import Atoms
from ase.data import chemical_symbols

from tests.factories import make_case, structure
from tests.site.factories import REFERENCES, StandInTask, make_card, make_result, write_cases
from uipbench.casefiles import Quantity
from uipbench.outcome import Predicted
from uipbench.registry import load_tasks
from uipbench.site.casepage import case_pages
from uipbench.site.cells import cell_maker
from uipbench.site.chemistry import by_chemistry, periodic_table, place
from uipbench.site.costpage import cost_rows
from uipbench.site.curves import case_figures, curves_of, material_figure, path_curve
from uipbench.site.findings import findings
from uipbench.site.records import Records, gather
from uipbench.site.robustness import robustness
from uipbench.site.tables import all_tables
from uipbench.site.viewer import centred, first_shown, moving_atom, surroundings, viewer_data

if TYPE_CHECKING:
    from pathlib import Path

PLACES = {"H": (1, 1), "He": (1, 18), "Li": (2, 1), "B": (2, 13), "Ne": (2, 18), "Al": (3, 13)}
PLACES |= {"Sc": (4, 3), "Br": (4, 17), "Ag": (5, 11), "Cs": (6, 1), "La": (9, 3), "Yb": (9, 16)}
PLACES |= {"Lu": (6, 3), "Hf": (6, 4), "Au": (6, 11), "Og": (7, 18), "Th": (10, 4)}


@pytest.mark.parametrize("symbol", PLACES)
def test_places_in_the_periodic_table(symbol: str) -> None:
    assert place(chemical_symbols.index(symbol)) == PLACES[symbol]


def test_every_element_has_a_place_of_its_own() -> None:
    assert len({place(number) for number in range(1, 119)}) == 118


def test_lines_and_steps_are_read_from_details() -> None:
    line, steps = curves_of(
        {
            "image_1_ev": 0.4,
            "image_0_ev": 0.0,
            "image_0_coordinate": 0.0,
            "image_1_coordinate": 0.5,
            "initial_steps": 3.0,
            "voltage_x0.5_to_x1_v": 3.0,
            "voltage_x0_to_x0.5_v": 4.0,
            "area_a2": 8.0,
        }
    )
    assert (line.x, line.y, line.y_title) == ((0.0, 0.5), (0.0, 0.4), "Energy, eV")
    assert (steps.x, steps.y) == ((0.0, 0.5, 0.5, 1.0), (4.0, 4.0, 3.0, 3.0))
    assert (steps.steps, steps.y_title) == (True, "Voltage, V")


def test_counts_have_no_decimals() -> None:
    tasks = load_tasks()
    records = gather([], list(tasks.values()), frozenset())
    pages = {page.case.id: page for page in case_pages(records, tasks["voltage_profile"])}
    digits = {table.name: table.digits for table in pages["lixcoo2"].tables}
    assert digits["stable_intermediates"] == 0
    assert digits["average_voltage"] == 3


def test_moments_of_atoms_are_counted() -> None:
    tasks = load_tasks()
    records = gather([], list(tasks.values()), frozenset())
    pages = {page.case.id: page for page in case_pages(records, tasks["voltage_profile"])}
    moments = {s.role: s.moments for s in pages["lixfepo4"].structures}
    assert moments["x1"] == "4 Fe ±3.6"
    assert moments["x1_2_2"].count("2 Fe ") == 2
    assert moments["metal"] == ""
    assert {s.moments for s in pages["li_al"].structures} == {""}


def test_energies_of_structures_are_the_curve_of_dft() -> None:
    case = make_case()
    start = case.atoms("slab")
    path = {}
    for k, (shift, energy) in enumerate([(0.0, -3.0), (0.3, -1.0), (0.4, -2.5)]):
        atoms = start.copy()
        atoms.positions[0, 2] += shift
        path[f"image_{k}"] = structure(atoms, energy)
    (curve,) = curves_of(path_curve(replace(case, structures=path)))
    assert curve.x == pytest.approx((0.0, 0.75, 1.0))
    assert curve.y == (0.0, 2.0, 0.5)
    assert path_curve(case) == {}


def test_a_real_path_has_dfts_profile_before_any_model_is_scored() -> None:
    task = load_tasks()["li_migration"]
    for case in task.cases():
        (figure,) = case_figures(Records((task,), ()), task, case)
        (dft,) = figure["series"]
        assert (dft["name"], dft["x"][0], dft["x"][-1]) == ("DFT", 0.0, 1.0)
        assert max(dft["y"]) == pytest.approx(case.reference(task.quantity), abs=1e-6)


def test_colours_are_those_of_the_scored_unit(tmp_path: Path) -> None:
    write_cases(tmp_path / "cases", REFERENCES)
    task = StandInTask(tmp_path / "cases")
    case = task.cases()[0]
    far = replace(outcome(5.0), values={"surface_energy": 5.0, "volume_change": 5.0})
    result = make_result(task, make_card("a"), {"relaxed": {case.id: far}})
    (entry,) = gather([result], [task], frozenset()).entries
    volume = Quantity(value=1.0, unit="percent")
    odd = replace(case, references={**case.references, "volume_change": volume})
    make = cell_maker(task)
    assert make(entry, case, "relaxed").level == 4
    cell = make(entry, odd, "relaxed", "volume_change")
    assert (cell.error, cell.level) == (4.0, 0)


def test_numbers_that_are_no_curve_make_none() -> None:
    assert curves_of({"bulk_steps": 3.0, "slab_2_area_a2": 1.0, "x_0_ev": 1.0}) == []


class WithCurve(StandInTask):
    def reference_details(self, _case) -> dict[str, float]:
        start = {"image_0_ev": 0.0, "image_0_coordinate": 0.0}
        return start | {"image_1_ev": 0.5, "image_1_coordinate": 1.0}


def outcome(value: float, seconds: float = 1.0, **details: float) -> Predicted:
    return Predicted(
        values={"surface_energy": value},
        force_statistics={},
        details=details,
        seconds=seconds,
        evaluations=1,
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Records:
    folder = tmp_path_factory.mktemp("small") / "cases"
    write_cases(folder, REFERENCES | {"al_100": 0.9, "na_100": 0.2})
    task = WithCurve(folder)
    details = {"image_0_ev": 0.0, "image_0_coordinate": 0.0, "image_1_ev": 0.4}
    details["image_1_coordinate"] = 1.0
    results = []
    for name, factor, seconds in (("exact", 1.0, 5.0), ("low", 0.8, 1.0), ("slow", 0.8, 9.0)):
        outcomes = {
            case.id: outcome(factor * case.reference("surface_energy"), seconds, **details)
            for case in task.cases()
        }
        results.append(make_result(task, make_card(name), {"relaxed": outcomes, "fixed": outcomes}))
    return gather(results, [task], frozenset())


def test_a_figure_has_dft_and_every_model(small: Records) -> None:
    task = small.tasks[0]
    (figure,) = case_figures(small, task, task.cases()[0])
    assert figure["series"][0]["name"] == "DFT"
    assert len(figure["series"]) == 1 + 2 * 3
    assert figure["series"][0]["y"] == (0.0, 0.5)


def test_cases_of_a_material_are_in_the_order_of_dft(small: Records) -> None:
    task = small.tasks[0]
    al = next(case for case in task.cases() if case.id == "al_111")
    figure = material_figure(small, task, al)
    assert figure is not None
    assert figure["cases"] == ["al_111", "al_100"]
    assert figure["series"][0]["y"] == [0.8, 0.9]
    lone = next(case for case in task.cases() if case.id == "mgo_100")
    assert material_figure(small, task, lone) is None


def test_small_cells_are_repeated_in_the_plane(small: Records) -> None:
    shown = viewer_data(small.tasks[0].cases()[0])
    assert shown["structures"][0]["repeats"] == [4, 4, 4]
    assert shown["path"] == []
    assert shown["elements"]["Al"]["radius"] == pytest.approx(1.21)


def test_the_telling_structure_is_shown_first() -> None:
    case = make_case()
    assert list(case.structures)[first_shown(case)] == "slab"
    slab = case.atoms("slab")
    path = {f"image_{k}": structure(slab, energy) for k, energy in enumerate((-3.0, -1.0, -2.0))}
    assert first_shown(replace(case, structures=path)) == 1
    pair = dict.fromkeys(("slab_a", "interface", "curve_0"), structure(slab))
    assert first_shown(replace(case, structures=pair)) == 1


def test_the_path_of_a_hop_is_in_the_middle_of_the_cell() -> None:
    atoms = Atoms("LiF", [[0.1, 0, 0], [3, 3, 3]], cell=[6, 6, 6], pbc=True)
    images = {f"image_{k}": atoms.copy() for k in range(3)}
    for k, image in enumerate(images.values()):
        image.positions[0, 0] += 0.9 * k
    assert moving_atom(list(images.values())) == 0
    shown = centred(images, 0)
    path = [shown[role].positions[0] for role in images]
    assert np.allclose(path, [[2.1, 3, 3], [3, 3, 3], [3.9, 3, 3]])
    for role, image in images.items():
        assert shown[role].get_distance(0, 1, mic=True) == pytest.approx(
            image.get_distance(0, 1, mic=True)
        )
    around = surroundings(images, 0)
    assert [str(atoms.symbols) for atoms in around.values()] == ["LiF4"] * 3
    distances = [sorted(atoms.get_distances(0, range(1, 5))) for atoms in around.values()]
    assert np.allclose(distances[1], np.sqrt(2**2 + 3**2 + 3**2))
    images["image_2"].positions += 0.9
    assert moving_atom(list(images.values())) == 0
    images["image_2"].positions[0] = images["image_0"].positions[0]
    images["image_2"].positions[0, 0] += 0.9
    images["image_2"].positions[1] = [3, 3.9, 3]
    assert moving_atom(list(images.values())) is None


def test_skill_by_element(small: Records) -> None:
    tables = all_tables(small)
    known = [cell for cell in periodic_table(tables, 0, "relaxed") if cell.strength]
    assert [(cell.symbol, cell.strength.skill) for cell in known if cell.strength] == [("Al", 1.0)]
    assert by_chemistry(tables, 0, "relaxed")[0].n_cases == 6


def test_the_front_of_accuracy_and_cost(small: Records) -> None:
    rows = cost_rows(small, all_tables(small))
    assert {row.entry.name: row.leading for row in rows} == {
        "low": True,
        "exact": True,
        "slow": False,
    }


def test_robustness(small: Records) -> None:
    view = robustness(small, all_tables(small))
    assert view is not None
    assert [entry.name for entry in view.entries] == ["exact", "low", "slow"]
    assert list(view.ranks) == [1, 2, 2]
    assert view.pairs is not None
    assert np.array_equal(view.pairs, [[0, 1, 1], [-1, 0, 0], [-1, 0, 0]])
    assert view.weights is None
    assert view.by_materials is not None
    assert list(view.by_materials[0]) == [1, 1]
    # Moved by 0.018 at most, the exact model stays ahead of the others, wrong by 0.04 or more.
    assert view.by_references.rank.tolist() == [[1, 1], [2, 2], [2, 2]]
    assert view.unstated == 0
    assert view.protocols == pytest.approx(1)


def test_findings_say_only_what_the_records_say(small: Records, tmp_path: Path) -> None:
    found = findings(small, all_tables(small))
    assert {finding.task for finding in found} == {"surface_energy"}
    (surfaces,) = (finding for finding in found if "underpredict" in finding.claim)
    agrees = {e.entry.name: e.agrees for e in surfaces.evidence}
    assert agrees == {"exact": None, "low": True, "slow": True}
    assert surfaces.verdict.startswith("2 of 3 models agree")
    write_cases(tmp_path / "cases", REFERENCES)
    nothing = gather([], [StandInTask(tmp_path / "cases")], frozenset())
    assert findings(nothing, all_tables(nothing)) == []
