"""Selection and content keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.factories import make_case
from uipbench.digests import code_digest
from uipbench.errors import RegistryError, SettingsError
from uipbench.plan import Selection, content_key, make_jobs
from uipbench.registry import load_task
from uipbench.results import CardRecord, ModelRecord, RunSettings
from uipbench.tasks.surface_energy import SurfaceEnergy

CARD = CardRecord(
    name="m",
    title="",
    family="",
    checkpoint="",
    licence="",
    training_data="",
    xc="PBE",
    parameters=None,
    elements=[],
    energy_convention="",
    citation="",
    url="",
)
MODEL = ModelRecord(card=CARD, weights_sha256="w", code_sha256="c", packages={"p": "1"}, own=True)
SETTINGS = RunSettings(device="cpu", dtype="default")
TASK = SurfaceEnergy()


class Cases(SurfaceEnergy):
    """The task with cases made by hand."""

    def cases(self):
        return [make_case("cu_111"), make_case("cu_100", tier="full")]


class Empty(SurfaceEnergy):
    """The task without cases."""

    def cases(self):
        return []


def jobs(**options):
    selected = make_jobs(Selection(tasks=[Cases()], **options), MODEL, SETTINGS)
    return [(job.case.id, job.protocol) for job in selected]


def test_quick_tier_relaxes_the_quick_cases_only():
    assert set(jobs(tier="quick")) == {
        ("cu_111", "fixed"),
        ("cu_111", "relaxed"),
        ("cu_100", "fixed"),
    }


def test_full_tier_is_everything():
    assert len(jobs(tier="full")) == 4


def test_patterns_and_protocols():
    assert jobs(tier="full", cases=["*_100"], protocols=["relaxed"]) == [("cu_100", "relaxed")]


def test_pattern_without_a_case_names_the_nearest():
    with pytest.raises(RegistryError, match="no case named 'cu_11'; did you mean cu_111"):
        jobs(cases=["cu_11"])


def test_no_cases_at_all():
    with pytest.raises(SettingsError, match="no reference cases for surface_energy"):
        make_jobs(Selection(tasks=[Empty()]), MODEL, SETTINGS)


@pytest.mark.parametrize(
    ("model", "settings", "version", "digest", "protocol"),
    [
        (MODEL.model_copy(update={"weights_sha256": "x"}), SETTINGS, "1", "d", "fixed"),
        (MODEL.model_copy(update={"code_sha256": "x"}), SETTINGS, "1", "d", "fixed"),
        (MODEL.model_copy(update={"packages": {"p": "2"}}), SETTINGS, "1", "d", "fixed"),
        (MODEL, RunSettings(device="cuda", dtype="default"), "1", "d", "fixed"),
        (MODEL, RunSettings(device="cpu", dtype="float64"), "1", "d", "fixed"),
        (MODEL, SETTINGS, "2", "d", "fixed"),
        (MODEL, SETTINGS, "1", "e", "fixed"),
        (MODEL, SETTINGS, "1", "d", "relaxed"),
    ],
)
def test_everything_that_matters_changes_the_key(model, settings, version, digest, protocol):
    base = content_key(MODEL, SETTINGS, "1", TASK, make_case(digest="d"), "fixed")
    other = content_key(model, settings, version, TASK, make_case(digest=digest), protocol)
    assert other != base


def test_reference_value_does_not_change_the_key():
    """Scores follow a refined reference; predictions need not be made again."""
    keys = {
        content_key(MODEL, SETTINGS, "1", TASK, make_case(value=v), "fixed") for v in (1.0, 2.0)
    }
    assert len(keys) == 1


def test_details_that_predictions_use_change_the_key():
    """Works of separation are made with the DFT surface energy, which may be refined."""
    cases = [replace(make_case(), details={"surface_energy_j_per_m2": v}) for v in (1.0, 1.0, 2.0)]
    task = load_task("grain_boundary")
    keys = [content_key(MODEL, SETTINGS, "1", task, c, "fixed") for c in cases]
    assert keys[0] == keys[1] != keys[2]


def test_card_texts_do_not_change_the_key():
    other = MODEL.model_copy(update={"card": CARD.model_copy(update={"title": "new"})})
    keys = {content_key(m, SETTINGS, "1", TASK, make_case(), "fixed") for m in (MODEL, other)}
    assert len(keys) == 1


def test_code_digest_ignores_comments_layout_and_docstrings():
    one = 'def f(x):\n    """Old."""\n    return x + 1\n'
    two = "# a comment\ndef f(x):\n    '''New.'''\n\n    return (x\n            + 1)\n"
    assert code_digest(one) == code_digest(two)
    assert code_digest(one) != code_digest(one.replace("1", "2"))
