"""The session description of a stream.

Source: RFC 4566; RFC 6184 section 8.2.1; RFC 7798 section 7.2.1; RFC 3640 section 4.1.
"""

from __future__ import annotations

import base64

from custodes_simulator.clips.model import AudioClip, AudioCodec, Clip, ParameterSets
from custodes_simulator.clips.nal import VideoCodec
from custodes_simulator.play.session import AUDIO_KIND, VIDEO_KIND


def describe(host: str, clip: Clip, audio: AudioClip | None) -> list[str]:
    """The lines of an SDP that offers the clip, and sound where there is some."""
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {host}",
        "s=Simulated camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {VIDEO_KIND}",
        f"a=rtpmap:{VIDEO_KIND} {clip.codec.upper()}/90000",
        f"a=fmtp:{VIDEO_KIND} {video_format(clip.codec, clip.sets)}",
        "a=control:trackID=0",
    ]
    if audio is not None:
        lines += [*_audio_lines(audio), "a=control:trackID=1"]
    return lines


def video_format(codec: VideoCodec, sets: ParameterSets) -> str:
    """The format parameters of a video track."""

    def encoded(nals: tuple[bytes, ...]) -> str:
        return ",".join(base64.b64encode(nal).decode() for nal in nals)

    if codec is VideoCodec.H264:
        level = sets.sps[0][1:4].hex().upper()
        sprop = encoded(sets.sps + sets.pps)
        return f"packetization-mode=1;profile-level-id={level};sprop-parameter-sets={sprop}"
    return f"sprop-vps={encoded(sets.vps)};sprop-sps={encoded(sets.sps)};sprop-pps={encoded(sets.pps)}"


def _audio_lines(audio: AudioClip) -> list[str]:
    kind = AUDIO_KIND[audio.codec]
    if audio.codec is AudioCodec.AAC:
        return [
            f"m=audio 0 RTP/AVP {kind}",
            f"a=rtpmap:{kind} MPEG4-GENERIC/{audio.rate_hz}/{audio.channels}",
            f"a=fmtp:{kind} streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
            f"indexdeltalength=3;config={audio.config[:2].hex().upper()}",
        ]
    if audio.codec is AudioCodec.MP2:
        return [f"m=audio 0 RTP/AVP {kind}", f"a=rtpmap:{kind} MPA/90000"]
    return [f"m=audio 0 RTP/AVP {kind}", f"a=rtpmap:{kind} {audio.codec.upper()}/{audio.rate_hz}"]
