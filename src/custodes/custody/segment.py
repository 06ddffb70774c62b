"""A segment's header, what is derived from it, and the hash that names the sealed whole.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from custodes.base.canon import b64u, canon, parse_canon, typed_hash, typed_message
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.custody.members import Members
from custodes.custody.slots import MAX_SLOTS, SLOT_KEY_BYTES, Buffer
from custodes.media.packets import Codec

SEGMENT_FORMAT = "custodes/segment/v1"
CODEC_NAMES = {Codec.H264: "h264", Codec.H265: "h265"}
_CODECS = {name: codec for codec, name in CODEC_NAMES.items()}
_CHUNK_OF_HASH = struct.Struct(">QQ32s")


@dataclass(frozen=True)
class SegmentHeader:
    """Which segment it is, and of what; in the clear.

    `elapsed_us`: when its first access unit arrived, since the epoch opened. `key_sequence`: the segment that
    holds its key frame. `previous`: the envelope hash before it, or the epoch header's for the first.
    Errors: InvalidError from the constructor.
    """

    network: bytes
    stream: bytes
    epoch: bytes
    slot: int
    sequence: int
    key_sequence: int
    previous: bytes
    codec: Codec
    elapsed_us: int

    def __post_init__(self) -> None:
        if len(self.network) != HASH_BYTES or len(self.previous) != HASH_BYTES:
            raise InvalidError("a segment header's hashes have 32 bytes")
        if len(self.stream) != ID_BYTES or len(self.epoch) != ID_BYTES:
            raise InvalidError("a segment header's ids have 16 bytes")
        if not (
            0 <= self.slot < MAX_SLOTS and 0 <= self.key_sequence <= self.sequence and self.elapsed_us >= 0
        ):
            raise InvalidError("a segment's slot, sequence or time is beyond its limits")

    @property
    def is_continuation(self) -> bool:
        """Whether its key frame is in an earlier segment."""
        return self.key_sequence != self.sequence

    @cached_property
    def encoded(self) -> bytes:
        """Canon(segment header)."""
        return canon(
            {
                "codec": CODEC_NAMES[self.codec],
                "elapsed_us": self.elapsed_us,
                "epoch": b64u(self.epoch),
                "format": SEGMENT_FORMAT,
                "key_sequence": self.key_sequence,
                "network": b64u(self.network),
                "previous": b64u(self.previous),
                "sequence": self.sequence,
                "slot": self.slot,
                "stream": b64u(self.stream),
            }
        )

    @cached_property
    def hash(self) -> bytes:
        """H(segment header). Shape: 32 bytes."""
        return typed_hash(SEGMENT_FORMAT, self.encoded)


def parse_segment_header(data: bytes) -> SegmentHeader:
    """Errors: InvalidError, for any other spelling too."""
    value: Any = parse_canon(data)
    members = Members(value, "segment header", _MEMBERS)
    members.literal("format", SEGMENT_FORMAT)
    return SegmentHeader(
        network=members.hash("network"),
        stream=members.id("stream"),
        epoch=members.id("epoch"),
        slot=members.count("slot"),
        sequence=members.count("sequence"),
        key_sequence=members.count("key_sequence"),
        previous=members.hash("previous"),
        codec=_CODECS[members.choice("codec", _CODECS)],
        elapsed_us=members.count("elapsed_us"),
    )


def segment_key(header_hash: bytes, slot_key: Buffer) -> bytes:
    """The key of one segment's chunks. Shape: 32 bytes. Errors: InvalidError when the slot key is not 32."""
    if len(slot_key) != SLOT_KEY_BYTES:
        raise InvalidError(f"a slot key has {SLOT_KEY_BYTES} bytes, got {len(slot_key)}")
    info = typed_message(SEGMENT_FORMAT, header_hash)
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(slot_key)


class EnvelopeHash:
    """The hash of an envelope, one chunk after the other."""

    def __init__(self, header_hash: bytes) -> None:
        self._running = hashlib.sha256(typed_message("envelope", header_hash))

    def add(self, number: int, length: int, digest: bytes) -> None:
        """Take in the next chunk: its number, the length and SHA-256 of its ciphertext."""
        self._running.update(_CHUNK_OF_HASH.pack(number, length, digest))

    @property
    def value(self) -> bytes:
        """The hash of the chunks so far. Shape: 32 bytes."""
        return self._running.digest()


_MEMBERS = (
    "codec",
    "elapsed_us",
    "epoch",
    "format",
    "key_sequence",
    "network",
    "previous",
    "sequence",
    "slot",
    "stream",
)
