"""One video track's way from packets to access units, the same over TCP and UDP."""

from __future__ import annotations

import os

from custodes.adapters.rtsp.assembly import UnitAssembler
from custodes.adapters.rtsp.clock_claim import ClockClaim
from custodes.adapters.rtsp.h264 import H264Depacketizer
from custodes.adapters.rtsp.h265 import H265Depacketizer
from custodes.adapters.rtsp.model import Sink
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.parameters import ParameterTracker
from custodes.adapters.rtsp.pictures import PictureMaker
from custodes.adapters.rtsp.reorder import ReorderWindow
from custodes.adapters.rtsp.rtcp import (
    Goodbye,
    ReceiverState,
    SenderReport,
    build_receiver_report,
    parse_compound,
)
from custodes.adapters.rtsp.rtp import Depacketizer, RtpReceiver
from custodes.adapters.rtsp.sdp import VideoTrack
from custodes.base.clock import Clock
from custodes.base.errors import InvalidError
from custodes.media.packets import Codec


class VideoReceiver:
    """Takes RTP and RTCP packets of a track and reports to a sink.

    `heard_us`: when the last RTP packet came, 0 before the first. `goodbye_us`: when the source last said
    that it ends.
    """

    def __init__(
        self, track: VideoTrack, sink: Sink, notices: NoticeBoard, clock: Clock, *, reorders: bool
    ) -> None:
        self.heard_us = 0
        self.goodbye_us = 0
        self._notices = notices
        self._clock = clock
        self._claim = ClockClaim(notices, clock)
        self._own_ssrc = int.from_bytes(os.urandom(4), "big")
        self._last_report = (0, 0)
        self._reported = (0, 0)
        self._early: tuple[SenderReport | Goodbye, int] | None = None
        tracker = ParameterTracker(track.codec)
        maker = PictureMaker(
            track.codec, tracker, self._claim, notices, sink.on_access_unit, sink.on_parameter_sets
        )
        assembler = UnitAssembler(maker, notices)
        h264 = track.codec is Codec.H264
        depacketizer: Depacketizer = H264Depacketizer(assembler) if h264 else H265Depacketizer(assembler)
        window = ReorderWindow() if reorders else None
        self.rtp = RtpReceiver(track.payload_type, depacketizer, assembler, notices, window)
        refused = tracker.observe_described(track.parameter_sets) + track.has_garbage
        if refused:
            notices.post(NoticeKind.PARAMETER_SETS_IGNORED, "in the description", refused)
        if (sets := tracker.current()) is not None:
            sink.on_parameter_sets(sets)

    def on_rtp(self, packet: memoryview, boot_us: int) -> None:
        """An RTP packet of this track."""
        self.heard_us = boot_us
        self.rtp.receive(packet, boot_us)
        if self._early is not None and self.rtp.reception.ssrc >= 0:
            report, self._early = self._early, None
            self._take_report(*report)

    def on_rtcp(self, packet: memoryview, boot_us: int) -> None:
        """A compound RTCP packet of this track."""
        try:
            for report in parse_compound(packet):
                if self.rtp.reception.ssrc < 0:
                    # The first RTP packet will show whose report it is.
                    self._early = (report, boot_us)
                else:
                    self._take_report(report, boot_us)
        except InvalidError as error:
            self._notices.post(NoticeKind.MALFORMED, str(error))

    def _take_report(self, report: SenderReport | Goodbye, boot_us: int) -> None:
        if report.ssrc != self.rtp.reception.ssrc:
            self._notices.post(NoticeKind.FOREIGN_SOURCE, "an RTCP report of another source")
        elif isinstance(report, Goodbye):
            self.goodbye_us = boot_us
            self._notices.post(NoticeKind.GOODBYE, "RTCP BYE")
        else:
            self._last_report = (report.ntp >> 16 & 0xFFFF_FFFF, boot_us)
            self._claim.report(report.ntp, report.timestamp)

    def receiver_report(self) -> bytes | None:
        """A receiver report to send now, None before the first packet."""
        reception = self.rtp.reception
        if reception.ssrc < 0:
            return None
        received, lost = reception.received - self._reported[0], reception.lost - self._reported[1]
        self._reported = (reception.received, reception.lost)
        last_report, reported_us = self._last_report
        since_us = self._clock.boot_us() - reported_us if last_report else 0
        state = ReceiverState(
            source_ssrc=reception.ssrc,
            fraction_lost=min(255, max(0, lost) * 256 // max(1, received + lost)),
            lost=reception.lost,
            highest_sequence=self.rtp.highest_sequence,
            last_report=last_report,
            since_report=since_us * 65_536 // 1_000_000,
        )
        return build_receiver_report(self._own_ssrc, state)
