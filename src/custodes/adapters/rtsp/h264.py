"""H.264 out of RTP, single NAL unit and non-interleaved mode. Source: RFC 6184 5."""

from __future__ import annotations

from custodes.adapters.rtsp.assembly import UnitAssembler
from custodes.adapters.rtsp.parameters import START_CODES

_STAP_A = 24
_FU_A = 28
_START, _END = 0x80, 0x40


class H264Depacketizer:
    """Turns packet payloads into NAL units.

    `middle`: the first two bytes of a packet that only continues the open fragmented unit; -1 while none is
    open.
    """

    __slots__ = ("_assembler", "middle")

    def __init__(self, assembler: UnitAssembler) -> None:
        self._assembler = assembler
        self.middle = -1

    def push(self, payload: memoryview) -> None:
        """The payload of the next packet in order."""
        if len(payload) < 2:
            # An end of sequence is one byte; anything else of that size is nothing.
            if len(payload) == 1 and payload[0] & 0x1F in (10, 11):
                self._assembler.add(payload)
            else:
                self._assembler.abandon("a packet without a unit")
            self.middle = -1
            return
        type_ = payload[0] & 0x1F
        if type_ == _FU_A:
            self._fragment(payload)
            return
        self.middle = -1
        if 0 < type_ < _STAP_A:
            self._assembler.add(payload)
        elif type_ == _STAP_A:
            self._aggregate(payload)
        elif bytes(payload[:4]).startswith(START_CODES):
            self._assembler.add(bytes(payload).lstrip(b"\0")[1:])
        else:
            self._assembler.abandon(f"a packet of type {type_}, which this mode does not have")

    def _fragment(self, payload: memoryview) -> None:
        indicator, header = payload[0], payload[1]
        middle = indicator << 8 | header & 0x1F
        assembler = self._assembler
        if header & _START:
            assembler.open(bytes(((indicator & 0xE0) | (header & 0x1F),)))
            self.middle = middle
        elif not assembler.is_open or middle != self.middle:
            # The start was lost, or belongs to another unit.
            self.middle = -1
            if assembler.loss == 0 or assembler.is_open:
                assembler.abandon("a fragment without its start")
            return
        assembler.append(payload[2:])
        if header & _END:
            self.middle = -1
            assembler.close()
        else:
            assembler.check_size()

    def _aggregate(self, payload: memoryview) -> None:
        at, end = 1, len(payload)
        while at + 2 <= end:
            start = at + 2
            at = start + (payload[start - 2] << 8 | payload[start - 1])
            if at > end or at == start:
                break
            self._assembler.add(payload[start:at])
        if at != end:
            self._assembler.abandon("an aggregate whose lengths do not fit it")
