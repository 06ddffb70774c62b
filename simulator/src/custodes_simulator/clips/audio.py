"""Sound for cameras that have it: a tone, encoded once.

Source: ITU-T G.711, ISO/IEC 13818-7 (AAC), ISO/IEC 11172-3 (layer II).
"""

from __future__ import annotations

from functools import cache

import av
import av.error
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from custodes_simulator.clips.model import AudioClip, AudioCodec
from custodes_simulator.errors import ClipError

TONE_HZ = 500
_ENCODERS = {
    AudioCodec.PCMA: ("pcm_alaw", "s16", 8_000, 160),
    AudioCodec.PCMU: ("pcm_mulaw", "s16", 8_000, 160),
    AudioCodec.AAC: ("aac", "fltp", 16_000, 1024),
    AudioCodec.MP2: ("mp2", "s16", 48_000, 1152),
}
_FRAMES = 100


@cache
def tone(codec: AudioCodec) -> AudioClip:
    """A steady tone in this codec, some seconds long.

    Errors: ClipError where the encoder is missing from FFmpeg.
    """
    library, layout, rate_hz, samples = _ENCODERS[codec]
    try:
        context = av.CodecContext.create(library, "w")
        if not isinstance(context, AudioCodecContext):
            raise ClipError(f"encoder {library} is not an audio encoder")
        context.sample_rate = rate_hz
        context.layout = "mono"
        context.format = layout
        frames = _encoded(context, layout, rate_hz, samples)
        config = bytes(context.extradata or b"") if codec is AudioCodec.AAC else b""
    except av.error.FFmpegError as error:
        raise ClipError(f"audio {codec}: {error}") from error
    return AudioClip(codec, frames, samples, rate_hz, 1, config)


def _encoded(context: AudioCodecContext, layout: str, rate_hz: int, samples: int) -> tuple[bytes, ...]:
    times = np.arange(samples * _FRAMES) / rate_hz
    wave = 0.2 * np.sin(2 * np.pi * TONE_HZ * times)
    shaped = wave.astype(np.float32) if layout == "fltp" else (wave * 32767).astype(np.int16)
    made: list[bytes] = []
    for index in range(_FRAMES):
        block = shaped[index * samples : (index + 1) * samples].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format=layout, layout="mono")
        frame.sample_rate = rate_hz
        frame.pts = index * samples
        made.extend(bytes(packet) for packet in context.encode(frame))
    return tuple(frame for frame in made if frame)
