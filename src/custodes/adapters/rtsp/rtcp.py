"""RTCP: sender reports and goodbyes read, receiver reports written. Source: RFC 3550 6.4, 6.5, 6.6."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from custodes.base.errors import InvalidError

MAX_PACKETS = 64
_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION, _GOODBYE = 200, 201, 202, 203
_HEAD = struct.Struct("!BBHI")
_SENDER = struct.Struct("!QI")
_RECEIVER = struct.Struct("!BBHIIIIIII")
_MAX_LOST = 0x7F_FFFF


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A source's statement that an NTP time (64 bits) is an RTP time stamp."""

    ssrc: int
    ntp: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A source's statement that it stops."""

    ssrc: int


def parse_compound(data: memoryview) -> Iterator[SenderReport | Goodbye]:
    """What matters of a compound packet.

    Errors: InvalidError where its lengths or versions do not fit, after what came before.
    """
    at, count = 0, 0
    while at < len(data):
        if len(data) - at < 4 or data[at] >> 6 != 2:
            raise InvalidError("not an RTCP packet")
        stop = at + 4 + (data[at + 2] << 8 | data[at + 3]) * 4
        count += 1
        if stop > len(data) or count > MAX_PACKETS:
            raise InvalidError("an RTCP packet longer than what came, or too many of them")
        kind, sources = data[at + 1], data[at] & 0x1F
        if kind == _SENDER_REPORT:
            if stop - at < 28:
                raise InvalidError("a sender report without its sender's part")
            ntp, timestamp = _SENDER.unpack_from(data, at + 8)
            yield SenderReport(int.from_bytes(data[at + 4 : at + 8], "big"), ntp, timestamp)
        elif kind == _GOODBYE:
            for place in range(at + 4, min(at + 4 + sources * 4, stop), 4):
                yield Goodbye(int.from_bytes(data[place : place + 4], "big"))
        at = stop


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """What a receiver report says.

    `fraction_lost` in 1/256 since the report before; `since_report` in 1/65,536 s, both 0 before any sender
    report.
    """

    source_ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    last_report: int
    since_report: int


def build_receiver_report(ssrc: int, state: ReceiverState) -> bytes:
    """A compound packet of a receiver report and the canonical name that must go with it."""
    lost = min(state.lost, _MAX_LOST)
    report = _RECEIVER.pack(
        0x81,
        _RECEIVER_REPORT,
        7,
        ssrc,
        state.source_ssrc,
        (state.fraction_lost & 0xFF) << 24 | lost,
        state.highest_sequence & 0xFFFF_FFFF,
        0,
        state.last_report & 0xFFFF_FFFF,
        state.since_report & 0xFFFF_FFFF,
    )
    name = f"{ssrc:08x}".encode("ascii")
    # CNAME, its length, the name, and zeros up to a multiple of four that end the list.
    items = bytes((1, len(name))) + name
    items += bytes(4 - len(items) % 4)
    return report + _HEAD.pack(0x81, _DESCRIPTION, 1 + len(items) // 4, ssrc) + items
