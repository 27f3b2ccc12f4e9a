"""Numbers, units, addresses and axes."""

from __future__ import annotations

import pytest

from uipbench.site import text
from uipbench.site.strip import make_axis


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.1234, "+0.123"), (-0.1234, "−0.123"), (-0.0001, "0.000"), (float("nan"), "–")],
)
def test_signed_numbers(value: float, shown: str) -> None:
    assert text.signed(value) == shown


def test_units_and_keys() -> None:
    assert text.unit("J/m^2") == "J/m²"
    assert text.unit("eV/A") == "eV/Å"
    assert (text.unit("percent"), text.unit("1")) == ("%", "")
    assert (text.label("force_ev_per_a"), text.key_unit("force_ev_per_a")) == ("force", "eV/Å")
    assert (text.label("steps"), text.key_unit("steps")) == ("steps", "")


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("volume_x1_3_a3", "volume, x = 1/3"),
        ("moment_x0_mub", "total moment, x = 0"),
        ("magnetic_state_x1_2_1", "magnetic state, x = 1/2, ordering 1"),
        ("x_max", "x max"),
        ("x1", "x1"),
        ("index_of_x", "index of x"),
        ("lif_lattice_constant_a", "lif lattice constant a"),
        ("charge_e", "charge of the cell"),
        ("mismatch_b", "mismatch along b (positive: film stretched)"),
    ],
)
def test_details_of_a_content_name_it(key: str, shown: str) -> None:
    assert text.label(key) == shown


def test_lattice_constants_have_their_unit() -> None:
    assert {text.key_unit(f"lattice_constant_{axis}") for axis in "abc"} == {"Å"}
    assert text.key_unit("charge_e") == "e"


def test_short_names_are_put_into_words() -> None:
    assert text.meaning("fm_localised") == "ferromagnetic, electrons localised"
    assert text.meaning("vacancy") == "vacancy"
    assert text.note("lowest_formation_energy").startswith("Per formula unit")
    assert text.note("surface_energy") == ""


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x", "http://[", ""])
def test_only_web_addresses_become_links(url: str) -> None:
    assert text.web_url(url) == ""


@pytest.mark.parametrize("doi", ["10.1/x y", '10.1000/"><script>', "https://x", "10.1000/a\nb"])
def test_only_dois_become_links(doi: str) -> None:
    assert text.doi_url(doi) == ""


@pytest.mark.parametrize("values", [[0.5], [0.0], [-2.0, 3.0], [1e-9, 2e-9], [1e6, 1e6 + 1]])
def test_an_axis_holds_its_values(values: list[float]) -> None:
    axis = make_axis(values)
    assert axis.low <= min(values)
    assert axis.high >= max(values)
    assert 2 <= len(axis.ticks) <= 8
    assert all(0 <= axis.x(value) <= 240 for value in values)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x0", "x = 0"),
        ("x1_3", "x = 1/3"),
        ("x1_2_1", "x = 1/2, ordering 1"),
        ("x1_2_stage", "x = 1/2, stage"),
        ("slab_unrelaxed", "slab unrelaxed"),
        ("liag_b2", "liag b2"),
    ],
)
def test_contents_are_written_as_numbers(name, shown):
    assert text.role(name) == shown
