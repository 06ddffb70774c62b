"""A clip: access units that a simulated camera plays in a loop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custodes_simulator.clips.nal import VideoCodec, is_clean_key, is_open_key, is_parameter_set, nal_type
from custodes_simulator.errors import ClipError


class AudioCodec(StrEnum):
    """The audio codecs that a simulated camera can send."""

    PCMA = "pcma"
    PCMU = "pcmu"
    AAC = "aac"
    MP2 = "mp2"


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """A clip's parameter sets without start code; `vps` is empty for H.264."""

    vps: tuple[bytes, ...]
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ClipUnit:
    """One coded picture, in decoding order.

    `send_90k`: when it is sent, from the first access unit of the clip.
    `show_90k`: presentation time, from the first access unit of the clip.
    `wire`: NAL units as they are packetised where that differs from what a correct client yields.
    Units: 1/90,000 s.
    """

    nals: tuple[bytes, ...]
    send_90k: int
    show_90k: int
    is_key: bool
    is_open_key: bool = False
    wire: tuple[bytes, ...] | None = None

    @property
    def starts(self) -> bool:
        """Whether a player may begin or switch here."""
        return self.is_key or self.is_open_key


@dataclass(frozen=True, slots=True)
class Clip:
    """Access units with the time they fill; played end to end it has no seam in time.

    Errors: ClipError where it is empty or does not begin with a key frame.
    """

    name: str
    codec: VideoCodec
    width: int
    height: int
    units: tuple[ClipUnit, ...]
    duration_90k: int
    sets: ParameterSets

    def __post_init__(self) -> None:
        if not self.units:
            raise ClipError(f"clip {self.name}: no access units")
        if not self.units[0].starts:
            raise ClipError(f"clip {self.name}: does not begin with a key frame")
        if self.duration_90k <= self.units[-1].send_90k:
            raise ClipError(f"clip {self.name}: {self.duration_90k} ticks are shorter than its access units")


@dataclass(frozen=True, slots=True)
class AudioClip:
    """Frames of sound, all of `samples` samples, to be played in a loop.

    `config`: AudioSpecificConfig for AAC, else empty.
    """

    codec: AudioCodec
    frames: tuple[bytes, ...]
    samples: int
    rate_hz: int
    channels: int
    config: bytes = b""


def unit_of(codec: VideoCodec, nals: tuple[bytes, ...], send_90k: int, show_90k: int) -> ClipUnit:
    """An access unit whose key flags are read from its NAL units."""
    clean = is_clean_key(codec, nals)
    return ClipUnit(nals, send_90k, show_90k, clean, not clean and is_open_key(codec, nals))


def parameter_sets_of(codec: VideoCodec, nals: tuple[bytes, ...]) -> ParameterSets:
    """The parameter sets among these NAL units, without repeats."""
    found: dict[int, dict[bytes, None]] = {}
    for nal in nals:
        if is_parameter_set(codec, nal):
            found.setdefault(nal_type(codec, nal), {})[nal] = None
    kinds = (0, 7, 8) if codec is VideoCodec.H264 else (32, 33, 34)
    vps, sps, pps = (tuple(found.get(kind, ())) for kind in kinds)
    return ParameterSets(vps, sps, pps)
