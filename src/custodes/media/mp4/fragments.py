"""Video for a player that is fed piece by piece: an initialisation segment, then a fragment a picture.

Source: ISO/IEC 14496-12, 8.8; the W3C's byte stream format of ISO BMFF for Media Source Extensions;
docs/formats/live.md.
"""

from __future__ import annotations

from custodes.base.errors import InvalidError
from custodes.media.mp4.boxes import HEADER_BYTES, box, full_box, parse_header, u32, u64
from custodes.media.mp4.entry import sample_entry
from custodes.media.mp4.headers import TRACK_ID, media, movie_header, track_header
from custodes.media.packets import Codec, ParameterSets
from custodes.media.sps import sequence_info

_FTYP = box(b"ftyp", b"iso6", u32(0), b"iso6", b"isom", b"mp41")
_NOT_SAID = bytes(16)
_OFFSETS_FROM_MOOF = 0x020000
_HAS_OFFSET_DURATION_SIZE_FLAGS = 0x000701
_DEPENDS_ON_NONE = 0x02000000
_DEPENDS_ON_OTHERS = 0x01010000
_MAX_U32 = (1 << 32) - 1


def codec_string(sets: ParameterSets) -> str:
    """The codec's name for a browser (RFC 6381), parameter sets out of band. Errors: InvalidError."""
    if sets.codec is not Codec.H264:
        raise InvalidError("fragments are written of H.264 only")
    return f"avc1.{sequence_info(sets).profile.hex().upper()}"


def init_segment(sets: ParameterSets) -> bytes:
    """`ftyp` and `moov` of a track whose samples follow in fragments. Errors: as `sample_entry`."""
    info = sequence_info(sets)
    tables = (
        full_box(b"stsd", 0, 0, u32(1), sample_entry(sets, in_band=False)),
        full_box(b"stts", 0, 0, u32(0)),
        full_box(b"stsc", 0, 0, u32(0)),
        full_box(b"stsz", 0, 0, u32(0), u32(0)),
        full_box(b"stco", 0, 0, u32(0)),
    )
    track = box(
        b"trak",
        track_header(_NOT_SAID, 0, info.width_px, info.height_px),
        media(_NOT_SAID, 0, *tables),
    )
    defaults = full_box(b"trex", 0, 0, u32(TRACK_ID), u32(1), u32(0), u32(0), u32(0))
    return _FTYP + box(b"moov", movie_header(_NOT_SAID, 0), track, box(b"mvex", defaults))


def fragment(number: int, decode_90k: int, duration_90k: int, sample: bytes, is_key: bool) -> bytes:
    """`moof` and `mdat` of one picture, shown when it is decoded. `number` counts from 1.

    Errors: InvalidError when a number does not fit its field.
    """
    if not (0 < number <= _MAX_U32 and 0 < duration_90k <= _MAX_U32 and 0 <= decode_90k < 1 << 64):
        raise InvalidError(f"fragment {number} at {decode_90k} for {duration_90k} does not fit its boxes")
    moof = _moof(number, decode_90k, duration_90k, len(sample), is_key, 0)
    offset = len(moof) + HEADER_BYTES
    return _moof(number, decode_90k, duration_90k, len(sample), is_key, offset) + box(b"mdat", sample)


def _moof(number: int, decode_90k: int, duration_90k: int, size: int, is_key: bool, offset: int) -> bytes:
    flags = u32(_DEPENDS_ON_NONE if is_key else _DEPENDS_ON_OTHERS)
    sample = u32(duration_90k) + u32(size) + flags
    track = box(
        b"traf",
        full_box(b"tfhd", 0, _OFFSETS_FROM_MOOF, u32(TRACK_ID)),
        full_box(b"tfdt", 1, 0, u64(decode_90k)),
        full_box(b"trun", 0, _HAS_OFFSET_DURATION_SIZE_FLAGS, u32(1), u32(offset), sample),
    )
    return box(b"moof", full_box(b"mfhd", 0, 0, u32(number)), track)


def check_boxes(data: bytes, *kinds: bytes) -> None:
    """Errors: InvalidError unless the data are boxes of exactly these kinds, in this order."""
    at = 0
    for kind in kinds:
        found, _, size = parse_header(data[at : at + 16], len(data) - at)
        if found != kind:
            raise InvalidError(f"a box {found!r} where {kind!r} is due")
        at += size
    if at != len(data):
        raise InvalidError(f"{len(data) - at} bytes behind the last box")
