"""The export file of a stream: its access units byte for byte, one file a part. Source: docs/formats/mp4.md."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from custodes.custody.envelope_reader import Envelope, Reopening
from custodes.custody.opened import OpenedSegment
from custodes.custody.records import KEY, OPEN_KEY
from custodes.custody.slots import Buffer
from custodes.media.mp4.table import SampleTable, tabulate
from custodes.media.mp4.write import checked_samples, mp4_header
from custodes.media.parts import SegmentHead, carries_parameter_sets, group_into_parts
from custodes.media.timeline import presentation_90k
from custodes.services.discloser.ahead import ahead
from custodes.services.discloser.buffers import Buffers
from custodes.services.discloser.gathering import SealedSegment


@dataclass(frozen=True)
class Source:
    """Where segments come from. `read`: an envelope checked against its account, and its slot's key.

    `fetch`: the envelope's bytes again, unchecked. Both may be called by several threads.
    """

    read: Callable[[SealedSegment], tuple[Envelope, bytes]]
    fetch: Callable[[SealedSegment], Buffer]


@dataclass(frozen=True)
class Scanned:
    """What is kept of a segment, no picture: a value for each of its access units.

    `starts`: where it lies in the clear. `key_flags`: 1 or 0. `starts_at_key`: whether decoding can
    start at the first: an open key frame is such a place only where a segment begins with it.
    `again`: opens it again. Cost: 25 bytes a unit.
    """

    segment: SealedSegment
    head: SegmentHead
    again: Reopening
    starts: array[int]
    sizes: array[int]
    media_90k: array[int]
    arrival_us: array[int]
    key_flags: bytes
    starts_at_key: bool

    @property
    def times(self) -> Iterator[tuple[int, int, int]]:
        """Each unit's time, as `presentation_90k` reads it."""
        return zip(self.media_90k, self.arrival_us, self.key_flags, strict=True)

    @property
    def starting(self) -> bytes:
        """1 for each unit at which decoding can start, 0 for the others."""
        return bytes([self.starts_at_key]) + self.key_flags[1:]


@dataclass(frozen=True)
class Video:
    """One file to be: its segments, and what its header is made of."""

    stream: bytes
    scanned: tuple[Scanned, ...]
    table: SampleTable
    source: Source
    buffers: Buffers

    @property
    def segments(self) -> tuple[SealedSegment, ...]:
        """What it is made from."""
        return tuple(one.segment for one in self.scanned)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._header) + sum(self.table.sizes)

    @cached_property
    def sha256(self) -> bytes:
        """Of the whole file. Cost: opens the segments again."""
        digest = hashlib.sha256()
        for piece in self.write():
            digest.update(piece)
        return digest.digest()

    def write(self) -> Iterator[bytes | memoryview]:
        """The file's bytes; opens the segments again. A piece is good until the next is asked for.

        Errors: EnvelopeError where other bytes lie in the place of a segment.
        """
        yield self._header
        yield from checked_samples(self.table, self._samples())

    @cached_property
    def _header(self) -> bytes:
        return mp4_header(self.table, self.scanned[0].head.sets)

    def _samples(self) -> Iterator[memoryview]:
        for buffer, samples in ahead(self.scanned, self._samples_of):
            yield samples
            self.buffers.give(buffer)

    def _samples_of(self, scanned: Scanned) -> tuple[bytearray, memoryview]:
        """The buffer, and what lies in it: the segment's access units without what is between them."""
        buffer = self.buffers.take(scanned.again.clear_size)
        scanned.again.decrypt(self.source.fetch(scanned.segment), buffer)
        view = memoryview(buffer)
        at = 0
        for start, size in zip(scanned.starts, scanned.sizes, strict=True):
            view[at : at + size] = view[start : start + size]
            at += size
        return buffer, view[:at].toreadonly()


def videos(
    segments: Sequence[SealedSegment], utc0_us: Mapping[bytes, int], source: Source, buffers: Buffers
) -> Iterator[Video]:
    """The files of one stream's segments, in order, each segment checked. `utc0_us`: by epoch.

    Cost: opens every segment once, a few at a time.
    """

    def scan(segment: SealedSegment) -> Scanned | None:
        envelope, key = source.read(segment)
        opened = envelope.open(key, buffers.take(envelope.clear_size))
        found = _scan(segment, utc0_us[segment.epoch], opened, envelope.reopening(key))
        buffers.give(opened.buffer)
        return found

    scanned = [found for found in ahead(segments, scan) if found is not None]
    for part in group_into_parts(found.head for found in scanned):
        chosen = tuple(scanned[part.start : part.stop])
        presentation = presentation_90k(time for found in chosen for time in found.times)
        table = tabulate(
            [size for found in chosen for size in found.sizes],
            presentation,
            [key for found in chosen for key in found.starting],
        )
        yield Video(chosen[0].segment.stream, chosen, table, source, buffers)


def _scan(segment: SealedSegment, utc0_us: int, opened: OpenedSegment, again: Reopening) -> Scanned | None:
    """None for a segment without an access unit, which a cut can leave."""
    starts, sizes, flags, elapsed_us, media_90k, _ = opened.columns
    if not starts:
        return None
    first = bytes(opened.clear[starts[0] : starts[0] + sizes[0]])
    head = SegmentHead(
        opened.sets,
        carries_parameter_sets(opened.sets.codec, first),
        utc0_us + elapsed_us[0],
        utc0_us + elapsed_us[-1],
        segment.is_continuation,
    )
    return Scanned(
        segment=segment,
        head=head,
        again=again,
        starts=array("I", starts),
        sizes=array("I", sizes),
        media_90k=array("q", media_90k),
        arrival_us=array("q", [utc0_us + elapsed for elapsed in elapsed_us]),
        key_flags=bytes([flag & KEY for flag in flags]),
        starts_at_key=bool(flags[0] & KEY or (flags[0] & OPEN_KEY and not segment.is_continuation)),
    )
