"""Reading an envelope: is it whole and itself, and what does it hold.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custodes.base.errors import InvalidError
from custodes.base.sealing import STREAM_TAG_BYTES, stream_nonce
from custodes.custody.frames import (
    FOOTER_MAGIC,
    SEGMENT_MAGIC,
    Damage,
    EnvelopeError,
    Frame,
    Read,
    read_frame,
    reader_of,
)
from custodes.custody.header import Header
from custodes.custody.opened import OpenedSegment
from custodes.custody.records import PARAMETER_SETS, Record, RecordCutter, parse_parameter_sets
from custodes.custody.segment import EnvelopeHash, SegmentHeader, parse_segment_header, segment_key
from custodes.custody.slots import Buffer


@dataclass(frozen=True)
class Envelope:
    """A sealed segment whose frames are all there and in order. `is_cut`: its last chunk is not."""

    header: SegmentHeader
    chunks: tuple[Frame, ...]
    hash: bytes
    is_cut: bool

    def check_hash(self, expected: bytes) -> None:
        """Errors: EnvelopeError when it is another envelope than the one of that hash."""
        if self.hash != expected:
            raise EnvelopeError(Damage.SWAPPED, 0, f"not the envelope with hash {expected.hex()}")

    def plaintexts(self, slot_key: Buffer) -> Iterator[bytes]:
        """The chunks in the clear, each yielded only when it has checked.

        Errors: EnvelopeError: WRONG_KEY where no chunk opens, SWAPPED where one does not and another does.
        """
        cipher = AESGCM(segment_key(self.header.hash, slot_key))
        for chunk in self.chunks:
            clear = _open(cipher, chunk)
            if clear is None:
                raise self._why_closed(cipher, chunk)
            yield clear

    def records(self, slot_key: Buffer) -> Iterator[Record]:
        """The records, parameter sets first; of a cut envelope up to the last whole one.

        Errors: EnvelopeError.
        """
        cutter = RecordCutter()
        for chunk, clear in zip(self.chunks, self.plaintexts(slot_key), strict=True):
            try:
                for record in cutter.feed(clear):
                    if record.kind == PARAMETER_SETS:
                        self._check_codec(record)
                    yield record
            except InvalidError as error:
                raise EnvelopeError(Damage.MALFORMED, chunk.offset, str(error)) from error
        if not self.is_cut and (cutter.rest_bytes or cutter.is_empty):
            raise EnvelopeError(Damage.MALFORMED, self.chunks[-1].offset, "the last record is not whole")

    @property
    def clear_size(self) -> int:
        """How many bytes it has in the clear."""
        return sum(len(chunk.body) - STREAM_TAG_BYTES for chunk in self.chunks)

    def reopening(self, slot_key: Buffer) -> Reopening:
        """How to open the same bytes again."""
        places = tuple(
            (chunk.end - len(chunk.body), chunk.end, stream_nonce(chunk.number, chunk.last))
            for chunk in self.chunks
        )
        return Reopening(segment_key(self.header.hash, slot_key), self.clear_size, places)

    def open(self, slot_key: Buffer, buffer: bytearray | None = None) -> OpenedSegment:
        """All of it in the clear, in one buffer: records are found in place, nothing is copied again.

        `buffer`: at least `clear_size` bytes that nobody else uses as long as the segment is of use.
        Errors: EnvelopeError, as `records`.
        """
        cipher = AESGCM(segment_key(self.header.hash, slot_key))
        size = self.clear_size
        clear = bytearray(size) if buffer is None else buffer
        at = 0
        with memoryview(clear) as view:
            for chunk in self.chunks:
                end = at + len(chunk.body) - STREAM_TAG_BYTES
                try:
                    cipher.decrypt_into(
                        stream_nonce(chunk.number, chunk.last), chunk.body, None, view[at:end]
                    )
                except InvalidTag as error:
                    raise self._why_closed(cipher, chunk) from error
                at = end
        try:
            opened = OpenedSegment(clear, size, self.is_cut)
            if opened.sets.codec is not self.header.codec:
                raise InvalidError("the parameter sets are of another codec than the header says")
        except InvalidError as error:
            raise EnvelopeError(Damage.MALFORMED, self.chunks[0].offset, str(error)) from error
        return opened

    def _check_codec(self, record: Record) -> None:
        if parse_parameter_sets(record.payload).codec is not self.header.codec:
            raise InvalidError("the parameter sets are of another codec than the header says")

    def _why_closed(self, cipher: AESGCM, chunk: Frame) -> EnvelopeError:
        if any(_open(cipher, other) is not None for other in self.chunks if other is not chunk):
            return EnvelopeError(
                Damage.SWAPPED, chunk.offset, f"chunk {chunk.number} is not of this envelope"
            )
        return EnvelopeError(Damage.WRONG_KEY, chunk.offset, "the envelope does not open with this key")


@dataclass(frozen=True, slots=True)
class Reopening:
    """Opens an envelope's bytes again, after `Envelope` has checked and opened them once.

    Nothing is parsed or hashed again: the tags tell whether the bytes are those of before.
    `places`: of each chunk, where its ciphertext begins and ends, and its nonce.
    """

    key: bytes
    clear_size: int
    places: tuple[tuple[int, int, bytes], ...]

    def decrypt(self, data: Buffer, buffer: bytearray) -> None:
        """All of it in the clear, in the first `clear_size` bytes of a buffer.

        Errors: EnvelopeError where other bytes are given; what the buffer holds then is of no use.
        """
        cipher = AESGCM(self.key)
        at = 0
        with memoryview(data) as sealed, memoryview(buffer) as view:
            for start, end, nonce in self.places:
                until = at + end - start - STREAM_TAG_BYTES
                try:
                    cipher.decrypt_into(nonce, sealed[start:end], None, view[at:until])
                except (InvalidTag, ValueError) as error:
                    raise EnvelopeError(
                        Damage.SWAPPED, start, "not the chunk that was read before"
                    ) from error
                at = until


def read_envelope(data: Buffer, chunks: int | None = None) -> Envelope:
    """The envelope that the bytes are, and nothing else. `chunks`: how many a cut one has, by its account.

    Errors: EnvelopeError.
    """
    header, frames = read_segment(reader_of(data), 0, len(data), chunks)
    end = frames[-1].end
    if end < len(data):
        raise EnvelopeError(Damage.SURPLUS, end, "more follows the envelope")
    return envelope_of(header, frames)


def read_segment(
    read: Read, offset: int, size: int, chunks: int | None = None
) -> tuple[SegmentHeader, list[Frame]]:
    """The header at an offset and all chunks that follow it; `chunks`: how many a cut one has.

    Errors: EnvelopeError.
    """
    header, at = read_header(read, offset, size)
    frames: list[Frame] = []
    while at < size and read(at, min(4, size - at)) not in (SEGMENT_MAGIC, FOOTER_MAGIC):
        frames.append(read_frame(read, at, size))
        at = frames[-1].end
    _check_order(frames)
    lasts = [frame.last for frame in frames]
    if chunks is not None and (True in lasts or chunks < 1):
        raise EnvelopeError(Damage.MALFORMED, offset, "an envelope that is said to be cut and is not")
    wanted = chunks if chunks is not None else lasts.index(True) + 1 if True in lasts else len(frames) + 1
    if len(frames) < wanted:
        raise EnvelopeError(Damage.CUT, at, f"the end is missing, {len(frames)} chunks are there")
    if len(frames) > wanted:
        raise EnvelopeError(Damage.SURPLUS, frames[wanted].offset, "a chunk follows the last")
    return header, frames


def read_header(read: Read, offset: int, size: int) -> tuple[SegmentHeader, int]:
    """The segment header at an offset, and where its frame ends. Errors: EnvelopeError."""
    frame = read_frame(read, offset, size)
    if frame.magic != SEGMENT_MAGIC:
        raise EnvelopeError(Damage.SWAPPED, offset, "an envelope begins with a segment header")
    try:
        return parse_segment_header(bytes(frame.body)), frame.end
    except InvalidError as error:
        raise EnvelopeError(Damage.MALFORMED, offset, str(error)) from error


def envelope_of(header: SegmentHeader, frames: Sequence[Frame]) -> Envelope:
    """The envelope of a header and its chunks in order."""
    running = EnvelopeHash(header.hash)
    for frame in frames:
        running.add(frame.number, len(frame.body), frame.digest)
    return Envelope(header, tuple(frames), running.value, not frames[-1].last)


class EnvelopeChain:
    """The envelopes of one epoch, one after the other from the first.

    Errors: EnvelopeError from `follow`, at the byte of the reel that it is told.
    """

    def __init__(self, header: Header) -> None:
        self._epoch = header
        self.next_sequence = 0
        self.last = header.hash
        self._slot = 0

    def follow(self, header: SegmentHeader, envelope_hash: bytes, offset: int = 0) -> None:
        """Take the next envelope, or say what it is instead."""
        epoch = self._epoch
        if (header.network, header.stream, header.epoch) != (epoch.network, epoch.stream, epoch.epoch):
            raise EnvelopeError(Damage.SWAPPED, offset, "an envelope of another epoch")
        if header.sequence < self.next_sequence:
            raise EnvelopeError(Damage.REPLAYED, offset, f"envelope {header.sequence} again")
        if header.sequence > self.next_sequence:
            raise EnvelopeError(Damage.CUT, offset, f"envelope {self.next_sequence} is missing")
        if header.previous != self.last:
            raise EnvelopeError(Damage.SWAPPED, offset, f"envelope {header.sequence} follows another one")
        if not self._slot <= header.slot < epoch.slots:
            raise EnvelopeError(Damage.MALFORMED, offset, f"slot {header.slot} cannot stand here")
        self.next_sequence += 1
        self.last = envelope_hash
        self._slot = header.slot


def _check_order(frames: Sequence[Frame]) -> None:
    numbers = [frame.number for frame in frames]
    for expected, frame in enumerate(frames):
        if frame.number < expected:
            raise EnvelopeError(Damage.REPLAYED, frame.offset, f"chunk {frame.number} again")
        if frame.number > expected:
            kind = Damage.SWAPPED if expected in numbers[expected:] else Damage.CUT
            raise EnvelopeError(kind, frame.offset, f"chunk {frame.number} where {expected} belongs")


def _open(cipher: AESGCM, chunk: Frame) -> bytes | None:
    try:
        return cipher.decrypt(stream_nonce(chunk.number, chunk.last), chunk.body, None)
    except InvalidTag:
        return None
