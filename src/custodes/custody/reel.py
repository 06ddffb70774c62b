"""A reel: consecutive envelopes of one epoch in one object, with an index at its end.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from custodes.base.canon import b64u, canon
from custodes.base.clock import SECOND_US
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES
from custodes.custody.frames import TEXT_HEAD, footer_frame
from custodes.custody.header import Header
from custodes.custody.members import Members
from custodes.custody.paths import MAX_REEL_NUMBER
from custodes.custody.segment import SegmentHeader

REEL_FORMAT = "custodes/reel/v1"
TRAILER = struct.Struct(">I8s")
"""length of the whole footer frame, magic"""
TRAILER_MAGIC = b"CREEL/1\n"
MAX_REEL_BYTES = 64 << 20
FULL_BYTES = 48 << 20
CLOSING_BYTES = 56 << 20
LONGEST_SEGMENT_US = 10 * SECOND_US
_ROW = struct.Struct(">IIHHII")
_CUT = 1
_CONTINUATION = 2


@dataclass(frozen=True, slots=True)
class IndexRow:
    """Where an envelope lies and what it spans; `duration_ms` first access unit to last, 0: not known."""

    offset: int
    length: int
    slot: int
    is_cut: bool
    is_continuation: bool
    elapsed_ms: int
    duration_ms: int


@dataclass(frozen=True)
class Footer:
    """A reel's index; rows lie end to end from byte 0, and only the last may be cut.

    Errors: InvalidError from the constructor.
    """

    header: Header
    number: int
    first: int
    last: bytes
    rows: tuple[IndexRow, ...]
    is_recovered: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.number <= MAX_REEL_NUMBER or self.first < 0 or len(self.last) != HASH_BYTES:
            raise InvalidError("a reel's number, first sequence or last hash is beyond its limits")
        if not self.rows or self.rows[0].offset != 0:
            raise InvalidError("a reel begins with an envelope at byte 0")
        if any(row.offset + row.length != after.offset for row, after in pairwise(self.rows)):
            raise InvalidError("a reel's envelopes lie end to end")
        if any(row.is_cut for row in self.rows[:-1]):
            raise InvalidError("only the last envelope of a reel may be cut")
        if any(row.slot >= self.header.slots for row in self.rows):
            raise InvalidError("a reel's envelope lies in a slot that its epoch does not have")

    @property
    def length(self) -> int:
        """Bytes of the envelopes; the footer begins there."""
        return self.rows[-1].offset + self.rows[-1].length

    def encode(self) -> bytes:
        """The footer frame and the trailer."""
        frame = footer_frame(canon(self.to_json()))
        return frame + TRAILER.pack(len(frame), TRAILER_MAGIC)

    def to_json(self) -> dict[str, Any]:
        """The footer as JSON."""
        return {
            "count": len(self.rows),
            "first": self.first,
            "format": REEL_FORMAT,
            "header": self.header.to_json(),
            "index": b64u(b"".join(_pack_row(row) for row in self.rows)),
            "last": b64u(self.last),
            "number": self.number,
            "recovered": self.is_recovered,
        }

    @classmethod
    def from_json(cls, value: Any) -> Footer:
        """Errors: InvalidError."""
        members = Members(value, "reel footer", _MEMBERS)
        members.literal("format", REEL_FORMAT)
        rows = parse_rows(members.binary("index"))
        if members.count("count", 1) != len(rows):
            raise InvalidError("reel footer: count is not that of the index")
        return cls(
            header=Header.from_json(members.object("header")),
            number=members.count("number"),
            first=members.count("first"),
            last=members.hash("last"),
            rows=rows,
            is_recovered=members.flag("recovered"),
        )


class ReelWriter:
    """Keeps the index of a reel while it is written; the caller appends the bytes."""

    def __init__(self, header: Header, number: int) -> None:
        self.header = header
        self.number = number
        self.length = 0
        self.first_elapsed_us: int | None = None
        self._first = 0
        self._last = b""
        self._rows: list[IndexRow] = []

    @property
    def count(self) -> int:
        """Envelopes so far."""
        return len(self._rows)

    def add(
        self,
        segment: SegmentHeader,
        length: int,
        envelope_hash: bytes,
        duration_us: int = 0,
        is_cut: bool = False,
    ) -> None:
        """Note an envelope that lies whole, or cut, after those before.

        Errors: InvalidError when it does not follow them or the reel has no room.
        """
        if segment.epoch != self.header.epoch:
            raise InvalidError("a reel holds envelopes of one epoch")
        if self._rows and (segment.sequence != self._first + self.count or self._rows[-1].is_cut):
            raise InvalidError(f"envelope {segment.sequence} does not follow {self._first + self.count - 1}")
        if self.length + length > MAX_REEL_BYTES:
            raise InvalidError(f"a reel has at most {MAX_REEL_BYTES} bytes")
        if not self._rows:
            self._first, self.first_elapsed_us = segment.sequence, segment.elapsed_us
        self._rows.append(
            IndexRow(
                offset=self.length,
                length=length,
                slot=segment.slot,
                is_cut=is_cut,
                is_continuation=segment.is_continuation,
                elapsed_ms=segment.elapsed_us // 1000,
                duration_ms=duration_us // 1000,
            )
        )
        self._last = envelope_hash
        self.length += length

    def finish(self, is_recovered: bool = False) -> Footer:
        """The footer to append. Errors: InvalidError when there is no envelope, or no room for it."""
        footer = Footer(self.header, self.number, self._first, self._last, tuple(self._rows), is_recovered)
        if self.length + len(footer.encode()) > MAX_REEL_BYTES:
            raise InvalidError(f"a reel has at most {MAX_REEL_BYTES} bytes")
        return footer


def reel_is_full(length_bytes: int, first_elapsed_us: int, next_elapsed_us: int, reel_us: int) -> bool:
    """Whether the segment that begins now goes into a new reel.

    A segment lasts up to 10 s, so that no reel spans more than `reel_us` where that is 20 s or more.
    """
    margin_us = min(LONGEST_SEGMENT_US, reel_us // 2)
    return length_bytes >= FULL_BYTES or next_elapsed_us - first_elapsed_us > reel_us - margin_us


def segment_must_close(reel_bytes: int, envelope_bytes: int, pending_bytes: int) -> bool:
    """Whether the open segment must end, that the reel keeps room for one access unit and the footer."""
    return reel_bytes + envelope_bytes + pending_bytes >= CLOSING_BYTES


def footer_frame_length(trailer: bytes) -> int:
    """The length of the footer frame, from the reel's last 12 bytes. Errors: InvalidError."""
    length, magic = TRAILER.unpack(trailer)
    if magic != TRAILER_MAGIC or length < TEXT_HEAD.size:
        raise InvalidError("a reel's trailer is not one")
    return int(length)


def _pack_row(row: IndexRow) -> bytes:
    flags = _CUT * row.is_cut | _CONTINUATION * row.is_continuation
    return _ROW.pack(row.offset, row.length, row.slot, flags, row.elapsed_ms, row.duration_ms)


def parse_rows(data: bytes) -> tuple[IndexRow, ...]:
    """The rows of an index of 20 bytes each. Errors: InvalidError."""
    if len(data) % _ROW.size:
        raise InvalidError("a reel's index has 20 bytes an envelope")
    return tuple(_parse_row(*fields) for fields in _ROW.iter_unpack(data))


def _parse_row(
    offset: int, length: int, slot: int, flags: int, elapsed_ms: int, duration_ms: int
) -> IndexRow:
    if flags & ~(_CUT | _CONTINUATION):
        raise InvalidError("a reel's index has an unknown flag")
    return IndexRow(
        offset, length, slot, bool(flags & _CUT), bool(flags & _CONTINUATION), elapsed_ms, duration_ms
    )


_MEMBERS = ("count", "first", "format", "header", "index", "last", "number", "recovered")
