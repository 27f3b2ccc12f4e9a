"""Framed messages between the harness and a worker process, over pipes.

A frame is a prefix (magic, header length, payload length), a JSON header, and the raw
little-endian bytes of its arrays one after another. An array stands in the header as
``{"__array__": [dtype, shape, offset]}``. Needs the standard library and numpy alone, because
it runs on both sides; nothing is unpickled.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

PROTOCOL_VERSION = 1
MAGIC = b"UIPB"
PREFIX = struct.Struct("<4sIQ")
MAX_HEADER_BYTES = 64 * 2**20
MAX_PAYLOAD_BYTES = 4 * 2**30
_ARRAY = "__array__"
_to_json = json.JSONEncoder(separators=(",", ":")).encode
_DTYPES = {"<f8": np.dtype("<f8"), "<i8": np.dtype("<i8")}

Message = dict[str, Any]
Read = Callable[[int], bytes]


class WireError(Exception):
    """The bytes are not a frame of this protocol."""


class EndOfStreamError(WireError):
    """The other side closed the stream; ``clean`` if between two frames."""

    def __init__(self, message: str, *, clean: bool) -> None:
        super().__init__(message)
        self.clean = clean


def encode(message: Mapping[str, Any]) -> bytes:
    """Frame of a message.

    Args:
        message: JSON values; numpy arrays of floats or integers may stand anywhere in it.

    Raises:
        WireError: Larger than the bounds, or an array that is neither of floats nor integers.
    """
    payload = bytearray()
    header = _to_json(_flatten(message, payload)).encode()
    _check_bounds(len(header), len(payload))
    return b"".join((PREFIX.pack(MAGIC, len(header), len(payload)), header, payload))


def read_message(read: Read) -> Message:
    """Read one frame.

    Args:
        read: ``read(n)`` returns between 1 and n bytes, or none at the end of the stream.

    Raises:
        EndOfStreamError: The stream ended.
        WireError: Not a frame.
    """
    prefix = _read_exactly(read, PREFIX.size, clean_end=True)
    magic, header_bytes, payload_bytes = PREFIX.unpack(prefix)
    if magic != MAGIC:
        msg = f"expected a frame that starts with {MAGIC!r}, got {prefix!r}"
        raise WireError(msg)
    _check_bounds(header_bytes, payload_bytes)
    header = _read_exactly(read, header_bytes)
    payload = _read_exactly(read, payload_bytes)
    try:
        message = _restore(json.loads(header), payload)
    except (ValueError, RecursionError) as error:
        msg = f"a frame with a header that is not JSON ({error})"
        raise WireError(msg) from error
    if not isinstance(message, dict):
        msg = f"a frame holds {type(message).__name__!r}, expected an object"
        raise WireError(msg)
    return message


def _check_bounds(header: int, payload: int) -> None:
    if header > MAX_HEADER_BYTES or payload > MAX_PAYLOAD_BYTES:
        msg = f"a frame of {header} + {payload} bytes is larger than the protocol allows"
        raise WireError(msg)


def _flatten(value: Any, payload: bytearray) -> Any:  # noqa: ANN401
    """JSON value, its arrays moved to the end of ``payload``."""
    if isinstance(value, Mapping):
        return {key: _flatten(item, payload) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_flatten(item, payload) for item in value]
    if not isinstance(value, np.ndarray):
        return value
    code = {"f": "<f8", "i": "<i8", "u": "<i8", "b": "<i8"}.get(value.dtype.kind)
    if code is None:
        msg = f"an array of {value.dtype} cannot be sent, expected floats or integers"
        raise WireError(msg)
    offset = len(payload)
    payload += value.astype(_DTYPES[code], order="C").tobytes()
    return {_ARRAY: [code, list(value.shape), offset]}


def _restore(value: Any, payload: bytes) -> Any:  # noqa: ANN401
    """The value with its arrays, which own their memory and can be written to."""
    if isinstance(value, list):
        return [_restore(item, payload) for item in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return _array(value[_ARRAY], payload)
    return {key: _restore(item, payload) for key, item in value.items()}


def _array(reference: Any, payload: bytes) -> np.ndarray:  # noqa: ANN401
    try:
        code, shape, offset = reference
        sizes = [*shape, offset]
        if not all(type(size) is int and size >= 0 for size in sizes):
            raise ValueError(sizes)  # noqa: TRY301
        dtype, count = _DTYPES[code], math.prod(shape)
        if count > len(payload) or offset > len(payload):
            raise ValueError(sizes)  # noqa: TRY301
        flat = np.frombuffer(payload, dtype=dtype, count=count, offset=offset)
        return flat.reshape(shape).copy()
    except (TypeError, ValueError, KeyError) as error:
        msg = f"a frame refers to an array that it does not hold: {str(reference)[:100]}"
        raise WireError(msg) from error


def _read_exactly(read: Read, size: int, *, clean_end: bool = False) -> bytes:
    """Exactly ``size`` bytes, gathered chunk by chunk so that a lying prefix costs no memory."""
    chunks: list[bytes] = []
    missing = size
    while missing:
        chunk = read(min(missing, 2**20))
        if not chunk:
            msg = f"the stream ended with {missing} of {size} bytes missing"
            raise EndOfStreamError(msg, clean=clean_end and missing == size)
        chunks.append(chunk)
        missing -= len(chunk)
    return b"".join(chunks)
