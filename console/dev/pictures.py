"""Moving pictures that look like a de-identified view: a drawn street on which flat blocks move."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cache

import av
import numpy as np
from numpy.typing import NDArray

WIDTH_PX = 640
HEIGHT_PX = 360
LIVE_HZ = 8
LOOP_S = 12
RECORDED_LOOP_S = 60
SCENES = 6
_MASK = (96, 110, 116)
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Fragment:
    """`moof` and `mdat` of one picture."""

    data: bytes
    is_key: bool
    time_at: int


@dataclass(frozen=True)
class Loop:
    """An initialisation segment and fragments that can be sent again and again."""

    codec: str
    init: bytes
    fragments: tuple[Fragment, ...]
    ticks: int
    ticks_per_s: int

    def fragment(self, number: int) -> tuple[bytes, bool]:
        """The fragment of this number, at its own decode time."""
        found = self.fragments[number % len(self.fragments)]
        data = bytearray(found.data)
        ticks = number * self.ticks // len(self.fragments)
        struct.pack_into(">Q", data, found.time_at, ticks)
        return bytes(data), found.is_key


@cache
def live_loop(scene: int) -> Loop:
    """The live view of a scene, LIVE_HZ pictures a second, a key frame a second."""
    return _encode([_draw(scene, n / LIVE_HZ) for n in range(LIVE_HZ * LOOP_S)], LIVE_HZ, LIVE_HZ)


@cache
def recorded_object(scene: int) -> tuple[str, bytes]:
    """The codec and the bytes of a minute of recorded view, one picture a second."""
    loop = _encode([_draw(scene, n * 1.0) for n in range(RECORDED_LOOP_S)], 1, 10)
    return loop.codec, loop.init + b"".join(one.data for one in loop.fragments)


def _encode(pictures: list[Picture], rate_hz: int, key_every: int) -> Loop:
    target = io.BytesIO()
    options = {"movflags": "empty_moov+default_base_moof+frag_every_frame"}
    with av.open(target, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=rate_hz)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.gop_size = key_every
        stream.options = {
            "tune": "zerolatency",
            "preset": "veryfast",
            "crf": "27",
            "x264-params": f"scenecut=0:keyint={key_every}",
        }
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return _split(target.getvalue(), rate_hz)


def _split(data: bytes, rate_hz: int) -> Loop:
    init, fragments, at = b"", [], 0
    head = b""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at : at + size]
        if kind in (b"ftyp", b"moov"):
            init += body
        elif kind == b"moof":
            head = body
        elif kind == b"mdat":
            fragments.append(Fragment(_wide_time(head) + body, False, 0))
        at += size
    ticks_per_s = struct.unpack_from(">I", init, init.index(b"mdhd") + 16)[0]
    avcc = init.index(b"avcC") + 5
    codec = "avc1." + init[avcc : avcc + 3].hex().upper()
    placed = tuple(Fragment(one.data, _is_key(one.data), one.data.index(b"tfdt") + 8) for one in fragments)
    return Loop(codec, init, placed, len(placed) * ticks_per_s // rate_hz, ticks_per_s)


def _wide_time(moof: bytes) -> bytes:
    """Errors: ValueError unless its decode time has 64 bits, as this library writes it."""
    if moof[moof.index(b"tfdt") + 4] != 1:
        raise ValueError("a decode time of 32 bits")
    return moof


def _is_key(fragment: bytes) -> bool:
    """Whether its first access unit holds an IDR slice."""
    at = fragment.index(b"mdat") + 4
    while at + 5 <= len(fragment):
        size = struct.unpack_from(">I", fragment, at)[0]
        if fragment[at + 4] & 0x1F == 5:
            return True
        at += 4 + size
    return False


def _draw(scene: int, time_s: float) -> Picture:
    picture = empty_street(scene).copy()
    dice = np.random.default_rng(1000 + scene)
    for _ in range(3 + scene % 4):
        lane, speed, phase = dice.uniform(0.0, 1.0), dice.uniform(0.02, 0.07), dice.uniform(0.0, 1.0)
        way = (phase + speed * time_s * (1 if dice.uniform() > 0.5 else -1)) % 1.2 - 0.1
        depth = 0.25 + 0.75 * lane
        height = int((26 + 84 * depth) / 16) * 16
        width = max(16, int(height * dice.choice([0.4, 0.45, 1.6]) / 16) * 16)
        foot = int((HEIGHT_PX * (0.52 + 0.4 * depth)) / 16) * 16
        left = int(way * WIDTH_PX / 16) * 16
        top, bottom = max(0, foot - height), min(HEIGHT_PX, foot)
        picture[top:bottom, max(0, left) : max(0, min(WIDTH_PX, left + width))] = _MASK
    return picture


@cache
def empty_street(scene: int) -> Picture:
    """The street of a scene with nobody in it; red, green, blue."""
    dice = np.random.default_rng(scene)
    picture = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)
    rows = np.linspace(0, 1, HEIGHT_PX)[:, None]
    night = scene % 3 == 2
    low, high = ((26, 32, 48), (58, 62, 76)) if night else ((150, 172, 190), (206, 212, 208))
    horizon = int(HEIGHT_PX * dice.uniform(0.36, 0.46))
    for channel in range(3):
        picture[:, :, channel] = low[channel] + (high[channel] - low[channel]) * rows
    at = 0
    while at < WIDTH_PX:
        width, height = int(dice.integers(60, 150)), int(dice.integers(50, horizon - 10))
        tone = dice.uniform(40, 70) if night else dice.uniform(110, 175)
        picture[horizon - height : horizon, at : at + width] = (tone, tone * 0.96, tone * 0.9)
        for y in range(horizon - height + 10, horizon - 12, 18):
            for x in range(at + 8, min(at + width - 8, WIDTH_PX - 8), 20):
                lit = night and dice.uniform() > 0.7
                picture[y : y + 9, x : x + 9] = (214, 180, 110) if lit else tone * 0.68
        at += width + 2
    ground = (52, 54, 58) if night else (128, 130, 128)
    vanish = int(WIDTH_PX * dice.uniform(0.35, 0.65))
    y, x = np.mgrid[horizon:HEIGHT_PX, 0:WIDTH_PX]
    depth = (y - horizon) / (HEIGHT_PX - horizon)
    offset = (x - vanish) / (0.06 + depth * 0.62) / WIDTH_PX
    road = np.abs(offset) < 0.9
    base = np.where(road[..., None], np.array(ground), np.array(ground) * 1.22)
    line = (np.abs(offset) < 0.02) & ((1 / (depth + 0.08) * 2.2) % 1 > 0.45)
    edge = np.abs(np.abs(offset) - 0.84) < 0.02
    base = np.where((line | edge)[..., None], np.array(ground) * 1.5 + 24, base)
    picture[horizon:] = base
    picture += dice.normal(0, 2.2, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)
