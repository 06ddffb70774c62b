"""Streams that are coded in unusual ways; each takes effect, and ends, at a key frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi, sin

from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.model import Clip, ClipUnit
from custodes_simulator.clips.nal import START_CODE, VideoCodec, is_parameter_set
from custodes_simulator.errors import FleetFileError
from custodes_simulator.misbehaviours.base import ClipMisbehaviour, register

_UUID = bytes(range(1, 17))


@register("b-frames")
@dataclass
class BFrames(ClipMisbehaviour):
    """Bidirectional frames: decoding order is not presentation order."""

    count: int = 2

    def recode(self, encoding: Encoding) -> Encoding:
        return replace(encoding, b_frames=self.count, preset="veryfast")


@register("long-gop")
@dataclass
class LongGop(ClipMisbehaviour):
    """Key frames are `frames` apart, or only at the clip's beginning where that is nearer."""

    frames: int = 1500

    def recode(self, encoding: Encoding) -> Encoding:
        return replace(encoding, key_every=self.frames)


@register("open-gop")
@dataclass
class OpenGop(ClipMisbehaviour):
    """No IDR at all: recovery points (H.264) or CRA (H.265) alone."""

    def recode(self, encoding: Encoding) -> Encoding:
        return replace(encoding, open_gop=True, b_frames=2, preset="veryfast")


@register("slices")
@dataclass
class Slices(ClipMisbehaviour):
    """Several slices a picture."""

    count: int = 4

    def recode(self, encoding: Encoding) -> Encoding:
        return replace(encoding, slices=self.count)


@register("size-change")
@dataclass
class SizeChange(ClipMisbehaviour):
    """Another resolution while it acts."""

    width: int = 640
    height: int = 360

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or not (16 <= self.width <= 8192 and 16 <= self.height <= 8192):
            raise FleetFileError(f"{self.width}x{self.height} must be an even size of 16 to 8192")

    def recode(self, encoding: Encoding) -> Encoding:
        return replace(encoding, width=self.width, height=self.height)


@register("parameter-sets-change")
@dataclass
class ParameterSetsChange(ClipMisbehaviour):
    """Other parameter sets, in-band, at the same resolution, while it acts."""

    def recode(self, encoding: Encoding) -> Encoding:
        return replace(encoding, preset="superfast" if encoding.preset == "veryfast" else "veryfast")


@register("sets-out-of-band")
@dataclass
class SetsOutOfBand(ClipMisbehaviour):
    """No parameter sets in-band; they are in the description alone."""

    def reshape(self, clip: Clip) -> Clip:
        def bare(unit: ClipUnit) -> ClipUnit:
            return replace(unit, nals=tuple(n for n in unit.nals if not is_parameter_set(clip.codec, n)))

        return replace(clip, units=tuple(bare(unit) for unit in clip.units))


@register("start-codes")
@dataclass
class StartCodes(ClipMisbehaviour):
    """Annex B start codes inside RTP payloads; a correct client yields the NAL units without them.

    `how`: "joined" sends all NAL units of an access unit as one, with start codes between them;
    "trailing" leaves a start code's zeros behind every NAL unit.
    """

    how: str = "joined"

    def __post_init__(self) -> None:
        if self.how not in ("joined", "trailing"):
            raise FleetFileError(f"how is {self.how!r}; it must be joined or trailing")

    def reshape(self, clip: Clip) -> Clip:
        def dirty(unit: ClipUnit) -> ClipUnit:
            if self.how == "joined":
                return replace(unit, wire=(START_CODE.join(unit.nals),))
            return replace(unit, wire=tuple(nal + bytes(3) for nal in unit.nals))

        return replace(clip, units=tuple(dirty(unit) for unit in clip.units))


@register("giant-key-frame")
@dataclass
class GiantKeyFrame(ClipMisbehaviour):
    """Key frames are padded by user data to about `size_bytes`."""

    size_bytes: int = 2 * 1024 * 1024

    def __post_init__(self) -> None:
        if not 1024 <= self.size_bytes <= 64 * 1024 * 1024:
            raise FleetFileError(f"size_bytes is {self.size_bytes}; it must be 1 KiB to 64 MiB")

    def reshape(self, clip: Clip) -> Clip:
        padding = _user_data(clip.codec, self.size_bytes)

        def padded(unit: ClipUnit) -> ClipUnit:
            if not unit.starts:
                return unit
            sets = [nal for nal in unit.nals if is_parameter_set(clip.codec, nal)]
            others = [nal for nal in unit.nals if not is_parameter_set(clip.codec, nal)]
            return replace(unit, nals=(*sets, padding, *others))

        return replace(clip, units=tuple(padded(unit) for unit in clip.units))


def _user_data(codec: VideoCodec, size_bytes: int) -> bytes:
    """An SEI NAL unit with unregistered user data, free of bytes that would need escaping."""
    head = b"\x06" if codec is VideoCodec.H264 else b"\x4e\x01"
    pattern = bytes(range(1, 256))
    data = _UUID + (pattern * (size_bytes // len(pattern) + 1))[:size_bytes]
    length = b"\xff" * (len(data) // 255) + bytes([len(data) % 255])
    # A length that ends in a zero byte would stand before the UUID, which has none: no start code arises.
    return head + b"\x05" + length + data + b"\x80"


@register("access-unit-delimiters")
@dataclass
class AccessUnitDelimiters(ClipMisbehaviour):
    """Every access unit begins with a delimiter."""

    def reshape(self, clip: Clip) -> Clip:
        delimiter = b"\x09\xf0" if clip.codec is VideoCodec.H264 else b"\x46\x01\x50"
        units = tuple(replace(unit, nals=(delimiter, *unit.nals)) for unit in clip.units)
        return replace(clip, units=units)


@register("variable-frame-rate")
@dataclass
class VariableFrameRate(ClipMisbehaviour):
    """Distances of pictures grow and shrink by up to `swing`, in parts, over a loop of the clip."""

    swing: float = 0.5
    waves: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.swing < 1 or not 1 <= self.waves <= 100:
            raise FleetFileError("swing must be over 0 and under 1, waves 1 to 100")

    def reshape(self, clip: Clip) -> Clip:
        turn = 2 * pi * self.waves / clip.duration_90k

        def warped(at: int) -> int:
            return round(at + self.swing / turn * sin(turn * at))

        units = tuple(
            replace(unit, send_90k=warped(unit.send_90k), show_90k=warped(unit.show_90k))
            for unit in clip.units
        )
        return replace(clip, units=units)
