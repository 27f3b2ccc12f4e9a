"""Levels of theory compared by rule, not by how they are spelt."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import THEORY, make_case
from uipbench.theory import (
    MATERIALS_PROJECT_U,
    TheoryLabel,
    differences,
    mismatches,
    parse_label,
    reference_label,
)


def theory(xc="PBE", dispersion="none", **hubbard):
    changes = {"xc": xc, "dispersion": dispersion, "hubbard_u_ev": hubbard}
    return THEORY.model_copy(update=changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PBE", TheoryLabel("PBE")),
        ("GGA-PBE", TheoryLabel("PBE")),
        ("PBE(+U)", TheoryLabel("PBE", hubbard=True)),
        ("PBE (+U)", TheoryLabel("PBE", hubbard=True)),
        ("PBE/PBE+U", TheoryLabel("PBE", hubbard=True)),
        ("PBE+U (Materials Project)", TheoryLabel("PBE", hubbard=True)),
        ("r²SCAN", TheoryLabel("r2SCAN")),
        ("R2SCAN", TheoryLabel("r2SCAN")),
        ("PBE-D3(BJ)", TheoryLabel("PBE", dispersion="D3")),
        ("PBE+U-D3", TheoryLabel("PBE", hubbard=True, dispersion="D3")),
        ("PBEsol", TheoryLabel("PBEsol")),
        ("ωB97M-V", TheoryLabel("ωB97M-V")),
        ("none: parameters fitted to metals", TheoryLabel("none")),
        ("unknown", TheoryLabel("unknown")),
        ("", TheoryLabel("unknown")),
        ("my-DFT", TheoryLabel("my-DFT")),
    ],
)
def test_labels(text, expected):
    assert parse_label(text) == expected


@pytest.mark.parametrize(
    ("model", "case", "elements", "words"),
    [
        ("PBE", theory(), ("Cu",), ()),
        ("PBE(+U)", theory(), ("Ni",), ()),  # no +U in a metal
        ("PBE(+U)", theory(), ("Co", "S"), ()),  # nor in a sulfide
        ("PBE(+U)", theory(Co=3.32), ("Co", "Li", "O"), ()),
        ("PBE(+U)", theory(), ("Co", "Li", "O"), ("U on Co is 3.32 eV in the model's data, none",)),
        ("PBE", theory(Co=3.32), ("Co", "Li", "O"), ("U on Co is none in the model's data, 3.32",)),
        ("PBE(+U)", theory(Fe=4.3), ("Fe", "O"), ("5.3 eV in the model's data, 4.3 eV",)),
        ("PBE(+U)", theory(Ti=2.0), ("Ti", "O"), ("U on Ti is none",)),
        ("r2SCAN", theory(Co=3.32), ("Co", "O"), ("functional is r2SCAN, the reference's PBE",)),
        ("PBEsol", theory(), ("Cu",), ("PBEsol",)),
        ("PBE", theory("RPBE"), ("Cu",), ("RPBE",)),
        ("PBE-D3", theory(), ("Cu",), ("dispersion is D3 in the model, none",)),
        ("PBE-D3(BJ)", theory(dispersion="D3(BJ)"), ("Cu",), ()),
        ("PBE", theory(dispersion="D3(BJ)"), ("Cu",), ("dispersion is none in the model, D3",)),
        ("none: fitted", theory(), ("Cu",), ("fitted to no functional",)),
        ("unknown", theory(Co=3.32), ("Co", "O"), ()),
    ],
)
def test_differences(model, case, elements, words):
    found = differences(model, case, elements)
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


@given(
    st.sampled_from(["PBE", "PBEsol", "r2SCAN", "SCAN", "LDA", "HSE06", "RPBE"]),
    st.sampled_from(["PBE", "PBEsol", "r2SCAN", "SCAN", "LDA", "HSE06", "RPBE"]),
)
def test_functionals_agree_with_themselves_alone(model, reference):
    assert bool(differences(model, theory(reference), ("Li", "F"))) == (model != reference)


@given(st.sets(st.sampled_from(sorted(MATERIALS_PROJECT_U)), min_size=1), st.booleans())
def test_materials_project_rule_agrees_with_its_own_values(metals, stated):
    reference = theory(**{e: MATERIALS_PROJECT_U[e] for e in metals if stated})
    found = differences("PBE(+U)", reference, [*metals, "O"])
    assert len(found) == (0 if stated else len(metals))


def test_shares_of_the_cases():
    plain = make_case("a")
    oxide = replace(make_case("b"), elements=("Co", "O"), theory=theory(Co=3.32))
    (found,) = mismatches("PBE", [plain, oxide])
    assert (found.reference, found.share) == ("PBE+U", " (1 of 2 cases)")
    assert mismatches("PBE(+U)", [plain, oxide]) == []
    assert {m.reference for m in mismatches("r2SCAN", [plain, oxide])} == {"PBE", "PBE+U"}
    assert reference_label(theory(dispersion="D3")) == "PBE-D3"
