"""H.265 out of RTP, without decoding order numbers. Source: RFC 7798 4."""

from __future__ import annotations

from custodes.adapters.rtsp.assembly import UnitAssembler
from custodes.adapters.rtsp.parameters import START_CODES

_AGGREGATE = 48
_FRAGMENT = 49
_START, _END = 0x80, 0x40


class H265Depacketizer:
    """Turns packet payloads into NAL units.

    `middle`: the first three bytes of a packet that only continues the open fragmented unit; -1 while none
    is open.
    """

    __slots__ = ("_assembler", "middle")

    def __init__(self, assembler: UnitAssembler) -> None:
        self._assembler = assembler
        self.middle = -1

    def push(self, payload: memoryview) -> None:
        """The payload of the next packet in order."""
        if len(payload) < 2:
            self.middle = -1
            self._assembler.abandon("a packet without a unit")
            return
        type_ = payload[0] >> 1 & 0x3F
        if type_ == _FRAGMENT:
            self._fragment(payload)
            return
        self.middle = -1
        if bytes(payload[:4]).startswith(START_CODES):
            self._assembler.add(bytes(payload).lstrip(b"\0")[1:])
        elif type_ < _AGGREGATE:
            self._assembler.add(payload)
        elif type_ == _AGGREGATE:
            self._aggregate(payload)
        else:
            self._assembler.abandon(f"a packet of type {type_}, which is not known")

    def _fragment(self, payload: memoryview) -> None:
        if len(payload) < 3:
            self.middle = -1
            self._assembler.abandon("a fragment without header")
            return
        first, second, header = payload[0], payload[1], payload[2]
        middle = first << 16 | second << 8 | header & 0x3F
        assembler = self._assembler
        if header & _START:
            assembler.open(bytes(((first & 0x81) | (header & 0x3F) << 1, second)))
            self.middle = middle
        elif not assembler.is_open or middle != self.middle:
            # The start was lost, or belongs to another unit.
            self.middle = -1
            if assembler.loss == 0 or assembler.is_open:
                assembler.abandon("a fragment without its start")
            return
        assembler.append(payload[3:])
        if header & _END:
            self.middle = -1
            assembler.close()
        else:
            assembler.check_size()

    def _aggregate(self, payload: memoryview) -> None:
        at, end = 2, len(payload)
        while at + 2 <= end:
            start = at + 2
            at = start + (payload[start - 2] << 8 | payload[start - 1])
            if at > end or at == start:
                break
            self._assembler.add(payload[start:at])
        if at != end:
            self._assembler.abandon("an aggregate whose lengths do not fit it")
