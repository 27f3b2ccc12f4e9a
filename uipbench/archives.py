"""Archives that others made: read into memory under limits, so that nothing is ever unpacked."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

from uipbench.bounded import MOST_BYTES, read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MOST_FILES: Final = 2000
MOST_IN_ALL: Final = 256 * 2**20
_NAME: Final = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}/){0,3}[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}"
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class ArchiveError(ValueError):
    """An archive that is damaged, too large, or has names that could leave a folder."""


def read_archive(path: Path) -> dict[str, bytes]:
    """Contents by name of a zip file, or of a folder with the same files.

    Raises:
        ArchiveError: One line on what is wrong with it.
    """
    try:
        if path.is_dir():
            return _bounded(_files_of(path))
        return _bounded(_members(read_bounded(path, MOST_IN_ALL)))
    except OSError as error:
        msg = f"{error.filename or path}: cannot be read: {error.strerror}"
        raise ArchiveError(msg) from error
    except ArchiveError as error:
        msg = f"{path}: {error}"
        raise ArchiveError(msg) from error


def _bounded(files: Iterator[tuple[str, bytes]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    for name, content in files:
        total += len(content)
        if name in found:
            msg = f"has '{name}' twice"
            raise ArchiveError(msg)
        if len(found) >= MOST_FILES or total > MOST_IN_ALL:
            msg = f"more than {MOST_FILES} files or {MOST_IN_ALL // 2**20} MB unpacked"
            raise ArchiveError(msg)
        found[name] = content
    return found


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        msg = f"has a file named {name[:80]!r}: expected letters, digits and _.@- in plain folders"
        raise ArchiveError(msg)
    return name


def _files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    for number, path in enumerate(sorted(folder.rglob("*"))):
        name = path.relative_to(folder).as_posix()
        if number > 2 * MOST_FILES:
            msg = f"more than {MOST_FILES} files"
            raise ArchiveError(msg)
        if path.is_symlink():
            msg = f"'{name[:80]}' is a symbolic link; put the file itself there"
            raise ArchiveError(msg)
        if not path.is_dir():
            yield _checked(name), read_bounded(path)


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                yield _checked(info.filename), _member(archive, info)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        msg = f"not a whole zip file: {' '.join(str(error).split())[:200]}"
        raise ArchiveError(msg) from error
    except (ValueError, LookupError, OverflowError, MemoryError, OSError, struct.error) as error:
        if isinstance(error, ArchiveError):
            raise
        msg = f"not a zip file: {' '.join(str(error).split())[:200]}"
        raise ArchiveError(msg) from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG} or info.flag_bits & 1:
        msg = f"'{info.filename}' is a link, another kind of file, or encrypted"
        raise ArchiveError(msg)
    with archive.open(info) as stream:  # what a header says of the size may be a lie
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        msg = f"'{info.filename}' is larger than {MOST_BYTES // 2**20} MB"
        raise ArchiveError(msg)
    return content


def archive_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip file, the same bytes for the same files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(_checked(name), _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return stream.getvalue()
