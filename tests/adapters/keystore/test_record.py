"""Records: one spelling, and every damage is seen."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.keystore.record import (
    FREE,
    MAGIC,
    Header,
    Record,
    RecordState,
    decode,
    decode_header,
)
from custodes.base.errors import CorruptError, InvalidError

IDS = st.binary(min_size=16, max_size=16).filter(lambda key_id: key_id not in (bytes(16), MAGIC))
SEEDS = st.binary(min_size=32, max_size=32)


@given(IDS, SEEDS)
def test_what_is_encoded_is_decoded(key_id: bytes, seed: bytes) -> None:
    data = Record(key_id, seed, RecordState.LIVE).encode()
    assert len(data) == 64
    assert decode(data) == Record(key_id, seed, RecordState.LIVE)


@given(IDS, SEEDS, st.integers(0, 63), st.integers(1, 255))
def test_any_damaged_byte_is_seen(key_id: bytes, seed: bytes, place: int, change: int) -> None:
    data = bytearray(Record(key_id, seed, RecordState.LIVE).encode())
    data[place] ^= change
    with pytest.raises(CorruptError):
        decode(bytes(data))


def test_the_bytes_are_those_of_the_page() -> None:
    key_id, seed = bytes(range(16)), bytes(range(100, 132))
    body = key_id + seed + b"\0\0\0\0\0\0\0\1"
    assert Record(key_id, seed, RecordState.LIVE).encode() == body + hashlib.sha256(body).digest()[:8]
    gone = key_id + bytes(32) + b"\0\0\0\0\0\0\0\2"
    assert (
        Record(key_id, bytes(32), RecordState.DESTROYED).encode() == gone + hashlib.sha256(gone).digest()[:8]
    )
    header = b"custodes/keys/v1" + key_id + b"\1" + bytes(23)
    assert Header(key_id, 1).encode() == header + hashlib.sha256(header).digest()[:8]
    assert decode_header(Header(key_id, 1).encode()) == Header(key_id, 1)


def test_free_is_zeros_alone() -> None:
    assert decode(FREE) is None
    with pytest.raises(CorruptError):
        decode(bytes(63) + b"\1")


@pytest.mark.parametrize("state", [0, 3, 2**63])
def test_a_record_of_another_state_is_corrupt(state: int) -> None:
    body = bytes(range(16)) + bytes(32) + state.to_bytes(8, "big")
    with pytest.raises(CorruptError):
        decode(body + hashlib.sha256(body).digest()[:8])


def test_records_hold_what_they_may() -> None:
    for key_id, seed, state in (
        (bytes(16), bytes(32), RecordState.LIVE),
        (MAGIC, bytes(32), RecordState.LIVE),
        (b"x" * 15, bytes(32), RecordState.LIVE),
        (b"x" * 16, bytes(31), RecordState.LIVE),
        (b"x" * 16, b"y" * 32, RecordState.DESTROYED),
    ):
        with pytest.raises(InvalidError):
            Record(key_id, seed, state)
    for data in (b"", FREE, Record(b"x" * 16, bytes(32), RecordState.LIVE).encode()):
        with pytest.raises(CorruptError):
            decode_header(data)
