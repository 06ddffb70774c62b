"""The frames on the socket pair of recorder and veiler.

A frame is length (4 bytes, of what follows), kind (1), instant (8, µs UTC), body. Source: docs/formats/live.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from custodes.base.errors import InvalidError
from custodes.services.live import HEAD_BYTES, MAX_LIVE_BYTES

MAX_TO_VEILER_BYTES = 8 << 20
MAX_FROM_VEILER_BYTES = MAX_LIVE_BYTES - HEAD_BYTES
_FRAME = struct.Struct(">IBQ")
_AFTER_LENGTH = _FRAME.size - 4


class FrameKind(IntEnum):
    """1 to 20: from the veiler, of which the first four go on to the bus as they are; 32 on: to it."""

    INIT = 1
    KEY = 2
    FRAGMENT = 3
    STATE = 4
    FENCED = 16
    FIGURES = 17
    ENDED = 18
    CANDIDATE = 19
    PROGRESS = 20
    SETS = 32
    UNIT = 33
    GROUND = 34
    PACE = 35
    LEARN = 36


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. `at_us`: arrival of what it is about (UTC), 0 where it is about no picture."""

    kind: FrameKind
    at_us: int
    body: bytes

    def encode(self) -> bytes:
        """Its bytes."""
        return frame_head(self.kind, self.at_us, len(self.body)) + self.body


def frame_head(kind: FrameKind, at_us: int, body_bytes: int) -> bytes:
    """What precedes a body. Errors: InvalidError for a body over the limit of its direction."""
    limit = MAX_TO_VEILER_BYTES if kind >= FrameKind.SETS else MAX_FROM_VEILER_BYTES
    if body_bytes > limit:
        raise InvalidError(f"a {kind.name} message of {body_bytes} bytes; {limit} are the limit")
    return _FRAME.pack(_AFTER_LENGTH + body_bytes, kind, at_us)


class FrameReader:
    """Takes bytes as they come, gives frames of one direction. Holds one frame and what came behind it."""

    def __init__(self, *, from_veiler: bool) -> None:
        self._limit = MAX_FROM_VEILER_BYTES if from_veiler else MAX_TO_VEILER_BYTES
        self._kinds = {kind: kind for kind in FrameKind if (kind < FrameKind.SETS) == from_veiler}
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Errors: InvalidError; nothing after it is of use."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _FRAME.size:
            length, number, at_us = _FRAME.unpack_from(buffer, at)
            kind = self._kinds.get(number)
            if kind is None or not _AFTER_LENGTH <= length <= _AFTER_LENGTH + self._limit:
                raise InvalidError(f"a frame of kind {number} and {length} bytes")
            end = at + 4 + length
            if end > len(buffer):
                break
            yield Frame(kind, at_us, bytes(memoryview(buffer)[at + _FRAME.size : end]))
            at = end
        del buffer[:at]
