"""Reading files that others wrote: regular files of a bounded size."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES: Final = 64 * 2**20
"""Of one file; the largest result file of 10,000 cases has a tenth of it."""


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """Bytes of a regular file.

    Args:
        path: The file; a symbolic link to a regular file is one.
        most: Largest number of bytes.

    Raises:
        OSError: Missing, unreadable, no regular file (a pipe would wait for ever), or larger.
    """
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most / 2**20:g} MB", str(path))
    return content
