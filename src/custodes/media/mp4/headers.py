"""The headers of a movie of one video track, but for its tables. Source: ISO/IEC 14496-12, 8.2 to 8.7."""

from __future__ import annotations

from custodes.media.mp4.boxes import box, full_box, u16, u32, u64
from custodes.media.timeline import CLOCK_HZ

_FIXED_ONE = 1 << 16
_UNITY_MATRIX = b"".join(map(u32, (_FIXED_ONE, 0, 0, 0, _FIXED_ONE, 0, 0, 0, 1 << 30)))
_UNDETERMINED_LANGUAGE = 0x55C4
_ENABLED_IN_MOVIE = 3
_SELF_CONTAINED = 1
TRACK_ID = 1


def movie_header(created: bytes, duration_90k: int) -> bytes:
    """`mvhd`. Units: `created` holds creation and modification time, eight bytes each."""
    times = created + u32(CLOCK_HZ) + u64(duration_90k)
    rate_and_volume = u32(_FIXED_ONE) + u16(0x0100) + bytes(10)
    return full_box(b"mvhd", 1, 0, times, rate_and_volume, _UNITY_MATRIX, bytes(24), u32(TRACK_ID + 1))


def track_header(created: bytes, duration_90k: int, width_px: int, height_px: int) -> bytes:
    """`tkhd` of the only track."""
    times = created + u32(TRACK_ID) + bytes(4) + u64(duration_90k)
    size = u32(width_px << 16) + u32(height_px << 16)
    return full_box(b"tkhd", 1, _ENABLED_IN_MOVIE, times, bytes(16), _UNITY_MATRIX, size)


def media(created: bytes, duration_90k: int, *tables: bytes) -> bytes:
    """`mdia` around the children of `stbl`."""
    times = created + u32(CLOCK_HZ) + u64(duration_90k)
    header = full_box(b"mdhd", 1, 0, times, u16(_UNDETERMINED_LANGUAGE), bytes(2))
    handler = full_box(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"\0")
    video = full_box(b"vmhd", 0, 1, bytes(8))
    here = full_box(b"dref", 0, 0, u32(1), full_box(b"url ", 0, _SELF_CONTAINED))
    return box(b"mdia", header, handler, box(b"minf", video, box(b"dinf", here), box(b"stbl", *tables)))
