"""The frames that a reel is made of: segment header, chunk, footer; read one after the other from any bytes.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from custodes.base.errors import UnverifiedError
from custodes.base.sealing import STREAM_CHUNK_BYTES, STREAM_TAG_BYTES
from custodes.custody.slots import Buffer

SEGMENT_MAGIC = b"CSEG"
CHUNK_MAGIC = b"CCHK"
FOOTER_MAGIC = b"CFTR"
CHUNK_HEAD = struct.Struct(">4sIIB3x32s")
"""magic, length of the ciphertext, number, last, SHA-256(ciphertext)"""
TEXT_HEAD = struct.Struct(">4sI32s")
"""magic, length of the text, SHA-256(text)"""
MAX_SEGMENT_TEXT_BYTES = 4096
MAX_FOOTER_TEXT_BYTES = 4 << 20
MAX_CIPHERTEXT_BYTES = STREAM_CHUNK_BYTES + STREAM_TAG_BYTES

Read = Callable[[int, int], Buffer]
"""Exactly so many bytes from an offset, both within the whole."""


class Damage(Enum):
    """What is wrong with an envelope or reel; a closed list.

    MALFORMED: its author sealed what is no envelope. WRONG_KEY: nothing of it opens with this key.
    """

    FLIPPED = "flipped"
    CUT = "cut"
    SWAPPED = "swapped"
    REPLAYED = "replayed"
    SURPLUS = "surplus"
    WRONG_KEY = "wrong-key"
    MALFORMED = "malformed"


class EnvelopeError(UnverifiedError):
    """What is wrong, and at which byte of what was read."""

    def __init__(self, damage: Damage, offset: int, reason: str) -> None:
        super().__init__(f"{damage.value} at byte {offset}: {reason}")
        self.damage = damage
        self.offset = offset
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose hash holds. `body`: the text or ciphertext. `number`, `last`, `digest`: a chunk's."""

    magic: bytes
    offset: int
    end: int
    body: Buffer
    digest: bytes
    number: int = 0
    last: bool = False


def segment_frame(text: bytes) -> bytes:
    """The frame of a segment header."""
    return TEXT_HEAD.pack(SEGMENT_MAGIC, len(text), hashlib.sha256(text).digest()) + text


def footer_frame(text: bytes) -> bytes:
    """The frame of a reel's footer."""
    return TEXT_HEAD.pack(FOOTER_MAGIC, len(text), hashlib.sha256(text).digest()) + text


def reader_of(data: Buffer) -> Read:
    """Reads from bytes in memory, which are not copied and must not change."""
    view = memoryview(data).toreadonly()
    return lambda start, length: view[start : start + length]


def read_frame(read: Read, offset: int, size: int) -> Frame:
    """The frame at an offset of `size` bytes.

    Errors: EnvelopeError: CUT where it reaches beyond the end, FLIPPED where its hash or form fails.
    """
    if size - offset < TEXT_HEAD.size:
        raise EnvelopeError(Damage.CUT, offset, "no whole frame")
    head = bytes(read(offset, min(CHUNK_HEAD.size, size - offset)))
    magic = head[:4]
    if magic == CHUNK_MAGIC:
        return _read_chunk(read, offset, size, head)
    longest = {SEGMENT_MAGIC: MAX_SEGMENT_TEXT_BYTES, FOOTER_MAGIC: MAX_FOOTER_TEXT_BYTES}.get(magic)
    if longest is None:
        raise EnvelopeError(Damage.FLIPPED, offset, "not a frame")
    _, length, digest = TEXT_HEAD.unpack_from(head)
    body, end = _read_body(read, offset, TEXT_HEAD.size, length, longest, size)
    if hashlib.sha256(body).digest() != digest:
        raise EnvelopeError(Damage.FLIPPED, offset, "a header's or footer's hash does not hold")
    return Frame(magic, offset, end, bytes(body), digest)


def _read_chunk(read: Read, offset: int, size: int, head: bytes) -> Frame:
    if len(head) < CHUNK_HEAD.size:
        raise EnvelopeError(Damage.CUT, offset, "no whole frame")
    magic, length, number, last, digest = CHUNK_HEAD.unpack(head)
    if last > 1 or head[13:16] != bytes(3) or length < STREAM_TAG_BYTES:
        raise EnvelopeError(Damage.FLIPPED, offset, "not the head of a chunk")
    body, end = _read_body(read, offset, CHUNK_HEAD.size, length, MAX_CIPHERTEXT_BYTES, size)
    if hashlib.sha256(body).digest() != digest:
        raise EnvelopeError(Damage.FLIPPED, offset, f"the hash of chunk {number} does not hold")
    return Frame(magic, offset, end, body, digest, number, last == 1)


def _read_body(
    read: Read, offset: int, head: int, length: int, longest: int, size: int
) -> tuple[Buffer, int]:
    if length > longest:
        raise EnvelopeError(
            Damage.FLIPPED, offset, f"a frame of {length} bytes is longer than its kind may be"
        )
    end = offset + head + length
    if end > size:
        raise EnvelopeError(Damage.CUT, offset, "no whole frame")
    return read(offset + head, length), end
