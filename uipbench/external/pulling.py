"""Downloading a set once into the cache, and converting it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from uipbench.errors import ReferenceDataError, SettingsError
from uipbench.external.converters import convert
from uipbench.own_data import unfinished
from uipbench.paths import cache_folder
from uipbench.weights import content_sha256

if TYPE_CHECKING:
    from uipbench.external.registry import ExternalSet

MOST_BYTES: Final = 256 * 2**20
TIMEOUT: Final = 60.0


class _Bounded:
    """A file that takes so many bytes and no more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = MOST_BYTES

    def write(self, content: bytes) -> int:
        self._left -= len(content)
        if self._left < 0:
            msg = f"larger than {MOST_BYTES // 2**20} MB"
            raise ValueError(msg)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def fetch(entry: ExternalSet, *, offline: bool = False) -> Path:
    """The set's file in the cache, downloaded where it is not there.

    Raises:
        ReferenceDataError: It cannot be had, or has another digest than the registry says.
    """
    import pooch

    folder = cache_folder() / "sets"
    path = folder / f"{entry.sha256[:16]}-{entry.name}"
    if path.is_file() and content_sha256(path) == entry.sha256:
        return path
    if offline:
        msg = f"set '{entry.name}' is not in the cache: download {entry.url} to {path}"
        raise ReferenceDataError(msg)
    download = pooch.HTTPDownloader(timeout=TIMEOUT)

    def bounded(url: str, output: str, manager: Any) -> None:  # noqa: ANN401 - pooch's
        with Path(output).open("wb") as file:
            download(url, _Bounded(file), manager)

    try:
        pooch.retrieve(
            entry.url,
            known_hash=f"sha256:{entry.sha256}",
            fname=path.name,
            path=folder,
            downloader=bounded,
        )
    except Exception as error:  # whatever requests and pooch raise
        reason = " ".join(str(error).split())[:300]
        msg = f"set '{entry.name}': {entry.url} is not what was registered: {reason}"
        raise ReferenceDataError(msg) from error
    return path


def pull(entry: ExternalSet, folder: Path, *, offline: bool = False) -> list[str]:
    """Make a folder of own data of a set.

    Args:
        entry: The set.
        folder: Must not be there, or be empty.
        offline: Download nothing.

    Returns:
        What is not right with its cases, one line each.

    Raises:
        SettingsError: The folder has something in it.
        ReferenceDataError: The file cannot be had or converted.
    """
    if folder.exists() and any(folder.iterdir()):
        msg = f"{folder}: is not empty; choose another folder"
        raise SettingsError(msg)
    file = fetch(entry, offline=offline)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=folder.parent) as scratch:
        made = Path(scratch) / folder.name
        try:
            convert(entry, file, made)
            problems = unfinished(made)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            msg = f"set '{entry.name}': {where}: {first['msg']}"
            raise ReferenceDataError(" ".join(msg.split())) from error
        notice = f"{entry.title}\n{entry.url}\nLicence: {entry.licence}\nCite: {entry.citation}\n"
        (made / "SOURCE.txt").write_text(notice, encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    return [line.replace(str(made), str(folder)) for line in problems]
