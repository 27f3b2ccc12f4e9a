"""Bundles: what is right is believed, what was touched is refused with one line."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import uipbench as package
from tests.conftest import write_model
from uipbench.archives import ArchiveError, archive_bytes, read_archive
from uipbench.cli import cli
from uipbench.digests import content_digest
from uipbench.errors import SubmissionError
from uipbench.submission import read_bundle, verify_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TWIN = """
from ase.calculators.emt import EMT


def load(checkpoint, device, dtype):
    return EMT()
"""


def run(*arguments):
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    known = done.exception is None or isinstance(done.exception, SystemExit | package.UipbenchError)
    assert known, done.exception
    return done


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("submission")
    package.score("emt", out=folder / "r")
    path = folder / "emt.zip"
    done = run("submit", "emt", "--out", folder / "r", "--bundle", path, "--tier", "quick")
    assert done.exit_code == 0, (done.output, done.exception)
    return path


def test_bundle_is_believed_and_nothing_else_is_needed(bundle):
    done = run("verify", bundle)
    assert done.exit_code == 0, done.output
    assert "surface_energy/fixed: mae" in done.output
    assert "numbers follow from raw predictions" in done.output
    verdict = verify_bundle(read_bundle(bundle))
    assert verdict.problems == ()
    assert verdict.n_values > 10


def test_spot_check_computes_the_same(bundle):
    done = run("verify", bundle, "--recompute", "2", "--seed", "3")
    assert done.exit_code == 0, done.output
    assert done.output.count("again") == 2


def test_folder_is_as_good_as_a_zip_file_and_results_alone_are_read(bundle, tmp_path):
    files = read_archive(bundle)
    for name, content in files.items():
        (tmp_path / "b" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "b" / name).write_bytes(content)
    assert run("verify", tmp_path / "b").exit_code == 0
    (tmp_path / "b" / "results").rename(tmp_path / "emt")
    done = run("verify", tmp_path / "emt")
    assert done.exit_code == 0, done.output
    assert "without raw predictions" in done.output
    (tmp_path / "emt" / "run.py").write_text("print()")
    assert "is no result file" in run("verify", tmp_path / "emt").output


def rewritten(bundle: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The bundle with other files, and a manifest that has their digests."""
    files = read_archive(bundle)
    change(files)
    manifest = json.loads(files.pop("submission.json"))
    manifest["files"] = {n: hashlib.sha256(c).hexdigest() for n, c in files.items()}
    files["submission.json"] = json.dumps(manifest).encode()
    target.write_bytes(archive_bytes(files))
    return target


def edited(name: str, change: Callable[[dict], None]) -> Callable[[dict[str, bytes]], None]:
    """A change of one JSON file, with its own digest made right again."""

    def apply(files: dict[str, bytes]) -> None:
        content = json.loads(files[name])
        change(content)
        if content.pop("sha256", None):
            content["sha256"] = content_digest(content)
        files[name] = json.dumps(content).encode()

    return apply


RESULTS = "results/surface_energy.json"
RAW = "predictions/surface_energy.json"


def first(content: dict, protocol: str = "fixed") -> dict:
    return next(
        r
        for r in content["records"]
        if r["protocol"] == protocol and r["outcome"]["status"] == "predicted"
    )


def better(content: dict) -> None:
    first(content)["outcome"]["values"]["surface_energy"] += 0.01


def softer(content: dict) -> None:
    sums = next(iter(first(content)["outcome"]["force_statistics"].values()))
    sums["sum_sq"] = sums["sum_sq"] * 1.01 + 0.01


def raw_energy(content: dict) -> None:
    next(iter(content["cases"].values()))["slab"]["energy"] += 0.2


def no_raw(content: dict) -> None:
    content["cases"].popitem()


def twice(content: dict) -> None:
    content["records"].append(content["records"][0])


def other_model(content: dict) -> None:
    content["model"]["packages"]["ase"] = "3.0"


def own_data(content: dict) -> None:
    content["own_data"] = {"name": "mine", "sha256": "0"}


def other_case(content: dict) -> None:
    content["records"][0]["case_id"] = "unobtainium_111"


def better_scores(content: dict) -> None:
    content["scores"]["surface_energy/fixed"]["mae"] *= 0.999


