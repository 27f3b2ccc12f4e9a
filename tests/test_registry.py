"""Tasks: found, checked, and refused with the culprit's name."""

from __future__ import annotations

import importlib

import pytest

from uipbench.errors import RegistryError
from uipbench.registry import load_task, load_tasks, task_version
from uipbench.task import Task, check_task
from uipbench.tasks.surface_energy import TASK


def broken(**attributes):
    """A task of a class that lacks or changes attributes."""
    keep = {
        name: getattr(TASK, name)
        for name in ("name", "title", "summary", "quantity", "unit", "primary_metric", "citation")
    }
    body = {**keep, **attributes, "predict": lambda *_: None}
    return type("Broken", (Task,), body)()


def test_built_in_tasks_are_found():
    assert load_tasks()["surface_energy"] is TASK


def test_unknown_task_names_the_nearest():
    with pytest.raises(RegistryError, match="no task named 'surface_enrgy'; did you mean surf"):
        load_task("surface_enrgy")


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (None, "tasks/bad: TASK is 'NoneType', expected an instance of uipbench.Task"),
        (broken(unit=""), "tasks/bad: task attribute 'unit' is '', expected a non-empty text"),
        (broken(title=3), "tasks/bad: task attribute 'title' is 3, expected"),
        (broken(name="Bad name"), "tasks/bad: task name 'Bad name' must be lower-case"),
        (broken(version=0), "tasks/bad: task version is 0, expected a positive integer"),
    ],
)
def test_broken_plugins_are_named(plugin, message):
    with pytest.raises(RegistryError, match=message.replace("(", r"\(")):
        check_task(plugin, "tasks/bad")


def test_version_follows_the_code():
    assert task_version(TASK) == task_version(TASK)
    assert task_version(TASK).startswith("1-")


def test_every_task_states_all_it_must():
    for task in load_tasks().values():
        assert check_task(task, task.name) is task
        assert len(task.summary) > 40


def test_version_covers_all_modules_of_a_task_but_its_metrics(tmp_path, monkeypatch):
    """Three packages that differ in one module each."""
    body = (
        "from uipbench.task import Task\n\n\nclass Two(Task):\n"
        + "".join(f"    {n} = 'two'\n" for n in ("name", "title", "summary", "quantity", "unit"))
        + "    citation = 'x'\n\n    def predict(self, case, calculator, protocol): ...\n"
    )
    versions = {}
    for name, physics, metrics in (("ta", 1, 1), ("tb", 2, 1), ("tc", 1, 2)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text(body)
        (folder / "physics.py").write_text(f"VALUE = {physics}\n")
        (folder / "metrics.py").write_text(f"VALUE = {metrics}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        versions[name] = task_version(importlib.import_module(name).Two())
    assert versions["ta"] != versions["tb"]
    assert versions["ta"] == versions["tc"]
