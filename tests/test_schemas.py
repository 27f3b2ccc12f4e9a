"""The published JSON schemas are those of the code, and the committed files obey them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from uipbench.casefiles import CaseFile
from uipbench.history import HistoryEntry
from uipbench.results import ResultFile, read_result
from uipbench.site.export import BoardFile, TaskFile

ROOT = Path(__file__).parent.parent
SCHEMAS = {
    "result": ResultFile,
    "case": CaseFile,
    "board": BoardFile,
    "task": TaskFile,
    "history": HistoryEntry,
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schema_is_current(name):
    """Write it anew with: python -m tests.test_schemas."""
    text = (ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text()
    assert json.loads(text) == SCHEMAS[name].model_json_schema()


def test_committed_results_are_valid_and_in_their_place():
    for path in sorted((ROOT / "leaderboard" / "results").glob("*/*.json")):
        result = read_result(path)
        assert (path.parent.name, path.stem) == (result.model.card.name, result.task)
        assert not result.model.own
        slots = [(r.case_id, r.protocol) for r in result.records]
        assert slots == sorted(set(slots))


def main() -> None:
    for name, model in SCHEMAS.items():
        path = ROOT / "docs" / "schemas" / f"{name}.schema.json"
        path.write_text(json.dumps(model.model_json_schema(), indent=1) + "\n")


if __name__ == "__main__":
    main()
