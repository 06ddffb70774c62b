"""RTP packets of one source, in order, with what is missing. Source: RFC 3550 5.1, A.1.

The first packet decides which source is read. Another one is rejected, unless CONFIRM_SOURCE of its packets
come in a row while the one that is read says nothing: then the camera has restarted, and those packets are
not lost. Numbering that leaps is believed when a second packet continues it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Protocol

from custodes.adapters.rtsp.assembly import UnitAssembler
from custodes.adapters.rtsp.fragments import read_run
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.reorder import ReorderWindow

CONFIRM_SOURCE = 8
CONFIRM_SEQUENCE = 2
MAX_GAP = 3000
MAX_LATE = 100
MIN_PACKET_BYTES = 12

_FIXED = struct.Struct("!BBHII")


class Depacketizer(Protocol):
    """What turns payloads into NAL units; `middle` is how a packet begins that continues one, or -1."""

    middle: int

    def push(self, payload: memoryview) -> None:
        """The payload of the next packet in order."""
        ...


@dataclass(slots=True)
class _Rival:
    """Packets that may be the beginning of another source or another numbering."""

    ssrc: int
    next_sequence: int
    packets: list[tuple[bytes, int]] = field(default_factory=list)


@dataclass(slots=True)
class Reception:
    """What a receiver report says of the source that is read."""

    ssrc: int = -1
    first_sequence: int = 0
    received: int = 0
    lost: int = 0


class RtpReceiver:
    """Takes packets as they arrive and passes payloads on in order."""

    __slots__ = (
        "_assembler",
        "_cycles",
        "_depacketizer",
        "_expected",
        "_notices",
        "_payload_type",
        "_rival",
        "_window",
        "reception",
    )

    def __init__(
        self,
        payload_type: int,
        depacketizer: Depacketizer,
        assembler: UnitAssembler,
        notices: NoticeBoard,
        window: ReorderWindow | None,
    ) -> None:
        self._payload_type = payload_type
        self._depacketizer = depacketizer
        self._assembler = assembler
        self._notices = notices
        self._window = window
        self._rival: _Rival | None = None
        self._expected = 0
        self._cycles = 0
        self.reception = Reception()

    @property
    def highest_sequence(self) -> int:
        """The extended highest sequence number received."""
        return (self._cycles + self._expected - 1) & 0xFFFF_FFFF

    def receive(self, packet: memoryview, boot_us: int) -> None:
        """One packet as it came; it is copied where it is kept."""
        if len(packet) < MIN_PACKET_BYTES or packet[0] >> 6 != 2:
            self._notices.post(NoticeKind.MALFORMED, "a packet that is not RTP")
            return
        flags, second, sequence, timestamp, ssrc = _FIXED.unpack_from(packet)
        if second & 0x7F != self._payload_type:
            self._notices.post(NoticeKind.FOREIGN_SOURCE, f"payload type {second & 0x7F} was not set up")
            return
        reception = self.reception
        if ssrc != reception.ssrc:
            if reception.ssrc >= 0:
                self._challenge(ssrc, sequence, packet, boot_us, CONFIRM_SOURCE)
                return
            self._adopt(ssrc, sequence)
        elif self._rival is not None and (self._rival.ssrc != ssrc or sequence == self._expected):
            self._reject_rival()
        if sequence != self._expected:
            self._unexpected(sequence, packet, boot_us)
            return
        self._deliver(packet, flags, second, timestamp, boot_us)
        if self._window is not None and self._window.is_holding:
            self._release()

    def run(self, buffer: memoryview, at: int, end: int, channel: int, boot_us: int) -> int:
        """Consume interleaved packets from `at` as long as each one only continues the open fragmented unit.

        Returns where the first packet of any other kind begins. This is most of what a camera sends, hence
        one comparison a header field and no call a packet; whatever is unusual is left to `receive`.
        """
        assembler, middle = self._assembler, self._depacketizer.middle
        if middle < 0 or not assembler.is_open or self._rival is not None:
            return at
        assembler.begin_packet(assembler.timestamp, boot_us)
        at, count, closed = read_run(
            assembler,
            buffer,
            at,
            end,
            (0x2400 | channel) << 16,
            (0x8000 | self._payload_type) << 16 | self._expected,
            assembler.timestamp << 32 | self.reception.ssrc,
            middle,
        )
        if closed:
            self._depacketizer.middle = -1
        else:
            assembler.check_size()
        self.reception.received += count
        self._advance(count)
        return at

    def keep(self) -> None:
        """The buffer that packets were read from is about to be used again."""
        self._assembler.keep()

    def release_late(self, boot_us: int) -> None:
        """Give up waiting for packets that have been missing too long."""
        window = self._window
        while window is not None and window.is_overdue(boot_us):
            self._skip_to_held(window)

    @property
    def due_us(self) -> int | None:
        """When `release_late` has something to do, None while nothing is held."""
        return self._window.due_us if self._window is not None else None

    def _deliver(self, packet: memoryview, flags: int, second: int, timestamp: int, boot_us: int) -> None:
        self.reception.received += 1
        self._advance(1)
        start, stop = MIN_PACKET_BYTES, len(packet)
        if flags != 0x80:
            start += (flags & 0x0F) * 4
            if flags & 0x10 and start + 4 <= stop:
                start += 4 + (packet[start + 2] << 8 | packet[start + 3]) * 4
            if flags & 0x20:
                stop -= packet[-1]
        assembler = self._assembler
        assembler.begin_packet(timestamp, boot_us)
        if start < stop:
            self._depacketizer.push(packet[start:stop])
        elif flags != 0x80 and start > stop:
            assembler.abandon("a packet whose extension or padding passes its end")
        assembler.end_packet(second >= 0x80)

    def _adopt(self, ssrc: int, sequence: int) -> None:
        self.reception = Reception(ssrc, sequence)
        self._expected = sequence
        self._cycles = 0

    def _unexpected(self, sequence: int, packet: memoryview, boot_us: int) -> None:
        ahead = (sequence - self._expected) & 0xFFFF
        if ahead >= 0x10000 - MAX_LATE:
            self._notices.post(NoticeKind.DUPLICATE, "dropped")
        elif ahead > MAX_GAP:
            self._challenge(self.reception.ssrc, sequence, packet, boot_us, CONFIRM_SEQUENCE)
        elif self._window is None:
            self._lose(ahead)
            self.receive(packet, boot_us)
        else:
            if not self._window.hold(sequence, bytes(packet), boot_us):
                self._notices.post(NoticeKind.DUPLICATE, "dropped")
            while self._window.is_full:
                self._skip_to_held(self._window)

    def _advance(self, count: int) -> None:
        expected = self._expected + count
        if expected > 0xFFFF:
            expected &= 0xFFFF
            self._cycles += 0x10000
        self._expected = expected

    def _lose(self, count: int) -> None:
        self._notices.post(NoticeKind.LOSS, "by their sequence numbers", count)
        self.reception.lost += count
        self._advance(count)
        self._assembler.missing(count)

    def _release(self) -> None:
        """Pass on held packets that have become the next ones."""
        window = self._window
        if window is None:
            return
        self._notices.post(NoticeKind.REORDERED, "within the window")
        while (held := window.take(self._expected)) is not None:
            packet, boot_us = memoryview(held[0]), held[1]
            flags, second, _, timestamp, _ = _FIXED.unpack_from(packet)
            self._deliver(packet, flags, second, timestamp, boot_us)

    def _skip_to_held(self, window: ReorderWindow) -> None:
        self._lose(window.gap(self._expected))
        while (held := window.take(self._expected)) is not None:
            packet, boot_us = memoryview(held[0]), held[1]
            flags, second, _, timestamp, _ = _FIXED.unpack_from(packet)
            self._deliver(packet, flags, second, timestamp, boot_us)

    def _challenge(self, ssrc: int, sequence: int, packet: memoryview, boot_us: int, needed: int) -> None:
        rival = self._rival
        if rival is None or rival.ssrc != ssrc or rival.next_sequence != sequence:
            self._reject_rival()
            rival = self._rival = _Rival(ssrc, sequence)
        rival.next_sequence = (sequence + 1) & 0xFFFF
        rival.packets.append((bytes(packet), boot_us))
        if len(rival.packets) < needed:
            return
        self._rival = None
        what = "source identifier" if ssrc != self.reception.ssrc else "numbering"
        self._notices.post(
            NoticeKind.SOURCE_CHANGED, f"another {what}, confirmed by {needed} packets in a row"
        )
        if self._window is not None:
            while self._window.is_holding:
                self._skip_to_held(self._window)
        ahead = (sequence + 1 - needed - self._expected) & 0xFFFF
        if ssrc == self.reception.ssrc and ahead < 0x8000:
            self._lose(ahead)
        else:
            self._assembler.missing(1)
        self._assembler.restart(new_source=ssrc != self.reception.ssrc)
        self._adopt(ssrc, (sequence + 1 - needed) & 0xFFFF)
        for held, held_boot_us in rival.packets:
            self.receive(memoryview(held), held_boot_us)

    def _reject_rival(self) -> None:
        rival, self._rival = self._rival, None
        if rival is not None:
            kind = NoticeKind.FOREIGN_SOURCE if rival.ssrc != self.reception.ssrc else NoticeKind.DUPLICATE
            self._notices.post(kind, "rejected", len(rival.packets))
