"""Data cards: the committed ones are the generated ones, and every task can have one."""

from __future__ import annotations

import re
from typing import ClassVar

import pytest

from tests.factories import THEORY
from uipbench.casefiles import CaseFile, PawSet, Published, Quantity
from uipbench.errors import ReferenceEngineError, RegistryError
from uipbench.reference import card_tables, datacard, queue
from uipbench.reference.card_plot import compared_quantities, write_plot
from uipbench.reference.catalogue import headline, read_case_files
from uipbench.reference.convergence import ConvergenceFile, VariantResult
from uipbench.task import Task

TASKS = queue.tasks_with_recipes()
SURFACES = "surface_energy"
DOI = "10.1000/x"


class Barriers(Task):
    """A task with another unit than the first ones."""

    name: ClassVar[str] = "li_migration"
    title: ClassVar[str] = "Migration barrier"
    summary: ClassVar[str] = "What it is. Why it matters."
    quantity: ClassVar[str] = "migration_barrier"
    unit: ClassVar[str] = "eV"
    citation: ClassVar[str] = "nobody"

    def predict(self, case, calculator, protocol):
        raise NotImplementedError


def case_file(case_id, *, published=(), details=None, protocols=("fixed", "relaxed"), **values):
    """A case with the given quantities as (value, unit, uncertainty)."""
    roles = ["initial", "image_0", "image_1"]
    paw = {"Li": PawSet(name="sv3", valence_electrons=3, sha256="ab" * 32)}
    theory = THEORY.model_copy(
        update={"code": "toy 1", "kpts": dict.fromkeys(roles, (2, 2, 1)), "paw": paw}
    )
    references = {n: Quantity(value=v, unit=u, uncertainty=e) for n, (v, u, e) in values.items()}
    return CaseFile(
        schema_version=1,
        task="li_migration",
        id=case_id,
        title=case_id.upper(),
        material=case_id.split("_")[0],
        elements=["Li"],
        chemistry="halide",
        tier="quick",
        protocols=list(protocols),
        references=references,
        roles=roles,
        tags={},
        details=details or {},
        theory=theory,
        published=[
            Published(quantity=q, value=v, unit=u, doi=DOI, method="PBE") for q, v, u in published
        ],
        recipe="recipes.py",
        cpu_seconds=1800.0,
    )


def source(folder, files, **changes):
    fields = {"task": Barriers(), "folder": folder, "planned": 16, "files": files}
    return datacard.CardSource(**fields | changes)


def cells(text, title):
    """Cells of the table row that starts with a title."""
    (row,) = re.findall(rf"^\| {re.escape(title)} \|.*$", text, re.MULTILINE)
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("task", TASKS)
def test_committed_card_is_current(task):
    """If this fails: uipbench reference card TASK."""
    card = queue.DATA_FOLDER / task / datacard.CARD_NAME
    assert card.exists(), f"uipbench reference card {task}"
    assert card.read_text(encoding="utf-8") == datacard.card_text(task)


@pytest.mark.parametrize("task", TASKS)
def test_card_has_every_case_and_number(task):
    text = datacard.card_text(task)
    files = read_case_files(queue.case_folder(task))
    for file in files:
        row = cells(text.split("## Convergence")[0], file.title)
        for quantity in file.references.values():
            assert any(cell.startswith(f"{quantity.value:.3f}") for cell in row), file.id
    assert f"{len(files)} of {len(queue.load_recipes(task))} planned" in text


@pytest.mark.parametrize("task", TASKS)
def test_large_differences_are_explained(task):
    assert "not explained yet" not in datacard.card_text(task)


@pytest.mark.parametrize("task", TASKS)
def test_card_says_what_a_reader_needs(task):
    text = datacard.card_text(task)
    for heading in (
        "## Values",
        "## Convergence",
        "## Known weaknesses",
        "## Compute a case again",
    ):
        assert heading in text
    assert "CC-BY-4.0" in text
    tables = re.findall(r"^\| (case|material|element) ", text, re.MULTILINE)
    assert text.count("| --- |") == len(tables)


def test_unknown_task():
    with pytest.raises(RegistryError, match="no recipes for task 'nothing'; tasks with recipes: "):
        datacard.card_text("nothing")


def test_table():
    made = card_tables.table(["a", "b"], [["x", "1"]])
    assert made.splitlines() == ["| a | b |", "| --- | ---: |", "| x | 1 |"]


def test_card_without_cases_or_prose(tmp_path):
    text = datacard.render(source(tmp_path, []))
    assert "0 of 16 planned cases are finished (0.0 CPU hours)" in text
    assert "**Quantity**: migration barrier in eV. What it is." in text
    assert "No case is finished yet." in text
    assert "Not computed yet: `uipbench reference convergence li_migration`." in text
    assert "](" not in text
    assert "| case |" not in text


def test_card_of_one_case(tmp_path):
    file = case_file("lif_vacancy", migration_barrier=(0.61234, "eV", 0.02))
    text = datacard.render(source(tmp_path, [file]))
    assert "| case | migration barrier / eV | cutoff / eV | k (image) |" in text
    assert cells(text, "LIF_VACANCY") == ["LIF_VACANCY", "0.612 ± 0.020", "1", "2×2×1"]
    assert "1 of 16 planned cases are finished (0.5 CPU hours)" in text
    assert "| Li | sv3 | 3 | `abababababab…` |" in text
    assert "0 of the 1 finished cases have a published value" in text


