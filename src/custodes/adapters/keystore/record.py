"""One 64-byte record of a key store file. Source: docs/formats/keystore.md."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from custodes.base.errors import CorruptError, InvalidError
from custodes.base.ids import ID_BYTES

RECORD_BYTES = 64
SEED_BYTES = 32
MAGIC = b"custodes/keys/v1"

FREE = bytes(RECORD_BYTES)
_STATE_BYTES = 8
_CHECKED_BYTES = ID_BYTES + SEED_BYTES + _STATE_BYTES


class RecordState(IntEnum):
    """What a record that is not free says of its id."""

    LIVE = 1
    DESTROYED = 2


@dataclass(frozen=True, slots=True)
class Record:
    """A key, or that it was destroyed; then the seed is zeros."""

    id: bytes
    seed: bytes
    state: RecordState

    def __post_init__(self) -> None:
        if len(self.id) != ID_BYTES or len(self.seed) != SEED_BYTES:
            raise InvalidError(f"a key has an id of {ID_BYTES} and a seed of {SEED_BYTES} bytes")
        if self.id == bytes(ID_BYTES) or self.id == MAGIC:
            raise InvalidError("a key's id is random")
        if self.state is RecordState.DESTROYED and self.seed != bytes(SEED_BYTES):
            raise InvalidError("a destroyed key has no seed")

    def encode(self) -> bytes:
        """The record's 64 bytes."""
        return _seal(self.id + self.seed + self.state.to_bytes(_STATE_BYTES, "big"))


def decode(data: bytes) -> Record | None:
    """The record of 64 bytes, None where it is free.

    Errors: CorruptError when it is torn: neither zeros nor a record with its check.
    """
    if data == FREE:
        return None
    body = _unseal(data)
    try:
        state = RecordState(int.from_bytes(body[ID_BYTES + SEED_BYTES :], "big"))
        return Record(body[:ID_BYTES], body[ID_BYTES : ID_BYTES + SEED_BYTES], state)
    except (ValueError, InvalidError) as error:
        raise CorruptError("the record checks and says what no record may") from error


@dataclass(frozen=True, slots=True)
class Header:
    """The first record of a file: which store it is of, and which of its copies."""

    store_id: bytes
    copy: int

    def encode(self) -> bytes:
        """The header's 64 bytes."""
        return _seal(MAGIC + self.store_id + self.copy.to_bytes(1, "big") + bytes(_CHECKED_BYTES - 33))


def decode_header(data: bytes) -> Header:
    """The header of 64 bytes. Errors: CorruptError."""
    body = _unseal(data)
    header = Header(body[16:32], body[32])
    if header.encode() != data:
        raise CorruptError("not the header of a key store")
    return header


def _seal(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()[: RECORD_BYTES - _CHECKED_BYTES]


def _unseal(data: bytes) -> bytes:
    if len(data) != RECORD_BYTES or _seal(data[:_CHECKED_BYTES]) != data:
        raise CorruptError("the record does not match its check")
    return data[:_CHECKED_BYTES]
