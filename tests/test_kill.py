"""Killed at random moments, a run loses no finished case and computes none twice."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.conftest import write_model
from tests.killed_run import LOGGING, TASK, run
from uipbench.journal import Journal
from uipbench.registry import load_task
from uipbench.results import read_result

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from ase import Atoms


def fingerprints() -> dict[str, str]:
    """Case by fingerprint of each of its structures."""
    cases = [c for c in load_task(TASK).cases() if c.id[:2] in {"al", "cu", "ag"}]
    return {fingerprint(s.atoms): case.id for case in cases for s in case.structures.values()}


def fingerprint(atoms: Atoms) -> str:
    """As the model logs it."""
    numbers = np.round([*atoms.cell[:], *atoms.positions], 5)
    return hashlib.sha256(numbers.tobytes()).hexdigest()[:16]


def finished(folder: Path) -> list[str]:
    """Cases whose record is on the disk, whole."""
    path = folder / "m" / f"{TASK}.json"
    records = read_result(path).records if path.exists() else []
    journal, _ = Journal(path.with_name(f"{TASK}.journal.jsonl")).read()
    if records:  # killed between writing the file and dropping the journal
        assert {r.case_id for r in journal} <= {r.case_id for r in records}
        return [r.case_id for r in records]
    return [r.case_id for r in journal]


def without_times(path: Path) -> bytes:
    """The file without what cannot be the same twice."""
    result = json.loads(path.read_bytes())
    result["provenance"]["started"] = ""
    assert result.pop("sha256")
    for record in result["records"]:
        record["outcome"]["seconds"] = 0
    return json.dumps(result).encode()


def wait_for_lines(log: Path, number: int, process: BaseProcess) -> None:
    """Until the model has logged so many structures, or the run has ended."""
    while process.exitcode is None and log.read_bytes().count(b"\n") < number:
        process.join(0.003)


def killing(tmp_path: Path, kills: int, seed: int) -> tuple[int, int]:
    """Kill runs ``kills`` times.

    Returns:
        How many hit a run with work left, and how many of those one that had finished a case.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    log = tmp_path / "log"
    model = str(write_model(tmp_path / "m.py", LOGGING.format(log=str(log))))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.killed_run", "tests.test_kill"])
    for name in ("checked", "whole"):  # the second run has a check already, as those have to come
        start = time.monotonic()
        process = context.Process(target=run, args=(model, str(tmp_path / name)))
        process.start()
        process.join()
        assert process.exitcode == 0
        longest = time.monotonic() - start
    undisturbed = without_times(tmp_path / "whole" / "m" / f"{TASK}.json")
    owner = fingerprints()
    folder, hits, grown, done = tmp_path / "0", 0, 0, 0
    while done < kills:
        before = finished(folder)
        log.write_text("")
        process = context.Process(target=run, args=(model, str(folder)))
        process.start()
        if done % 2:
            process.join(chance.uniform(0, longest))
        else:  # however slow the machine is, this is amid the cases
            wait_for_lines(log, chance.randint(1, len(owner)), process)
            process.join(chance.uniform(0, 0.03))
        killed = process.exitcode is None
        process.kill()
        process.join(60)
        after = finished(folder)
        assert killed or process.exitcode == 0
        assert set(before) <= set(after), "a finished case was lost"
        assert len(after) == len(set(after)), "a finished case was written twice"
        again = {owner[line] for line in log.read_text().split() if len(line) == 16} & set(before)
        assert not again, f"finished and computed again: {again}"
        done += killed
        hit = killed and len(after) < len(set(owner.values()))
        hits += hit
        grown += hit and len(after) > len(before)
        if not killed:
            assert without_times(folder / "m" / f"{TASK}.json") == undisturbed
            folder = tmp_path / str(int(folder.name) + 1)
    return hits, grown


@pytest.mark.slow
def test_killed_at_two_hundred_random_moments(tmp_path, record_testsuite_property):
    seed = int(os.environ.get("KILL_SEED", "1"))
    hits, grown = killing(tmp_path, 200, seed)
    record_testsuite_property("hits", hits)
    record_testsuite_property("hits_after_a_case", grown)
    assert hits > 100
    assert grown > 20


def test_killed_at_a_few_random_moments(tmp_path):
    hits, _ = killing(tmp_path, 4, seed=2)
    assert hits > 0


def test_killed_before_the_result_file_was_written(tmp_path):
    """Everything is in the journal and nothing left to compute: the file is still to be written."""
    model = str(write_model(tmp_path / "m.py", LOGGING.format(log=str(tmp_path / "log"))))
    run(model, str(tmp_path / "o"))
    path = tmp_path / "o" / "m" / f"{TASK}.json"
    journal = Journal(path.with_name(f"{TASK}.journal.jsonl"))
    for record in read_result(path).records:
        journal.append(record)
    journal.close()
    whole = without_times(path)
    path.unlink()
    (tmp_path / "log").unlink()
    run(model, str(tmp_path / "o"))
    assert without_times(path) == whole
    assert not journal.path.exists()
    assert not (tmp_path / "log").exists()
