"""What stands on an RTSP connection: interleaved packets, messages, and what belongs to neither.

Source: RFC 2326 10.12. Bytes that begin neither a packet of a channel that was set up nor a message are
passed over up to the next place that looks like one, and reported.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Protocol

from custodes.adapters.rtsp.message import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    CameraRequest,
    Response,
    body_length,
    head_length,
    parse_head,
)
from custodes.base.errors import InvalidError

FRAME_BYTES = 4
BUFFER_BYTES = 160 * 1024  # More than the largest packet, and more than the largest message.
_DOLLAR = 0x24
_LINE_ENDS = (0x0D, 0x0A)
_BEGINNINGS = frozenset((_DOLLAR, *_LINE_ENDS, *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_MAX_LINE_BYTES = 4096
_MESSAGE_START = re.compile(rb"(?i:RTSP/\d\.\d\s)|[A-Za-z_]{3,20}\s+\S+\s+RTSP/\d\.\d")
_LINE_BEGUN = re.compile(rb"[A-Za-z_][\x20-\x7e]*\r?\Z")
# The last alternative keeps the beginning of a status line whose rest has not come.
_RESYNCHRONISE = re.compile(rb"\$|RTSP/1\.|R(?:T(?:S(?:P(?:/1?)?)?)?)?\Z")

assert BUFFER_BYTES > MAX_HEAD_BYTES + MAX_BODY_BYTES


class FrameSink(Protocol):
    """Who takes what was found."""

    def on_packet(self, channel: int, packet: memoryview) -> None:
        """An interleaved packet; valid only during the call."""
        ...

    def on_run(self, buffer: memoryview, at: int, end: int) -> int:
        """A chance to consume packets from `at` on faster; where to go on."""
        ...

    def on_message(self, message: Response | CameraRequest) -> None:
        """A whole message."""
        ...

    def on_junk(self, count: int) -> None:
        """So many bytes belonged to nothing."""
        ...


class Framing:
    """Takes a connection's bytes apart."""

    def __init__(self, sink: FrameSink) -> None:
        self._sink = sink
        self._channels: frozenset[int] = frozenset()

    def set_channels(self, *channels: int) -> None:
        """The channels that carry packets of ours."""
        self._channels = frozenset(channels)

    def feed(self, buffer: memoryview, end: int) -> int:
        """Take apart what stands in the first `end` bytes; how many of them are done with.

        What is left is the beginning of something whole, and shorter than BUFFER_BYTES.
        Errors: InvalidError when a message breaks its limits.
        """
        at, sink, channels = 0, self._sink, self._channels
        while at < end:
            if buffer[at] != _DOLLAR:
                after = self._message(buffer, at, end)
            else:
                if end - at < FRAME_BYTES:
                    break
                channel = buffer[at + 1]
                after = at + FRAME_BYTES + (buffer[at + 2] << 8 | buffer[at + 3])
                if after > end:
                    after = self._incomplete(buffer, at, end)
                elif channel not in channels:
                    after = (
                        after
                        if self._is_followed(buffer, after, end)
                        else self._resynchronise(buffer, at, end)
                    )
                elif after - at > FRAME_BYTES and buffer[at + FRAME_BYTES] >> 6 == 2:
                    sink.on_packet(channel, buffer[at + FRAME_BYTES : after])
                    after = sink.on_run(buffer, after, end)
                else:
                    after = self._resynchronise(buffer, at, end)
            if after == at:
                break
            at = after
        return at

    def _incomplete(self, buffer: memoryview, at: int, end: int) -> int:
        """Where to go on when a packet has not come whole: here, unless it is none."""
        if end - at > FRAME_BYTES and buffer[at + 1] in self._channels and buffer[at + FRAME_BYTES] >> 6 != 2:
            return self._resynchronise(buffer, at, end)
        return at

    def _is_followed(self, buffer: memoryview, after: int, end: int) -> bool:
        """Whether a packet of a channel that nobody set up ends where something else begins."""
        return after >= end or buffer[after] in _BEGINNINGS

    def _message(self, buffer: memoryview, at: int, end: int) -> int:
        if buffer[at] in _LINE_ENDS:
            return at + 1
        line, newline, _ = bytes(buffer[at : min(end, at + _MAX_LINE_BYTES)]).partition(b"\n")
        if not newline and len(line) < _MAX_LINE_BYTES and _LINE_BEGUN.match(line):
            return at
        if _MESSAGE_START.match(line + newline) is None:
            return self._resynchronise(buffer, at, end)
        head = head_length(buffer, at, end)
        if head == 0:
            return at
        try:
            message = parse_head(bytes(buffer[at : at + head]))
        except InvalidError:
            return self._resynchronise(buffer, at, end)
        after = at + head + body_length(message.headers)
        if after > end:
            return at
        self._sink.on_message(replace(message, body=bytes(buffer[at + head : after])))
        return after

    def _resynchronise(self, buffer: memoryview, at: int, end: int) -> int:
        rest = bytes(buffer[at + 1 : end])
        skipped = len(rest) + 1
        for found in _RESYNCHRONISE.finditer(rest):
            place = at + 1 + found.start()
            if found[0] != b"$" or self._may_begin(buffer, place, end):
                skipped = place - at
                break
        self._sink.on_junk(skipped)
        return at + skipped

    def _may_begin(self, buffer: memoryview, at: int, end: int) -> bool:
        if end - at <= 1:
            return True
        if buffer[at + 1] not in self._channels:
            return False
        return end - at <= FRAME_BYTES or buffer[at + FRAME_BYTES] >> 6 == 2
