"""Clips from video files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.video.stream import VideoStream

from custodes_simulator.clips.encode import Encoding, encode, with_sets_in_band
from custodes_simulator.clips.model import Clip, parameter_sets_of, unit_of
from custodes_simulator.clips.nal import VideoCodec, split_byte_stream
from custodes_simulator.errors import ClipError

_CODECS = {"h264": VideoCodec.H264, "hevc": VideoCodec.H265}
_FILTERS = {VideoCodec.H264: "h264_mp4toannexb", VideoCodec.H265: "hevc_mp4toannexb"}
MAXIMUM_UNITS = 20_000


def load_file(path: Path, encoding: Encoding | None) -> Clip:
    """The clip in a video file, as it is where that is H.264 or H.265 and no encoding is asked for.

    Errors: ClipError where the file cannot be read, or needs an encoding and has none.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0] if container.streams.video else None
            if stream is None:
                raise ClipError(f"clip {path.name}: no video in the file")
            codec = _CODECS.get(stream.codec_context.name)
            if encoding is None and codec is None:
                encoding = Encoding()
            if encoding is None and codec is not None:
                return _demuxed(container, stream, codec, path.name)
            return _transcoded(container, stream, encoding or Encoding(), path.name)
    except (av.error.FFmpegError, OSError) as error:
        raise ClipError(f"clip {path}: {error}") from error


def _demuxed(container: InputContainer, stream: VideoStream, codec: VideoCodec, name: str) -> Clip:
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    ticks = Fraction(90_000) / rate
    units = []
    everything: list[bytes] = []
    first_send = first_show = None
    for order, (data, dts, pts) in enumerate(_filtered(container, stream, codec)):
        if order >= MAXIMUM_UNITS:
            raise ClipError(f"clip {name}: more than {MAXIMUM_UNITS} access units")
        send = round(order * ticks) if dts is None else dts
        show = send if pts is None else pts
        nals = split_byte_stream(data)
        first_send = send if first_send is None else first_send
        first_show = show if first_show is None else first_show
        units.append(unit_of(codec, nals, send - first_send, show - first_show))
        everything.extend(nals)
    if not units:
        raise ClipError(f"clip {name}: no access units")
    duration = units[-1].send_90k + round(ticks)
    sets = parameter_sets_of(codec, tuple(everything))
    size = (stream.codec_context.width, stream.codec_context.height)
    return with_sets_in_band(Clip(name, codec, *size, tuple(units), duration, sets))


def _filtered(
    container: InputContainer, stream: VideoStream, codec: VideoCodec
) -> Iterator[tuple[bytes, int | None, int | None]]:
    """Byte-stream packets with decoding and presentation time in 1/90,000 s."""
    convert = BitStreamFilterContext(_FILTERS[codec], stream)
    scale = (stream.time_base or Fraction(1, 90_000)) * 90_000
    for packet in container.demux(stream):
        for ready in convert.filter(packet if packet.size else None):
            dts = None if ready.dts is None else round(ready.dts * scale)
            pts = None if ready.pts is None else round(ready.pts * scale)
            yield bytes(ready), dts, pts


def _transcoded(container: InputContainer, stream: VideoStream, encoding: Encoding, name: str) -> Clip:
    source_rate = stream.average_rate or Fraction(25)
    rate = Fraction(encoding.rate_hz) if encoding.rate_hz else Fraction(source_rate)
    size = (stream.codec_context.width, stream.codec_context.height)
    stream.thread_type = "NONE"
    pictures = _resampled(container.decode(stream), Fraction(source_rate), rate)
    return encode(pictures, rate, size, encoding, name)


def _resampled(frames: Iterator[av.VideoFrame], source: Fraction, rate: Fraction) -> Iterator[av.VideoFrame]:
    """Frames dropped or repeated so that `source` frames a second become `rate`."""
    made = 0
    for index, frame in enumerate(frames):
        while Fraction(made) / rate < Fraction(index + 1) / source:
            if made >= MAXIMUM_UNITS:
                return
            yield frame
            made += 1
