"""FFmpeg at work on one source, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from custodes.adapters.av.errors import is_silence, translate
from custodes.adapters.av.frames import Demuxed, Ended, Failed, Frame, Opened
from custodes.base.errors import CustodesError, InvalidError
from custodes.base.fence.calls import restrict_calls
from custodes.base.fence.report import FenceReport


def read(order: dict[str, Any], fences: FenceReport) -> Iterator[Frame]:
    """Open what the order names and take it apart, to its end or its failure.

    Once the source is open, no file and no connection is opened any more.
    """
    is_open = False
    try:
        timeout = (order["connect_s"], order["silence_s"])
        with av.open(order["target"], options=order["options"], timeout=timeout) as container:
            if not container.streams.video:
                raise InvalidError("the source has no video")
            stream = container.streams.video[0]
            missing = "; ".join(f"{one.name}: {one.detail}" for one in (fences + restrict_calls()).missing)
            is_open = True
            yield Opened(stream.codec_context.name, stream.codec_context.extradata or b"", missing)
            yield from _packets(container, stream, bool(order["file"]))
        yield Ended()
    except av.FFmpegError as error:
        known = translate(error)
        silent = is_open and is_silence(error)
        yield Failed("silent" if silent else known.kind.name, str(known))
    except CustodesError as error:
        yield Failed(error.kind.name, str(error))
    except MemoryError:
        yield Failed("INVALID", "the source needs more memory than a stream may have")


def _packets(container: InputContainer, stream: VideoStream, is_paced: bool) -> Iterator[Frame]:
    began_s = time.monotonic()
    first_s: float | None = None
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if is_paced and packet.dts is not None:
            at_s = float(packet.dts * packet.time_base)
            first_s = at_s if first_s is None else first_s
            time.sleep(max(0.0, at_s - first_s - (time.monotonic() - began_s)))
        yield _demuxed(packet)


def _demuxed(packet: Packet[VideoStream]) -> Demuxed:
    has_new = packet.has_sidedata("new_extradata")
    return Demuxed(
        data=bytes(packet),
        stamp=packet.pts if packet.pts is not None else packet.dts,
        numerator=packet.time_base.numerator,
        denominator=packet.time_base.denominator,
        is_corrupt=bool(packet.is_corrupt),
        extradata=bytes(packet.get_sidedata("new_extradata")) if has_new else None,
    )
