"""Opening sealed segments and muxing them to an export, against pyrage decrypting the same bytes."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pyrage

from bench.rows import Row
from custodes.base.ids import new_id
from custodes.custody.accounts import AccountLeaf, Manifest
from custodes.custody.envelope import EnvelopeSealer
from custodes.custody.envelope_reader import read_envelope
from custodes.custody.opened import OpenedSegment
from custodes.custody.records import KEY
from custodes.custody.segment import SegmentHeader
from custodes.media.nal import join_nals
from custodes.media.packets import Codec, ParameterSets
from custodes.services.discloser.gathering import Accounted, SealedSegment
from custodes.services.discloser.video import videos

SEGMENTS = 60
UNITS = 100
UNIT_BYTES = 20_000
ROUNDS = 5
# Sequence and picture parameter set of a 640 x 360 High stream.
SETS = ParameterSets(
    Codec.H264,
    (),
    (bytes.fromhex("6764001eacd940a02ff9610000030001000003003c8f162d96"),),
    (bytes.fromhex("68ebecb22c"),),
)


def rows() -> list[Row]:
    """Medians of 5 rounds, both in this process, in turn."""
    key = os.urandom(32)
    sealed = _sealed_segments(key)
    clear = b"".join(os.urandom(1 << 20) for _ in range(SEGMENTS * UNITS * UNIT_BYTES >> 20))
    identity = pyrage.x25519.Identity.generate()
    aged = pyrage.encrypt(clear, [identity.to_public()])
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds(lambda: _export(sealed, key)) / (SEGMENTS * UNITS * UNIT_BYTES))
        theirs.append(_seconds(lambda: pyrage.decrypt(aged, [identity])) / len(clear))
    mine, peer = (1e-6 / statistics.median(values) for values in (ours, theirs))
    return [Row("open, check and mux an export", "MB/s", mine, "pyrage decrypt", peer, mine / peer)]


def _export(sealed: dict[int, bytes], key: bytes) -> int:
    def open_(segment: SealedSegment, check: bool) -> OpenedSegment:
        envelope = read_envelope(sealed[segment.sequence], None, check)
        envelope.check_hash(segment.accounted.hash)
        return envelope.open(key)

    segments = [_segment(sequence, data) for sequence, data in sealed.items()]
    with Path(os.devnull).open("wb") as out:
        return sum(
            out.write(piece) for video in videos(segments, {_EPOCH: 0}, open_) for piece in video.write()
        )


_EPOCH, _STREAM = new_id(), new_id()
_HASHES: dict[int, bytes] = {}


def _segment(sequence: int, data: bytes) -> SealedSegment:
    manifest = Manifest(bytes(32), bytes(16), 1, (AccountLeaf(_STREAM, _EPOCH, 0, bytes(32)),), ())
    accounted = Accounted(0, 0, _HASHES[sequence], manifest, None)
    return SealedSegment(_STREAM, _EPOCH, sequence, 0, "", 0, len(data), False, accounted)


def _sealed_segments(key: bytes) -> dict[int, bytes]:
    previous = bytes(32)
    sealed: dict[int, bytes] = {}
    body = os.urandom(UNIT_BYTES - 5)
    for sequence in range(SEGMENTS):
        start_us = sequence * UNITS * 40_000
        header = SegmentHeader(
            network=bytes(32), stream=_STREAM, epoch=_EPOCH, slot=0, sequence=sequence, key_sequence=sequence,
            previous=previous, codec=Codec.H264, elapsed_us=start_us,
        )  # fmt: skip
        sealer = EnvelopeSealer(header, key, SETS)
        frames = bytearray(sealer.header_frame)
        for number in range(UNITS):
            data = join_nals([(b"\x65" if number == 0 else b"\x41") + body])
            at_us = start_us + number * 40_000
            frames += sealer.add_access_unit(data, at_us, at_us * 9 // 100, 0, KEY if number == 0 else 0)
        frames += sealer.close()
        sealed[sequence], previous = bytes(frames), sealer.hash
        _HASHES[sequence] = previous
    return sealed


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
