"""Writing the files of a site, and only inside its folder."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from uipbench.errors import ResultFileError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "data/files.json"
DOCUMENTATION = "docs"
"""Folder of the site that Sphinx writes; see ``docs/conf.py``."""

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,119}")


class SiteWriter:
    """Writes files below a folder and remembers their digests.

    Args:
        out: Empty but for documentation, not there yet, or holding an earlier site, whose files
            are replaced.

    Raises:
        SettingsError: The folder holds something else, or cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._digests: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._earlier = _earlier_files(out)

    def write(self, path: str, content: str | bytes) -> None:
        """Write one file.

        Raises:
            ResultFileError: A part of the path is not a plain name, or another file has a name
                that differs only in upper and lower case.
            SettingsError: The folder cannot be written.
        """
        self._check(path)
        raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
        target = self._out / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(raw)
        except OSError as error:
            msg = f"{target}: cannot be written: {error.strerror}; choose another folder with --out"
            raise SettingsError(msg) from error
        self._digests[path] = hashlib.sha256(raw).hexdigest()

    def holds(self, path: str) -> bool:
        """Whether a file is in the folder, whoever wrote it."""
        return (self._out / path).is_file()

    def finish(self) -> None:
        """Write the manifest and remove files of the earlier site that are no longer part."""
        dump = json.dumps(dict(sorted(self._digests.items())), indent=1) + "\n"
        self.write(MANIFEST, dump)
        for path in self._earlier - set(self._digests):
            (self._out / path).unlink(missing_ok=True)

    def _check(self, path: str) -> None:
        for part in path.split("/"):
            check_name(part)
        other = self._names.setdefault(path.casefold(), path)
        if other != path or path in self._digests:
            msg = f"'{path}' and '{other}' would be the same file; rename one model or task"
            raise ResultFileError(msg)


def check_name(name: str) -> str:
    """The name itself, if it can be a part of a path.

    Raises:
        ResultFileError: It is empty or has other characters than letters, digits and ``_.-``.
    """
    if not _PART.fullmatch(name):
        msg = f"'{name[:80]}' cannot be a file of the site; names are letters, digits and _.@-"
        raise ResultFileError(msg)
    return name


def _is_plain(path: str) -> bool:
    return all(_PART.fullmatch(part) for part in path.split("/"))


def _earlier_files(out: Path) -> set[str]:
    """Files of the site that is in the folder."""
    if not out.exists():
        return set()
    manifest = out / MANIFEST
    try:
        if not manifest.exists() and {path.name for path in out.iterdir()} <= {DOCUMENTATION}:
            return set()
        listed = json.loads(manifest.read_text())
    except (OSError, ValueError) as error:
        msg = f"{out}: is not empty and not a uipbench site; choose another folder with --out"
        raise SettingsError(msg) from error
    return {path for path in listed if isinstance(path, str) and _is_plain(path)}
