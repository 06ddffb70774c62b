"""A segment in the clear: one buffer, in which its records are found in place. Source: docs/formats/seal.md."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import add
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


class Columns(NamedTuple):
    """All access units of a segment, a column for each member of `UnitPlace`."""

    starts: Sequence[int]
    sizes: Sequence[int]
    flags: Sequence[int]
    elapsed_us: Sequence[int]
    media_90k: Sequence[int]
    camera_utc_us: Sequence[int]


class OpenedSegment:
    """The records of a segment, in the first `size` bytes of a buffer.

    `columns` are its access units; of a cut segment up to the last whole one.
    Errors: InvalidError from the constructor where a record is of another kind, or not whole.
    """

    def __init__(self, buffer: bytearray, size: int, is_cut: bool) -> None:
        self.buffer = buffer
        self.clear = memoryview(buffer).toreadonly()[:size]
        starts, heads = _records(self.clear, is_cut)
        if not heads:
            raise InvalidError("a segment begins with parameter sets")
        kinds, flags, sizes, *times = zip(*heads, strict=True)
        _check(kinds, flags, heads[0])
        self.sets = parse_parameter_sets(bytes(self.clear[starts[0] : starts[0] + sizes[0]]))
        self.columns = Columns(starts[1:], sizes[1:], flags[1:], *(column[1:] for column in times))

    @cached_property
    def units(self) -> list[UnitPlace]:
        """The access units one by one."""
        starts, sizes, *rest = self.columns
        return [UnitPlace(*unit) for unit in zip(starts, map(add, starts, sizes), *rest, strict=True)]

    def payload(self, unit: UnitPlace) -> memoryview:
        """An access unit's bytes, not copied."""
        return self.clear[unit.start : unit.end]


def _records(clear: memoryview, is_cut: bool) -> tuple[list[int], list[tuple[int, ...]]]:
    """Where each whole record's payload begins, and its head. Called for each segment: what it does a unit is short."""
    starts: list[int] = []
    heads: list[tuple[int, ...]] = []
    at, size, head_bytes, unpack = 0, len(clear), RECORD_HEAD.size, RECORD_HEAD.unpack_from
    while size - at >= head_bytes:
        head = unpack(clear, at)
        start = at + head_bytes
        if start + head[2] > size:
            break
        starts.append(start)
        heads.append(head)
        at = start + head[2]
    if at != size and not is_cut:
        raise InvalidError("the last record is not whole")
    return starts, heads


def _check(kinds: Sequence[int], flags: Sequence[int], first: Sequence[int]) -> None:
    if kinds[0] != PARAMETER_SETS or set(kinds[1:]) - {ACCESS_UNIT}:
        raise InvalidError("a segment begins with parameter sets, and access units alone follow")
    _, sets_flags, _, *times = first
    if max(flags) > ALL_FLAGS or sets_flags or any(times):
        raise InvalidError("a record has a flag or a time that its kind has not")