def test_cases_with_different_quantities_protocols_and_details(tmp_path):
    files = [
        case_file(
            "licl_hop",
            migration_barrier=(0.5, "eV", 0.02),
            reverse_barrier=(0.4, "eV", None),
            published=[("migration_barrier", 0.47, "eV")],
            details={"thickness_a": 12.34},
        ),
        case_file("lif_hop", migration_barrier=(0.6, "eV", None), protocols=("fixed",)),
        case_file("na_hop", migration_barrier=(0.1, "eV", 0.01), average_voltage=(3.4, "V", 0.1)),
    ]
    text = datacard.render(source(tmp_path, files, explain_above=0.02))
    header = cells(text, "case")
    row = dict(zip(header, cells(text, "LICL_HOP"), strict=True))
    assert row["reverse barrier / eV"] == "0.400"
    assert row["average voltage / V"] == "–"
    assert (row["published"], row["difference"], row["thickness / Å"]) == (
        "0.470",
        "+0.030",
        "12.3",
    )
    row = dict(zip(header, cells(text, "LIF_HOP"), strict=True))
    assert (row["migration barrier / eV"], row["protocols"]) == ("0.600", "fixed")
    assert row["reverse barrier / eV"] == row["published"] == row["thickness / Å"] == "–"
    assert "1 of the cases is *fixed* alone" in text
    assert "- LICL_HOP, +0.030 eV: not explained yet" in text
    assert f"https://doi.org/{DOI}" in text


def test_explanations_and_limits(tmp_path):
    file = case_file(
        "a", migration_barrier=(0.5, "eV", None), published=[("migration_barrier", 0.4, "eV")]
    )
    known = source(tmp_path, [file], explain_above=0.05, explanations={"a": "Another cell."})
    assert "- A, +0.100 eV: Another cell." in datacard.render(known)
    small = datacard.render(source(tmp_path, [file], explain_above=0.2))
    assert "No difference to a published value is above 0.2 eV." in small
    assert "above" not in datacard.render(source(tmp_path, [file]))


def test_published_value_in_another_unit_is_not_compared():
    file = case_file(
        "a", migration_barrier=(0.5, "eV", None), published=[("migration_barrier", 48.0, "kJ/mol")]
    )
    assert datacard.difference(file) is None
    assert compared_quantities([file]) == []


def convergence(title, variants, value=0.5):
    results = [
        VariantResult(
            name=name,
            value=value + change,
            change=change,
            cutoff_ev=400.0,
            kpts={},
            atoms={},
            height_a={},
            seconds=1.0,
        )
        for name, change in {"as used": 0.0, **variants}.items()
    ]
    return ConvergenceFile(
        schema_version=1,
        task="li_migration",
        case=title.lower(),
        title=title,
        quantity="migration_barrier",
        unit="eV",
        code="toy 1",
        variants=results,
    )


def test_convergence_tests_with_different_variants():
    tests = [
        convergence("A", {"cutoff x 1.3": 0.03, "larger cell": -0.04}),
        convergence("B", {"cutoff x 1.3": 0.001}),
        convergence("C", {"cutoff x 1.3": 0.001}, value=0.0),
    ]
    text = card_tables.convergence_table(tests)
    assert cells(text, "case") == [
        "case",
        "as used / eV",
        "cutoff x 1.3",
        "larger cell",
        "together",
    ]
    assert cells(text, "A") == ["A", "0.5000", "+0.0300", "-0.0400", "0.0500 (10.0 %)"]
    assert cells(text, "B")[3] == "–"
    assert cells(text, "C")[-1] == "0.0010"
    assert card_tables.convergence_table([]) == ""


def test_prose_of_a_task_fills_the_blocks(tmp_path):
    (tmp_path / datacard.TEMPLATE_NAME).write_text(
        '{% extends "card.md.j2" %}{% block things %}hops{% endblock %}'
        "{% block weaknesses %}- Small cells.{% endblock %}"
    )
    text = datacard.render(source(tmp_path, []))
    assert "0 of 16 planned hops are finished" in text
    assert "- Small cells." in text


def test_plot_is_the_same_every_time(tmp_path):
    files = read_case_files(queue.case_folder(SURFACES))
    write_plot(files, tmp_path / "a.svg")
    write_plot(files, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_plot_has_a_panel_a_quantity_and_no_case_without_a_value(tmp_path):
    files = [
        case_file(
            "lif_hop",
            migration_barrier=(0.5, "eV", 0.1),
            volume=(10.0, "A^3", None),
            published=[("migration_barrier", 0.4, "eV"), ("volume", 11.0, "A^3")],
        ),
        case_file("nacl_hop", migration_barrier=(0.5, "eV", 0.1)),
    ]
    assert compared_quantities(files) == ["migration_barrier", "volume"]
    write_plot(files, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    assert "published migration barrier (eV)" in text
    assert "published volume (Å³)" in text
    assert "lif" in text
    assert "nacl" not in text
    with pytest.raises(ReferenceEngineError, match="no case has a published value"):
        write_plot(files[1:], tmp_path / "none.svg")


def test_write_card_says_why_there_is_no_plot(tmp_path, monkeypatch):
    monkeypatch.setattr(datacard, "card_source", lambda _: source(tmp_path, []))
    written = datacard.write_card("li_migration")
    assert written.card.read_text().startswith("# Data card: li_migration")
    assert written.plot is None
    assert "nothing to plot" in written.no_plot


def test_headline_comes_first_whatever_the_order_of_the_files():
    first = case_file("a", migration_barrier=(0.5, "eV", None), other=(1.0, "V", None))
    second = case_file("b", other=(1.0, "V", None), migration_barrier=(0.5, "eV", None))
    assert headline(second) == "other"
    assert list(card_tables.quantities([first, second])) == ["migration_barrier", "other"]
