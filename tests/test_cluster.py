"""Cases on a Dask cluster: the same records as on one machine, and a lost worker costs its case."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from click.testing import CliRunner

from tests.conftest import write_model
from uipbench.cli import cli
from uipbench.errors import SettingsError
from uipbench.outcome import Failed
from uipbench.plan import Selection
from uipbench.registry import load_task
from uipbench.results import read_result
from uipbench.scoring import SilentObserver, open_session, score
from uipbench.session import RunOptions

distributed = pytest.importorskip("distributed")
from uipbench.cluster import ClusterExecutor  # noqa: E402

SLOW_EMT = """
import os, time
from pathlib import Path
from ase.calculators.emt import EMT


class SlowEMT(EMT):
    def calculate(self, atoms=None, *args, **kwargs):
        with Path({log!r}).open("a") as log:
            log.write(f"{{os.getppid()}}\\n")
        time.sleep({seconds})
        super().calculate(atoms, *args, **kwargs)


def load(checkpoint, device, dtype):
    return SlowEMT()
"""
DEADLY_FOR_AL_111 = """
        if len(atoms) == 3 and set(atoms.symbols) == {"Al"}:
            os.kill(os.getppid(), 9)
            time.sleep(60)
"""
CASES = ("al_1*", "cu_1*")


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; a killed one is replaced, as by a queueing system."""
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as made,
    ):
        yield made


def without_times(result):
    return [
        record.model_copy(
            update={"outcome": record.outcome.model_copy(update={"seconds": 0.0})}
        ).model_dump()
        for record in result.records
    ]


def model_file(tmp_path, seconds=0.0):
    log = tmp_path / "calls"
    body = SLOW_EMT.format(log=str(log), seconds=seconds)
    return str(write_model(tmp_path / "m.py", body)), log


def jobs_of(model, out, cluster, **options):
    run = RunOptions(out=out, executor="dask", scheduler=cluster.scheduler_address, **options)
    session = open_session(model, run, offline=True)
    selection = Selection(
        tasks=[load_task("surface_energy")], cases=CASES, protocols=["fixed"], tier="full"
    )
    return session, session.jobs(selection)


def test_records_are_those_of_a_local_run(cluster, tmp_path):
    model, log = model_file(tmp_path)
    local = score(
        model,
        out=tmp_path / "local",
        tasks=["surface_energy"],
        cases=CASES,
        protocols=["fixed"],
        offline=True,
        force=True,
    )["surface_energy"]
    log.unlink()
    done = CliRunner().invoke(
        cli,
        f"score {model} --tasks surface_energy --protocol fixed --offline --force "
        f"--cases {CASES[0]} --cases {CASES[1]} --out {tmp_path / 'far'} "
        f"--executor dask --scheduler {cluster.scheduler_address}",
    )
    assert done.exit_code == 0, done.output
    far = read_result(tmp_path / "far" / "m" / "surface_energy.json")
    assert without_times(far) == without_times(local)
    assert local.records
    assert not (tmp_path / "far" / "m" / "surface_energy.journal.jsonl").exists()
    assert far.provenance.processor.startswith(local.provenance.processor)
    workers = {nanny.pid for nanny in cluster.workers.values()}
    assert {int(line) for line in log.read_text().split()} <= workers


def test_a_killed_worker_costs_only_its_case(cluster, tmp_path):
    model, log = model_file(tmp_path, seconds=0.3)
    session, jobs = jobs_of(model, tmp_path / "out", cluster)
    killed = []

    def kill() -> None:
        while not log.exists() or len(log.read_text().split()) < 4:
            time.sleep(0.02)
        killed.append(int(log.read_text().split()[-1]))
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    records = list(session.compute(jobs, SilentObserver()))
    thread.join()
    assert sorted(r.case_id for r in records) == sorted(job.case.id for job in jobs)
    assert {r.outcome.status for r in records} == {"predicted"}
    calls = [int(line) for line in log.read_text().split()]
    assert killed[0] in calls
    per_case = {len(job.case.structures) for job in jobs}
    repeated = len(calls) - sum(r.outcome.evaluations for r in records)
    assert 0 < repeated <= max(per_case)


def test_a_case_that_takes_its_workers_along_fails_alone(cluster, tmp_path):
    log = tmp_path / "calls"
    body = SLOW_EMT.format(log=str(log), seconds=0.0)
    body = body.replace("        time.sleep(0.0)\n", DEADLY_FOR_AL_111[1:])
    model = str(write_model(tmp_path / "m.py", body))
    session, jobs = jobs_of(model, tmp_path / "out", cluster)
    found = {r.case_id: r.as_outcome() for r in session.compute(jobs, SilentObserver())}
    assert len(found) == len(jobs)
    failed = {name: o for name, o in found.items() if isinstance(o, Failed)}
    assert set(failed) == {"al_111"}
    assert failed["al_111"].kind == "worker_crashed"
    assert "2 Dask workers were lost while they had only this case" in failed["al_111"].message


def test_a_result_that_is_lost_with_its_worker_is_waited_for(cluster, tmp_path):
    model, _ = model_file(tmp_path)
    session, _ = jobs_of(model, tmp_path / "out", cluster)
    executor = ClusterExecutor(session.model, session.environment, session.options)
    client = executor._client
    try:
        future = client.submit(time.sleep, 1)
        distributed.wait([future])
        (holder,) = client.who_has([future])[future.key]
        os.kill(client.run(os.getpid, workers=[holder])[holder], signal.SIGKILL)
        while future.status != "lost":
            time.sleep(0.01)
        assert executor._settled(future) == "finished"
    finally:
        executor.close()


def test_no_scheduler_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("uipbench.cluster.CONNECT_TIMEOUT_S", 1)
    model, _ = model_file(tmp_path)
    options = RunOptions(out=tmp_path, executor="dask", scheduler="tcp://127.0.0.1:9")
    session = open_session(model, options, offline=True)
    with pytest.raises(SettingsError, match=r"tcp://127.0.0.1:9: no Dask scheduler answers"):
        next(iter(session.compute([], SilentObserver())))
