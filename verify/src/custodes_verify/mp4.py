"""A reader of MP4 files: where the samples of the one track lie, and when they are shown.

Source: ISO/IEC 14496-12, 14496-15; docs/formats/mp4.md. Every count is bounded by the bytes that are there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from custodes_verify.errors import MalformedError

MOOV_LIMIT = 2**28
SAMPLES_MAX = 2**24
SAMPLE_LIMIT = 2**28
_BOXES_MAX = 1_000
_VISUAL_ENTRY = 78
"""Bytes of a visual sample entry before its own boxes."""


@dataclass(frozen=True)
class Track:
    """A video track; a sample is (offset, size), times are in 90 kHz ticks."""

    coding: str
    parameter_sets: tuple[bytes, ...]
    samples: list[tuple[int, int]]
    decoded_90k: list[int]
    shown_90k: list[int]


def _boxes(data: memoryview, at: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(type, begin of content, end) of each box between two offsets."""
    count = 0
    while at < end:
        count += 1
        if count > _BOXES_MAX or end - at < 8:
            raise MalformedError("boxes that do not fit")
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            if end - at < 16:
                raise MalformedError("boxes that do not fit")
            size = int.from_bytes(data[at + 8 : at + 16], "big")
            start = at + 16
        elif size == 0:
            size = end - at
        if size < start - at or at + size > end:
            raise MalformedError("a box longer than what holds it")
        yield kind.decode("latin-1"), start, at + size
        at += size


def _only(data: memoryview, span: tuple[int, int], *path: str) -> tuple[int, int]:
    """The one box at a path of types."""
    for name in path:
        found = [(start, end) for kind, start, end in _boxes(data, *span) if kind == name]
        if len(found) != 1:
            raise MalformedError(f"{len(found)} boxes {name}")
        span = found[0]
    return span


def _maybe(data: memoryview, span: tuple[int, int], name: str) -> tuple[int, int] | None:
    found = [(start, end) for kind, start, end in _boxes(data, *span) if kind == name]
    if len(found) > 1:
        raise MalformedError(f"{len(found)} boxes {name}")
    return found[0] if found else None


def _table(data: memoryview, span: tuple[int, int], row: str, ahead: int = 0) -> list[tuple[int, ...]]:
    """The rows of a full box with a count before them."""
    start, end = span
    width = struct.calcsize(row)
    if end - start < 8 + ahead:
        raise MalformedError("a table without its count")
    count = int.from_bytes(data[start + 4 + ahead : start + 8 + ahead], "big")
    if count > SAMPLES_MAX or start + 8 + ahead + count * width != end:
        raise MalformedError("a table whose count does not fit")
    return list(struct.iter_unpack(row, data[start + 8 + ahead : end]))


def read_track(data: memoryview) -> Track:
    """The track of a file in memory.

    Errors: MalformedError.
    """
    whole = (0, len(data))
    moov = _only(data, whole, "moov")
    if moov[1] - moov[0] > MOOV_LIMIT:
        raise MalformedError("moov is too long")
    if any(kind == "moof" for kind, _, _ in _boxes(data, *whole)):
        raise MalformedError("it is fragmented")
    table = _only(data, moov, "trak", "mdia", "minf", "stbl")
    sizes = _sizes(data, table)
    samples = _places(data, table, sizes)
    media = _only(data, whole, "mdat")
    if any(at < media[0] or at + size > media[1] for at, size in samples):
        raise MalformedError("a sample lies outside mdat")
    coding, parameter_sets = _coding(data, _only(data, table, "stsd"))
    decoded = _spread(_table(data, _only(data, table, "stts"), ">II"), len(sizes))
    return Track(coding, parameter_sets, samples, *_times(data, table, decoded))


