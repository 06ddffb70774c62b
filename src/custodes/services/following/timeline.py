"""What was recorded of a stream in a time, what was not, and why.

An epoch's time counts from its first moment to the minute up to which accounts tell of its envelopes; gaps, whose
times manifests give to the microsecond, are taken out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from custodes.adapters.sql.index.index import SqlIndex
from custodes.base.clock import DAY_US, SECOND_US
from custodes.base.errors import InvalidError

MAX_REQUEST_US = 7 * DAY_US
# An epoch begins with its first picture, so between two of them lies the time of one.
JOINED_US = 2 * SECOND_US


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that was not recorded."""

    from_us: int
    to_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Within [from_us, to_us): spans of (from, to), and gaps; nothing is known after `known_until_us`."""

    from_us: int
    to_us: int
    known_until_us: int | None
    recorded: tuple[tuple[int, int], ...]
    gaps: tuple[Gap, ...]


def masked_times(
    index: SqlIndex, streams: Sequence[bytes], from_us: int, to_us: int
) -> tuple[Gap, ...] | None:
    """When the view showed nothing within [from_us, to_us); None where no recorder has told of it."""
    viewed = [stream for stream in streams if index.has_view(stream)]
    if not viewed:
        return None
    rows = (row for stream in viewed for row in index.masked(stream, from_us, to_us))
    found = (Gap(max(row.from_us, from_us), min(row.to_us, to_us), row.reason) for row in rows)
    return tuple(sorted(found, key=lambda gap: (gap.from_us, gap.to_us, gap.reason)))


def timeline(index: SqlIndex, stream: bytes, from_us: int, to_us: int) -> Timeline:
    """Errors: InvalidError for a time that is empty or longer than 7 days. Cost: two index ranges."""
    if not 0 <= from_us < to_us or to_us - from_us > MAX_REQUEST_US:
        raise InvalidError("from_us and to_us: ask for more than nothing and at most 7 days")
    spans = [(span.begins_us, span.ends_us) for span in index.spans(stream, from_us, to_us)]
    gaps = [
        Gap(max(gap.from_us, from_us), min(gap.to_us, to_us), gap.reason)
        for gap in index.gaps(stream, from_us, to_us)
    ]
    recorded = without(joined(spans, JOINED_US), [(gap.from_us, gap.to_us) for gap in gaps])
    clipped = ((max(start, from_us), min(end, to_us)) for start, end in recorded)
    return Timeline(
        from_us,
        to_us,
        index.known_until_us(stream),
        tuple((start, end) for start, end in clipped if start < end),
        tuple(gaps),
    )


def joined(spans: Iterable[tuple[int, int]], within_us: int = 0) -> list[tuple[int, int]]:
    """The same time in spans that are apart by more than `within_us`, ascending; empty ones are left out."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1] + within_us:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def without(spans: Sequence[tuple[int, int]], holes: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """What of ascending, disjoint spans is in no hole. Cost: one pass over both."""
    cut = joined(holes)
    found: list[tuple[int, int]] = []
    at = 0
    for start, end in spans:
        while at < len(cut) and cut[at][1] <= start:
            at += 1
        here = at
        while here < len(cut) and cut[here][0] < end:
            if cut[here][0] > start:
                found.append((start, cut[here][0]))
            start = max(start, cut[here][1])
            here += 1
        if start < end:
            found.append((start, end))
    return found
