"""Convergence tests: file format, and the number that becomes an uncertainty."""

from dataclasses import dataclass

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st

from uipbench.errors import ReferenceDataError
from uipbench.reference.convergence import (
    AS_USED,
    ConvergencePoint,
    compute_convergence,
    read_all_convergence,
    read_convergence,
    write_convergence,
)
from uipbench.reference.engine import DftStructure
from uipbench.reference.settings import DftSettings
from uipbench.reference.steps import Evaluation


@dataclass
class Engine:
    seconds: float = 0.0


@dataclass(frozen=True)
class Recipe:
    value: float
    id: str = "al_111"
    title: str = "Al(111)"

    def convergence_point(self, engine):
        engine.seconds += 2.0
        settings = DftSettings(cutoff_ev=400.0, kpts=(3, 3, 1), smearing_ev=0.1)
        done = Evaluation(-3.0, np.zeros((1, 3)), None, None, 2.0, "code 1")
        structures = {"bulk": DftStructure(bulk("Al", a=4.0), done, settings)}
        return ConvergencePoint("surface_energy_unrelaxed", self.value, "J/m^2", structures)


def made(*values):
    names = [AS_USED, *(f"finer {n}" for n in range(1, len(values)))]
    recipes = dict(zip(names, map(Recipe, values), strict=True))
    return compute_convergence("surface_energy", recipes, Engine())


def test_changes_are_relative_to_the_settings_as_used():
    file = made(0.80, 0.84, 0.77)
    assert [v.change for v in file.variants] == pytest.approx([0.0, 0.04, -0.03])
    assert file.relative_deviation == pytest.approx(0.05 / 0.80)
    assert [v.seconds for v in file.variants] == [2.0, 2.0, 2.0]
    assert file.code == "code 1"


@given(st.lists(st.floats(0.1, 2.0), min_size=2, max_size=6), st.randoms())
def test_order_of_the_variants_does_not_matter(values, random):
    first, *others = values
    shuffled = random.sample(others, len(others))
    expected = made(first, *others).relative_deviation
    assert made(first, *shuffled).relative_deviation == pytest.approx(expected)


def test_round_trip_with_its_own_lock(tmp_path):
    file = made(0.8, 0.81)
    assert read_convergence(tmp_path, "al_111") is None
    write_convergence(tmp_path, file)
    assert read_convergence(tmp_path, "al_111") == file
    assert read_all_convergence(tmp_path) == [file]


def test_edited_file_is_refused(tmp_path):
    write_convergence(tmp_path, made(0.8, 0.81))
    path = tmp_path / "al_111.json"
    path.write_text(path.read_text().replace("0.81", "0.82"))
    with pytest.raises(ReferenceDataError, match="damaged or was edited"):
        read_convergence(tmp_path, "al_111")
