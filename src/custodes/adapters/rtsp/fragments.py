"""Runs of fragments: most of what a camera sends, read with a handful of operations a packet.

A fragment in the middle of a NAL unit differs from the one before it in nothing but its sequence number and
its payload, so the interleaving header, the RTP header and the fragment header are compared as four
numbers. Whatever is not exactly as expected is left to the general way.
"""

from __future__ import annotations

import struct

from custodes.adapters.rtsp.assembly import UnitAssembler

# '$', channel, length | version, payload type, sequence | time stamp, source | payload's first four bytes.
_FIELDS = struct.Struct("!IIQI")
_FRAME_BYTES = 4
_RTP_BYTES = 12
_END = 0x40
_MARKER = 0x80 << 16
_MIN_LENGTH = _FIELDS.size - _FRAME_BYTES


def read_run(
    assembler: UnitAssembler,
    buffer: memoryview,
    at: int,
    end: int,
    magic: int,
    order: int,
    source: int,
    middle: int,
) -> tuple[int, int, bool]:
    """Append interleaved fragments from `at` on to the open NAL unit, up to and with its last.

    `magic`: the first two bytes, followed by 16 zero bits. `order`: version to sequence number of the next
    packet.
    `source`: time stamp and source. `middle`: first bytes of a payload that continues the unit, two (H.264)
    or three. Returns where to go on, how many packets were read, and whether the unit was closed.
    """
    shift, skip = (16, 2) if middle < 0x10000 else (8, 3)
    skip += _FRAME_BYTES + _RTP_BYTES
    unpack, append = _FIELDS.unpack_from, assembler.fragments.append
    last, start, first, closed = end - _FIELDS.size, at, order, False
    head = marked_order = begin = 0
    while at <= last:
        head, marked_order, marked_source, begin = unpack(buffer, at)
        length = head - magic
        stop = at + _FRAME_BYTES + length
        if marked_source != source or stop > end or not _MIN_LENGTH <= length < 0x10000:
            break
        if begin >> shift != middle or marked_order != order:
            if begin >> shift == middle | _END and marked_order & ~_MARKER == order:
                append(buffer[at + skip : stop])
                order += 1
                at = stop
                closed = True
            break
        append(buffer[at + skip : stop])
        order += 1
        at = stop
    count = order - first
    assembler.size += at - start - count * skip
    if closed:
        assembler.close()
        assembler.end_packet(marked_order & _MARKER != 0)
    return at, count, closed
