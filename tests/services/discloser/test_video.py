"""An export file is its access units byte for byte, however often and in however many threads it is written."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO

import pytest

from custodes.base.ids import new_id
from custodes.custody.accounts import AccountLeaf, Manifest
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.envelope_reader import Envelope, read_envelope
from custodes.custody.frames import EnvelopeError
from custodes.custody.records import KEY
from custodes.custody.segment import SegmentHeader
from custodes.media.mp4.read import read_movie, read_samples
from custodes.media.nal import join_nals
from custodes.media.packets import Codec, ParameterSets
from custodes.services.discloser.buffers import Buffers
from custodes.services.discloser.gathering import Accounted, SealedSegment
from custodes.services.discloser.video import Source, Video, videos

KEY_BYTES = bytes(range(32))
EPOCH, STREAM = new_id(), new_id()
SETS = ParameterSets(
    Codec.H264,
    (),
    (bytes.fromhex("6764001eacd940a02ff9610000030001000003003c8f162d96"),),
    (bytes.fromhex("68ebecb22c"),),
)
Sealed = dict[int, tuple[bytes, bytes]]


def _sealed(sequence: int, units: list[bytes]) -> tuple[bytes, bytes]:
    """The envelope and its hash."""
    header = SegmentHeader(bytes(32), STREAM, EPOCH, 0, sequence, sequence, bytes(32), Codec.H264, 0)
    sealer = EnvelopeSealer(header, KEY_BYTES, SETS)
    data = bytearray(sealer.header_frame)
    for number, unit in enumerate(units):
        at_us = (sequence * 10 + number) * 40_000
        data += sealer.add_access_unit(unit, at_us, at_us * 9 // 100, 0, 0 if number else KEY)
    data += sealer.close()
    return bytes(data), sealer.hash


def _segments(sealed: Sealed) -> list[SealedSegment]:
    manifest = Manifest(bytes(32), bytes(16), 1, (AccountLeaf(STREAM, EPOCH, 0, bytes(32)),), ())
    return [
        SealedSegment(
            STREAM, EPOCH, sequence, 0, "", 0, len(data), False, Accounted(0, 0, digest, manifest, None)
        )
        for sequence, (data, digest) in sealed.items()
    ]


def _source(sealed: Sealed) -> Source:
    def fetch(segment: SealedSegment) -> bytes:
        return sealed[segment.sequence][0]

    def read(segment: SealedSegment) -> tuple[Envelope, bytes]:
        envelope = read_envelope(fetch(segment))
        envelope.check_hash(segment.accounted.hash)
        return envelope, KEY_BYTES

    return Source(read, fetch)


def _units(sequence: int, size: int = 0) -> list[bytes]:
    sizes = [size or 5000 * (sequence + 1) + number for number in range(10)]
    return [
        join_nals([(b"\x41" if number else b"\x65") + os.urandom(one)]) for number, one in enumerate(sizes)
    ]


def _video(sealed: Sealed) -> Video:
    (video,) = videos(_segments(sealed), {EPOCH: 0}, _source(sealed), Buffers())
    return video


def _bytes(video: Video) -> bytes:
    """A piece is good until the next is asked for."""
    return b"".join(bytes(piece) for piece in video.write())


def test_the_samples_are_the_units_however_often_it_is_written() -> None:
    units = {sequence: _units(sequence) for sequence in range(15)}
    video = _video({sequence: _sealed(sequence, ones) for sequence, ones in units.items()})
    first, second = (_bytes(video) for _ in range(2))
    assert first == second and len(first) == video.size
    assert video.sha256 == hashlib.sha256(first).digest()
    samples = list(read_samples(BytesIO(first), read_movie(BytesIO(first))))
    assert samples == [unit for ones in units.values() for unit in ones]


@pytest.mark.parametrize("size", [40, 20_000, 40_000])
def test_what_takes_a_segment_s_place_later_is_not_written(size: int) -> None:
    sealed = {sequence: _sealed(sequence, _units(sequence)) for sequence in range(8)}
    video = _video(sealed)
    sealed[3] = _sealed(3, _units(3, size))
    with pytest.raises(EnvelopeError, match="read before"):
        _bytes(video)


def test_an_altered_segment_is_not_written() -> None:
    sealed = {sequence: _sealed(sequence, _units(sequence)) for sequence in range(8)}
    video = _video(sealed)
    data, digest = sealed[7]
    sealed[7] = data[:-1] + bytes([data[-1] ^ 1]), digest
    with pytest.raises(EnvelopeError):
        _bytes(video)
    with pytest.raises(EnvelopeError, match="hash"):
        _video(sealed)
