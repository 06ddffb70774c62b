"""Access units as a camera sent them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Codec(IntEnum):
    """The codecs that can be recorded; any other is refused by name."""

    H264 = 1
    H265 = 2


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture, in decoding order.

    `data`: its NAL units as sent, each behind its length in four big-endian bytes (an MP4 sample).
    `media_90k`: RTP time stamp, unwrapped to 64 bits, in 1/90,000 s; presentation order.
    `boot_us`: when its last byte was read (CLOCK_BOOTTIME).
    `camera_utc_us`: the camera's own claim from RTCP, 0 where it makes none.
    `is_key`: decoding can start here (IDR; for H.265 IRAP).
    `is_open_key`: a recovery point or CRA that is a key frame only where there are no others.
    `loss_before`: packets known to be missing since the access unit before.
    """

    data: bytes
    media_90k: int
    boot_us: int
    camera_utc_us: int
    is_key: bool
    is_open_key: bool = False
    loss_before: int = 0


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """A stream's parameter sets at one moment, each without start code or length.

    `vps` is empty for H.264.
    """

    codec: Codec
    vps: tuple[bytes, ...]
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
