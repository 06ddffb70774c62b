"""Which segments can share one file, and where a new file must begin.

Source: docs/formats/mp4.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from custodes.base.clock import HOUR_US
from custodes.media.nal import H264, H265, nal_type, split_nals
from custodes.media.packets import Codec, ParameterSets
from custodes.media.sps import sequence_info

# Below the longest duration that every player reads (MAX_DURATION_90K of mp4.table is 6.6 hours).
MAX_GAP_US = 6 * HOUR_US


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """What must be known of a segment to place it.

    `sets`: the parameter sets in force at its first access unit.
    `carries_sets`: whether its first access unit holds them itself.
    `first_us`, `last_us`: arrival of its first and last access unit, on one clock for all segments.
    `is_continuation`: it begins without a key frame.
    """

    sets: ParameterSets
    carries_sets: bool
    first_us: int
    last_us: int
    is_continuation: bool = False


def compatibility(sets: ParameterSets) -> tuple[Codec, bytes, int, int]:
    """What must be equal within a file: codec, profile (with level) and shown size.

    Errors: as `sequence_info`.
    """
    info = sequence_info(sets)
    return sets.codec, info.profile, info.width_px, info.height_px


def carries_parameter_sets(codec: Codec, data: bytes) -> bool:
    """Whether an access unit holds a sequence and a picture parameter set. Errors: as `split_nals`."""
    types = {nal_type(codec, nal) for nal in split_nals(data)}
    sps, pps = (H264.SPS, H264.PPS) if codec is Codec.H264 else (H265.SPS, H265.PPS)
    return sps in types and pps in types


def group_into_parts(heads: Iterable[SegmentHead]) -> Iterator[range]:
    """The segments of each file, as ranges of their positions, in order.

    A segment joins the file before it when the decoder, coming from there, can go on: the parameter sets
    are those last in force, or are in its own key frame and of the same codec, profile and size. A gap
    of MAX_GAP_US or more begins a new file.
    """
    start = number = 0
    before: SegmentHead | None = None
    for number, head in enumerate(heads, 1):
        if before is not None and not _joins(before, head):
            yield range(start, number - 1)
            start = number - 1
        before = head
    if before is not None:
        yield range(start, number)


def _joins(before: SegmentHead, head: SegmentHead) -> bool:
    if head.first_us - before.last_us >= MAX_GAP_US:
        return False
    if head.sets == before.sets:
        return True
    if head.is_continuation or not head.carries_sets:
        return False
    return compatibility(head.sets) == compatibility(before.sets)
