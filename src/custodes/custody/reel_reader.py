"""Reading a reel: by its footer, by its frames alone, and what a power cut left of one.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from custodes.base.canon import parse_canon
from custodes.base.errors import InvalidError
from custodes.custody.envelope_reader import Envelope, read_envelope, read_header
from custodes.custody.frames import (
    CHUNK_MAGIC,
    FOOTER_MAGIC,
    Damage,
    EnvelopeError,
    Frame,
    Read,
    read_frame,
)
from custodes.custody.header import Header
from custodes.custody.reel import TRAILER, Footer, ReelWriter, footer_frame_length
from custodes.custody.segment import EnvelopeHash, SegmentHeader


class ReelReader:
    """Reads a finished reel through ranges of it.

    Errors: EnvelopeError from the constructor when the footer is not whole; then `scan` reads by frames.
    """

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self.footer = read_footer(read, size)

    def envelope(self, position: int, chunks: int | None = None) -> Envelope:
        """The envelope of a row. `chunks`: how many a cut one has, by its account.

        Errors: EnvelopeError, placed in the reel; InvalidError when there is no such row.
        """
        if not 0 <= position < len(self.footer.rows):
            raise InvalidError(f"a reel of {len(self.footer.rows)} envelopes has no row {position}")
        row = self.footer.rows[position]
        try:
            envelope = read_envelope(self._read(row.offset, row.length), chunks)
        except EnvelopeError as error:
            raise EnvelopeError(error.damage, row.offset + error.offset, error.reason) from error
        header = envelope.header
        if header.epoch != self.footer.header.epoch or header.sequence != self.footer.first + position:
            raise EnvelopeError(Damage.SWAPPED, row.offset, "another envelope than the index names")
        if (header.slot, header.is_continuation) != (row.slot, row.is_continuation):
            raise EnvelopeError(Damage.MALFORMED, row.offset, "the index does not tell of its envelope")
        return envelope


@dataclass(frozen=True, slots=True)
class FoundEnvelope:
    """An envelope found by frames: where it lies, how many chunks it has, its hash."""

    header: SegmentHeader
    offset: int
    length: int
    chunks: int
    hash: bytes
    is_cut: bool


@dataclass(frozen=True, slots=True)
class RecoveredReel:
    """What of a reel is good: everything before `valid_length`, made of whole chunks.

    `is_finished`: its footer and trailer are there too, and nothing is to be done. At most the last envelope
    is cut; `cut` is it, for the recorder's Restart.
    """

    valid_length: int
    envelopes: tuple[FoundEnvelope, ...]
    is_finished: bool

    @property
    def cut(self) -> FoundEnvelope | None:
        """The envelope that lacks its last chunk."""
        if self.envelopes and self.envelopes[-1].is_cut:
            return self.envelopes[-1]
        return None

    def footer(self, header: Header, number: int) -> Footer:
        """The footer to append at `valid_length`, marked recovered. Errors: InvalidError when nothing is."""
        writer = ReelWriter(header, number)
        for found in self.envelopes:
            writer.add(found.header, found.length, found.hash, is_cut=found.is_cut)
        return writer.finish(is_recovered=True)


def read_footer(read: Read, size: int) -> Footer:
    """The footer of a finished reel. Errors: EnvelopeError."""
    end = size - TRAILER.size
    if end < 0:
        raise EnvelopeError(Damage.CUT, 0, "a reel has no trailer")
    try:
        offset = end - footer_frame_length(bytes(read(end, TRAILER.size)))
        if offset < 0:
            raise InvalidError("a reel's footer is longer than the reel")
        frame = read_frame(read, offset, end)
        footer = Footer.from_json(parse_canon(bytes(frame.body)))
        if frame.magic != FOOTER_MAGIC or frame.end != end or footer.length != offset:
            raise InvalidError("a reel's footer does not end its envelopes")
    except InvalidError as error:
        raise EnvelopeError(Damage.FLIPPED, end, str(error)) from error
    return footer


def scan(read: Read, size: int) -> RecoveredReel:
    """Read a reel from its first byte and stop at the first that is not good.

    What follows a byte that is not good is dropped, whatever it is: appends are in order, so nothing durable
    was promised beyond it. A segment header without a whole chunk is dropped too.
    Cost: reads everything once, a chunk at a time.
    """
    found: list[FoundEnvelope] = []
    at = 0
    while at < size and not (found and found[-1].is_cut):
        envelope = _next_envelope(read, at, size, found[-1] if found else None)
        if envelope is None:
            break
        found.append(envelope)
        at += envelope.length
    return RecoveredReel(at, tuple(found), _is_finished(read, at, size))


def _next_envelope(read: Read, at: int, size: int, before: FoundEnvelope | None) -> FoundEnvelope | None:
    try:
        header, end = read_header(read, at, size)
    except EnvelopeError:
        return None
    if before is not None and not _follows(header, before):
        return None
    running = EnvelopeHash(header.hash)
    chunks, is_last = 0, False
    while not is_last:
        frame = _next_chunk(read, end, size, chunks)
        if frame is None:
            break
        running.add(frame.number, len(frame.body), frame.digest)
        chunks, is_last, end = chunks + 1, frame.last, frame.end
    if not chunks:
        return None
    return FoundEnvelope(header, at, end - at, chunks, running.value, not is_last)


def _next_chunk(read: Read, at: int, size: int, number: int) -> Frame | None:
    try:
        frame = read_frame(read, at, size)
    except EnvelopeError:
        return None
    return frame if frame.magic == CHUNK_MAGIC and frame.number == number else None


def _follows(header: SegmentHeader, before: FoundEnvelope) -> bool:
    return (
        header.epoch == before.header.epoch
        and header.sequence == before.header.sequence + 1
        and header.previous == before.hash
    )


def _is_finished(read: Read, at: int, size: int) -> bool:
    try:
        return read_footer(read, size).length == at
    except EnvelopeError:
        return False
