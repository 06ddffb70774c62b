"""The export file of a stream: its access units byte for byte, one file a part. Source: docs/formats/mp4.md."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from custodes.custody.records import PARAMETER_SETS, Record, parse_parameter_sets
from custodes.media.mp4.table import SampleTable, tabulate
from custodes.media.mp4.write import mp4_header, write_mp4
from custodes.media.packets import ParameterSets
from custodes.media.parts import SegmentHead, carries_parameter_sets, group_into_parts
from custodes.media.timeline import UnitTime, presentation_90k
from custodes.services.discloser.gathering import SealedSegment

OpenRecords = Callable[[SealedSegment], Iterator[Record]]


@dataclass(frozen=True)
class Video:
    """One file to be: its segments, and what its header is made of. `sha256` of the whole file."""

    stream: bytes
    segments: tuple[SealedSegment, ...]
    sets: ParameterSets
    table: SampleTable
    sha256: bytes

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(mp4_header(self.table, self.sets)) + sum(self.table.sizes)

    def write(self, records: OpenRecords) -> Iterator[bytes]:
        """The file's bytes; opens the segments again."""
        return write_mp4(self.table, self.sets, _samples(self.segments, records))


@dataclass(frozen=True)
class _Scanned:
    """What is kept of a segment's records: no picture."""

    segment: SealedSegment
    head: SegmentHead
    sizes: tuple[int, ...]
    times: tuple[UnitTime, ...]
    keys: tuple[bool, ...]


def videos(
    segments: Sequence[SealedSegment], utc0_us: dict[bytes, int], records: OpenRecords
) -> Iterator[Video]:
    """The files of one stream's segments, in order. `utc0_us`: by epoch. Cost: opens every segment twice."""
    scanned = [found for segment in segments if (found := _scan(segment, utc0_us[segment.epoch], records))]
    for part in group_into_parts(found.head for found in scanned):
        chosen = scanned[part.start : part.stop]
        sets = chosen[0].head.sets
        presentation = presentation_90k(time for found in chosen for time in found.times)
        table = tabulate(
            [size for found in chosen for size in found.sizes],
            presentation,
            [key for found in chosen for key in found.keys],
        )
        kept = tuple(found.segment for found in chosen)
        digest = hashlib.sha256()
        for piece in write_mp4(table, sets, _samples(kept, records)):
            digest.update(piece)
        yield Video(kept[0].stream, kept, sets, table, digest.digest())


def _scan(segment: SealedSegment, utc0_us: int, records: OpenRecords) -> _Scanned | None:
    """None for a segment without an access unit, which a cut can leave."""
    sets: ParameterSets | None = None
    carries = False
    is_continuation = segment.is_continuation
    sizes: list[int] = []
    times: list[UnitTime] = []
    keys: list[bool] = []
    for record in records(segment):
        if record.kind == PARAMETER_SETS:
            sets = parse_parameter_sets(record.payload)
            continue
        assert sets is not None
        if not sizes:
            carries = carries_parameter_sets(sets.codec, record.payload)
        # An open key frame is one to start from only where a segment begins with it.
        keys.append(record.is_key or (record.is_open_key and not sizes and not is_continuation))
        sizes.append(len(record.payload))
        times.append(UnitTime(record.media_90k, utc0_us + record.elapsed_us, record.is_key))
    if sets is None or not sizes:
        return None
    head = SegmentHead(sets, carries, times[0].arrival_us, times[-1].arrival_us, is_continuation)
    return _Scanned(segment, head, tuple(sizes), tuple(times), tuple(keys))


def _samples(segments: Sequence[SealedSegment], records: OpenRecords) -> Iterator[bytes]:
    for segment in segments:
        for record in records(segment):
            if record.kind != PARAMETER_SETS:
                yield record.payload
