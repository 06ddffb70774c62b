"""Sealing a segment while it comes in: records in, chunk frames out, one pass over the video.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custodes.base.clock import SECOND_US
from custodes.base.errors import InvalidError
from custodes.base.sealing import MAX_STREAM_CHUNKS, STREAM_CHUNK_BYTES, STREAM_TAG_BYTES, stream_nonce
from custodes.custody.frames import CHUNK_HEAD, CHUNK_MAGIC, segment_frame
from custodes.custody.records import ACCESS_UNIT, RECORD_HEAD, encode_parameter_sets
from custodes.custody.segment import EnvelopeHash, SegmentHeader, segment_key
from custodes.custody.slots import Buffer
from custodes.media.packets import ParameterSets

CHUNK_US = SECOND_US
_FIRST_BUFFER_BYTES = 1 << 16
_NEVER_US = 1 << 63


class EnvelopeSealer:
    """Seals one segment. What `add_access_unit`, `cut` and `close` return is to be appended at once.

    A chunk is cut before it would span a second or exceed 1 MiB; a record is divided only where it is larger
    than that. `buffer` holds the clear bytes of the open chunk; sealers of one stream may use one in turn.
    Cost: a few microseconds an access unit and a pass each of AES-GCM and SHA-256 over its bytes.
    """

    def __init__(
        self,
        header: SegmentHeader,
        slot_key: Buffer,
        parameter_sets: ParameterSets,
        buffer: bytearray | None = None,
    ) -> None:
        if parameter_sets.codec is not header.codec:
            raise InvalidError("a segment's parameter sets are of another codec than its header says")
        self.header = header
        self.header_frame = segment_frame(header.encoded)
        self.length = len(self.header_frame)
        self.chunks = 0
        self.is_closed = False
        self._cipher = AESGCM(segment_key(header.hash, slot_key))
        self._hash = EnvelopeHash(header.hash)
        self._buffer = buffer if buffer is not None else bytearray(_FIRST_BUFFER_BYTES)
        self._used = 0
        self._cut_at_us = _NEVER_US
        self._append(encode_parameter_sets(parameter_sets))

    @property
    def hash(self) -> bytes:
        """The envelope hash of the chunks cut so far; of the envelope, once closed. Shape: 32 bytes."""
        return self._hash.value

    @property
    def pending_bytes(self) -> int:
        """Clear bytes that are in no chunk yet."""
        return self._used

    def add_access_unit(
        self, data: Buffer, elapsed_us: int, media_90k: int, camera_utc_us: int = 0, flags: int = 0
    ) -> bytes | bytearray:
        """Take in an access unit; the chunk frames that are full before it, mostly none.

        Errors: InvalidError when the envelope is closed.
        """
        end = self._used + RECORD_HEAD.size + len(data)
        frames: bytes | bytearray = b""
        if end > STREAM_CHUNK_BYTES or elapsed_us >= self._cut_at_us:
            frames = self.cut()
            end = RECORD_HEAD.size + len(data)
        if end > len(self._buffer):
            if self.is_closed:
                raise InvalidError("the envelope is closed")
            if end > STREAM_CHUNK_BYTES:
                head = RECORD_HEAD.pack(ACCESS_UNIT, flags, len(data), elapsed_us, media_90k, camera_utc_us)
                return frames + self._divide(head + data, elapsed_us)
            self._grow(end)
        if self._cut_at_us == _NEVER_US:
            self._cut_at_us = elapsed_us + CHUNK_US
        buffer, used = self._buffer, self._used
        RECORD_HEAD.pack_into(
            buffer, used, ACCESS_UNIT, flags, len(data), elapsed_us, media_90k, camera_utc_us
        )
        buffer[used + RECORD_HEAD.size : end] = data
        self._used = end
        return frames

    def cut(self) -> bytes | bytearray:
        """Seal what is pending as a chunk; nothing when nothing is."""
        return self._seal_chunk(False) if self._used else b""

    def close(self) -> bytearray:
        """Seal the last chunk. Errors: InvalidError when the envelope is closed already."""
        frame = self._seal_chunk(True)
        self.is_closed = True
        # Without room, add_access_unit comes to the branch that looks whether it may.
        self._buffer = bytearray()
        return frame

    def _divide(self, record: bytes, elapsed_us: int) -> bytearray:
        frames = bytearray()
        for start in range(0, len(record), STREAM_CHUNK_BYTES):
            if self._used:
                frames += self._seal_chunk(False)
            self._append(record[start : start + STREAM_CHUNK_BYTES])
        self._cut_at_us = elapsed_us + CHUNK_US
        return frames

    def _append(self, record: bytes) -> None:
        self._grow(self._used + len(record))
        self._buffer[self._used : self._used + len(record)] = record
        self._used += len(record)

    def _grow(self, needed: int) -> None:
        if needed > len(self._buffer):
            size = min(max(needed, 2 * len(self._buffer)), max(needed, STREAM_CHUNK_BYTES))
            self._buffer.extend(bytes(size - len(self._buffer)))

    def _seal_chunk(self, last: bool) -> bytearray:
        if self.is_closed:
            raise InvalidError("the envelope is closed")
        if self.chunks == MAX_STREAM_CHUNKS:
            raise InvalidError("an envelope has at most 2³² chunks")
        length = self._used + STREAM_TAG_BYTES
        frame = bytearray(CHUNK_HEAD.size + length)
        with memoryview(frame) as view, memoryview(self._buffer) as clear:
            sealed = view[CHUNK_HEAD.size :]
            self._cipher.encrypt_into(stream_nonce(self.chunks, last), clear[: self._used], None, sealed)
            digest = hashlib.sha256(sealed).digest()
        CHUNK_HEAD.pack_into(frame, 0, CHUNK_MAGIC, length, self.chunks, last, digest)
        self._hash.add(self.chunks, length, digest)
        self.chunks += 1
        self.length += len(frame)
        self._used = 0
        self._cut_at_us = _NEVER_US
        return frame
