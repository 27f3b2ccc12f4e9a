"""Every code block of README.md and of the tutorial, run as a reader would run it.

A page is one session in an empty folder. A block after a sentence that ends with a file name and a
colon is that file; every other one is run: shell by bash, Python by Python.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import ROOT, RUN, WRITTEN_BY_HAND, Block, blocks, wrong_usage

if TYPE_CHECKING:
    from pathlib import Path

NOT_RUN = {
    (
        "README.md",
        "pip install . && uipbench score chgnet",
    ): "minutes, and installs packages: the job 'score' of ci.yml is this command",
    (
        "README.md",
        'pip install -e ".[dev]" && pytest',
    ): "this test is part of it: .ci/run is this command",
    (
        "docs/tutorial/score.md",
        "pip install .\nuipbench score chgnet",
    ): "minutes, and installs packages: the job 'score' of ci.yml is this command",
    (
        "docs/tutorial/own_model.md",
        (
            "uipbench score chgnet --checkpoint epoch12.pth.tar --name chgnet@ft-lif\n"
            "uipbench score mace-mp-0-small --checkpoint fine-tuned.model"
        ),
    ): "needs a checkpoint of the reader, and installs packages",
    (
        "docs/tutorial/cluster.md",
        'for model in chgnet sevennet-0 hienet; do sbatch score.sbatch "$model"; done',
    ): "needs a batch system",
}
"""Blocks that are parsed alone, and why."""

SHELL = {"console", "bash"}
LANGUAGES = SHELL | {"python", "toml", "yaml"}
ALL = [block for path in RUN for block in blocks(path)]


def check_syntax(block: Block) -> None:
    if block.language in SHELL:
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
    elif block.language == "python":
        ast.parse(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)


@pytest.mark.parametrize("block", ALL, ids=lambda b: f"{b.page}: {b.text.splitlines()[0][:40]}")
def test_block_is_of_its_language(block: Block) -> None:
    assert block.language in LANGUAGES
    check_syntax(block)


def test_reasons_are_of_blocks_that_are_there() -> None:
    assert set(NOT_RUN) <= {(block.page, block.text) for block in ALL}
    assert len(NOT_RUN) * 4 < len(ALL), "most blocks run"


def shim(folder: Path, name: str, command: str) -> None:
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)


@pytest.fixture
def session(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """An empty folder, and an environment with uipbench; pip installs into a folder of the test."""
    work, tools, packages = (tmp_path / name for name in ("work", "tools", "packages"))
    for folder in (work, tools, packages):
        folder.mkdir()
    pip = "-m pip install --quiet --no-deps --no-build-isolation --no-index"
    shim(tools, "uipbench", f"{sys.executable} -m uipbench")
    shim(tools, "python", sys.executable)
    (tools / "pip").write_text(
        f'#!/bin/sh\nshift\nexec {sys.executable} {pip} --target {packages} "$@"\n'
    )
    (tools / "pip").chmod(0o755)
    known = os.pathsep.join([str(packages), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": known.rstrip(os.pathsep),
        "UIPBENCH_CACHE": str(tmp_path / "cache"),
    }
    return work, environment


def perform(block: Block, work: Path, environment: dict[str, str]) -> None:
    """Write the block's file, or run it."""
    if block.file:
        path = work / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text + "\n", encoding="utf-8")
        return
    runner = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail"]
    command = [*runner, block.text] if block.language == "python" else [*runner, "-c", block.text]
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, f"{block.page}\n{block.text}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.name)
def test_page_runs(path: Path, session: tuple[Path, dict[str, str]]) -> None:
    for block in blocks(path):
        if (block.page, block.text) not in NOT_RUN:
            perform(block, *session)


def test_workflow_of_the_tutorial_is_of_githubs_schema(tmp_path: Path) -> None:
    (workflow,) = (block for block in ALL if block.file.startswith(".github/workflows/"))
    path = tmp_path / "workflow.yml"
    path.write_text(workflow.text)
    command = [sys.executable, "-m", "check_jsonschema"]
    command += ["--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WRITTEN_BY_HAND, ids=lambda path: path.name)
def test_commands_and_options_of_every_page_exist(path: Path) -> None:
    shell = [block.text for block in blocks(path) if block.language in SHELL]
    lines = [line for text in shell for line in text.splitlines() if "uipbench " in line]
    assert [problem for line in lines for problem in wrong_usage(line)] == []


def test_a_command_that_is_gone_would_be_seen() -> None:
    assert wrong_usage("nice uipbench score emt --cases 'al_*' && uipbench nothing") == []
    assert wrong_usage("uipbench scare emt") == ["scare: no such command: uipbench scare emt"]
    assert wrong_usage("uipbench data new x --tusk y") == [
        "--tusk: no option: uipbench data new x --tusk y"
    ]
