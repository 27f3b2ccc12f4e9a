"""One site for all tests that only look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.site.factories import (
    QUICK,
    REFERENCES,
    StandInTask,
    make_card,
    make_outcomes,
    make_result,
    night,
    write_cases,
)
from tests.site.many import make_results, make_tasks
from uipbench.site import build_site
from uipbench.site.records import gather

if TYPE_CHECKING:
    from pathlib import Path

    from uipbench.results import ResultFile
    from uipbench.site.records import Records


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> StandInTask:
    folder = tmp_path_factory.mktemp("reference") / "cases"
    write_cases(folder, REFERENCES)
    return StandInTask(folder)


@pytest.fixture(scope="session")
def results(task: StandInTask) -> list[ResultFile]:
    soft, good = make_outcomes(0.7, failed=("lif_100",)), make_outcomes(0.95)
    quick = {case_id: good[case_id] for case_id in QUICK}
    return [
        make_result(task, make_card("soft"), {"fixed": good, "relaxed": soft}),
        make_result(task, make_card("good", xc="r2SCAN"), {"fixed": soft, "relaxed": good}),
        make_result(task, make_card("swift"), {"fixed": good, "relaxed": quick}),
        make_result(task, make_card("mine"), {"fixed": good}),
    ]


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory, task: StandInTask, results: list[ResultFile]
) -> Path:
    """A site that tests look at and leave as it is."""
    out = tmp_path_factory.mktemp("built") / "site"
    index = build_site(out, results=results, tasks=[task], own=frozenset({"mine"}))
    return index.parent


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Two tasks with 48 cases of 16 materials together, five models."""
    tasks = make_tasks(tmp_path_factory.mktemp("many"), 48)
    return gather(make_results(tasks, 5), tasks, frozenset())


@pytest.fixture(scope="session")
def large_site(made_up: Records, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the larger benchmark."""
    results = [result for entry in made_up.entries for result in entry.results.values()]
    out = tmp_path_factory.mktemp("large") / "site"
    history = [night(day) for day in range(1, 29)]
    return build_site(out, results=results, tasks=made_up.tasks, history=history).parent
