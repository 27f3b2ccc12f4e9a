"""Models and machines that misbehave; more of them in test_cli_score and test_worker_process."""

from __future__ import annotations

import os
import stat

import pytest

import uipbench as package
from tests.conftest import write_model
from tests.test_own_data import HEAD, ROW, copper
from uipbench.errors import ResultFileError
from uipbench.own_data.structures import extxyz

MODEL = """
import os, resource, signal
import numpy as np
from ase.calculators.emt import EMT


class Broken(EMT):
    n = 0

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        Broken.n += 1
        {action}


def load(checkpoint, device, dtype):
    return Broken()
"""


@pytest.fixture
def folder(tmp_path):
    """One small case of own data, so that a relaxation is quick."""
    (tmp_path / "cases.toml").write_text(HEAD + ROW)
    (tmp_path / "a.extxyz").write_text(extxyz(copper()))
    return tmp_path


@pytest.mark.parametrize(
    ("action", "kinds"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", {"worker_crashed"}),
        ("os.kill(os.getpid(), signal.SIGKILL)", {"worker_crashed"}),
        (
            "f = self.results['forces']; f += np.random.default_rng(self.n).normal(0, 9, f.shape)",
            {"not_converged"},
        ),
        ("self.results['forces'] += (-1) ** self.n", {"not_converged"}),
        (
            "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); np.ones(2**30)",
            {"model_raised"},
        ),
    ],
    ids=["segfault", "killed for memory", "exploding", "endless", "out of memory"],
)
def test_a_relaxation_that_breaks_has_a_reason(folder, action, kinds):
    model = write_model(folder / "m.py", MODEL.format(action=action))
    found = package.score(
        str(model), out=folder / "r", data=folder, protocols=["relaxed"], force=True
    )
    (record,) = found["surface_energy"].records
    assert record.outcome.status == "failed"
    assert record.outcome.kind in kinds
    assert record.outcome.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders")
def test_read_only_folder_is_one_line(folder):
    (folder / "r").mkdir()
    (folder / "r").chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises((ResultFileError, PermissionError)):
        package.score("emt", out=folder / "r", data=folder)
