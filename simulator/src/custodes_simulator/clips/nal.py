"""NAL units: their types, and how a byte stream falls into them.

Source: ITU-T H.264 table 7-1 and annex B; ITU-T H.265 table 7-1 and annex B.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

START_CODE = b"\x00\x00\x00\x01"


class VideoCodec(StrEnum):
    """The codecs that a simulated camera can really send."""

    H264 = "h264"
    H265 = "h265"


def nal_type(codec: VideoCodec, nal: bytes) -> int:
    """The type in a NAL unit's header."""
    return nal[0] & 0x1F if codec is VideoCodec.H264 else (nal[0] >> 1) & 0x3F


def is_slice(codec: VideoCodec, nal: bytes) -> bool:
    """Whether the NAL unit carries a part of a coded picture."""
    kind = nal_type(codec, nal)
    return 1 <= kind <= 5 if codec is VideoCodec.H264 else kind < 32


def is_parameter_set(codec: VideoCodec, nal: bytes) -> bool:
    """Whether the NAL unit is a VPS, SPS or PPS."""
    kind = nal_type(codec, nal)
    return kind in (7, 8) if codec is VideoCodec.H264 else kind in (32, 33, 34)


def is_clean_key(codec: VideoCodec, nals: Iterable[bytes]) -> bool:
    """Whether decoding can start here with nothing missing afterwards: IDR, or BLA for H.265."""
    kinds = {nal_type(codec, nal) for nal in nals}
    return 5 in kinds if codec is VideoCodec.H264 else bool(kinds & {16, 17, 18, 19, 20})


def is_open_key(codec: VideoCodec, nals: Iterable[bytes]) -> bool:
    """Whether decoding can start here although no IDR does: H.264 recovery point SEI, H.265 CRA."""
    if codec is VideoCodec.H265:
        return any(nal_type(codec, nal) == 21 for nal in nals)
    return any(nal_type(codec, nal) == 6 and 6 in _sei_payload_types(nal) for nal in nals)


def _sei_payload_types(nal: bytes) -> list[int]:
    """Payload types of an H.264 SEI NAL unit; stops at the first that is cut off."""
    body = nal[1:].replace(b"\x00\x00\x03", b"\x00\x00")
    found: list[int] = []
    at = 0
    while at + 2 <= len(body) and body[at:] != b"\x80":
        values = []
        for _ in range(2):
            value = 0
            while at < len(body) and body[at] == 0xFF:
                value, at = value + 255, at + 1
            if at >= len(body):
                return found
            values.append(value + body[at])
            at += 1
        found.append(values[0])
        at += values[1]
    return found


def split_byte_stream(data: bytes) -> tuple[bytes, ...]:
    """The NAL units of an Annex B byte stream, without start codes and trailing zeros."""
    nals: list[bytes] = []
    start = data.find(b"\x00\x00\x01")
    while start >= 0:
        following = data.find(b"\x00\x00\x01", start + 3)
        end = len(data) if following < 0 else following
        nal = data[start + 3 : end].rstrip(b"\x00")
        if nal:
            nals.append(nal)
        start = following
    return tuple(nals)


def length_prefixed(nals: Iterable[bytes]) -> bytes:
    """The NAL units each behind its length in four big-endian bytes."""
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
