"""A clip packetised once, to be sent many times.

An access unit's packets lie behind one another as RTSP interleaved frames; sending copies the bytes and
writes 16 bytes of head before each payload.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from custodes_simulator.clips.model import AudioClip, AudioCodec, Clip, ClipUnit
from custodes_simulator.clips.nal import VideoCodec, is_slice, length_prefixed
from custodes_simulator.rtp.payloads import audio_payload, video_payloads

HEAD_BYTES = 16
_HEAD = struct.Struct(">BBHBBHII")
_PROBE_BYTES = 24


@dataclass(frozen=True, slots=True)
class PacketisedUnit:
    """One access unit or audio frame, ready to send.

    `heads`: per packet: offset of its interleaved frame, payload length + 12, marker bit (0 or 128).
    `sha256`: over the NAL units that a correct client yields, each behind its length in four big-endian
    bytes; for audio, over the frame.
    `picture_sha256`: the same over slices alone.
    `probe`: bytes from the middle of the largest NAL unit or frame.
    """

    template: bytes
    heads: tuple[tuple[int, int, int], ...]
    send_at: int
    show_at: int
    starts: bool
    is_key: bool
    is_open_key: bool
    sha256: str
    picture_sha256: str
    size_bytes: int
    probe: bytes

    def payload(self, index: int) -> bytes:
        """The payload of one packet."""
        offset, length, _ = self.heads[index]
        return self.template[offset + HEAD_BYTES : offset + 4 + length]

    def framed(self, channel: int, kind: int, sequence: int, rtp_time: int, ssrc: int) -> bytearray:
        """All packets as interleaved frames.

        `kind`: RTP payload type.
        """
        framed = bytearray(self.template)
        write = _HEAD.pack_into
        for offset, length, marker in self.heads:
            write(framed, offset, 36, channel, length, 128, marker | kind, sequence & 0xFFFF, rtp_time, ssrc)
            sequence += 1
        return framed


@dataclass(frozen=True, slots=True)
class PacketisedClip:
    """A clip or a tone as packets; times in units of its RTP clock."""

    name: str
    units: tuple[PacketisedUnit, ...]
    duration: int
    clock_hz: int


def packetise(clip: Clip, *, aggregate: bool = True) -> PacketisedClip:
    """The packets of a video clip."""
    units = tuple(_video_unit(clip.codec, unit, aggregate) for unit in clip.units)
    return PacketisedClip(clip.name, units, clip.duration_90k, 90_000)


def packetise_audio(clip: AudioClip) -> PacketisedClip:
    """The packets of a tone; every frame is a place to begin."""
    clock_hz = 90_000 if clip.codec is AudioCodec.MP2 else clip.rate_hz
    ticks = clip.samples * clock_hz // clip.rate_hz
    units = []
    for index, frame in enumerate(clip.frames):
        template, heads = _template([audio_payload(clip, frame)])
        digest = hashlib.sha256(frame).hexdigest()
        at = index * ticks
        probe = _middle(frame)
        units.append(
            PacketisedUnit(template, heads, at, at, True, True, False, digest, digest, len(frame), probe)
        )
    return PacketisedClip(str(clip.codec), tuple(units), len(units) * ticks, clock_hz)


def _video_unit(codec: VideoCodec, unit: ClipUnit, aggregate: bool) -> PacketisedUnit:
    wire = unit.nals if unit.wire is None else unit.wire
    template, heads = _template(video_payloads(codec, wire, aggregate=aggregate))
    data = length_prefixed(unit.nals)
    picture = length_prefixed(nal for nal in unit.nals if is_slice(codec, nal))
    return PacketisedUnit(
        template,
        heads,
        unit.send_90k,
        unit.show_90k,
        unit.starts,
        unit.is_key,
        unit.is_open_key,
        hashlib.sha256(data).hexdigest(),
        hashlib.sha256(picture).hexdigest(),
        len(data),
        _middle(max(unit.nals, key=len)),
    )


def _middle(data: bytes) -> bytes:
    start = max(0, (len(data) - _PROBE_BYTES) // 2)
    return data[start : start + _PROBE_BYTES]


def _template(payloads: Sequence[bytes]) -> tuple[bytes, tuple[tuple[int, int, int], ...]]:
    heads = []
    offset = 0
    for index, payload in enumerate(payloads):
        heads.append((offset, len(payload) + 12, 128 if index == len(payloads) - 1 else 0))
        offset += HEAD_BYTES + len(payload)
    return b"".join(bytes(HEAD_BYTES) + payload for payload in payloads), tuple(heads)
