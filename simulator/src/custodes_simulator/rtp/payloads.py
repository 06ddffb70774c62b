"""RTP payloads of access units and audio frames.

Source: RFC 6184 (H.264, packetisation mode 1), RFC 7798 (H.265), RFC 3640 (AAC), RFC 2250 (MPEG audio),
RFC 3551 (G.711).
"""

from __future__ import annotations

from custodes_simulator.clips.model import AudioClip, AudioCodec
from custodes_simulator.clips.nal import VideoCodec, is_parameter_set

PAYLOAD_BYTES = 1400


def video_payloads(
    codec: VideoCodec, nals: tuple[bytes, ...], limit: int = PAYLOAD_BYTES, *, aggregate: bool = True
) -> list[bytes]:
    """The payloads of one access unit.

    `aggregate`: put neighbouring parameter sets into one STAP-A or AP where they fit.
    """
    made: list[bytes] = []
    waiting: list[bytes] = []
    for nal in nals:
        if aggregate and is_parameter_set(codec, nal) and _aggregate_size(codec, [*waiting, nal]) <= limit:
            waiting.append(nal)
            continue
        made += _flush(codec, waiting)
        waiting = []
        made += [nal] if len(nal) <= limit else _fragments(codec, nal, limit)
    return made + _flush(codec, waiting)


def _aggregate_size(codec: VideoCodec, nals: list[bytes]) -> int:
    return (1 if codec is VideoCodec.H264 else 2) + sum(2 + len(nal) for nal in nals)


def _flush(codec: VideoCodec, nals: list[bytes]) -> list[bytes]:
    if len(nals) < 2:
        return nals
    body = b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)
    if codec is VideoCodec.H264:
        importance = max(nal[0] & 0x60 for nal in nals)
        return [bytes([importance | 24]) + body]
    return [bytes([48 << 1, 1]) + body]


def _fragments(codec: VideoCodec, nal: bytes, limit: int) -> list[bytes]:
    """FU-A or FU packets of a NAL unit that does not fit into one."""
    if codec is VideoCodec.H264:
        head, kind, body = bytes([(nal[0] & 0xE0) | 28]), nal[0] & 0x1F, nal[1:]
    else:
        head, kind, body = bytes([(nal[0] & 0x81) | (49 << 1), nal[1]]), (nal[0] >> 1) & 0x3F, nal[2:]
    room = limit - len(head) - 1
    last = (len(body) - 1) // room
    made = []
    for index in range(last + 1):
        flags = (0x80 if index == 0 else 0) | (0x40 if index == last else 0)
        made.append(head + bytes([flags | kind]) + body[index * room : (index + 1) * room])
    return made


def audio_payload(clip: AudioClip, frame: bytes) -> bytes:
    """The payload of one audio frame; every frame here fits into one packet."""
    if clip.codec is AudioCodec.AAC:
        return (16).to_bytes(2, "big") + (len(frame) << 3).to_bytes(2, "big") + frame
    if clip.codec is AudioCodec.MP2:
        return bytes(4) + frame
    return frame
