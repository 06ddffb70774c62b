"""A segment in the clear: one buffer, in which its records are found in place. Source: docs/formats/seal.md."""

from __future__ import annotations

from typing import NamedTuple

from custodes.base.errors import InvalidError
from custodes.custody.records import ACCESS_UNIT, ALL_FLAGS, PARAMETER_SETS, RECORD_HEAD, parse_parameter_sets


class UnitPlace(NamedTuple):
    """An access unit: where it lies in the buffer, and what its record's head says."""

    start: int
    end: int
    flags: int
    elapsed_us: int
    media_90k: int
    camera_utc_us: int


class OpenedSegment:
    """The records of a segment, in the first `size` bytes of a buffer.

    `units` are its access units; of a cut segment up to the last whole one.
    Errors: InvalidError from the constructor where a record is of another kind, or not whole.
    """

    def __init__(self, buffer: bytearray, size: int, is_cut: bool) -> None:
        self.buffer = buffer
        self.clear = memoryview(buffer).toreadonly()[:size]
        places = _places(self.clear, is_cut)
        if not places:
            raise InvalidError("a segment begins with parameter sets")
        self.sets = parse_parameter_sets(bytes(self.clear[places[0].start : places[0].end]))
        self.units = places[1:]

    def payload(self, unit: UnitPlace) -> memoryview:
        """An access unit's bytes, not copied."""
        return self.clear[unit.start : unit.end]


def _places(clear: memoryview, is_cut: bool) -> list[UnitPlace]:
    places: list[UnitPlace] = []
    at, size, head = 0, len(clear), RECORD_HEAD.size
    wanted = PARAMETER_SETS
    while size - at >= head:
        kind, flags, length, elapsed_us, media_90k, camera_utc_us = RECORD_HEAD.unpack_from(clear, at)
        if kind != wanted:
            raise InvalidError("a segment begins with parameter sets, and access units alone follow")
        start = at + head
        at = start + length
        if at > size:
            at = start - head
            break
        if flags & ~ALL_FLAGS or (
            kind == PARAMETER_SETS and (flags or elapsed_us or media_90k or camera_utc_us)
        ):
            raise InvalidError("a record has a flag or a time that its kind has not")
        wanted = ACCESS_UNIT
        places.append(UnitPlace(start, at, flags, elapsed_us, media_90k, camera_utc_us))
    if at != size and not is_cut:
        raise InvalidError("the last record is not whole")
    return places