def failed_check(content: dict) -> None:
    content["lines"][0]["status"] = "fail"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edited(RESULTS, better), "but its raw predictions give"),
        (edited(RESULTS, softer), "does not follow from the raw predictions"),
        (edited(RESULTS, twice), "is there twice"),
        (edited(RESULTS, other_model), "its key is not that of this model"),
        (edited(RESULTS, own_data), "is on own data"),
        (edited(RESULTS, other_case), "unobtainium_111 (fixed): no such case here"),
        (edited(RAW, raw_energy), "but its raw predictions give"),
        (edited(RAW, no_raw), "has a number, but no raw predictions"),
        (edited("submission.json", better_scores), "the manifest says mae"),
        (edited("check.json", failed_check), "the model fails the check"),
        (lambda f: f.update({"model.py": f["model.py"] + b"x = 1\n"}), "is not the code"),
        (lambda f: f.update({"environment.lock": b"ase==3.0\n"}), "has 3.0 of ase"),
        (lambda f: f.update({"environment.lock": b"-e .\n"}), "is no 'name==version'"),
        (lambda f: f.update({"notes.txt": b"hello"}), "'notes.txt' is no file of a bundle"),
        (lambda f: f.pop("check.json"), "has no check.json"),
        (lambda f: f.update({RESULTS: f[RESULTS][:-9]}), "results/surface_energy.json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_edited_is_refused_although_its_digests_are_right(
    bundle, tmp_path, change, message
):
    done = run("verify", rewritten(bundle, tmp_path / "b.zip", change))
    assert done.exit_code == 1, done.output
    assert message in done.output
    assert "refused: " in done.output


def test_another_digest_and_other_files_are_refused(bundle, tmp_path):
    files = read_archive(bundle)
    path = tmp_path / "b.zip"
    path.write_bytes(archive_bytes(files | {"check.json": b"{}"}))
    with pytest.raises(SubmissionError, match=r"'check\.json' has another sha256"):
        read_bundle(path)
    path.write_bytes(archive_bytes(files | {"more": b""}))
    with pytest.raises(SubmissionError, match="'more' is in no manifest"):
        read_bundle(path)
    path.write_bytes(bundle.read_bytes()[:-30])
    assert "not a whole zip file" in run("verify", path).output


def test_relaxed_number_is_caught_by_computing_it_again(bundle, tmp_path):
    def change(content):
        for record in content["records"]:
            if record["protocol"] == "relaxed" and record["outcome"]["status"] == "predicted":
                record["outcome"]["values"]["surface_energy"] += 0.05

    def all_of_it(files):
        edited(RESULTS, change)(files)
        task = json.loads(files[RESULTS])
        tasks = package.load_tasks()
        from uipbench.results import ResultFile
        from uipbench.submission.scores import scores_of

        manifest = json.loads(files["submission.json"])
        pair = (tasks["surface_energy"], ResultFile.model_validate(task))
        manifest["scores"] |= scores_of([pair])
        files["submission.json"] = json.dumps(manifest).encode()

    path = rewritten(bundle, tmp_path / "b.zip", all_of_it)
    assert run("verify", path).exit_code == 0  # nothing in the file shows it
    done = run("verify", path, "--recompute", "1000")
    assert done.exit_code == 1, done.output
    assert "(relaxed): computed again, surface_energy" in done.output


def test_own_code_is_run_only_where_it_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "twin.py", TWIN)
    package.score("twin.py", out=tmp_path / "r", tasks=["surface_energy"])
    done = run("submit", "twin.py", "--out", "r", "--tier", "quick")
    assert "are missing, stale or to be tried again" in str(done.exception)
    package.score("twin.py", out=tmp_path / "r")
    assert run("submit", "twin.py", "--out", "r", "--tier", "quick").exit_code == 0
    assert "not registered here" in run("verify", "twin.zip").output
    done = run("verify", "twin.zip", "--recompute", "1")
    assert done.exit_code == 1
    assert "give the model file with --model, if you trust it" in done.output
    done = run("verify", "twin.zip", "--recompute", "1", "--model", "twin.py")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "C:\\x", ".x", "a//b", ""])
def test_no_name_leaves_its_folder(tmp_path, name):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a"), b"")
        archive.filelist[0].filename = "a"
        archive.writestr(zipfile.ZipInfo(name or " "), b"x")
    (tmp_path / "z.zip").write_bytes(stream.getvalue())
    with pytest.raises(ArchiveError, match="plain folders"):
        read_archive(tmp_path / "z.zip")


def test_links_and_bombs_are_refused(tmp_path, monkeypatch):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    (tmp_path / "z.zip").write_bytes(stream.getvalue())
    with pytest.raises(ArchiveError, match="is a link"):
        read_archive(tmp_path / "z.zip")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x").symlink_to("/etc/passwd")
    with pytest.raises(ArchiveError, match="symbolic link"):
        read_archive(tmp_path / "f")
    monkeypatch.setattr("uipbench.archives.MOST_BYTES", 1000)
    (tmp_path / "z.zip").write_bytes(archive_bytes({"zeros": bytes(2000)}))
    with pytest.raises(ArchiveError, match="is larger than"):
        read_archive(tmp_path / "z.zip")
    monkeypatch.setattr("uipbench.archives.MOST_FILES", 1)
    (tmp_path / "z.zip").write_bytes(archive_bytes({"a": b"", "b": b""}))
    with pytest.raises(ArchiveError, match="more than 1 files"):
        read_archive(tmp_path / "z.zip")
