"""Sender reports that are absent or wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from custodes_simulator.misbehaviours.base import PlayMisbehaviour, register
from custodes_simulator.rtp.rtcp import SenderReport

if TYPE_CHECKING:
    from custodes_simulator.play.player import Player
    from custodes_simulator.play.session import Session


@register("no-rtcp")
@dataclass
class NoRtcp(PlayMisbehaviour):
    """No sender reports."""

    def report(self, player: Player, report: SenderReport) -> SenderReport | None:
        return None


@register("rtcp-time-wrong")
@dataclass
class RtcpTimeWrong(PlayMisbehaviour):
    """The camera's wall clock is off by a fixed amount; begun later, it steps by that amount."""

    by_s: float = 3600.0

    def report(self, player: Player, report: SenderReport) -> SenderReport | None:
        return replace(report, utc_us=report.utc_us + round(self.by_s * 1_000_000))


@register("rtcp-time-frozen")
@dataclass
class RtcpTimeFrozen(PlayMisbehaviour):
    """Every report carries the wall time of the first; its RTP time goes on."""

    first: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def report(self, player: Player, report: SenderReport) -> SenderReport | None:
        return replace(report, utc_us=self.first.setdefault(player.address.track, report.utc_us))


@register("rtcp-time-unset")
@dataclass
class RtcpTimeUnset(PlayMisbehaviour):
    """The camera never learnt the time: its wall clock began at `utc_s` when the play began."""

    utc_s: int = 0
    origin_us: int = field(default=0, init=False, repr=False)

    def report(self, player: Player, report: SenderReport) -> SenderReport | None:
        self.origin_us = self.origin_us or report.utc_us
        return replace(report, utc_us=report.utc_us - self.origin_us + self.utc_s * 1_000_000)


@register("rtcp-wrong-ssrc")
@dataclass
class RtcpWrongSsrc(PlayMisbehaviour):
    """Reports speak of an SSRC that nobody sends."""

    def report(self, player: Player, report: SenderReport) -> SenderReport | None:
        return replace(report, ssrc=report.ssrc ^ 0x0F0F0F0F)


@register("rtcp-bye")
@dataclass
class RtcpBye(PlayMisbehaviour):
    """A BYE is sent, each time it begins, and the stream goes on all the same."""

    def begin(self, session: Session) -> None:
        for player in session.players.values():
            player.sink.send_report(struct.pack(">BBHI", 0x81, 203, 1, player.numbering.ssrc))
