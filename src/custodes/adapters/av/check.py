"""Does a file decode: an independent look at an exported MP4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from custodes.adapters.av.errors import translate
from custodes.base.errors import CorruptError
from custodes.media.timeline import CLOCK_HZ

MAX_FRAMES = 1 << 24


@dataclass(frozen=True, slots=True)
class VideoCheck:
    """What FFmpeg makes of a file.

    `damaged_frames`: of `frames`, those that could only be decoded in part. `first_90k`, `last_90k`:
    presentation times of the first and last picture.
    """

    codec: str
    packets: int
    frames: int
    damaged_frames: int
    width_px: int
    height_px: int
    first_90k: int
    last_90k: int


def check_video(file: BinaryIO) -> VideoCheck:
    """Decode the first video track of an MP4 file from start to end and count its frames.

    Errors: CorruptError when FFmpeg finds no video, cannot read the file, or decodes no picture of it.
    Cost: decodes everything, about a millisecond a picture of 640 by 360.
    """
    try:
        with av.open(file, "r", format="mov") as container:
            if not container.streams.video:
                raise CorruptError("the file has no video")
            return _decode(container, container.streams.video[0])
    except av.FFmpegError as error:
        raise CorruptError(f"FFmpeg cannot decode the file: {translate(error)}") from error


def _decode(container: InputContainer, stream: VideoStream) -> VideoCheck:
    packets = damaged = 0
    times: list[int] = []
    for packet in container.demux(stream):
        packets += packet.size > 0
        for frame in packet.decode():
            times.append(frame.pts if frame.pts is not None else 0)
            damaged += frame.is_corrupt
        if len(times) > MAX_FRAMES:
            raise CorruptError(f"the file holds more than {MAX_FRAMES} pictures")
    if not times:
        raise CorruptError("no picture of the file can be decoded")
    context, base = stream.codec_context, stream.time_base
    first_90k, last_90k = (int(time * base * CLOCK_HZ) if base else time for time in (min(times), max(times)))
    return VideoCheck(
        codec=context.name,
        packets=packets,
        frames=len(times),
        damaged_frames=damaged,
        width_px=context.width,
        height_px=context.height,
        first_90k=first_90k,
        last_90k=last_90k,
    )
