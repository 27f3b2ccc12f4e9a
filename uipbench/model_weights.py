"""What a model's header says of its weights: inside a package, or downloaded by its loader."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from uipbench.model_header import HeaderTable

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS: Final = frozenset({"package", "url", "file", "sha256", "files", "access"})
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSpec:
    """Where a model's weights are.

    Attributes:
        file: Path within the package's folder; of a download the path at which the package's
            loader keeps it, with ``~``, ``${VARIABLE:-default}`` and ``*`` for what only it knows.
        package: Import name of the package that has them, or empty for a download.
        url: Where the package's loader gets them, or empty for weights inside a package.
        sha256: Digest of the file; empty where it is not known, or the weights are a folder.
        files: Digest by file name where ``file`` is a folder.
        access: How to be let in, where the download is gated.
    """

    file: str
    package: str = ""
    url: str = ""
    sha256: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    access: str = ""

    def cache_pattern(self) -> Path:
        """Where the loader keeps a download, variables replaced by their present values."""
        text = _VARIABLE.sub(lambda m: os.environ.get(m[1]) or m[2] or "", self.file)
        return Path(text).expanduser()

    def cache_folder(self) -> Path:
        """Folder that has all of the download: without the parts that only the loader knows.

        Of a Hugging Face hub's cache it is the repository's, whose ``refs`` name the snapshot.
        """
        pattern = self.cache_pattern()
        known = itertools.takewhile(lambda part: "*" not in part, pattern.parts)
        folder = Path(*known)
        return folder.parent if folder.name == "snapshots" else folder

    def cached(self) -> Path | None:
        """The download, or None where it is not there; of several the one that came last."""
        pattern = self.cache_pattern()
        found = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
        whole = [p for p in found if all((p / name).is_file() for name in self.files)]
        return max(whole, key=lambda p: p.stat().st_mtime, default=None)


def read_weights(path: Path, table: HeaderTable) -> WeightsSpec | None:
    """The ``weights`` table of a header, or None where there is none.

    Raises:
        RegistryError: A key is unknown, missing or has a wrong value.
    """
    if "weights" not in table.values:
        return None
    stated = table.values["weights"]
    if not isinstance(stated, dict):
        table.fail("weights", "a table of texts")
    HeaderTable(path, "[tool.uipbench.weights]", stated).check_keys(_KEYS)
    files = HeaderTable(path, "[tool.uipbench.weights]", stated).texts_by_name("files")
    texts = HeaderTable(path, table.where, {"weights": _without_files(stated)})
    fields = texts.texts_by_name("weights")
    for digest in [*files.values(), *(v for k, v in fields.items() if k == "sha256")]:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            table.fail("weights", "a sha256 of 64 hexadecimal digits")
    needed = ["file"] if fields.get("url") else ["file", "package", "sha256"]
    for key in needed:
        if key not in fields:
            table.fail("weights", f"also the key '{key}'")
    return WeightsSpec(**fields, files=files)


def _without_files(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stated.items() if key != "files"}
