"""The time a run will take, from records: the model's own first, else scaled by its pace."""

from __future__ import annotations

import pytest

from tests.factories import make_case
from uipbench.estimate import estimate
from uipbench.plan import Job
from uipbench.registry import load_task
from uipbench.results import (
    SCHEMA_VERSION,
    CardRecord,
    CaseRecord,
    CheckRecord,
    ModelRecord,
    PredictedRecord,
    Provenance,
    ResultFile,
    RunSettings,
)

TASK = load_task("surface_energy")


def check(pace):
    return CheckRecord(version="1", lines=[], evaluations=100, seconds=100 * pace)


def result(name, seconds, *, pace=0.1, processor="A"):
    """Results of one model with these seconds by case."""
    texts = dict.fromkeys(CardRecord.model_fields, "x")
    card = CardRecord(**texts | {"name": name, "parameters": 1, "elements": []} | NO_CORRECTIONS)
    predicted = {"values": {}, "force_statistics": {}, "details": {}, "evaluations": 2}
    return ResultFile(
        schema_version=SCHEMA_VERSION,
        task=TASK.name,
        task_version="1",
        model=ModelRecord(card=card, weights_sha256=None, code_sha256="c", packages={}, own=False),
        settings=RunSettings(device="cpu", dtype="default"),
        provenance=Provenance(
            uipbench_version="0",
            commit=None,
            python="3",
            platform="p",
            processor=processor,
            started="now",
        ),
        records=[
            CaseRecord(
                case_id=case,
                protocol="fixed",
                key="k",
                outcome=PredictedRecord(seconds=s, **predicted),
            )
            for case, s in seconds.items()
        ],
        check=check(pace),
    )


NO_CORRECTIONS = {"energy_corrections": "none"}


def jobs(*cases):
    return [Job(TASK, make_case(case), "fixed", key=case) for case in cases]


def seconds(found):
    return {k: pytest.approx(v) for k, v in found.seconds.items()}


def test_own_records_of_the_same_machine_are_taken_as_they_are():
    known = [result("m", {"al_100": 3.0}), result("other", {"al_100": 50.0})]
    found = estimate(jobs("al_100"), known, model="m", check=check(9.9), processor="A")
    assert found.seconds == {"al_100": pytest.approx(3.0)}
    assert found.own
    assert found.total == pytest.approx(3.0)


def test_other_machines_and_models_are_scaled_by_the_pace_of_the_check():
    known = [
        result("a", {"al_100": 2.0, "al_111": 4.0}, pace=0.1),
        result("b", {"al_100": 6.0, "al_111": 9.0}, pace=0.2),
        result("c", {"al_100": 1.0, "al_111": 9.0}, pace=0.01),
    ]
    found = estimate(jobs("al_100", "al_111"), known, model="m", check=check(0.5), processor="B")
    # Worth 20, 30, 100 and 40, 45, 900 evaluations of the check; the medians are 30 and 45.
    assert found.seconds == {"al_100": pytest.approx(15.0), "al_111": pytest.approx(22.5)}
    assert not found.own
    assert found.models == 3


def test_a_case_of_ones_own_costs_what_public_ones_of_its_size_do():
    case = next(case for case in TASK.cases() if case.id == "al_111")
    public = Job(TASK, case, "fixed", key="")
    known = [result("a", {"al_111": 2.0}, pace=0.1)]
    mine = jobs("mine")
    found = estimate(mine, known, model="m", check=check(0.1), processor="B")
    assert found.total == pytest.approx(2.0 * mine[0].cost / public.cost)


@pytest.mark.parametrize("known", [[], [result("a", {"al_100": 2.0}, pace=0.0)]])
def test_nothing_known_is_no_estimate(known):
    assert estimate(jobs("al_100"), known, model="m", check=check(0.1), processor="B") is None