def _sizes(data: memoryview, table: tuple[int, int]) -> list[int]:
    start, end = _only(data, table, "stsz")
    if end - start < 12:
        raise MalformedError("sample sizes are cut")
    shared = int.from_bytes(data[start + 4 : start + 8], "big")
    if shared:
        count = int.from_bytes(data[start + 8 : start + 12], "big")
        if count > SAMPLES_MAX or count * shared > len(data):
            raise MalformedError("more samples than bytes")
        return [shared] * count
    sizes = [size for (size,) in _table(data, (start, end), ">I", ahead=4)]
    if max(sizes, default=0) > SAMPLE_LIMIT:
        raise MalformedError("a sample is too long")
    return sizes


def _places(data: memoryview, table: tuple[int, int], sizes: list[int]) -> list[tuple[int, int]]:
    short = _maybe(data, table, "stco")
    long = short is None
    offsets = _table(data, short or _only(data, table, "co64"), ">Q" if long else ">I")
    runs = _table(data, _only(data, table, "stsc"), ">III")
    if (runs and runs[0][0] != 1) or any(run[1] == 0 or run[2] != 1 for run in runs):
        raise MalformedError("chunks that cannot be")
    samples: list[tuple[int, int]] = []
    for at_run, (first, count, _) in enumerate(runs):
        after = runs[at_run + 1][0] if at_run + 1 < len(runs) else len(offsets) + 1
        if not first < after <= len(offsets) + 1:
            raise MalformedError("chunks out of order")
        for (at,) in offsets[first - 1 : after - 1]:
            place = at
            for size in sizes[len(samples) : len(samples) + count]:
                samples.append((place, size))
                place += size
    if len(samples) != len(sizes):
        raise MalformedError("samples without a chunk")
    return samples


def _spread(runs: list[tuple[int, ...]], count: int) -> list[int]:
    if sum(number for number, _ in runs) != count:
        raise MalformedError("times for another number of samples")
    return [value for number, value in runs for _ in range(number)]


def _times(data: memoryview, table: tuple[int, int], durations: list[int]) -> tuple[list[int], list[int]]:
    decoded, at = [], 0
    for duration in durations:
        decoded.append(at)
        at += duration
    span = _maybe(data, table, "ctts")
    if span is None:
        return decoded, list(decoded)
    offsets = _spread(_table(data, span, ">Ii" if data[span[0]] else ">II"), len(durations))
    return decoded, [time + offset for time, offset in zip(decoded, offsets, strict=True)]


def _coding(data: memoryview, span: tuple[int, int]) -> tuple[str, tuple[bytes, ...]]:
    start, end = span
    entries = list(_boxes(data, start + 8, end)) if end - start >= 8 else []
    if len(entries) != 1:
        raise MalformedError("not one sample entry")
    coding, begin, stop = entries[0]
    readers = {"avc3": ("avcC", _avc_sets), "hev1": ("hvcC", _hevc_sets)}
    if coding not in readers:
        raise MalformedError("its coding is neither avc3 nor hev1")
    if stop - begin < _VISUAL_ENTRY:
        raise MalformedError("its sample entry is cut")
    name, read = readers[coding]
    at, to = _only(data, (begin + _VISUAL_ENTRY, stop), name)
    return coding, read(bytes(data[at:to]))


class _Cursor:
    """Bytes read from the front."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) < count:
            raise MalformedError("its codec configuration is cut")
        self._at += count
        return part

    def nals(self, count: int) -> list[bytes]:
        return [self.take(int.from_bytes(self.take(2), "big")) for _ in range(count)]


def _avc_sets(data: bytes) -> tuple[bytes, ...]:
    cursor = _Cursor(data, 4)
    if cursor.take(1)[0] & 3 != 3:
        raise MalformedError("its NAL lengths are not 4 bytes")
    sequence = cursor.nals(cursor.take(1)[0] & 31)
    return (*sequence, *cursor.nals(cursor.take(1)[0]))


def _hevc_sets(data: bytes) -> tuple[bytes, ...]:
    cursor = _Cursor(data, 21)
    if cursor.take(1)[0] & 3 != 3:
        raise MalformedError("its NAL lengths are not 4 bytes")
    sets: list[bytes] = []
    for _ in range(cursor.take(1)[0]):
        cursor.take(1)
        sets += cursor.nals(int.from_bytes(cursor.take(2), "big"))
    return tuple(sets)
