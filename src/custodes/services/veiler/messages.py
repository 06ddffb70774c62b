"""What recorder and veiler say to each other over their socket pair.

A frame is length (4 bytes, of what follows), kind (1), instant (8, µs UTC), body. Source: docs/formats/live.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from custodes.base.canon import canon
from custodes.base.errors import InvalidError
from custodes.base.fence.report import Fence, FenceReport
from custodes.media.packets import Codec, ParameterSets
from custodes.services.live import HEAD_BYTES, MAX_LIVE_BYTES, members

MAX_TO_VEILER_BYTES = 8 << 20
MAX_FROM_VEILER_BYTES = MAX_LIVE_BYTES - HEAD_BYTES
MAX_TEXT = 500
MAX_FENCES = 16
RATES_HZ = (8, 4, 2, 1)
_FRAME = struct.Struct(">IBQ")
_AFTER_LENGTH = _FRAME.size - 4
_UNIT = struct.Struct(">BQ")
_KEY, _OPEN_KEY, _LOSS_BEFORE, _SKIPPED_BEFORE, _ALONE = 1, 2, 4, 8, 16


class FrameKind(IntEnum):
    """1 to 18: from the veiler, of which the first four go on to the bus as they are; 32 on: to it."""

    INIT = 1
    KEY = 2
    FRAGMENT = 3
    STATE = 4
    FENCED = 16
    FIGURES = 17
    ENDED = 18
    SETS = 32
    UNIT = 33
    GROUND = 34
    PACE = 35


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


@dataclass(frozen=True, slots=True)
class VeilUnit:
    """An access unit for the veiler.

    `skipped_before`: the recorder left pictures out. `is_alone`: the next one is a key frame too, so that its
    picture is wanted without waiting for more.
    """

    data: bytes
    boot_us: int
    is_key: bool
    loss_before: bool = False
    skipped_before: bool = False
    is_alone: bool = False

    def head(self, at_us: int) -> bytes:
        """The frame up to the unit's own bytes, which follow uncopied. Errors: InvalidError when too large."""
        flags = _KEY * self.is_key | _LOSS_BEFORE * self.loss_before
        flags |= _SKIPPED_BEFORE * self.skipped_before | _ALONE * self.is_alone
        head = frame_head(FrameKind.UNIT, at_us, _UNIT.size + len(self.data))
        return head + _UNIT.pack(flags, self.boot_us)


def parse_unit(body: bytes) -> VeilUnit:
    """Errors: InvalidError."""
    if len(body) <= _UNIT.size:
        raise InvalidError("an access unit without bytes")
    flags, boot_us = _UNIT.unpack_from(body)
    if flags & ~(_KEY | _LOSS_BEFORE | _SKIPPED_BEFORE | _ALONE):
        raise InvalidError(f"an access unit with flags {flags}")
    return VeilUnit(
        body[_UNIT.size :],
        boot_us,
        bool(flags & _KEY),
        bool(flags & _LOSS_BEFORE),
        bool(flags & _SKIPPED_BEFORE),
        bool(flags & _ALONE),
    )


def join_sets(sets: ParameterSets) -> bytes:
    """Codec, counts of VPS, SPS and PPS, then each behind its length in two bytes. Errors: InvalidError."""
    kinds = (sets.vps, sets.sps, sets.pps)
    if any(len(kind) > 255 or any(len(nal) > 0xFFFF for nal in kind) for kind in kinds):
        raise InvalidError("more than 255 parameter sets of a kind, or one of more than 65,535 bytes")
    parts = [bytes((sets.codec, *map(len, kinds)))]
    parts += [len(nal).to_bytes(2, "big") + nal for kind in kinds for nal in kind]
    return b"".join(parts)


def split_sets(body: bytes) -> ParameterSets:
    """Errors: InvalidError."""
    if len(body) < 4 or body[0] not in frozenset(Codec):
        raise InvalidError("parameter sets of no codec that is known")
    at, kinds = 4, []
    for count in body[1:4]:
        nals = []
        for _ in range(count):
            end = at + 2 + int.from_bytes(body[at : at + 2], "big")
            if at + 2 > len(body) or end > len(body):
                raise InvalidError("parameter sets end too early")
            nals.append(body[at + 2 : end])
            at = end
        kinds.append(tuple(nals))
    if at != len(body):
        raise InvalidError("bytes behind the last parameter set")
    return ParameterSets(Codec(body[0]), *kinds)


def pace_frame(rate_hz: int) -> Frame:
    """How many pictures a second are wanted."""
    if rate_hz not in RATES_HZ:
        raise InvalidError(f"{rate_hz} pictures a second is none of {RATES_HZ}")
    return Frame(FrameKind.PACE, 0, bytes((rate_hz,)))


def parse_pace(body: bytes) -> int:
    """Errors: InvalidError."""
    if len(body) != 1 or body[0] not in RATES_HZ:
        raise InvalidError(f"a rate that is none of {RATES_HZ}")
    return body[0]


def fenced_frame(report: FenceReport) -> Frame:
    """Which fences hold; sent once, before the first picture is taken."""
    return Frame(FrameKind.FENCED, 0, canon({"fences": report.document()}))


def parse_fenced(body: bytes) -> FenceReport:
    """Errors: InvalidError."""
    return parse_fences(members(body, "fences")["fences"])


def parse_fences(value: object) -> FenceReport:
    """A report out of its JSON. Errors: InvalidError."""
    if not isinstance(value, list) or len(value) > MAX_FENCES:
        raise InvalidError(f"fences are a list of {MAX_FENCES} at most")
    fences = []
    for one in value:
        if not isinstance(one, dict) or one.keys() != {"applied", "detail", "name"}:
            raise InvalidError("a fence has a name, a detail, and is applied or not")
        name, applied, detail = one["name"], one["applied"], one["detail"]
        if not (isinstance(name, str) and isinstance(detail, str) and isinstance(applied, bool)):
            raise InvalidError("a fence has a name, a detail, and is applied or not")
        fences.append(Fence(name[:MAX_TEXT], applied, detail[:MAX_TEXT]))
    return FenceReport(tuple(fences))


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts since the veiler began, and its rate of now.

    `decoded`: pictures. `made`: encoded ones, of which `whole` were masked as a whole. `skipped`: access units
    that were not decoded. `late_us`: how long after its arrival the last picture was finished.
    """

    decoded: int = 0
    made: int = 0
    whole: int = 0
    skipped: int = 0
    rate_hz: int = 1
    late_us: int = 0

    def frame(self) -> Frame:
        """As a message."""
        return Frame(FrameKind.FIGURES, 0, canon({name: getattr(self, name) for name in _FIGURES}))


_FIGURES = ("decoded", "late_us", "made", "rate_hz", "skipped", "whole")


def parse_figures(body: bytes) -> Figures:
    """Errors: InvalidError."""
    found = members(body, *_FIGURES)
    if any(type(value) is not int or value < 0 for value in found.values()):
        raise InvalidError("figures are counts")
    return Figures(**found)


def ended_frame(reason: str) -> Frame:
    """Why the veiler ends; nothing follows."""
    return Frame(FrameKind.ENDED, 0, canon({"reason": reason[:MAX_TEXT]}))


def parse_ended(body: bytes) -> str:
    """Errors: InvalidError."""
    reason = members(body, "reason")["reason"]
    if not isinstance(reason, str):
        raise InvalidError("a reason is text")
    return reason[:MAX_TEXT]
