"""The journal: nothing whole is lost, nothing damaged is believed."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uipbench.errors import ResultFileError
from uipbench.journal import Journal
from uipbench.results import CaseRecord, PredictedRecord


def record(case_id: str, value: float = 1.0) -> CaseRecord:
    return CaseRecord(
        case_id=case_id,
        protocol="fixed",
        key="k" * 8,
        outcome=PredictedRecord(
            values={"surface_energy": value},
            force_statistics={},
            details={},
            seconds=0.1,
            evaluations=3,
        ),
    )


def written(path, n=5):
    journal = Journal(path)
    for i in range(n):
        journal.append(record(f"c{i}", 0.1 * i))
    journal.close()
    return [record(f"c{i}", 0.1 * i) for i in range(n)]


def test_round_trip(tmp_path):
    records = written(tmp_path / "j")
    assert Journal(tmp_path / "j").read() == (records, 0)


def test_no_file_is_empty(tmp_path):
    assert Journal(tmp_path / "none").read() == ([], 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_cut_anywhere_keeps_every_whole_line(tmp_path, data):
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    records = written(path)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    found, _ = Journal(path).read()
    whole = content[:cut].count(b"\n")
    # The last line may be whole without its line end.
    assert found in (records[:whole], records[: whole + 1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_flipped_bit_costs_one_record_and_is_never_believed(tmp_path, data):
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    records = written(path)
    content = bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(content))
    found, _ = Journal(path).read()
    assert all(r in records for r in found)
    assert len(found) >= len(records) - 2


def test_goes_on_after_a_cut_line(tmp_path):
    path = tmp_path / "j"
    records = written(path, 2)
    path.write_bytes(path.read_bytes()[:-10])
    journal = Journal(path)
    journal.append(record("new"))
    journal.close()
    assert Journal(path).read() == ([records[0], record("new")], 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_full_disk_is_one_clear_line(tmp_path):
    link = tmp_path / "j"
    link.symlink_to("/dev/full")
    journal = Journal(link)
    with pytest.raises(ResultFileError, match="No space left on device; finished cases"):
        journal.append(record("a"))


def test_deleted_while_it_is_written_is_said(tmp_path):
    journal = Journal(tmp_path / "j")
    journal.append(record("a"))
    (tmp_path / "j").unlink()
    with pytest.raises(ResultFileError, match="deleted while the run was writing it"):
        journal.append(record("b"))


def test_symbolic_link_is_not_followed(tmp_path):
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "j").symlink_to(tmp_path / "mine")
    with pytest.raises(ResultFileError, match="is a symbolic link; move it away"):
        Journal(tmp_path / "j").read()
