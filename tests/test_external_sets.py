"""Sets of others, served from this machine: pulled once, checked, converted, scored."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.test_own_data import HEAD, ROW, copper
from uipbench.archives import archive_bytes
from uipbench.cli import cli
from uipbench.errors import ReferenceDataError, RegistryError, SettingsError
from uipbench.external import fetch, pull, read_sets
from uipbench.external.registry import find_set
from uipbench.own_data import open_own_data
from uipbench.own_data.structures import extxyz

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = """
[[set]]
name = "copper"
title = "Copper slabs"
url = "{url}"
revision = "v1"
sha256 = "{sha256}"
licence = "CC-BY-4.0"
citation = "doi:10.1000/182"
converter = "{converter}"
"""


@dataclass
class Server:
    """A web server on the loopback interface; counts what it is asked for."""

    folder: Path
    port: int
    asked: Counter = field(default_factory=Counter)

    def entry(self, tmp_path: Path, content: bytes, *, converter="own-data", **changes: str):
        (self.folder / "v1").mkdir(exist_ok=True)
        (self.folder / "v1" / "set").write_bytes(content)
        fields = {
            "url": f"http://127.0.0.1:{self.port}/v1/set",
            "sha256": hashlib.sha256(content).hexdigest(),
            "converter": converter,
        }
        path = tmp_path / "sets.toml"
        options = changes.pop("options", "")
        path.write_text("format = 1\n" + ENTRY.format(**fields | changes) + options)
        return path


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("UIPBENCH_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "www").mkdir()
    asked: Counter = Counter()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked[self.path] += 1
            super().do_GET()

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=tmp_path / "www")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield Server(tmp_path / "www", found.server_address[1], asked)
        found.shutdown()


def zipped() -> bytes:
    files = {"data/cases.toml": HEAD + ROW, "data/a.extxyz": extxyz(copper()), "README": "read"}
    return archive_bytes({name: text.encode() for name, text in files.items()})


OPTIONS = 'options = { folder = "data" }\n'


def test_pulled_once_and_scored_like_own_data(server, tmp_path):
    sets = server.entry(tmp_path, zipped(), options=OPTIONS)
    for name in ("one", "two"):
        done = CliRunner().invoke(
            cli, ["data", "pull", "copper", str(tmp_path / name), "--sets", str(sets)]
        )
        assert done.exit_code == 0, (done.output, done.exception)
        assert "licence CC-BY-4.0; cite doi:10.1000/182" in done.output
    assert server.asked == {"/v1/set": 1}
    own = open_own_data(tmp_path / "one", tmp_path / "compiled")
    assert [case.id for task in own.tasks for case in task.cases()] == ["a"]
    assert "doi:10.1000/182" in (tmp_path / "one" / "SOURCE.txt").read_text()


def test_other_content_is_refused_and_not_kept(server, tmp_path):
    sets = server.entry(tmp_path, zipped(), options=OPTIONS)
    (server.folder / "v1" / "set").write_bytes(b"something else")
    entry = read_sets(sets)["copper"]
    with pytest.raises(ReferenceDataError, match="is not what was registered"):
        pull(entry, tmp_path / "f")
    assert not (tmp_path / "f").exists()
    assert list((tmp_path / "cache" / "sets").iterdir()) == []


def test_damaged_cache_is_downloaded_again(server, tmp_path):
    entry = read_sets(server.entry(tmp_path, zipped(), options=OPTIONS))["copper"]
    path = fetch(entry)
    path.write_bytes(path.read_bytes()[:-1])
    assert fetch(entry).read_bytes() == zipped()
    assert server.asked == {"/v1/set": 2}


def test_nothing_is_downloaded_offline_or_unasked(server, tmp_path):
    sets = server.entry(tmp_path, zipped(), options=OPTIONS)
    with pytest.raises(ReferenceDataError, match="is not in the cache: download http"):
        pull(read_sets(sets)["copper"], tmp_path / "f", offline=True)
    done = CliRunner().invoke(cli, ["data", "sets", "--sets", str(sets)])
    assert "copper: Copper slabs (CC-BY-4.0; doi:10.1000/182)" in done.output
    assert not server.asked


def test_missing_file_too_large_file_and_full_folder(server, tmp_path, monkeypatch):
    sets = server.entry(tmp_path, zipped(), options=OPTIONS)
    entry = read_sets(sets)["copper"]
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "x").touch()
    with pytest.raises(SettingsError, match="is not empty"):
        pull(entry, tmp_path / "f")
    with monkeypatch.context() as patch:
        patch.setattr("uipbench.external.pulling.MOST_BYTES", 10)
        with pytest.raises(ReferenceDataError, match="larger than"):
            fetch(entry)
    (server.folder / "v1" / "set").unlink()
    with pytest.raises(ReferenceDataError, match="404"):
        fetch(entry)


def test_slabs_of_pymatgen_become_cases(server, tmp_path):
    slab = copper()
    entry = [
        _dictionary(slab["slab"].atoms)
        | {
            "oriented_unit_cell": _dictionary(slab["bulk"].atoms),
            "miller_index": [1, 1, 1],
            "surface_energy": 1.31,
        }
    ]
    options = 'options = { xc = "PBEsol", code = "VASP", cutoff_ev = 400.0 }\n'
    sets = server.entry(
        tmp_path, json.dumps(entry).encode(), converter="pymatgen-slabs", options=options
    )
    # The cache's file has no suffix; what it is the converter says.
    assert pull(read_sets(sets)["copper"], tmp_path / "f") == []
    own = open_own_data(tmp_path / "f", tmp_path / "compiled")
    (case,) = own.tasks[0].cases()
    assert case.reference("surface_energy") == 1.31
    assert (case.theory.xc, case.theory.code, case.theory.cutoff_ev) == ("PBEsol", "VASP", 400)
    assert case.comment == "doi:10.1000/182"


def _dictionary(atoms):
    return {
        "lattice": {"matrix": atoms.cell[:].tolist()},
        "sites": [
            {"species": [{"element": symbol, "occu": 1}], "abc": place.tolist()}
            for symbol, place in zip(atoms.symbols, atoms.get_scaled_positions(), strict=True)
        ],
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "ftp://example.org/v1/x"}, "must start with https"),
        ({"url": "http://example.org/v1/x"}, "must start with https"),
        ({"url": "file:///etc/v1/passwd"}, "must start with https"),
        ({"url": "https://example.org/main/x"}, "must name the revision 'v1'"),
        ({"sha256": "0"}, "sha256"),
        ({"converter": "eval"}, "converter"),
    ],
)
def test_registry_takes_only_fixed_and_secure_addresses(server, tmp_path, changes, message):
    with pytest.raises(ReferenceDataError, match=message):
        read_sets(server.entry(tmp_path, b"", **changes))


def test_unknown_set_and_file_that_is_none(server, tmp_path):
    assert read_sets() == {}
    with pytest.raises(RegistryError, match="none is registered"):
        find_set("x", read_sets())
    entry = read_sets(server.entry(tmp_path, b"no zip"))["copper"]
    with pytest.raises(ReferenceDataError, match="not a whole zip file"):
        pull(entry, tmp_path / "f")
