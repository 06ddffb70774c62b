"""A small writer of PNG pictures, so that a background can be shown without any library for pictures or video."""

from __future__ import annotations

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH, _TRUECOLOUR = 8, 2


def png_of_bgr(width: int, height: int, picture: bytes) -> bytes:
    """The PNG of rows of blue, green, red. Source: ISO/IEC 15948."""
    rgb = bytearray(picture)
    rgb[0::3], rgb[2::3] = picture[2::3], picture[0::3]
    stride = width * 3
    # Each row says first how it was filtered: not at all.
    rows = b"".join(b"\0" + rgb[at : at + stride] for at in range(0, height * stride, stride))
    head = struct.pack(">IIBBBBB", width, height, _DEPTH, _TRUECOLOUR, 0, 0, 0)
    return b"".join(
        (_SIGNATURE, _chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows, 6)), _chunk(b"IEND", b""))
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + check.to_bytes(4, "big")
