"""The package: an archive of what was granted, sealed to its recipient, written as it streams.

Source: docs/formats/package.md.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from custodes.base.canon import b64u, canon, parse_canon, typed_message
from custodes.base.errors import InvalidError, UnverifiedError
from custodes.base.sealing import (
    SEAL_OVERHEAD_BYTES,
    STREAM_CHUNK_BYTES,
    STREAM_TAG_BYTES,
    PublicSealingKey,
    SealingKey,
    open_stream,
    seal_stream,
)
from custodes.cases.archive import ArchiveMember, ByteSource, member_of, write_archive
from custodes.cases.package_list import PackagedEnvelope, PackageList
from custodes.custody.members import Members
from custodes.custody.shamir import Random
from custodes.estate.model import Assurance

PACKAGE_FORMAT = "custodes/package/v1"
MAGIC = b"CPKG/1\n"
LIST_NAME = "package.json"
CHECKPOINT_NAME = "checkpoint"
FILE_KEY_BYTES = 32
MAX_SAFE_NAME_CHARACTERS = 40
_MAX_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class PackageHead:
    """What is in the clear: whose, of which request, for which key. The network is a claim until the list."""

    network: bytes
    request: bytes
    key: bytes

    def check_list(self, listing: PackageList) -> None:
        """Errors: UnverifiedError when the list within is of another network or request."""
        if (self.network, self.request) != (listing.network, listing.request.hash):
            raise UnverifiedError("the package's head is not that of its list")

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canon(
            {
                "format": PACKAGE_FORMAT,
                "key": b64u(self.key),
                "network": b64u(self.network),
                "request": b64u(self.request),
            }
        )


def archive_of(
    listing: PackageList,
    checkpoint: bytes,
    read_envelopes: Callable[[Iterable[PackagedEnvelope]], Iterable[bytes]],
    videos: Iterable[ArchiveMember],
) -> Iterator[bytes | memoryview]:
    """The archive in its one order; envelopes are read as they are wanted, videos are those of the list.

    Errors: InvalidError when the videos are not those; whatever `read_envelopes` raises.
    """
    return write_archive(_members(listing, checkpoint, read_envelopes, videos))


def seal_package(
    recipient: PublicSealingKey,
    network: bytes,
    request: bytes,
    archive: Iterable[bytes | memoryview],
    random: Random = os.urandom,
) -> Iterator[bytes]:
    """The sealed file's bytes. Cost: holds a mebibyte or two, whatever the length."""
    file_key = random(FILE_KEY_BYTES)
    head = PackageHead(network, request, recipient.id).encode()
    yield MAGIC + len(head).to_bytes(4, "big") + head + recipient.seal(file_key, _info(request))
    yield from seal_stream(file_key, _even_chunks(archive))


def open_package(sealed: Iterable[bytes], key: SealingKey) -> tuple[PackageHead, Iterator[bytes]]:
    """The head, and the archive's bytes, each yielded when it has checked.

    Errors: UnverifiedError, from here or while iterating, when it is not sealed to the key, altered or cut.
    """
    source = ByteSource(sealed)
    if source.upto(len(MAGIC)) != MAGIC:
        raise UnverifiedError("not a package")
    length = int.from_bytes(source.take(4), "big")
    if length > _MAX_HEAD_BYTES:
        raise UnverifiedError(f"a package's head has at most {_MAX_HEAD_BYTES} bytes")
    try:
        head = _parse_head(source.take(length))
    except InvalidError as error:
        raise UnverifiedError(f"the head of the package: {error}") from error
    if head.key != key.id:
        raise UnverifiedError(f"the package is sealed to key {head.key.hex()}, not {key.id.hex()}")
    file_key = key.open(source.take(SEAL_OVERHEAD_BYTES + FILE_KEY_BYTES), _info(head.request))
    return head, open_stream(file_key, _sealed_chunks(source))


def envelope_name(stream: bytes, epoch: bytes, sequence: int) -> str:
    """Where an envelope lies in the archive."""
    return f"envelopes/{stream.hex()}/{epoch.hex()}/{sequence:08d}.envelope"


def video_name(camera: str, stream: bytes, part: int, assurance: Assurance) -> str:
    """Where a video lies in the archive; parts from 1. Lower assurance is in its name: files are passed on alone."""
    plain = unicodedata.normalize("NFKD", camera).encode("ascii", "ignore").decode("ascii")
    safe = re.sub("[^A-Za-z0-9]+", "-", plain).strip("-")[:MAX_SAFE_NAME_CHARACTERS].rstrip("-")
    mark = "-lower-assurance" if assurance == "lower" else ""
    return f"video/{safe or 'camera'}-{stream.hex()[:8]}-{part}{mark}.mp4"


def _members(
    listing: PackageList,
    checkpoint: bytes,
    read_envelopes: Callable[[Iterable[PackagedEnvelope]], Iterable[bytes]],
    videos: Iterable[ArchiveMember],
) -> Iterator[ArchiveMember]:
    yield member_of(LIST_NAME, listing.encode())
    yield member_of(CHECKPOINT_NAME, checkpoint)
    for envelope, data in zip(listing.envelopes, read_envelopes(listing.envelopes), strict=True):
        yield member_of(envelope_name(envelope.stream, envelope.epoch, envelope.sequence), data)
    expected = iter(listing.videos)
    for video in videos:
        listed = next(expected, None)
        if listed is None or listed.name != video.name:
            raise InvalidError(f"{video.name} is not the video that the list names here")
        yield video
    if next(expected, None) is not None:
        raise InvalidError("a video that the list names is missing")


def _even_chunks(pieces: Iterable[bytes | memoryview]) -> Iterator[memoryview]:
    """The pieces in chunks of one length; a chunk is good until the next but one: `seal_stream` holds one back."""
    chunk, other = (memoryview(bytearray(STREAM_CHUNK_BYTES)) for _ in range(2))
    filled = 0
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            taken = min(len(rest), STREAM_CHUNK_BYTES - filled)
            chunk[filled : filled + taken] = rest[:taken]
            filled, rest = filled + taken, rest[taken:]
            if filled == STREAM_CHUNK_BYTES:
                yield chunk
                chunk, other, filled = other, chunk, 0
    if filled:
        yield chunk[:filled]


def _sealed_chunks(source: ByteSource) -> Iterator[bytes]:
    while chunk := source.upto(STREAM_CHUNK_BYTES + STREAM_TAG_BYTES):
        if len(chunk) < STREAM_TAG_BYTES:
            raise UnverifiedError("the package is cut")
        yield chunk


def _parse_head(data: bytes) -> PackageHead:
    members = Members(parse_canon(data), "package", ("format", "key", "network", "request"))
    members.literal("format", PACKAGE_FORMAT)
    return PackageHead(members.hash("network"), members.hash("request"), members.id("key"))


def _info(request: bytes) -> bytes:
    return typed_message(PACKAGE_FORMAT, request)
