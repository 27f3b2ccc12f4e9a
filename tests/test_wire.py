"""The framed protocol between harness and worker."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from uipbench.worker import wire

arrays = st.one_of(
    npst.arrays(np.float64, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    npst.arrays(np.int64, npst.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4)),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text()
)
keys = st.text().filter(lambda key: key != "__array__")
values = st.recursive(
    scalars | arrays,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
messages = st.dictionaries(keys, values, max_size=4)


def read(frame: bytes) -> dict[str, Any]:
    return wire.read_message(io.BytesIO(frame).read)


def assert_same(left: Any, right: Any) -> None:
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for key, value in left.items():
            assert_same(value, right[key])
    elif isinstance(left, list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    else:
        assert type(left) is type(right)
        assert left == right


@given(messages)
def test_round_trip_is_exact(message: dict[str, Any]) -> None:
    assert_same(message, read(wire.encode(message)))


@given(messages, st.data())
def test_truncated_frame_is_an_end_of_stream(message: dict[str, Any], data: st.DataObject) -> None:
    frame = wire.encode(message)
    size = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(wire.EndOfStreamError, match="bytes missing") as caught:
        read(frame[:size])
    assert caught.value.clean == (size == 0)


@given(st.binary(min_size=wire.PREFIX.size))
def test_garbage_is_never_a_message(garbage: bytes) -> None:
    if garbage[:4] == wire.MAGIC:
        garbage = b"\0" + garbage
    with pytest.raises(wire.WireError, match="expected a frame"):
        read(garbage)


@given(messages, st.data())
def test_flipped_byte_raises_nothing_but_wire_errors(
    message: dict[str, Any], data: st.DataObject
) -> None:
    frame = bytearray(wire.encode(message))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(wire.WireError):
        assert isinstance(read(bytes(frame)), dict)


def test_frames_follow_one_another() -> None:
    stream = io.BytesIO(wire.encode({"a": np.arange(3)}) + wire.encode({"b": 1.5}))
    assert list(wire.read_message(stream.read)["a"]) == [0, 1, 2]
    assert wire.read_message(stream.read) == {"b": 1.5}


def test_message_may_come_byte_by_byte() -> None:
    stream = io.BytesIO(wire.encode({"forces": np.eye(3)}))
    message = wire.read_message(lambda _size: stream.read(1))
    np.testing.assert_array_equal(message["forces"], np.eye(3))


def test_array_read_can_be_written_to() -> None:
    assert read(wire.encode({"a": np.zeros(3)}))["a"].flags.writeable


@pytest.mark.parametrize("size", [wire.MAX_HEADER_BYTES + 1, 2**32 - 1])
def test_huge_header_is_refused_before_it_is_read(size: int) -> None:
    with pytest.raises(wire.WireError, match="larger than the protocol allows"):
        read(wire.PREFIX.pack(wire.MAGIC, size, 0))


@pytest.mark.parametrize(
    "reference",
    [
        ["<f8", [1000], 0],
        ["<f8", [-1], 0],
        ["<f8", [2], 9],
        ["|O", [1], 0],
        ["<f8", [2**62, 4], 0],
        ["<f8", 3, 0],
        "x",
        ["<f8", [True], 0],
    ],
)
def test_array_outside_the_payload_is_refused(reference: Any) -> None:
    header = json.dumps({"a": {"__array__": reference}}).encode()
    frame = wire.PREFIX.pack(wire.MAGIC, len(header), 16) + header + bytes(16)
    with pytest.raises(wire.WireError, match="does not hold"):
        read(frame)


@pytest.mark.parametrize("header", [b"[1]", b"3", b"not json", b"\xff\xfe"])
def test_header_must_be_an_object(header: bytes) -> None:
    with pytest.raises(wire.WireError, match="frame"):
        read(wire.PREFIX.pack(wire.MAGIC, len(header), 0) + header)


def test_array_of_objects_cannot_be_sent() -> None:
    with pytest.raises(wire.WireError, match="object cannot be sent"):
        wire.encode({"a": np.array([None])})
