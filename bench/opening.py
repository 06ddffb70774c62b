"""Opening sealed segments and muxing them to an export, against pyrage decrypting the same bytes."""

from __future__ import annotations

import io
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
from custodes.custody.envelope_reader import Envelope, read_envelope
from custodes.custody.records import KEY
from custodes.custody.segment import SegmentHeader
from custodes.media.nal import join_nals
from custodes.media.packets import Codec, ParameterSets
from custodes.services.discloser.buffers import Buffers
from custodes.services.discloser.gathering import Accounted, SealedSegment
from custodes.services.discloser.video import Source, videos

SEGMENTS = 60
UNITS = 100
UNIT_BYTES = 20_000
ROUNDS = 9
# Sequence and picture parameter set of a 640 x 360 High stream.
SETS = ParameterSets(
    Codec.H264,
    (),
    (bytes.fromhex("6764001eacd940a02ff9610000030001000003003c8f162d96"),),
    (bytes.fromhex("68ebecb22c"),),
)


def rows() -> list[Row]:
    """Medians of 9 rounds, all in this process, in turn; mine uses two threads, the peers one."""
    key = os.urandom(32)
    sealed = _sealed_segments(key)
    clear = b"".join(os.urandom(UNIT_BYTES * UNITS) for _ in range(SEGMENTS))
    identity = pyrage.x25519.Identity.generate()
    aged = pyrage.encrypt(clear, [identity.to_public()])
    acts: list[Callable[[], object]] = [
        lambda: _export(sealed, key),
        lambda: pyrage.decrypt(aged, [identity]),
        lambda: _decrypt_to_nowhere(aged, identity),
    ]
    rounds = [[_seconds(act) for act in acts] for _ in range(ROUNDS)]
    wall_s, cpu_s = ([statistics.median(column) for column in _columns(rounds, of)] for of in (0, 1))
    size_mb = len(clear) / 1e6
    found: list[Row] = []
    for number, peer in enumerate(("pyrage.decrypt", "pyrage.decrypt_io to /dev/null"), 1):
        mine, theirs = size_mb / wall_s[0], size_mb / wall_s[number]
        found.append(Row("open, check and mux an export", "MB/s", mine, peer, theirs, mine / theirs))
        mine, theirs = (1000 * seconds / size_mb for seconds in (cpu_s[0], cpu_s[number]))
        found.append(Row("… processor time of all threads", "s/GB", mine, peer, theirs, mine / theirs))
    return found


def _columns(rounds: list[list[tuple[float, float]]], of: int) -> list[list[float]]:
    return [[timed[of] for timed in column] for column in zip(*rounds, strict=True)]


def _decrypt_to_nowhere(aged: bytes, identity: pyrage.x25519.Identity) -> None:
    with Path(os.devnull).open("wb", buffering=0) as out:
        pyrage.decrypt_io(io.BytesIO(aged), out, [identity])


def _export(sealed: dict[int, bytes], key: bytes) -> int:
    def fetch(segment: SealedSegment) -> bytes:
        return sealed[segment.sequence]

    def read(segment: SealedSegment) -> tuple[Envelope, bytes]:
        envelope = read_envelope(fetch(segment))
        envelope.check_hash(segment.accounted.hash)
        return envelope, key

    segments = [_segment(sequence, data) for sequence, data in sealed.items()]
    files = videos(segments, {_EPOCH: 0}, Source(read, fetch), Buffers())
    return sum(len(piece) for video in files for piece in video.write())


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


def _seconds(act: Callable[[], object]) -> tuple[float, float]:
    """Wall time and processor time."""
    began, began_cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - began, time.process_time() - began_cpu
