"""Access units to pictures, and pictures to H.264 made from scratch. One thread, no file, no device.

Shapes: a picture is a NumPy array (height, width, 3) of bytes, blue, green, red.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from custodes.base.errors import BugError, InvalidError
from custodes.media.nal import H264, join_nals, nal_type, split_annex_b, split_nals
from custodes.media.packets import Codec, ParameterSets
from custodes.media.timeline import CLOCK_HZ

Picture = NDArray[np.uint8]

MAX_PIXELS = 1 << 24
# Of a picture that a decoder holds back for its order, no more than this many are waited for.
_MAX_HELD = 32
_START_CODE = b"\0\0\0\1"
_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
_MAX_RATE_BPS = 2_000_000
_EVERY_PICTURE_COUNTS = 1 << 20
_ENCODER_OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "crf": "26",
    "maxrate": str(_MAX_RATE_BPS),
    "bufsize": str(_MAX_RATE_BPS),
    "forced-idr": "1",
    # Key frames are ordered one by one; nothing else begins a group of pictures.
    "x264-params": "scenecut=0:keyint=infinite:sliced-threads=0:threads=1",
}


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A picture as a decoder gave it; `tag` is that of the access unit which it was in."""

    frame: VideoFrame
    tag: int

    @property
    def is_damaged(self) -> bool:
        """Whether the decoder says that a part of it is guessed."""
        return bool(self.frame.is_corrupt)

    def array(self, longest_px: int) -> Picture:
        """The picture, made smaller where a side is longer than that. Cost: a copy."""
        width, height = fit(self.frame.width, self.frame.height, longest_px)
        small = self.frame.reformat(width=width, height=height, format="bgr24")
        return np.asarray(small.to_ndarray(), np.uint8)


def fit(width_px: int, height_px: int, longest_px: int) -> tuple[int, int]:
    """Even sides, at least 16, of the same shape and no longer than that."""
    scale = min(1.0, longest_px / max(width_px, height_px))
    return max(16, int(width_px * scale) & ~1), max(16, int(height_px * scale) & ~1)


class PictureDecoder:
    """Decodes one stream; begins at a key frame, and after `restart` again."""

    def __init__(self, sets: ParameterSets) -> None:
        name = _DECODERS[sets.codec]
        context = CodecContext.create(name, "r")
        if not isinstance(context, VideoCodecContext):
            raise BugError(f"FFmpeg decodes no pictures by {name}")
        context.thread_count = 1
        context.options = {"max_pixels": str(MAX_PIXELS)}
        self._context = context
        self._before = _annex_b((*sets.vps, *sets.sps, *sets.pps))
        self._begun = False
        self._number = 0
        self._tags: dict[int, int] = {}

    def decode(self, data: bytes, is_key: bool, tag: int) -> list[DecodedPicture]:
        """The pictures that are finished with this access unit (NAL units behind their lengths).

        Errors: InvalidError when it cannot be decoded, or is no key frame where one is due.
        """
        if not self._begun and not is_key:
            raise InvalidError("decoding begins at a key frame")
        annex_b = _annex_b(split_nals(data))
        packet = av.Packet(annex_b if self._begun else self._before + annex_b)
        self._begun = True
        self._number += 1
        packet.pts = packet.dts = self._number
        self._tags[self._number] = tag
        if len(self._tags) > _MAX_HELD:
            del self._tags[min(self._tags)]
        return self._decode(packet)

    def finish(self) -> list[DecodedPicture]:
        """The pictures that are held back, and `restart`. Errors: InvalidError."""
        try:
            return self._decode(None)
        finally:
            self.restart()

    def restart(self) -> None:
        """Forget what was decoded; the next access unit must be a key frame."""
        self._context.flush_buffers()
        self._tags.clear()
        self._begun = False

    def _decode(self, packet: av.Packet[Any] | None) -> list[DecodedPicture]:
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError as error:
            raise InvalidError(f"a picture cannot be decoded ({type(error).__name__})") from error
        return [self._tagged(frame) for frame in frames if isinstance(frame, VideoFrame)]

    def _tagged(self, frame: VideoFrame) -> DecodedPicture:
        tag = self._tags.pop(frame.pts, None) if frame.pts is not None else None
        if tag is None:
            raise InvalidError("the decoder gave a picture of no access unit")
        return DecodedPicture(frame, tag)


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One picture as an MP4 sample."""

    sample: bytes
    is_key: bool


class PictureEncoder:
    """Encodes pictures of one size; each comes out at once, and refers to none before the last key frame."""

    def __init__(self, width_px: int, height_px: int) -> None:
        context = CodecContext.create("libx264", "w")
        if not isinstance(context, VideoCodecContext):
            raise BugError("FFmpeg has no libx264")
        context.width, context.height, context.pix_fmt = width_px, height_px, "yuv420p"
        context.time_base = Fraction(1, CLOCK_HZ)
        context.framerate = Fraction(8, 1)
        context.thread_count = 1
        context.max_b_frames = 0
        context.gop_size = _EVERY_PICTURE_COUNTS
        context.flags |= Flags.global_header
        context.options = _ENCODER_OPTIONS
        context.open()
        self._context = context
        self.size_px = width_px, height_px
        nals = split_annex_b(bytes(context.extradata or b""))
        self.sets = ParameterSets(Codec.H264, (), _of(nals, H264.SPS), _of(nals, H264.PPS))

    def encode(self, picture: Picture, at_90k: int, is_key: bool) -> EncodedPicture:
        """The next picture; times rise. Errors: BugError when the encoder does not do as it is told."""
        height_px, width_px = picture.shape[:2]
        if (width_px, height_px) != self.size_px:
            raise BugError(f"a picture of {width_px}x{height_px} for an encoder of {self.size_px}")
        frame = VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        frame.pts = at_90k
        frame.pict_type = PictureType.I if is_key else PictureType.NONE
        try:
            packets = self._context.encode(frame)
        except av.FFmpegError as error:
            raise BugError(f"a picture cannot be encoded ({type(error).__name__})") from error
        if len(packets) != 1:
            raise BugError(f"{len(packets)} encoded pictures for one")
        # The encoder's own words (SEI) are left out: a picture and nothing else.
        nals = [nal for nal in split_annex_b(bytes(packets[0])) if nal_type(Codec.H264, nal) in _SLICES]
        if not nals or (nal_type(Codec.H264, nals[0]) == H264.IDR) < is_key:
            raise BugError("an encoded picture is not of the kind that was ordered")
        return EncodedPicture(join_nals(nals), nal_type(Codec.H264, nals[0]) == H264.IDR)


_SLICES = frozenset({int(H264.SLICE), int(H264.IDR)})


def _annex_b(nals: tuple[bytes, ...] | list[memoryview]) -> bytes:
    return b"".join(part for nal in nals for part in (_START_CODE, nal))


def _of(nals: list[bytes], kind: H264) -> tuple[bytes, ...]:
    return tuple(nal for nal in nals if nal_type(Codec.H264, nal) == kind)
