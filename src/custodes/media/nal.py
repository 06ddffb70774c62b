"""NAL units of H.264 and H.265: kinds, key frames, and the two ways to string them together.

Source: ITU-T H.264 table 7-1, H.265 table 7-1. Only the base layer of either codec starts pictures.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from custodes.base.errors import InvalidError
from custodes.media.bits import BitReader, unescape
from custodes.media.packets import Codec

LENGTH_BYTES = 4
MAX_NALS = 4096
_HEAD_BYTES = 16
_MAX_SEI_BYTES = 4096
_RECOVERY_POINT = 6


class H264(IntEnum):
    """`nal_unit_type` of H.264, as far as it matters here."""

    SLICE = 1
    PARTITION_A = 2
    PARTITION_B = 3
    PARTITION_C = 4
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    DELIMITER = 9
    END_OF_SEQUENCE = 10
    END_OF_STREAM = 11
    FILLER = 12


class H265(IntEnum):
    """`nal_unit_type` of H.265, as far as it matters here."""

    RASL_N = 8
    RASL_R = 9
    BLA_W_LP = 16
    BLA_W_RADL = 17
    BLA_N_LP = 18
    IDR_W_RADL = 19
    IDR_N_LP = 20
    CRA = 21
    VPS = 32
    SPS = 33
    PPS = 34
    DELIMITER = 35
    END_OF_SEQUENCE = 36
    END_OF_STREAM = 37
    FILLER = 38
    SEI_PREFIX = 39
    SEI_SUFFIX = 40


class KeyKind(IntEnum):
    """Whether decoding can start at a picture.

    CLOSED: nothing after it refers to what is before it (IDR, BLA).
    OPEN: a CRA, a recovery point, or an H.264 picture of I slices behind a sequence parameter set; pictures
    near it may be damaged. I slices alone are no sign: encoders put them at cuts too, where later pictures
    still refer to earlier ones.
    """

    NONE = 0
    OPEN = 1
    CLOSED = 2


_H264_SLICES = frozenset({1, 2, 3, 4, 5})
_H264_FIRST_SLICES = frozenset({1, 2, 5})
_H264_PARAMETER_SETS = frozenset({7, 8})
_H265_SLICES = frozenset((*range(10), *range(16, 22)))
_H265_PARAMETER_SETS = frozenset({32, 33, 34})


def nal_type(codec: Codec, nal: bytes | memoryview) -> int:
    """The `nal_unit_type` of a NAL unit. Errors: InvalidError when the NAL unit has no whole header."""
    if codec is Codec.H264:
        if not nal:
            raise InvalidError("a NAL unit is empty")
        return nal[0] & 0x1F
    if len(nal) < 2:
        raise InvalidError("a NAL unit has fewer than two bytes")
    return (nal[0] >> 1) & 0x3F


def is_parameter_set(codec: Codec, type_: int) -> bool:
    """Whether a NAL unit type is VPS, SPS or PPS."""
    return type_ in (_H264_PARAMETER_SETS if codec is Codec.H264 else _H265_PARAMETER_SETS)


def is_slice(codec: Codec, type_: int) -> bool:
    """Whether a NAL unit type carries a part of a picture."""
    return type_ in (_H264_SLICES if codec is Codec.H264 else _H265_SLICES)


def is_idr(codec: Codec, type_: int) -> bool:
    """Whether a NAL unit type is a slice of an instantaneous decoding refresh."""
    return type_ == 5 if codec is Codec.H264 else type_ in (19, 20)


def is_irap(type_: int) -> bool:
    """Whether an H.265 NAL unit type is a slice of a random access point (BLA, IDR, CRA)."""
    return 16 <= type_ <= 21


def is_bla(type_: int) -> bool:
    """Whether an H.265 NAL unit type is a slice of a broken-link picture."""
    return 16 <= type_ <= 18


def is_cra(type_: int) -> bool:
    """Whether an H.265 NAL unit type is a slice of a clean random access picture."""
    return type_ == 21


def is_sei(codec: Codec, type_: int) -> bool:
    """Whether a NAL unit type holds SEI messages that precede their picture."""
    return type_ == (6 if codec is Codec.H264 else 39)


def is_first_slice(codec: Codec, nal: bytes | memoryview) -> bool:
    """Whether a NAL unit is the slice that starts a picture of the base layer.

    Errors: InvalidError when a slice has no byte after its header.
    """
    type_ = nal_type(codec, nal)
    if codec is Codec.H264:
        if type_ not in _H264_FIRST_SLICES:
            return False
        if len(nal) < 2:
            raise InvalidError("a slice ends before its header")
        # first_mb_in_slice is an Exp-Golomb number: 0 is the single bit 1.
        return nal[1] >= 0x80
    if type_ not in _H265_SLICES or layer_id(nal):
        return False
    if len(nal) < 3:
        raise InvalidError("a slice ends before its header")
    return nal[2] >= 0x80


def layer_id(nal: bytes | memoryview) -> int:
    """`nuh_layer_id` of an H.265 NAL unit; 0 is the base layer."""
    return ((nal[0] & 1) << 5) | (nal[1] >> 3)


def is_intra_slice(nal: bytes | memoryview) -> bool:
    """Whether an H.264 slice is an I or SI slice. Errors: InvalidError for a slice without header."""
    reader = BitReader(unescape(bytes(nal[1:_HEAD_BYTES])))
    reader.ue()
    return reader.ue() % 5 in (2, 4)


def is_recovery_point(codec: Codec, sei: bytes | memoryview) -> bool:
    """Whether a SEI NAL unit holds a recovery point message that reads correctly.

    Cost: looks at the first 4 KiB. A damaged SEI is no recovery point, not an error.
    """
    rbsp = unescape(bytes(sei[1 if codec is Codec.H264 else 2 : _MAX_SEI_BYTES]))
    at, end = 0, len(rbsp)
    while at < end - 2:
        kind = size = 0
        while at < end and rbsp[at] == 0xFF:
            kind, at = kind + 255, at + 1
        if at >= end:
            return False
        kind, at = kind + rbsp[at], at + 1
        while at < end and rbsp[at] == 0xFF:
            size, at = size + 255, at + 1
        if at >= end:
            return False
        size, at = size + rbsp[at], at + 1
        if kind == _RECOVERY_POINT:
            return 0 < size <= end - at
        at += size
    return False


def key_kind(codec: Codec, nals: Iterable[bytes | memoryview]) -> KeyKind:
    """Whether decoding can start at the picture made of these NAL units.

    Units whose header is missing or damaged count for nothing.
    """
    return _h264_key_kind(nals) if codec is Codec.H264 else _h265_key_kind(nals)


def _h265_key_kind(nals: Iterable[bytes | memoryview]) -> KeyKind:
    recovery = False
    for nal in nals:
        if len(nal) < 2 or layer_id(nal):
            continue
        type_ = (nal[0] >> 1) & 0x3F
        if is_irap(type_) and not is_cra(type_):
            return KeyKind.CLOSED
        if type_ in _H265_SLICES:
            return KeyKind.OPEN if recovery or is_cra(type_) else KeyKind.NONE
        recovery = recovery or (type_ == 39 and is_recovery_point(Codec.H265, nal))
    return KeyKind.NONE


def _h264_key_kind(nals: Iterable[bytes | memoryview]) -> KeyKind:
    recovery = has_sps = all_intra = False
    for nal in nals:
        type_ = nal[0] & 0x1F if nal else 0
        if type_ == 5:
            return KeyKind.CLOSED
        if type_ == 6:
            recovery = recovery or is_recovery_point(Codec.H264, nal)
        elif type_ == 7:
            has_sps = True
        elif type_ in _H264_FIRST_SLICES:
            if recovery or not has_sps:
                return KeyKind.OPEN if recovery else KeyKind.NONE
            try:
                all_intra = is_intra_slice(nal)
            except InvalidError:
                all_intra = False
            if not all_intra:
                return KeyKind.NONE
    return KeyKind.OPEN if all_intra else KeyKind.NONE


def join_nals(nals: Iterable[bytes | memoryview]) -> bytes:
    """NAL units each behind its length in four big-endian bytes (the form of `AccessUnit.data`)."""
    parts: list[bytes | memoryview] = []
    for nal in nals:
        parts.append(len(nal).to_bytes(LENGTH_BYTES, "big"))
        parts.append(nal)
    return b"".join(parts)


def split_nals(data: bytes | memoryview) -> list[memoryview]:
    """The NAL units of an access unit in the length-prefixed form, without copying them.

    Errors: InvalidError when a length is zero or passes the end, or there are more than MAX_NALS units.
    """
    view = memoryview(data)
    nals: list[memoryview] = []
    at, end = 0, len(view)
    while at < end:
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(view[at:start], "big")
        if at > end or at == start:
            raise InvalidError("the lengths of an access unit's NAL units do not fit it")
        nals.append(view[start:at])
        if len(nals) > MAX_NALS:
            raise InvalidError(f"an access unit of more than {MAX_NALS} NAL units")
    return nals


def split_annex_b(data: bytes) -> list[bytes]:
    """The NAL units between start codes (00 00 01); what precedes the first start code is left out.

    Trailing zero bytes belong to the start code that follows, not to the unit.
    Errors: InvalidError when there are more than MAX_NALS units.
    Source: ITU-T H.264 annex B, H.265 annex B.
    """
    pieces = data.split(b"\0\0\1", MAX_NALS + 1)
    if len(pieces) > MAX_NALS + 1:
        raise InvalidError(f"an access unit of more than {MAX_NALS} NAL units")
    nals = (piece.rstrip(b"\0") for piece in pieces[1:])
    return [nal for nal in nals if nal]
