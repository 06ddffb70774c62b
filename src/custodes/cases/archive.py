"""A ustar archive that is the same bytes for the same contents, written and read as it streams.

Source: docs/formats/package.md; POSIX.1-1988 (ustar).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from custodes.base.errors import InvalidError, UnverifiedError

BLOCK_BYTES = 512
MAX_NAME_BYTES = 100
MAX_MEMBER_BYTES = 8**11 - 1
_END = bytes(2 * BLOCK_BYTES)


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A file of an archive; its size is told before its bytes."""

    name: str
    size: int
    chunks: Iterable[bytes | memoryview]


def member_of(name: str, data: bytes) -> ArchiveMember:
    """A file that is in memory."""
    return ArchiveMember(name, len(data), (data,))


def write_archive(members: Iterable[ArchiveMember]) -> Iterator[bytes | memoryview]:
    """The archive's bytes. Errors: InvalidError when a member has not the size it said, or none can be so."""
    for member in members:
        yield member_header(member.name, member.size)
        written = 0
        for chunk in member.chunks:
            written += len(chunk)
            yield chunk
        if written != member.size:
            raise InvalidError(f"{member.name} has {written} bytes, not {member.size}")
        yield bytes(-written % BLOCK_BYTES)
    yield _END


def read_archive(chunks: Iterable[bytes]) -> Iterator[ArchiveMember]:
    """The files of an archive in order; a file's chunks are read before the next file is asked for, or skipped.

    Errors: UnverifiedError when it is not exactly what `write_archive` writes.
    """
    source = ByteSource(chunks)
    while (head := source.take(BLOCK_BYTES)) != bytes(BLOCK_BYTES):
        name, size = _read_header(head)
        rest = source.pieces(size)
        yield ArchiveMember(name, size, rest)
        for _ in rest:
            pass
        if any(source.take(-size % BLOCK_BYTES)):
            raise UnverifiedError(f"{name} is not padded with zeros")
    if source.take(BLOCK_BYTES) != bytes(BLOCK_BYTES) or not source.is_at_end():
        raise UnverifiedError("an archive ends with two blocks of zeros")


def member_header(name: str, size: int) -> bytes:
    """The header block of a file. Errors: InvalidError when the name or size does not fit."""
    encoded = name.encode("ascii", "replace")
    if not 0 < len(encoded) <= MAX_NAME_BYTES or not name.isascii() or "\0" in name:
        raise InvalidError(f"an archive's name has 1 to {MAX_NAME_BYTES} ASCII characters")
    if not 0 <= size <= MAX_MEMBER_BYTES:
        raise InvalidError(f"an archive's file has at most {MAX_MEMBER_BYTES} bytes")
    before = b"".join(
        (
            encoded.ljust(100, b"\0"),
            b"0000644\0",
            b"0000000\0",
            b"0000000\0",
            b"%011o\0" % size,
            b"%011o\0" % 0,
        )
    )
    after = b"0" + bytes(100) + b"ustar\x0000"
    checksum = sum(before) + sum(after) + 8 * ord(" ")
    return (before + b"%06o\0 " % checksum + after).ljust(BLOCK_BYTES, b"\0")


class ByteSource:
    """Exact reads from an iterable of chunks of any size. Errors: UnverifiedError when it ends early."""

    def __init__(self, chunks: Iterable[bytes | memoryview]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def take(self, length: int) -> bytes:
        """Exactly so many bytes."""
        return b"".join(self.pieces(length))

    def pieces(self, length: int) -> Iterator[bytes]:
        """Exactly so many bytes, as they come."""
        while length:
            if not self._rest and not self._refill():
                raise UnverifiedError(f"the file ends {length} bytes early")
            piece = self._rest[:length]
            self._rest = self._rest[len(piece) :]
            length -= len(piece)
            yield bytes(piece)

    def upto(self, length: int) -> bytes:
        """So many bytes, or as many as are left."""
        found = bytearray()
        while len(found) < length and (self._rest or self._refill()):
            piece = self._rest[: length - len(found)]
            self._rest = self._rest[len(piece) :]
            found += piece
        return bytes(found)

    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return not self._rest and not self._refill()

    def _refill(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._rest = memoryview(chunk)
                return True
        return False


def _read_header(head: bytes) -> tuple[str, int]:
    try:
        name = head[:MAX_NAME_BYTES].rstrip(b"\0").decode("ascii")
        size = int(head[124:135], 8)
        again = member_header(name, size)
    except (ValueError, InvalidError) as error:
        raise UnverifiedError("not the header of an archive's file") from error
    if again != head:
        raise UnverifiedError(f"the header of {name} is not in its one spelling")
    return name, size
