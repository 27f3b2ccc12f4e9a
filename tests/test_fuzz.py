"""Whatever is in a file: every reader either reads it or raises an error of uipbench, one line.

A few hundred inputs a reader in CI; the nightly job ``fuzz`` sets ``FUZZ_EXAMPLES`` so that they
are more than 100,000 in all. Inputs are mutations of valid files, which come further into a reader
than noise does, and noise.
"""

from __future__ import annotations

import io
import json
import os
import random
import string
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import uipbench as package
from tests.test_external_sets import ENTRY
from tests.test_journal import record
from tests.test_own_data import HEAD, ROW, copper
from uipbench.archives import archive_bytes, read_archive
from uipbench.casefiles import parse_case_file, read_lock
from uipbench.datasets import LazyStructures, reference_folder
from uipbench.environments import read_environment
from uipbench.errors import UipbenchError
from uipbench.external import read_sets
from uipbench.history import HistoryEntry, read_history
from uipbench.journal import Journal
from uipbench.model_registry import find_model
from uipbench.modelfile import read_model_file
from uipbench.own_data import read_table
from uipbench.own_data.imports import read_files
from uipbench.own_data.slabs import read_slabs
from uipbench.own_data.structures import extxyz, read_structures
from uipbench.reference.published import read_published
from uipbench.results import parse_result, read_result
from uipbench.submission import read_bundle, verify_bundle
from uipbench.submission.bundle import Manifest, PredictionsFile, write_bundle
from uipbench.worker.wire import WireError, encode, read_message

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
ROOT = Path(package.__file__).parent
RESULT = ROOT / "leaderboard" / "results" / "chgnet" / "surface_energy.json"
CASES = reference_folder("surface_energy")
TOKENS = (
    *(b"null", b"true", b"-1", b"1e999", b"NaN", b"[]", b"{}", b'""', b"\\ud800", b"\\u0000"),
    *(b"../../etc/passwd", b"0" * 5000, b"[" * 3000, b'{"a":' * 3000, b"\xff\xfe", b"\n", b"\x00"),
    *("é😀\u202e".encode(), b"=", b"==", b"[[case]]", b"role=", b"Lattice=", b"inf", b"1e-400"),
)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content after a few bytes were flipped, cut, moved, or replaced by something nasty."""
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        start = chance.randrange(len(found) + 1)
        end = min(len(found), start + chance.choice((0, 1, 1, 2, 5, 40, 400)))
        kind = chance.randrange(6)
        if kind == 0 and start < len(found):
            found[start] ^= 1 << chance.randrange(8)
        elif kind == 1:
            found[start:end] = chance.choice(TOKENS)
        elif kind == 2:
            found[start:end] = b""
        elif kind == 3:
            found[start:start] = found[start:end] * chance.choice((1, 2, 30))
        elif kind == 4:
            found[start:end] = chance.choice(string.printable).encode() * (end - start)
        else:
            del found[start:]
    return bytes(found) if chance.random() < 0.97 else chance.randbytes(chance.randrange(300))


def mutated_json(content: bytes, chance: random.Random) -> bytes:
    """Half the time valid JSON still, with one value of another type or one key gone."""
    if chance.random() < 0.5:
        return mutated(content, chance)
    whole = json.loads(content)
    place = whole
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = chance.choice(keys)
        if isinstance(place[key], dict | list) and place[key] and chance.random() < 0.8:
            place = place[key]
            continue
        odd = (None, True, -1, 1e308, 10**400, "", "x" * 3000, "../a", [], {}, [[]], "\u202e", 0.5)
        if chance.random() < 0.2 and isinstance(place, dict):
            del place[key]
        else:
            place[key] = chance.choice(odd)
        break
    return json.dumps(whole).encode()


def journal_seed() -> bytes:
    stream = []
    for i in range(3):
        text = record(f"c{i}").model_dump_json()
        import hashlib

        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        stream.append(json.dumps({"sha256": digest, "record": text}))
    return ("\n".join(stream) + "\n").encode()


def history_seed() -> bytes:
    place = {
        "metrics": {"mae": 0.1},
        "n_cases": 3,
        "largest_deviation": 0.1,
        "seconds_per_evaluation": None,
        "speed_ratio": 1.0,
    }
    entry = HistoryEntry.model_validate(
        {
            "date": "2026-01-01T00:00:00+00:00",
            "model": "m",
            "verdict": "ok",
            "packages": {"ase": "3"},
            "weights_sha256": None,
            "uipbench_version": "1",
            "commit": None,
            "processor": "p",
            "tasks": {"surface_energy/fixed": place},
        }
    )
    return (entry.model_dump_json() + "\n").encode()


def slabs_seed() -> bytes:
    from tests.test_external_sets import _dictionary

    slab = copper()
    entry = _dictionary(slab["slab"].atoms) | {
        "oriented_unit_cell": _dictionary(slab["bulk"].atoms),
        "miller_index": [1, 1, 1],
        "surface_energy": 1.31,
    }
    return json.dumps([entry]).encode()


def in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """A reader of paths as one of bytes."""

    def from_bytes(content: bytes, folder: Path) -> object:
        (folder / name).write_bytes(content)
        return read(folder / name)

    return from_bytes


def bundle_files() -> dict[str, bytes]:
    """Files of a bundle of stored results with made-up raw predictions of one case."""
    result = read_result(RESULT)
    zeros = {"energy": 0.0, "forces": []}
    raw = PredictionsFile.model_validate(
        {"task": "surface_energy", "cases": {result.records[0].case_id: {"bulk": zeros}}}
    )
    lock = "".join(f"{n}=={v}\n" for n, v in result.model.packages.items())
    return {
        "results/surface_energy.json": RESULT.read_bytes(),
        "predictions/surface_energy.json": raw.model_dump_json().encode(),
        "model.py": find_model("chgnet").path.read_bytes(),
        "environment.lock": lock.encode(),
        "check.json": result.check.model_dump_json().encode(),
    }


MANIFEST = Manifest(
    model="chgnet",
    created="2026",
    uipbench_version="0",
    python="3",
    files={},
    scores={"surface_energy/fixed": {"mae": 0.1}},
)
PLAIN = bundle_files()
NAMES = sorted(PLAIN)


def judged(content: bytes, folder: Path) -> object:
    """A bundle with one mutated file and right digests; the first byte says which."""
    name = NAMES[content[0] % len(NAMES)]
    write_bundle(folder / "b.zip", MANIFEST, PLAIN | {name: content[1:]})
    return verify_bundle(read_bundle(folder / "b.zip"))


def inner(_: bytes, chance: random.Random) -> bytes:
    number = chance.randrange(len(NAMES))
    change = mutated_json if NAMES[number].endswith(".json") else mutated
    return bytes([number]) + change(PLAIN[NAMES[number]], chance)


def zip_seed() -> bytes:
    small = {"submission.json": b"{}", "results/surface_energy.json": b"{}", "a/b": b"x" * 50}
    return archive_bytes(small)


def message() -> bytes:
    import numpy as np

    return encode({"type": "evaluate", "x": [np.zeros((2, 3)), {"y": np.arange(3)}]})


POSCAR = b"Cu\n1.0\n3 0 0\n0 3 0\n0 0 3\nCu\n1\nDirect\n0 0 0\n"
EMT = find_model("emt").path.read_bytes()
VARIANTS = find_model("mace-mp-0-small").path.read_bytes()
READERS = {
    "result": (RESULT.read_bytes(), mutated_json, lambda c, _: parse_result(c, "r.json")),
    "journal": (journal_seed(), mutated, in_file("j", lambda p: Journal(p).read())),
    "history": (history_seed(), mutated_json, in_file("h", read_history)),
    "case": (
        (CASES / "al_111.json").read_bytes(),
        mutated_json,
        lambda c, f: parse_case_file(c, f / "c.json"),
    ),
    "structures": (
        (CASES / "al_111.extxyz").read_bytes(),
        mutated,
        lambda c, f: dict(LazyStructures(f / "c.extxyz", c, ("bulk", "slab"))),
    ),
    "lock": (
        (CASES / "lock.json").read_bytes(),
        mutated_json,
        in_file("lock.json", lambda p: read_lock(p.parent)),
    ),
    "own table": (
        (HEAD + ROW + 'tags = { host = "CoO2" }\nvalue = 1.5\n').encode(),
        mutated,
        in_file("cases.toml", lambda p: read_table(p.parent)),
    ),
    "own structures": (
        extxyz(copper()).encode(),
        mutated,
        in_file("a.extxyz", read_structures),
    ),
    "pymatgen": (slabs_seed(), mutated_json, in_file("s.json", lambda p: read_slabs(p, -3.0))),
    "structure JSON": (slabs_seed(), mutated_json, in_file("t.json", read_files)),
    "POSCAR": (POSCAR, mutated, in_file("POSCAR", read_files)),
    "model header": (EMT, mutated, in_file("m.py", lambda p: read_model_file(p, own=True))),
    "variants": (
        VARIANTS,
        mutated,
        in_file("v.py", lambda p: read_model_file(p, own=True, name="mace-mp-0-small")),
    ),
    "external sets": (
        (
            "format = 1\n"
            + ENTRY.format(url="https://a.org/v1", sha256="0" * 64, converter="own-data")
        ).encode(),
        mutated,
        in_file("sets.toml", read_sets),
    ),
    "archive": (zip_seed(), mutated, in_file("a.zip", read_bundle)),
    "bundle": (b"", inner, judged),
    "published": (
        (ROOT / "reference_data/surface_energy/published.csv").read_bytes(),
        mutated,
        in_file("published.csv", lambda p: read_published.__wrapped__(p.parent)),
    ),
    "environment": (
        b'{"python": "3.11", "created": "", "dependencies": [], "no_deps": [], "versions": {}}',
        mutated_json,
        in_file("environment.json", lambda p: read_environment(p.parent)),
    ),
    "wire": (message(), mutated, lambda c, _: read_message(io.BytesIO(c).read)),
}


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_breaks(reader, tmp_path):
    content, change, read = READERS[reader]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**62))
    def fuzz(seed: int) -> None:
        damaged = change(content, random.Random(seed))  # noqa: S311 - no secret
        try:
            read(damaged, tmp_path)
        except UipbenchError as error:
            assert len(str(error).splitlines()) == 1, error  # noqa: PT017
        except WireError:
            assert reader == "wire"

    fuzz()


@pytest.mark.parametrize("reader", READERS)
def test_what_is_mutated_is_read_before(reader, tmp_path):
    """Else the mutations would only ever see the first line of a reader."""
    content, _, read = READERS[reader]
    if reader == "archive":
        assert len(read_archive_of(content, tmp_path)) == 3
    elif reader == "bundle":
        number = NAMES.index("results/surface_energy.json")
        whole = bytes([number]) + PLAIN[NAMES[number]]
        assert "has a number, but no raw" in " ".join(judged(whole, tmp_path).problems)
    elif reader == "structures":
        with pytest.raises(UipbenchError, match="but the JSON says"):
            read(content, tmp_path)
    elif reader == "structure JSON":
        assert len(read(content, tmp_path)) == 1
    else:
        assert read(content, tmp_path) is not None


def read_archive_of(content: bytes, folder: Path) -> dict[str, bytes]:
    (folder / "a.zip").write_bytes(content)
    return read_archive(folder / "a.zip")
