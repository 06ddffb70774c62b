"""Writing an MP4 file: `ftyp`, `moov`, `mdat`, in one pass over the samples.

The same input gives the same bytes. Source: ISO/IEC 14496-12; docs/formats/mp4.md.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby

from custodes.base.errors import InvalidError
from custodes.media.mp4.boxes import box, full_box, large_header, u32, u64
from custodes.media.mp4.entry import sample_entry
from custodes.media.mp4.headers import media, movie_header, track_header
from custodes.media.mp4.table import SampleTable
from custodes.media.packets import ParameterSets
from custodes.media.sps import sequence_info

CHUNK_SAMPLES = 64
_SECONDS_1904_TO_1970 = 2_082_844_800
_MAX_U32 = (1 << 32) - 1
_FIXED_ONE = 1 << 16

_FTYP = box(b"ftyp", b"iso6", u32(0), b"iso6", b"isom", b"mp41")


def write_mp4(
    table: SampleTable,
    sets: ParameterSets,
    samples: Iterable[bytes | memoryview],
    created_utc_us: int = 0,
) -> Iterator[bytes | memoryview]:
    """The bytes of a file, in pieces: the header, then `samples` as given.

    `created_utc_us` of 0 leaves the creation time out.
    Errors: as `mp4_header` and `checked_samples`.
    Cost: holds no sample, and of the table what `mp4_header` makes of it.
    """
    yield mp4_header(table, sets, created_utc_us)
    yield from checked_samples(table, samples)


def checked_samples(
    table: SampleTable, samples: Iterable[bytes | memoryview]
) -> Iterator[bytes | memoryview]:
    """What follows a file's header: the samples as given, each piece one or more of them, whole.

    Errors: InvalidError when they differ from the table in number or size.
    """
    count = 0
    sizes = table.sizes
    for piece in samples:
        rest = len(piece)
        while rest > 0 and count < len(sizes):
            rest -= sizes[count]
            count += 1
        if rest:
            raise InvalidError(f"the samples up to {count} are not of the sizes that the table gives")
        yield piece
    if count != len(table):
        raise InvalidError(f"{count} samples where the table has {len(table)}")


def mp4_header(table: SampleTable, sets: ParameterSets, created_utc_us: int = 0) -> bytes:
    """All that precedes the first sample: `ftyp`, `moov` and the header of `mdat`.

    Errors: InvalidError for an empty table, a sample shown before the first is decoded, or parameter sets
    that cannot be read.
    """
    if not len(table):
        raise InvalidError("a track without samples")
    payload_bytes = sum(table.sizes)
    mdat = large_header(b"mdat", payload_bytes)
    starts = _chunk_starts(table)
    created = created_utc_us // 1_000_000 + _SECONDS_1904_TO_1970 if created_utc_us else 0
    track = _Track(table, sets, created)
    # The size of moov does not depend on the values of the offsets, only on their number and width.
    first = len(_FTYP) + len(track.moov(_offsets([0] * len(starts), False))) + len(mdat)
    large = first + starts[-1] > _MAX_U32
    if large:
        first += 4 * len(starts)
    return _FTYP + track.moov(_offsets([first + start for start in starts], large)) + mdat


def _chunk_starts(table: SampleTable) -> list[int]:
    starts, at = [], 0
    for number in range(0, len(table), CHUNK_SAMPLES):
        starts.append(at)
        at += sum(table.sizes[number : number + CHUNK_SAMPLES])
    return starts


def _offsets(offsets: list[int], large: bool) -> bytes:
    values = array("Q" if large else "I", offsets)
    return full_box(b"co64" if large else b"stco", 0, 0, u32(len(values)), _big_endian(values))


class _Track:
    """The parts of `moov` that do not depend on where the samples lie."""

    def __init__(self, table: SampleTable, sets: ParameterSets, created: int) -> None:
        self._table = table
        self._created = u64(created) + u64(created)
        durations = table.durations_90k()
        shown = table.presentation_90k()
        self._media_duration = sum(durations)
        self._start = min(shown) - table.decode_90k[0]
        if self._start < 0:
            raise InvalidError("a sample is shown before the first sample is decoded")
        self._shown_duration = max(shown) - min(shown) + durations[-1]
        info = sequence_info(sets)
        self._size_px = info.width_px, info.height_px
        self._tables = b"".join(
            (
                full_box(b"stsd", 0, 0, u32(1), sample_entry(sets)),
                _time_to_sample(durations),
                _composition_offsets(table),
                _sync_samples(table),
                _sample_to_chunk(len(table)),
                full_box(b"stsz", 0, 0, u32(0), u32(len(table)), _big_endian(table.sizes)),
            )
        )

    def moov(self, offsets: bytes) -> bytes:
        track = track_header(self._created, self._shown_duration, *self._size_px)
        return box(
            b"moov",
            movie_header(self._created, self._shown_duration),
            box(
                b"trak",
                track,
                self._edits(),
                media(self._created, self._media_duration, self._tables, offsets),
            ),
        )

    def _edits(self) -> bytes:
        if not self._start:
            return b""
        entry = u64(self._shown_duration) + u64(self._start) + u32(_FIXED_ONE)
        return box(b"edts", full_box(b"elst", 1, 0, u32(1), entry))


def _time_to_sample(durations: list[int]) -> bytes:
    runs = _runs(durations)
    return full_box(b"stts", 0, 0, u32(len(runs) // 2), _big_endian(array("I", runs)))


def _composition_offsets(table: SampleTable) -> bytes:
    if not any(table.offsets_90k):
        return b""
    signed = min(table.offsets_90k) < 0
    runs = _runs([offset & _MAX_U32 for offset in table.offsets_90k])
    return full_box(b"ctts", int(signed), 0, u32(len(runs) // 2), _big_endian(array("I", runs)))


def _sync_samples(table: SampleTable) -> bytes:
    numbers = array("I", [number for number, key in enumerate(table.keys, 1) if key])
    if len(numbers) == len(table):
        return b""
    return full_box(b"stss", 0, 0, u32(len(numbers)), _big_endian(numbers))


def _sample_to_chunk(count: int) -> bytes:
    whole, rest = divmod(count, CHUNK_SAMPLES)
    entries = [(1, CHUNK_SAMPLES)] if whole else []
    if rest:
        entries.append((whole + 1, rest))
    rows = b"".join(u32(first) + u32(samples) + u32(1) for first, samples in entries)
    return full_box(b"stsc", 0, 0, u32(len(entries)), rows)


def _runs(values: list[int]) -> list[int]:
    """Run lengths and values, one after the other."""
    return [number for value, run in groupby(values) for number in (sum(1 for _ in run), value)]


def _big_endian(values: array[int]) -> bytes:
    if sys.byteorder == "little":
        values = values[:]
        values.byteswap()
    return values.tobytes()
