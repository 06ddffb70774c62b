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
from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.adapters.rtsp.reorder import ReorderWindow

CONFIRM_SOURCE = 8
CONFIRM_SEQUENCE = 2
MAX_GAP = 3000
MAX_LATE = 100
MIN_PACKET_BYTES = 12

_FIXED = struct.Struct("!BBHII")
# Interleaving header, RTP header and the first two or three payload bytes of a packet, as few numbers.
_RUN_H264 = struct.Struct("!HHHHQH")
_RUN_H265 = struct.Struct("!HHHHQHB")
_FRAME_BYTES = 4


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
        "_middle_bytes",
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
        *,
        middle_bytes: int,
        window: ReorderWindow | None,
    ) -> None:
        self._payload_type = payload_type
        self._depacketizer = depacketizer
        self._assembler = assembler
        self._notices = notices
        self._middle_bytes = middle_bytes
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
        depacketizer, assembler = self._depacketizer, self._assembler
        middle = depacketizer.middle
        if middle < 0 or assembler.open_at < 0 or self._rival is not None:
            return at
        head = 0x2400 | channel
        first = 0x8000 | self._payload_type
        identity = assembler.timestamp << 32 | self.reception.ssrc
        expected, start, data = self._expected, at, assembler.data
        received = 0
        if self._middle_bytes == 2:
            unpack, header_bytes = _RUN_H264.unpack_from, _RUN_H264.size
        else:
            unpack, header_bytes = _RUN_H265.unpack_from, _RUN_H265.size
        end_of_headers = end - header_bytes
        if self._middle_bytes == 2:
            while at <= end_of_headers:
                magic, length, kind, sequence, source, begin = unpack(buffer, at)
                stop = at + _FRAME_BYTES + length
                if (
                    begin != middle
                    or sequence != expected
                    or source != identity
                    or kind != first
                    or magic != head
                    or stop > end
                    or length < header_bytes - _FRAME_BYTES
                ):
                    break
                data += buffer[at + header_bytes : stop]
                expected = (expected + 1) & 0xFFFF
                received += 1
                at = stop
                if not expected:
                    self._cycles += 0x10000
        else:
            high, low = middle >> 8, middle & 0xFF
            while at <= end_of_headers:
                magic, length, kind, sequence, source, begin, begin_low = unpack(buffer, at)
                stop = at + _FRAME_BYTES + length
                if (
                    begin_low != low
                    or begin != high
                    or sequence != expected
                    or source != identity
                    or kind != first
                    or magic != head
                    or stop > end
                    or length < header_bytes - _FRAME_BYTES
                ):
                    break
                data += buffer[at + header_bytes : stop]
                expected = (expected + 1) & 0xFFFF
                received += 1
                at = stop
                if not expected:
                    self._cycles += 0x10000
        if at != start:
            self._expected = expected
            self.reception.received += received
            assembler.begin_packet(assembler.timestamp, boot_us)
            assembler.check_size()
        return at

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
        self._expected = (self._expected + 1) & 0xFFFF
        if not self._expected:
            self._cycles += 0x10000
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

    def _lose(self, count: int) -> None:
        self._notices.post(NoticeKind.LOSS, "by their sequence numbers", count)
        self.reception.lost += count
        before = self._expected
        self._expected = (before + count) & 0xFFFF
        if self._expected < before:
            self._cycles += 0x10000
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
        self._assembler.restart(new_time=ssrc != self.reception.ssrc)
        self._adopt(ssrc, (sequence + 1 - needed) & 0xFFFF)
        for held, held_boot_us in rival.packets:
            self.receive(memoryview(held), held_boot_us)

    def _reject_rival(self) -> None:
        rival, self._rival = self._rival, None
        if rival is not None:
            kind = NoticeKind.FOREIGN_SOURCE if rival.ssrc != self.reception.ssrc else NoticeKind.DUPLICATE
            self._notices.post(kind, "rejected", len(rival.packets))
