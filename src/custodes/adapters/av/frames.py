"""What passes from the process that runs FFmpeg to the one that started it. It is not trusted there.

A frame is its kind (1 byte), its length (4 bytes, big-endian) and its payload.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from custodes.adapters.rtsp.assembly import MAX_UNIT_BYTES
from custodes.base.errors import InvalidError

HEAD = struct.Struct(">BI")
_PACKET = struct.Struct(">qIIBI")
_OPENED, _DEMUXED, _FAILED, _ENDED = 1, 2, 3, 4
_CORRUPT, _HAS_STAMP, _HAS_EXTRADATA = 1, 2, 4
MAX_EXTRADATA_BYTES = 64 * 1024
MAX_TEXT_BYTES = 300
MAX_PAYLOAD_BYTES = _PACKET.size + MAX_EXTRADATA_BYTES + MAX_UNIT_BYTES


@dataclass(frozen=True, slots=True)
class Opened:
    """The source is open; `codec` as FFmpeg calls it, `extradata` as the container has it.

    `missing`: which fences the process is without, and why; mostly empty.
    """

    codec: str
    extradata: bytes
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Demuxed:
    """One packet of the video, as FFmpeg gives it.

    `stamp`: presentation time, else decoding time, in units of `numerator` / `denominator` seconds; None for
    neither. `data` is empty for a picture too large to be recorded. `extradata`: new, else None.
    """

    data: bytes
    stamp: int | None
    numerator: int
    denominator: int
    is_corrupt: bool = False
    extradata: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The session failed; `kind` is an error kind's name or `silent`."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The source came to its end."""


Frame = Opened | Demuxed | Failed | Ended


def encode(frame: Frame) -> bytes:
    """The frame's bytes; texts are cut to their limit, extradata over its limit is left out."""
    if isinstance(frame, Demuxed):
        return _frame(_DEMUXED, _encode_packet(frame))
    if isinstance(frame, Opened):
        return _frame(
            _OPENED, _text(frame.codec) + _text(frame.missing) + frame.extradata[:MAX_EXTRADATA_BYTES]
        )
    if isinstance(frame, Failed):
        return _frame(_FAILED, _text(frame.kind) + _text(frame.message))
    return _frame(_ENDED, b"")


def decode(kind: int, payload: bytes) -> Frame:
    """A frame out of its kind and payload. Errors: InvalidError."""
    if kind == _DEMUXED:
        return _decode_packet(payload)
    if kind == _OPENED:
        codec, rest = _take_text(payload)
        missing, rest = _take_text(rest)
        return Opened(codec, rest, missing)
    if kind == _FAILED:
        name, rest = _take_text(payload)
        message, rest = _take_text(rest)
        if not rest:
            return Failed(name, message)
    if kind == _ENDED and not payload:
        return Ended()
    raise InvalidError(f"a frame of kind {kind} that there is not")


def _encode_packet(packet: Demuxed) -> bytes:
    extradata = packet.extradata
    if extradata is not None and len(extradata) > MAX_EXTRADATA_BYTES:
        extradata = None
    flags = _CORRUPT if packet.is_corrupt else 0
    flags |= _HAS_STAMP if packet.stamp is not None else 0
    flags |= _HAS_EXTRADATA if extradata is not None else 0
    extra = extradata or b""
    data = packet.data if len(packet.data) <= MAX_UNIT_BYTES else b""
    head = _PACKET.pack(packet.stamp or 0, packet.numerator, packet.denominator, flags, len(extra))
    return head + extra + data


def _decode_packet(payload: bytes) -> Demuxed:
    if len(payload) < _PACKET.size:
        raise InvalidError("a packet's frame is too short")
    stamp, numerator, denominator, flags, length = _PACKET.unpack_from(payload)
    if not numerator or not denominator or length > len(payload) - _PACKET.size:
        raise InvalidError("a packet's frame does not hold together")
    at = _PACKET.size + length
    return Demuxed(
        data=payload[at:],
        stamp=stamp if flags & _HAS_STAMP else None,
        numerator=numerator,
        denominator=denominator,
        is_corrupt=bool(flags & _CORRUPT),
        extradata=payload[_PACKET.size : at] if flags & _HAS_EXTRADATA else None,
    )


def _frame(kind: int, payload: bytes) -> bytes:
    return HEAD.pack(kind, len(payload)) + payload


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "replace")[:MAX_TEXT_BYTES]
    return len(data).to_bytes(2, "big") + data


def _take_text(data: bytes) -> tuple[str, bytes]:
    length = int.from_bytes(data[:2], "big")
    if len(data) < 2 + length or length > MAX_TEXT_BYTES:
        raise InvalidError("a text's frame is too short or too long")
    text = data[2 : 2 + length].decode("utf-8", "replace")
    return "".join(one if one.isprintable() else " " for one in text), data[2 + length :]
