"""``uipbench site`` on the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tests.site.factories import (
    REFERENCES,
    StandInTask,
    board,
    make_card,
    make_outcomes,
    make_result,
    write_cases,
)
from uipbench.results import write_result


def test_command_builds_and_prints_the_path(tmp_path, monkeypatch) -> None:
    from uipbench import registry
    from uipbench.cli.site import site

    write_cases(tmp_path / "cases", REFERENCES)
    task = StandInTask(tmp_path / "cases")
    result = make_result(task, make_card("soft"), {"relaxed": make_outcomes(0.7)})
    monkeypatch.setattr(registry, "load_tasks", lambda: {task.name: task})
    write_result(tmp_path / "mine/soft/surface_energy.json", result)
    arguments = ["build", "--no-public", "--results", f"{tmp_path}/mine", "--out"]
    run = CliRunner().invoke(site, [*arguments, f"{tmp_path}/out"], catch_exceptions=False)
    assert run.output.strip() == str(tmp_path / "out/index.html")
    assert board(tmp_path / "out")["soft", "relaxed"]["own"] is True


@pytest.mark.parametrize("command", ["build", "serve"])
def test_every_command_has_an_example(command: str) -> None:
    from uipbench.cli.site import site

    assert "Example:" in CliRunner().invoke(site, [command, "--help"]).output
