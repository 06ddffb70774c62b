"""Encoding of pictures into a clip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.video.codeccontext import VideoCodecContext

from custodes_simulator.clips.model import Clip, ClipUnit, parameter_sets_of, unit_of
from custodes_simulator.clips.nal import VideoCodec, nal_type, split_byte_stream
from custodes_simulator.errors import ClipError


@dataclass(frozen=True, slots=True)
class Encoding:
    """How pictures become a stream.

    `width`, `height`, `rate_hz`: 0 keeps the source's.
    `key_every`: frames from key frame to key frame.
    `open_gop`: no IDR at all; key frames are recovery points (H.264) or CRA (H.265).
    """

    codec: VideoCodec = VideoCodec.H264
    width: int = 0
    height: int = 0
    rate_hz: int = 0
    bitrate_bps: int = 500_000
    key_every: int = 25
    b_frames: int = 0
    open_gop: bool = False
    slices: int = 1
    preset: str = "ultrafast"


def encode(
    pictures: Iterable[av.VideoFrame], rate: Fraction, size: tuple[int, int], encoding: Encoding, name: str
) -> Clip:
    """A clip of these pictures, in one piece in memory.

    Cost: one encode of every picture.
    Errors: ClipError where the encoder refuses the settings.
    """
    width, height = encoding.width or size[0], encoding.height or size[1]
    context = _encoder(encoding, width, height, rate)
    try:
        packets = list(_packets(context, pictures, encoding, width, height))
    except av.error.FFmpegError as error:
        raise ClipError(f"clip {name}: cannot encode {width}x{height} {encoding.codec}: {error}") from error
    return assemble(name, encoding.codec, (width, height), packets, rate, drop_to_open=encoding.open_gop)


def assemble(
    name: str,
    codec: VideoCodec,
    size: tuple[int, int],
    packets: list[tuple[bytes, int]],
    rate: Fraction,
    *,
    drop_to_open: bool = False,
) -> Clip:
    """A clip of byte-stream packets in decoding order with presentation indices of constant rate."""
    ticks = Fraction(90_000) / rate
    split = [(split_byte_stream(data), index) for data, index in packets]
    if not split:
        raise ClipError(f"clip {name}: no pictures")
    sets = parameter_sets_of(codec, tuple(nal for nals, _ in split for nal in nals))
    if drop_to_open:
        split = _from_open_key(codec, split, name)
    first = split[0][1]
    units = tuple(
        unit_of(codec, nals, round(order * ticks), round((index - first) * ticks))
        for order, (nals, index) in enumerate(split)
    )
    return Clip(name, codec, *size, units, round(len(units) * ticks), sets)


def _from_open_key(
    codec: VideoCodec, split: list[tuple[tuple[bytes, ...], int]], name: str
) -> list[tuple[tuple[bytes, ...], int]]:
    """The access units from the first open key frame on, without the pictures that lead it."""
    for at, (nals, index) in enumerate(split):
        if at and unit_of(codec, nals, 0, 0).is_open_key:
            kept = [split[at], *(item for item in split[at + 1 :] if item[1] > index)]
            return _renumber(kept)
    raise ClipError(f"clip {name}: too short for an open GOP; it needs more frames than key_every")


def _renumber(split: list[tuple[tuple[bytes, ...], int]]) -> list[tuple[tuple[bytes, ...], int]]:
    rank = {index: place for place, index in enumerate(sorted(index for _, index in split))}
    return [(nals, rank[index]) for nals, index in split]


def _encoder(encoding: Encoding, width: int, height: int, rate: Fraction) -> VideoCodecContext:
    library = "libx264" if encoding.codec is VideoCodec.H264 else "libx265"
    context = av.CodecContext.create(library, "w")
    if not isinstance(context, VideoCodecContext):
        raise ClipError(f"encoder {library} is not a video encoder")
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.time_base = 1 / rate
    context.framerate = rate
    context.bit_rate = encoding.bitrate_bps
    context.gop_size = encoding.key_every
    context.max_b_frames = encoding.b_frames
    context.thread_count = 1
    context.options = _options(encoding)
    return context


def _options(encoding: Encoding) -> dict[str, str]:
    kilobits = max(1, encoding.bitrate_bps // 1000)
    parameters = {
        "keyint": encoding.key_every,
        "min-keyint": encoding.key_every,
        "scenecut": 0,
        "bframes": encoding.b_frames,
        "slices": encoding.slices,
        "open-gop": int(encoding.open_gop),
        "vbv-maxrate": kilobits,
        "vbv-bufsize": kilobits,
    }
    if encoding.codec is VideoCodec.H265:
        parameters |= {"repeat-headers": 1, "frame-threads": 1, "pools": 1}
    text = ":".join(f"{key}={value}" for key, value in parameters.items())
    if encoding.codec is VideoCodec.H264:
        return {"preset": encoding.preset, "x264-params": text, "forced-idr": "1"}
    return {"preset": encoding.preset, "x265-params": text + ":log-level=error"}


def _packets(
    context: VideoCodecContext, pictures: Iterable[av.VideoFrame], encoding: Encoding, width: int, height: int
) -> Iterator[tuple[bytes, int]]:
    for index, picture in enumerate(pictures):
        frame = picture.reformat(width, height, "yuv420p")
        frame.pts = index
        frame.time_base = context.time_base
        frame.pict_type = av.video.frame.PictureType.NONE
        for packet in context.encode(frame):
            yield bytes(packet), packet.pts or 0
    for packet in context.encode(None):
        yield bytes(packet), packet.pts or 0


def with_sets_in_band(clip: Clip) -> Clip:
    """The clip with its parameter sets before every key frame that has none."""
    every = clip.sets.vps + clip.sets.sps + clip.sets.pps

    def completed(unit: ClipUnit) -> ClipUnit:
        if not unit.starts or any(nal in every for nal in unit.nals):
            return unit
        aud = 9 if clip.codec is VideoCodec.H264 else 35
        lead = 1 if nal_type(clip.codec, unit.nals[0]) == aud else 0
        nals = unit.nals[:lead] + every + unit.nals[lead:]
        return ClipUnit(nals, unit.send_90k, unit.show_90k, unit.is_key, unit.is_open_key, unit.wire)

    units = tuple(completed(unit) for unit in clip.units)
    return Clip(clip.name, clip.codec, clip.width, clip.height, units, clip.duration_90k, clip.sets)
