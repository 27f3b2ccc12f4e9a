"""The committed data card is the generated one."""

import pytest

from uipbench.reference import datacard, queue
from uipbench.reference.catalogue import read_case_files
from uipbench.reference.queue import case_folder
from uipbench.reference_data.surface_energy.published import EXPLAIN_ABOVE

TASK = "surface_energy"
FOLDER = queue.DATA_FOLDER / TASK


def test_committed_card_is_current():
    """If this fails: uipbench reference card surface_energy."""
    assert (FOLDER / datacard.CARD_NAME).read_text(encoding="utf-8") == datacard.card_text(TASK)


def test_card_has_every_case_and_number():
    text = datacard.card_text(TASK)
    for file in read_case_files(case_folder(TASK)):
        assert f"| {file.title} | {file.references['surface_energy'].value:.3f} |" in text


def test_large_differences_are_explained():
    files = read_case_files(case_folder(TASK))
    large = [f.title for f in files if abs(datacard.difference(f) or 0.0) > EXPLAIN_ABOVE]
    text = datacard.card_text(TASK)
    assert "not explained yet" not in text, large


def test_table():
    made = datacard.table(["a", "b"], [["x", "1"]])
    assert made.splitlines() == ["| a | b |", "| --- | ---: |", "| x | 1 |"]


def test_plot_is_the_same_every_time(tmp_path):
    pytest.importorskip("matplotlib")
    datacard.write_plot(TASK, tmp_path / "a.svg")
    datacard.write_plot(TASK, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
