"""The export file of a stream: its access units byte for byte, one file a part. Source: docs/formats/mp4.md."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from custodes.custody.opened import OpenedSegment
from custodes.custody.records import KEY, OPEN_KEY
from custodes.media.mp4.table import SampleTable, tabulate
from custodes.media.mp4.write import mp4_header, write_mp4
from custodes.media.packets import ParameterSets
from custodes.media.parts import SegmentHead, carries_parameter_sets, group_into_parts
from custodes.media.timeline import UnitTime, presentation_90k
from custodes.services.discloser.buffers import Buffers
from custodes.services.discloser.gathering import SealedSegment

T = TypeVar("T")
R = TypeVar("R")
WORKERS = 2
AHEAD = 4

# Opens a segment into a buffer of those; with True its ciphertext's hashes are checked against its account too.
OpenSegment = Callable[[SealedSegment, bool, Buffers], OpenedSegment]


@dataclass(frozen=True)
class Video:
    """One file to be: its segments, and what its header is made of."""

    stream: bytes
    segments: tuple[SealedSegment, ...]
    sets: ParameterSets
    table: SampleTable
    open: OpenSegment
    buffers: Buffers

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(mp4_header(self.table, self.sets)) + sum(self.table.sizes)

    @cached_property
    def sha256(self) -> bytes:
        """Of the whole file. Cost: opens the segments again."""
        digest = hashlib.sha256()
        for piece in self.write():
            digest.update(piece)
        return digest.digest()

    def write(self) -> Iterator[bytes | memoryview]:
        """The file's bytes; opens the segments again. A piece is good until the next is asked for."""
        return write_mp4(self.table, self.sets, self._samples())

    def _samples(self) -> Iterator[memoryview]:
        buffers = self.buffers
        for opened in ahead(self.segments, lambda segment: self.open(segment, False, buffers)):
            for unit in opened.units:
                yield opened.payload(unit)
            buffers.give(opened.buffer)


@dataclass(frozen=True)
class _Scanned:
    """What is kept of a segment: no picture."""

    segment: SealedSegment
    head: SegmentHead
    sizes: tuple[int, ...]
    times: tuple[UnitTime, ...]
    keys: tuple[bool, ...]


def videos(
    segments: Sequence[SealedSegment], utc0_us: Mapping[bytes, int], open_: OpenSegment, buffers: Buffers
) -> Iterator[Video]:
    """The files of one stream's segments, in order, each segment checked. `utc0_us`: by epoch.

    Cost: opens every segment once, a few at a time.
    """

    def scan(segment: SealedSegment) -> _Scanned | None:
        opened = open_(segment, True, buffers)
        found = _scan(segment, utc0_us[segment.epoch], opened)
        buffers.give(opened.buffer)
        return found

    scanned = [found for found in ahead(segments, scan) if found is not None]
    for part in group_into_parts(found.head for found in scanned):
        chosen = scanned[part.start : part.stop]
        presentation = presentation_90k(time for found in chosen for time in found.times)
        table = tabulate(
            [size for found in chosen for size in found.sizes],
            presentation,
            [key for found in chosen for key in found.keys],
        )
        kept = tuple(found.segment for found in chosen)
        yield Video(kept[0].stream, kept, chosen[0].head.sets, table, open_, buffers)


def ahead(items: Iterable[T], act: Callable[[T], R]) -> Iterator[R]:
    """`act` of each, in order, a few ahead in threads: hashing and decryption let other threads run."""
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="open") as threads:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(threads.submit(act, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _scan(segment: SealedSegment, utc0_us: int, opened: OpenedSegment) -> _Scanned | None:
    """None for a segment without an access unit, which a cut can leave."""
    units = opened.units
    if not units:
        return None
    first = bytes(opened.payload(units[0]))
    times = tuple(
        UnitTime(unit.media_90k, utc0_us + unit.elapsed_us, bool(unit.flags & KEY)) for unit in units
    )
    head = SegmentHead(
        opened.sets,
        carries_parameter_sets(opened.sets.codec, first),
        times[0].arrival_us,
        times[-1].arrival_us,
        segment.is_continuation,
    )
    keys = [bool(unit.flags & KEY) for unit in units]
    # An open key frame is one to start from only where a segment begins with it.
    keys[0] = keys[0] or (bool(units[0].flags & OPEN_KEY) and not segment.is_continuation)
    return _Scanned(segment, head, tuple(unit.end - unit.start for unit in units), times, tuple(keys))
