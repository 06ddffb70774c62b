"""Real coded video, made by the encoders in FFmpeg."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import pytest

from custodes.media import nal
from custodes.media.nal import KeyKind
from custodes.media.packets import AccessUnit, Codec, ParameterSets

Clip = tuple[ParameterSets, list[AccessUnit]]
FRAME_90K = 3600


@functools.cache
def _encode(
    codec: Codec, width: int, height: int, frames: int, keyint: int, bframes: int, extra: str
) -> Clip:
    name = "libx264" if codec is Codec.H264 else "libx265"
    context = av.CodecContext.create(name, "w")
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, 25)
    context.framerate = Fraction(25)
    context.thread_count = 1
    settings = f"keyint={keyint}:min-keyint={keyint}:scenecut=0:bframes={bframes}:b-adapt=0"
    settings += ":annexb=1:repeat-headers=1:open-gop=0" + extra
    if codec is Codec.H265:
        settings += ":log-level=none:pools=1:frame-threads=1"
    context.options = {"preset": "ultrafast", name[3:] + "-params": settings}
    packets = []
    for number in range(frames):
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        picture[:height, :] = (np.arange(width)[None, :] + 5 * number) % 256
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    sets: dict[int, bytes] = {}
    units = []
    for packet in packets:
        nals = nal.split_annex_b(bytes(packet))
        sets.update({t: n for n in nals if nal.is_parameter_set(codec, t := nal.nal_type(codec, n))})
        kind = nal.key_kind(codec, nals)
        units.append(
            AccessUnit(
                data=nal.join_nals(nals),
                media_90k=packet.pts * FRAME_90K,
                boot_us=len(units) * 40_000,
                camera_utc_us=0,
                is_key=kind is KeyKind.CLOSED,
                is_open_key=kind is KeyKind.OPEN,
            )
        )
    if codec is Codec.H264:
        return ParameterSets(codec, (), (sets[7],), (sets[8],)), units
    return ParameterSets(codec, (sets[32],), (sets[33],), (sets[34],)), units


@pytest.fixture(scope="session")
def encode() -> Callable[..., Clip]:
    """Encode a moving gradient at 25 pictures a second; access units in decoding order."""

    def run(
        codec: Codec,
        width: int = 320,
        height: int = 180,
        frames: int = 20,
        keyint: int = 10,
        bframes: int = 0,
        extra: str = "",
    ) -> Clip:
        return _encode(codec, width, height, frames, keyint, bframes, extra)

    return run
