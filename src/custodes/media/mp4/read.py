"""Reading an MP4 file of one video track, within limits, sample by sample.

Source: ISO/IEC 14496-12. Reads what `mp4.write` writes and plain files of others; no fragments.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import BinaryIO

from custodes.base.errors import InvalidError
from custodes.media.mp4.boxes import LARGE_HEADER_BYTES, children, parse_header
from custodes.media.mp4.entry import parse_sample_entry
from custodes.media.mp4.table import MAX_SAMPLES, Sample, SampleTable
from custodes.media.packets import ParameterSets

MAX_MOOV_BYTES = 1 << 28
_MAX_TOP_BOXES = 64


@dataclass(frozen=True, slots=True)
class Movie:
    """The one video track of a file.

    `offsets`: where each sample begins in the file. `start_90k`: the presentation time of the track at
    which the movie begins (its edit list).
    """

    sets: ParameterSets
    table: SampleTable
    offsets: array[int]
    timescale: int
    start_90k: int


def read_movie(file: BinaryIO) -> Movie:
    """What a file's header says of its video track.

    Errors: InvalidError for damage, for other than one video track, and beyond MAX_MOOV_BYTES or MAX_SAMPLES.
    """
    end = file.seek(0, 2)
    at = 0
    for _ in range(_MAX_TOP_BOXES):
        if at >= end:
            break
        file.seek(at)
        kind, header, size = parse_header(file.read(LARGE_HEADER_BYTES), end - at)
        if kind == b"moov":
            if size > MAX_MOOV_BYTES:
                raise InvalidError(f"a header of {size} bytes; at most {MAX_MOOV_BYTES} are read")
            file.seek(at + header)
            return _movie(memoryview(file.read(size - header)), end)
        at += size
    raise InvalidError("no moov box among the first boxes of the file")


def read_samples(file: BinaryIO, movie: Movie) -> Iterator[bytes]:
    """The bytes of each sample in decoding order. Errors: InvalidError when the file ends too early."""
    for offset, size in zip(movie.offsets, movie.table.sizes, strict=True):
        file.seek(offset)
        sample = file.read(size)
        if len(sample) != size:
            raise InvalidError("the file ends within a sample")
        yield sample


def _movie(moov: memoryview, file_bytes: int) -> Movie:
    tracks = [body for kind, body in children(moov) if kind == b"trak"]
    videos = [track for track in tracks if bytes(_one(_one(track, b"mdia"), b"hdlr")[8:12]) == b"vide"]
    if len(videos) != 1:
        raise InvalidError(f"{len(videos)} video tracks; exactly one is read")
    media = _one(videos[0], b"mdia")
    tables = dict(children(_one(_one(media, b"minf"), b"stbl")))
    entries = list(children(_table(tables, b"stsd")[8:]))
    if len(entries) != 1:
        raise InvalidError(f"{len(entries)} sample entries; exactly one is read")
    sizes = _sizes(_table(tables, b"stsz"), file_bytes)
    table = _sample_table(tables, sizes)
    offsets = _sample_offsets(tables, sizes, file_bytes)
    sets = parse_sample_entry(*entries[0])
    return Movie(sets, table, offsets, _timescale(_one(media, b"mdhd")), _edit_start(videos[0]))


def _sample_table(tables: dict[bytes, memoryview], sizes: array[int]) -> SampleTable:
    count = len(sizes)
    durations = _unrolled(_table(tables, b"stts"), count, "I")
    shifts = _unrolled(tables[b"ctts"], count, "i") if b"ctts" in tables else repeat(0, count)
    table = SampleTable()
    decode = 0
    for size, duration, shift, key in zip(sizes, durations, shifts, _keys(tables, count), strict=True):
        table.append(Sample(size, decode, shift, key))
        decode += duration
    return table


def _one(payload: memoryview, wanted: bytes) -> memoryview:
    for kind, body in children(payload):
        if kind == wanted:
            return body
    raise InvalidError(f"no {wanted.decode('latin-1')} box where one must be")


def _table(tables: dict[bytes, memoryview], kind: bytes) -> memoryview:
    if kind not in tables:
        raise InvalidError(f"no {kind.decode('latin-1')} box where one must be")
    return tables[kind]


def _number(payload: memoryview, at: int, length: int = 4) -> int:
    piece = payload[at : at + length]
    if len(piece) < length:
        raise InvalidError("a box ends within a field")
    return int.from_bytes(piece, "big")


def _timescale(header: memoryview) -> int:
    timescale = _number(header, 20 if _number(header, 0, 1) == 1 else 12)
    if not timescale:
        raise InvalidError("a time scale of 0")
    return timescale


def _edit_start(track: memoryview) -> int:
    for kind, body in children(track):
        if kind == b"edts":
            edits = _one(body, b"elst")
            if _number(edits, 4) != 1:
                raise InvalidError("an edit list of other than one entry")
            return _number(edits, 16, 8) if _number(edits, 0, 1) == 1 else _number(edits, 12)
    return 0


def _words(payload: memoryview, at: int, count: int, code: str = "I") -> array[int]:
    """`count` big-endian numbers from `at`, which the box must hold."""
    values = array(code)
    end = at + count * values.itemsize
    if count > MAX_SAMPLES * 3 or end > len(payload):
        raise InvalidError("a table is longer than its box")
    values.frombytes(payload[at:end])
    if sys.byteorder == "little":
        values.byteswap()
    return values


def _sizes(payload: memoryview, file_bytes: int) -> array[int]:
    same, count = _number(payload, 4), _number(payload, 8)
    if count > MAX_SAMPLES or same * count > file_bytes:
        raise InvalidError(f"a track of {count} samples; at most {MAX_SAMPLES} that fit the file are read")
    sizes = array("I", repeat(same, count)) if same else _words(payload, 12, count)
    if sum(sizes) > file_bytes:
        raise InvalidError("the samples are larger than the file")
    return sizes


def _unrolled(payload: memoryview, count: int, code: str) -> Iterator[int]:
    entries = _number(payload, 4)
    lengths = _words(payload, 8, entries * 2)[::2]
    values = _words(payload, 8, entries * 2, code)[1::2]
    if sum(lengths) != count:
        raise InvalidError("a table of runs does not cover the samples")
    return chain.from_iterable(map(repeat, values, lengths))


def _keys(tables: dict[bytes, memoryview], count: int) -> Iterator[bool]:
    if b"stss" not in tables:
        return repeat(True, count)
    numbers = frozenset(_words(tables[b"stss"], 8, _number(tables[b"stss"], 4)))
    return (number in numbers for number in range(1, count + 1))


def _sample_offsets(tables: dict[bytes, memoryview], sizes: array[int], file_bytes: int) -> array[int]:
    large = b"co64" in tables
    chunks_box = _table(tables, b"co64" if large else b"stco")
    chunks = _words(chunks_box, 8, _number(chunks_box, 4), "Q" if large else "I")
    per_chunk = _samples_per_chunk(_table(tables, b"stsc"), len(chunks))
    offsets = array("Q")
    for start, samples in zip(chunks, per_chunk, strict=True):
        at = start
        for size in sizes[len(offsets) : len(offsets) + samples]:
            if at + size > file_bytes:
                raise InvalidError("a sample lies behind the end of the file")
            offsets.append(at)
            at += size
    if len(offsets) != len(sizes):
        raise InvalidError("the chunks do not hold all samples")
    return offsets


def _samples_per_chunk(payload: memoryview, chunks: int) -> Iterator[int]:
    rows = _words(payload, 8, _number(payload, 4) * 3)
    firsts, counts = rows[::3], rows[1::3]
    ends = [*firsts[1:], chunks + 1]
    if chunks and (not firsts or firsts[0] != 1):
        raise InvalidError("the first chunk is not described")
    if any(first >= end for first, end in zip(firsts, ends, strict=False)):
        raise InvalidError("chunks are not described in rising order")
    return chain.from_iterable(
        repeat(count, end - first) for first, end, count in zip(firsts, ends, counts, strict=False)
    )
