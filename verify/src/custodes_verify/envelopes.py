"""Frames, envelopes and reels: reading sealed bytes without any key.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from custodes_verify.bytes import canon, digest, message, parse, sha256, u64
from custodes_verify.entries import HEADER
from custodes_verify.errors import MalformedError
from custodes_verify.schema import (
    COUNT_OR_NONE,
    HASH,
    ID,
    SLOT,
    Body,
    boolean,
    fixed,
    integer,
    members,
    one_of,
    rows,
)

REEL_LIMIT = 64 * 1024 * 1024
_HEADER_LIMIT, _FOOTER_LIMIT, _CIPHERTEXT_LIMIT = 4_096, 4 * 1024 * 1024, 1024 * 1024 + 16
_HEADER_MAGIC, _CHUNK_MAGIC, _FOOTER_MAGIC = b"CSEG", b"CCHK", b"CFTR"
_TRAILER = b"CREEL/1\n"
_HASH = 32
_ROW = 20
_TRAILER_LENGTH = 4 + len(_TRAILER)

SEGMENT = members(
    codec=one_of("h264", "h265"),
    elapsed_us=COUNT_OR_NONE,
    epoch=ID,
    format=fixed("custodes/segment/v1"),
    key_sequence=COUNT_OR_NONE,
    network=HASH,
    previous=HASH,
    sequence=COUNT_OR_NONE,
    slot=SLOT,
    stream=ID,
)
FOOTER = members(
    count=COUNT_OR_NONE,
    first=COUNT_OR_NONE,
    format=fixed("custodes/reel/v1"),
    header=HEADER,
    index=rows(_ROW, 100_000),
    last=HASH,
    number=integer(0, 9_999),
    recovered=boolean,
)


@dataclass(frozen=True)
class Chunk:
    """A chunk: its number, whether it says that it is the last, its ciphertext and the hash stated."""

    number: int
    last: bool
    ciphertext: memoryview
    stated: bytes


@dataclass
class Envelope:
    """A sealed segment between two offsets of a reel; `faults` are (what kind, what)."""

    header: Body
    header_hash: bytes
    start: int
    end: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sequence(self) -> int:
        """Its number in the epoch."""
        number: int = self.header["sequence"]
        return number

    @property
    def whole(self) -> bool:
        """Whether its last chunk is there."""
        return bool(self.chunks) and self.chunks[-1].last

    def order_fault(self) -> tuple[str, str] | None:
        """What is wrong with the numbers of its chunks, whether or not it ends with a last one."""
        numbers = [chunk.number for chunk in self.chunks]
        if not numbers:
            return "cut", "it has no chunk"
        if len(set(numbers)) < len(numbers):
            return "replayed", "a chunk is there twice"
        if max(numbers) >= len(numbers):
            return "cut", "a chunk is missing"
        if any(chunk.last and chunk.number < max(numbers) for chunk in self.chunks):
            return "surplus", "a chunk follows the last one"
        if numbers != sorted(numbers):
            return "swapped", "its chunks are out of order"
        return None

    def hash(self) -> bytes:
        """The envelope hash over the hashes that the frames state."""
        running = hashlib.sha256(message("envelope", self.header_hash))
        for chunk in self.chunks:
            running.update(u64(chunk.number) + u64(len(chunk.ciphertext)) + chunk.stated)
        return running.digest()


@dataclass
class Reel:
    """A reel, read by frames; `faults` are (what kind, what) outside envelopes."""

    envelopes: list[Envelope] = field(default_factory=list)
    footer: Body | None = None
    footer_header_hash: bytes = b""
    faults: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Frame:
    magic: bytes
    fields: bytes
    stated: bytes
    payload: memoryview
    end: int


def _read_frame(view: memoryview, at: int) -> _Frame:
    magic = bytes(view[at : at + 4])
    extra = 8 if magic == _CHUNK_MAGIC else 0
    limit = {_HEADER_MAGIC: _HEADER_LIMIT, _CHUNK_MAGIC: _CIPHERTEXT_LIMIT, _FOOTER_MAGIC: _FOOTER_LIMIT}
    if magic not in limit:
        raise MalformedError("no frame begins here")
    start = at + 8 + extra + _HASH
    length = int.from_bytes(view[at + 4 : at + 8], "big")
    if length > limit[magic]:
        raise MalformedError("a frame longer than any may be")
    if start + length > len(view):
        raise EOFError
    fields = bytes(view[at + 8 : at + 8 + extra])
    stated = bytes(view[at + 8 + extra : start])
    return _Frame(magic, fields, stated, view[start : start + length], start + length)


def read_reel(data: bytes, *, footer: bool = True) -> Reel:
    """Read envelopes and, where expected, the footer, going on behind what is damaged."""
    reel, view, at = Reel(), memoryview(data), 0
    while at < len(view):
        try:
            frame = _read_frame(view, at)
            if frame.magic == _FOOTER_MAGIC:
                _read_footer(reel, view, at, frame)
                break
            _take(reel, frame, at)
            at = frame.end
        except EOFError:
            reel.faults.append(("cut", f"ends within a frame that begins at byte {at}"))
            break
        except MalformedError as error:
            reel.faults.append(("flipped", f"byte {at}: {error}"))
            at = data.find(_HEADER_MAGIC, at + 1)
            if at < 0:
                break
    for envelope in reel.envelopes:
        fault = envelope.order_fault()
        if fault is not None:
            envelope.faults.append(fault)
    if footer and reel.footer is None and not reel.faults:
        reel.faults.append(("cut", "has no footer"))
    return reel


def _take(reel: Reel, frame: _Frame, at: int) -> None:
    if frame.magic == _HEADER_MAGIC:
        header_bytes = bytes(frame.payload)
        if sha256(header_bytes) != frame.stated:
            raise MalformedError("a segment header that is not what its hash says")
        header = SEGMENT(parse(header_bytes))
        header_hash = digest("custodes/segment/v1", header_bytes)
        reel.envelopes.append(Envelope(header, header_hash, at, frame.end))
        return
    if not reel.envelopes:
        raise MalformedError("a chunk without a segment header")
    _take_chunk(reel.envelopes[-1], frame)


def _take_chunk(envelope: Envelope, frame: _Frame) -> None:
    number = int.from_bytes(frame.fields[:4], "big")
    last = frame.fields[4]
    if last > 1 or any(frame.fields[5:]) or len(frame.payload) < 16:
        raise MalformedError("a chunk whose fields cannot be")
    if hashlib.sha256(frame.payload).digest() != frame.stated:
        envelope.faults.append(("flipped", f"chunk {number} is not what its hash says"))
    envelope.chunks.append(Chunk(number, last == 1, frame.payload, frame.stated))
    envelope.end = frame.end


def _read_footer(reel: Reel, view: memoryview, at: int, frame: _Frame) -> None:
    footer_bytes = bytes(frame.payload)
    trailer = (frame.end - at).to_bytes(4, "big") + _TRAILER
    if sha256(footer_bytes) != frame.stated:
        reel.faults.append(("flipped", "the footer is not what its hash says"))
        return
    parsed = parse(footer_bytes)
    reel.footer = FOOTER(parsed)
    reel.footer_header_hash = hash_header(parsed["header"])
    if bytes(view[frame.end :]) != trailer:
        reel.faults.append(("cut" if len(view) < frame.end + _TRAILER_LENGTH else "flipped", "false trailer"))


def hash_header(header: object) -> bytes:
    """H(header) of a header as parsed from JSON."""
    return digest("custodes/header/v1", canon(header))


def index_faults(reel: Reel) -> Iterator[str]:
    """What the footer says that the envelopes before it do not show."""
    footer, envelopes = reel.footer, reel.envelopes
    if footer is None:
        return
    if footer["count"] != len(envelopes) or len(footer["index"]) != len(envelopes):
        yield f"counts {footer['count']} envelopes where there are {len(envelopes)}"
        return
    if not envelopes:
        return
    if footer["first"] != envelopes[0].sequence or footer["last"] != envelopes[-1].hash():
        yield "first or last envelope is another"
    for row, envelope in zip(footer["index"], envelopes, strict=True):
        header = envelope.header
        flags = (not envelope.whole) | (header["key_sequence"] != header["sequence"]) << 1
        expected = (envelope.start, envelope.end - envelope.start, header["slot"], flags)
        stated = tuple(int.from_bytes(row[at:to], "big") for at, to in ((0, 4), (4, 8), (8, 10), (10, 12)))
        if stated != expected:
            yield f"the row of sequence {envelope.sequence} does not fit the envelope"
