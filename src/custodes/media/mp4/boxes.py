"""The boxes that an MP4 file is made of. Source: ISO/IEC 14496-12, 4.2."""

from __future__ import annotations

from collections.abc import Iterator

from custodes.base.errors import InvalidError

HEADER_BYTES = 8
LARGE_HEADER_BYTES = 16
_MAX_SMALL = (1 << 32) - 1
_MAX_CHILDREN = 1024


def u8(value: int) -> bytes:
    """One byte."""
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    """Two bytes, big-endian."""
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    """Four bytes, big-endian."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Eight bytes, big-endian."""
    return value.to_bytes(8, "big")


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box of a four-letter kind."""
    size = HEADER_BYTES + sum(map(len, payload))
    return b"".join((u32(size), kind, *payload))


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    """A box that begins with a version and flags."""
    return box(kind, u32(version << 24 | flags), *payload)


def large_header(kind: bytes, payload_bytes: int) -> bytes:
    """The header alone of a box; in its 64-bit form only where the size needs it."""
    if payload_bytes + HEADER_BYTES <= _MAX_SMALL:
        return u32(payload_bytes + HEADER_BYTES) + kind
    return u32(1) + kind + u64(payload_bytes + LARGE_HEADER_BYTES)


def parse_header(head: bytes, left: int) -> tuple[bytes, int, int]:
    """Kind, bytes of header and whole size of the box that starts with `head`, with `left` bytes to the end.

    Errors: InvalidError when the box does not fit.
    """
    if len(head) < HEADER_BYTES:
        raise InvalidError("a box ends within its header")
    size, kind, header = int.from_bytes(head[:4], "big"), bytes(head[4:8]), HEADER_BYTES
    if size == 1:
        if len(head) < LARGE_HEADER_BYTES:
            raise InvalidError("a box ends within its header")
        size, header = int.from_bytes(head[8:16], "big"), LARGE_HEADER_BYTES
    elif size == 0:
        size = left
    if not header <= size <= left:
        raise InvalidError(f"a box of {size} bytes where {left} are left")
    return kind, header, size


def children(payload: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and payload of each box in a row. Errors: InvalidError."""
    at = 0
    for _ in range(_MAX_CHILDREN):
        if at == len(payload):
            return
        head = bytes(payload[at : at + LARGE_HEADER_BYTES])
        kind, header, size = parse_header(head, len(payload) - at)
        yield kind, payload[at + header : at + size]
        at += size
    raise InvalidError(f"more than {_MAX_CHILDREN} boxes in a row")
