"""Append-only journal of finished cases, so that nothing finished is lost.

One JSON line a record, each with a digest of its own: a line that was cut off or damaged is
left out when the journal is read, and its case is computed again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from typing import TYPE_CHECKING, BinaryIO

from uipbench.bounded import read_bounded
from uipbench.errors import ResultFileError
from uipbench.results import CaseRecord

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """Journal of one result file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def read(self) -> tuple[list[CaseRecord], int]:
        """Whole records in the order they were written, and the number of damaged lines.

        Raises:
            ResultFileError: The file cannot be read.
        """
        if self.path.is_symlink():
            msg = f"{self.path}: is a symbolic link; move it away"
            raise ResultFileError(msg)
        if self.path.exists() and not self.path.is_file():
            msg = f"{self.path}: is not a regular file; move it away"
            raise ResultFileError(msg)
        try:
            lines = read_bounded(self.path).splitlines()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            msg = f"{self.path}: cannot be read: {error.strerror}"
            raise ResultFileError(msg) from error
        parsed = [_parse(line) for line in lines if line.strip()]
        records = [record for record in parsed if record is not None]
        return records, len(parsed) - len(records)

    def append(self, *records: CaseRecord) -> None:
        """Write records and wait, once, until they are on the disk.

        Raises:
            ResultFileError: The disk is full or the folder cannot be written.
        """
        lines = "".join(map(_line, records))
        try:
            file = self._open()
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
            self.check_there()
        except OSError as error:
            msg = (
                f"{self.path}: cannot be written: {error.strerror}; finished cases before this "
                "one are kept, run the same command again or choose another folder with --out"
            )
            raise ResultFileError(msg) from error

    def check_there(self) -> None:
        """A file that was deleted while it is open takes lines that nobody will ever read.

        Raises:
            OSError: The path does not lead to the open file.
        """
        if self._file is not None and not os.fstat(self._file.fileno()).st_nlink:
            raise OSError(errno.ENOENT, "deleted while the run was writing it", str(self.path))

    def _open(self) -> BinaryIO:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
            if self._file.tell() and not self.path.read_bytes().endswith(b"\n"):
                self._file.write(b"\n")
        return self._file

    def close(self) -> None:
        """Close the file; what was appended stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Delete the journal, once its records are in the result file."""
        self.close()
        self.path.unlink(missing_ok=True)


def _line(record: CaseRecord) -> str:
    text = record.model_dump_json()
    return json.dumps({"sha256": _digest(text), "record": text}) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _parse(line: bytes) -> CaseRecord | None:
    try:
        entry = json.loads(line)
        text = entry["record"]
        if entry["sha256"] != _digest(text):
            return None
        return CaseRecord.model_validate_json(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
