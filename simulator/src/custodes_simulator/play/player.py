"""Plays one packetised clip in a loop, in real time, to one sink."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from custodes_simulator.misbehaviours.base import PlayMisbehaviour
from custodes_simulator.play.batch import Batch, OutPacket
from custodes_simulator.play.sinks import Sink
from custodes_simulator.rtp.packetised import PacketisedClip, PacketisedUnit
from custodes_simulator.rtp.rtcp import SenderReport
from custodes_simulator.truth import TruthEntry, TruthLog

EARLY_S = 0.002


@dataclass(frozen=True, slots=True)
class Address:
    """Whose track this is, for the truth log."""

    camera: str
    stream: str
    track: str
    session: int


@dataclass(slots=True)
class Numbering:
    """The next values of an RTP stream; misbehaviours may change them.

    `first_time`: RTP time of the first access unit; `shift`: added since by steps of the camera's clock.
    """

    ssrc: int
    sequence: int
    first_time: int
    kind: int
    shift: int = 0


@dataclass(slots=True)
class Hooks:
    """Misbehaviours that act now, by what they change."""

    retime: list[PlayMisbehaviour] = field(default_factory=list)
    rework: list[PlayMisbehaviour] = field(default_factory=list)
    report: list[PlayMisbehaviour] = field(default_factory=list)

    def add(self, fault: PlayMisbehaviour) -> None:
        """Let it act, where it overrides something."""
        for name in ("retime", "rework", "report"):
            if getattr(type(fault), name) is not getattr(PlayMisbehaviour, name):
                getattr(self, name).append(fault)

    def remove(self, fault: PlayMisbehaviour) -> None:
        """Let it act no more."""
        for acting in (self.retime, self.rework, self.report):
            acting[:] = [other for other in acting if other is not fault]


class Player:
    """One track of a session, in units of its RTP clock.

    `position`: media time of the clip's beginning in the present loop.
    `lead_s`, `lead_takes_s`: the first `lead_s` of media are sent within `lead_takes_s`.
    `stretch`: distance of pictures, in parts of the clip's own.
    """

    def __init__(
        self, address: Address, clip: PacketisedClip, numbering: Numbering, sink: Sink, truth: TruthLog
    ) -> None:
        self.address = address
        self.clip = clip
        self.numbering = numbering
        self.sink = sink
        self.hooks = Hooks()
        self.position = 0
        self.stretch = 1.0
        self.lead_s = 0.0
        self.lead_takes_s = 0.0
        self.origin_s = 0.0
        self.capture_origin_us = 0
        self.packets = random.getrandbits(16)
        self.octets = random.getrandbits(20)
        self.next_clip: PacketisedClip | None = None
        self.next_stretch: float | None = None
        self.held = False
        self.ended = False
        self._truth = truth
        self._index = 0
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._paused_s: float | None = None

    # Time

    def begin_live(self, utc_s: float) -> None:
        """Begin at the last place to start before the clip's position at this wall time."""
        at = int(utc_s * self.clip.clock_hz) % self.clip.duration
        units = self.clip.units
        self._index = max(i for i, unit in enumerate(units) if unit.starts and (unit.send_at <= at or i == 0))
        self.position = -units[self._index].send_at

    def start(self, origin_s: float, utc_us: int) -> None:
        """Send the first access unit now, and the others when they are due."""
        if self._paused_s is not None:
            pause_s = origin_s - self._paused_s
            self.delay(pause_s)
            self._paused_s = None
        else:
            self.origin_s = origin_s
            self.capture_origin_us = utc_us - int(self.lead_s * 1_000_000)
        self._tick()

    def pause(self) -> None:
        """Send nothing until started again."""
        self._paused_s = asyncio.get_running_loop().time()
        self.stop()

    def stop(self) -> None:
        """Send nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """Stop for good and let go of the sink."""
        self.ended = True
        self.stop()
        self.sink.close()

    def delay(self, by_s: float) -> None:
        """Send and capture everything that is still to come later by this much."""
        self.origin_s += by_s
        self.capture_origin_us += int(by_s * 1_000_000)

    def due_s(self, media: float) -> float:
        """When media of this time is sent, on the loop's clock."""
        at_s = media / self.clip.clock_hz
        if at_s < self.lead_s:
            return self.origin_s + at_s * self.lead_takes_s / self.lead_s
        return self.origin_s + at_s - self.lead_s + self.lead_takes_s

    @property
    def next_rtp_time(self) -> int:
        """The RTP time of the access unit that comes next, without misbehaviours by the unit."""
        media = self._media(self.clip.units[self._index].show_at)
        return (self.numbering.first_time + self.numbering.shift + media) & 0xFFFFFFFF

    def _media(self, at: int) -> int:
        return self.position + (at if self.stretch == 1.0 else round(at * self.stretch))

    # Sending

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        while not self.held:
            unit = self.clip.units[self._index]
            if unit.starts and (self.next_clip or self.next_stretch):
                unit = self._turn(unit)
            due_s = self.due_s(self._media(unit.send_at))
            if due_s > now_s + EARLY_S:
                self._timer = loop.call_at(due_s, self._tick)
                return
            self._send(unit)
            self._index += 1
            if self._index == len(self.clip.units):
                self._index = 0
                self.position = self._media(self.clip.duration)
        self._timer = None

    def release(self) -> None:
        """Go on after `held`; what is overdue is sent at once."""
        self.held = False
        if self._timer is None and self._paused_s is None and not self.ended:
            self._tick()

    def _turn(self, unit: PacketisedUnit) -> PacketisedUnit:
        """Do what waited for a key frame; the access unit that comes in its place."""
        begun = self._media(unit.send_at)
        if self.next_stretch is not None:
            self.stretch, self.next_stretch = self.next_stretch, None
            self.position = begun - round(unit.send_at * self.stretch)
        if self.next_clip is not None:
            old, self.clip, self.next_clip = self.clip, self.next_clip, None
            if len(old.units) != len(self.clip.units) or not self.clip.units[self._index].starts:
                self._index = 0
            self.position = begun - round(self.clip.units[self._index].send_at * self.stretch)
        return self.clip.units[self._index]

    def _send(self, unit: PacketisedUnit) -> None:
        numbering = self.numbering
        media = self._media(unit.show_at)
        rtp_time = numbering.first_time + numbering.shift + media
        for fault in self.hooks.retime:
            rtp_time = fault.retime(self, rtp_time)
        cause = ""
        sequence = numbering.sequence
        if self.hooks.rework:
            cause = self._send_reworked(unit, rtp_time)
        else:
            numbering.sequence += len(unit.heads)
            sent = self.sink.send_unit(unit, numbering.kind, sequence, rtp_time & 0xFFFFFFFF, numbering.ssrc)
            cause = "" if sent else "not taken by the network"
        self.packets += len(unit.heads)
        self.octets += unit.size_bytes
        if self._truth.records:
            self._log(unit, rtp_time, media, cause)
        self._count += 1

    def _send_reworked(self, unit: PacketisedUnit, rtp_time: int) -> str:
        numbering = self.numbering
        packets = [
            OutPacket(
                unit.payload(index),
                numbering.kind,
                head[2] > 0,
                numbering.sequence + index,
                rtp_time,
                numbering.ssrc,
            )
            for index, head in enumerate(unit.heads)
        ]
        numbering.sequence += len(packets)
        batch = Batch(self, unit, packets)
        for fault in self.hooks.rework:
            fault.rework(batch)
        if batch.packets and not self.sink.send_packets(batch.packets):
            batch.spoil("not taken by the network")
        return batch.spoilt_by

    def _log(self, unit: PacketisedUnit, rtp_time: int, media: int, cause: str) -> None:
        address = self.address
        self._truth.add(
            TruthEntry(
                address.camera,
                address.stream,
                address.track,
                address.session,
                self._count,
                unit.sha256,
                unit.picture_sha256,
                unit.size_bytes,
                rtp_time - self.numbering.first_time,
                rtp_time & 0xFFFFFFFF,
                time.time_ns() // 1000,
                self.capture_origin_us + media * 1_000_000 // self.clip.clock_hz,
                unit.is_key,
                unit.is_open_key,
                not cause,
                cause,
            ),
            unit.probe,
        )

    # Reports

    def send_report(self) -> None:
        """Send a sender report that ties this moment's wall time to RTP time."""
        utc_us = time.time_ns() // 1000
        media = (utc_us - self.capture_origin_us) * self.clip.clock_hz // 1_000_000
        numbering = self.numbering
        rtp_time = numbering.first_time + numbering.shift + media
        report: SenderReport | None = SenderReport(
            numbering.ssrc, utc_us, rtp_time & 0xFFFFFFFF, self.packets, self.octets
        )
        for fault in self.hooks.report:
            report = fault.report(self, report) if report is not None else None
        if report is not None:
            self.sink.send_report(report.encoded(self.address.camera))
