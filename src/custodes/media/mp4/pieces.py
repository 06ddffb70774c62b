"""Reading back what `fragments` writes, byte for byte and nothing else; and whole recordings of it.

Source: docs/formats/live.md, docs/formats/recorded.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from custodes.base.clock import SECOND_US
from custodes.base.errors import InvalidError
from custodes.media.mp4.boxes import HEADER_BYTES, children, parse_header
from custodes.media.mp4.entry import parse_sample_entry
from custodes.media.mp4.fragments import codec_string, fragment, init_segment
from custodes.media.timeline import CLOCK_HZ

# Where fields of a `moof` of one picture lie, from its beginning.
_NUMBER_AT, _DECODE_AT, _DURATION_AT, _FLAGS_AT = 20, 60, 88, 96
_MOOF_BYTES = 100
_KEY_FLAGS = b"\x02"


@dataclass(frozen=True, slots=True)
class Piece:
    """A fragment: one picture. Units: 1/90,000 s."""

    number: int
    decode_90k: int
    duration_90k: int
    sample: bytes
    is_key: bool

    def encode(self) -> bytes:
        """Its bytes."""
        return fragment(self.number, self.decode_90k, self.duration_90k, self.sample, self.is_key)

    def lasting(self, duration_90k: int) -> Piece:
        """The same picture, shown for another time."""
        return replace(self, duration_90k=duration_90k)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording holds up to its last whole fragment: so many bytes of the data. Units: microseconds."""

    codec: str
    valid_bytes: int
    pictures: int
    duration_us: int


def parse_piece(data: bytes) -> Piece:
    """Errors: InvalidError for other bytes than `fragment` writes."""
    if len(data) < _MOOF_BYTES + HEADER_BYTES:
        raise InvalidError(f"a fragment of {len(data)} bytes")
    piece = Piece(
        number=_number(data, _NUMBER_AT, 4),
        decode_90k=_number(data, _DECODE_AT, 8),
        duration_90k=_number(data, _DURATION_AT, 4),
        sample=data[_MOOF_BYTES + HEADER_BYTES :],
        is_key=data[_FLAGS_AT : _FLAGS_AT + 1] == _KEY_FLAGS,
    )
    if piece.encode() != data:
        raise InvalidError("a fragment has other boxes or fields than it should")
    return piece


def codec_of_init(segment: bytes) -> str:
    """The codec's name. Errors: InvalidError for other bytes than `init_segment` writes."""
    body = memoryview(segment)
    for way in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        body = _one(body, way)
    entries = list(children(body[8:]))
    if len(entries) != 1:
        raise InvalidError(f"{len(entries)} sample entries; there is one")
    sets = parse_sample_entry(*entries[0])
    if init_segment(sets) != segment:
        raise InvalidError("an initialisation segment has other boxes or fields than it should")
    return codec_string(sets)


def length_of_init(data: bytes) -> int:
    """Bytes of the `ftyp` and `moov` that data begin with. Errors: InvalidError when they do not."""
    at = 0
    for kind in (b"ftyp", b"moov"):
        found, _, size = parse_header(data[at : at + 16], len(data) - at)
        if found != kind:
            raise InvalidError(f"a box {found!r} where {kind!r} is due")
        at += size
    return at


def read_recording(data: bytes) -> Recorded:
    """A recording up to its last whole fragment that follows the one before.

    Errors: InvalidError when it does not begin with an initialisation segment and a whole key fragment.
    """
    at = length_of_init(data)
    codec = codec_of_init(data[:at])
    pictures, begun_90k, end_90k = 0, 0, 0
    while (end := _end_of_piece(data, at)) is not None:
        try:
            piece = parse_piece(data[at:end])
        except InvalidError:
            break
        if pictures and piece.decode_90k != end_90k:
            break
        if not pictures:
            if not piece.is_key:
                break
            begun_90k = piece.decode_90k
        at, pictures, end_90k = end, pictures + 1, piece.decode_90k + piece.duration_90k
    if not pictures:
        raise InvalidError("a recording without a whole key fragment at its beginning")
    return Recorded(codec, at, pictures, (end_90k - begun_90k) * SECOND_US // CLOCK_HZ)


def _end_of_piece(data: bytes, at: int) -> int | None:
    sizes = _number(data, at, 4), _number(data, at + _MOOF_BYTES, 4)
    end = at + sum(sizes)
    if sizes[0] != _MOOF_BYTES or sizes[1] < HEADER_BYTES or end > len(data):
        return None
    return end


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")


def _one(payload: memoryview, wanted: bytes) -> memoryview:
    for kind, body in children(payload):
        if kind == wanted:
            return body
    raise InvalidError(f"no {wanted.decode('latin-1')} box where one must be")
