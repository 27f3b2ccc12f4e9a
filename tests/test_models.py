"""Every registered model: its file is read, its card is complete, its weights can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from uipbench.model_registry import find_model, list_models
from uipbench.results import CardRecord, read_result

NAMES = sorted(list_models())
FAMILIES = {
    "CHGNet", "EMT", "HIENet", "M3GNet", "MACE", "MatterSim", "Orb", "QET", "SevenNet",
    "TensorNet", "UMA", "eqV2",
}  # fmt: skip
ROOT = Path(__file__).parent.parent
RESULTS = sorted((ROOT / "leaderboard" / "results").glob("*/*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_card_is_complete(name: str) -> None:
    model = find_model(name)
    assert model.card.name == name
    assert not model.own
    for field in CardRecord.model_fields:
        assert getattr(model.card, field) not in ("", [], "unknown"), field
    assert re.match(r"doi:10\.\d{4,}/\S+$", model.card.citation)
    assert model.card.url.startswith("https://")
    assert re.match(r"PBE(\(\+U\))?$|r2SCAN$|none: ", model.card.xc)
    assert len(model.card.elements) == len(set(model.card.elements)) > 0


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_pinned(name: str) -> None:
    """A package that computes the energies has one version; others at least a lower bound."""
    model = find_model(name)
    assert model.requires_python == ">=3.11"
    requirements = list(map(Requirement, [*model.dependencies, *model.no_deps]))
    names = [requirement.name for requirement in requirements]
    assert len(names) == len(set(names))
    assert all(requirement.specifier for requirement in requirements)
    assert all(r.specifier for r in requirements if r.name == "torch")
    pinned = [r for r in requirements if str(r.specifier).startswith("==")]
    assert pinned or name == "emt"


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"emt"}))
def test_weights_are_inside_a_package_or_can_be_downloaded(name: str) -> None:
    model = find_model(name)
    weights = model.weights
    assert weights is not None
    if weights.package:
        assert re.fullmatch(r"[0-9a-f]{64}", weights.sha256)
    else:
        assert weights.url.startswith("https://")
        assert weights.cache_pattern().is_absolute()
    if "gated" in model.card.licence:
        assert weights.access


def test_families() -> None:
    assert {find_model(name).card.family for name in NAMES} == FAMILIES


@pytest.mark.parametrize("name", NAMES)
def test_predicted_forces_and_learnt_orientation_are_stated(name: str) -> None:
    """The check would refuse these models otherwise."""
    direct = name.startswith("eqv2-") or "-direct-" in name or name == "orb-v2"
    learnt = find_model(name).card.family == "Orb"
    stated = ["forces", "stress"] * direct + ["rotation"] * learnt
    assert sorted(find_model(name).approximate) == sorted(stated)


def test_weights_are_listed_once() -> None:
    """Two names for the same weights would be one model twice on the board."""
    weights = [find_model(name).weights for name in NAMES]
    places = [(w.package, w.url, w.file) for w in weights if w is not None]
    assert len(places) == len(set(places))


def test_titles_are_unique() -> None:
    titles = [find_model(name).card.title for name in NAMES]
    assert len(titles) == len(set(titles))


def test_files_of_variants_differ_in_their_digest() -> None:
    digests = {find_model(n).code_sha256 for n in ("mace-mp-0-small", "mace-mp-0-medium")}
    assert len(digests) == 2


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_committed_results_are_of_the_present_code(path: Path) -> None:
    """A change of a model file's code makes its results stale: score again, or take it back."""
    result = read_result(path)
    model = find_model(result.model.card.name)
    assert result.model.code_sha256 == model.code_sha256
    assert result.model.card == model.card


def test_documentation_lists_every_model() -> None:
    text = (ROOT / "docs" / "models.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in text] == []
