"""Records: what the chunks of an envelope hold, joined: parameter sets first, then access units.

Source: docs/formats/seal.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from custodes.base.errors import InvalidError
from custodes.media.nal import H264, H265, join_nals, nal_type, split_nals
from custodes.media.packets import Codec, ParameterSets

RECORD_HEAD = struct.Struct(">BBIQqQ")
"""kind, flags, length, elapsed_us, media_90k, camera_utc_us"""

PARAMETER_SETS = 1
ACCESS_UNIT = 2
KEY = 1
OPEN_KEY = 2
LOSS_BEFORE = 4
ALL_FLAGS = KEY | OPEN_KEY | LOSS_BEFORE


@dataclass(frozen=True, slots=True)
class Record:
    """One record: parameter sets, with no flags or times, or an access unit."""

    kind: int
    flags: int
    elapsed_us: int
    media_90k: int
    camera_utc_us: int
    payload: bytes

    @property
    def is_key(self) -> bool:
        """Whether decoding can start here."""
        return bool(self.flags & KEY)

    @property
    def is_open_key(self) -> bool:
        """Whether it is a key frame only where there are no others."""
        return bool(self.flags & OPEN_KEY)

    @property
    def loss_before(self) -> bool:
        """Whether packets before it are known to be missing."""
        return bool(self.flags & LOSS_BEFORE)

    def encode(self) -> bytes:
        """The record's bytes."""
        head = RECORD_HEAD.pack(
            self.kind, self.flags, len(self.payload), self.elapsed_us, self.media_90k, self.camera_utc_us
        )
        return head + self.payload


class RecordCutter:
    """Cuts the joined plaintext of chunks into records, checking where each kind may stand."""

    def __init__(self) -> None:
        self._rest = b""
        self._any = False

    @property
    def rest_bytes(self) -> int:
        """Bytes of a record that is not whole yet."""
        return len(self._rest)

    @property
    def is_empty(self) -> bool:
        """Whether no record has come yet."""
        return not self._any

    def feed(self, plaintext: bytes) -> Iterator[Record]:
        """The records that are whole with these bytes.

        Errors: InvalidError for a record of another kind, with other flags, or where it may not stand.
        """
        data = self._rest + plaintext if self._rest else plaintext
        at = 0
        while len(data) - at >= RECORD_HEAD.size:
            kind, flags, length, elapsed_us, media_90k, camera_utc_us = RECORD_HEAD.unpack_from(data, at)
            start = at + RECORD_HEAD.size
            if kind not in (PARAMETER_SETS, ACCESS_UNIT) or (kind == PARAMETER_SETS) is self._any:
                raise InvalidError("a segment begins with parameter sets, and access units alone follow")
            if len(data) - start < length:
                break
            record = Record(kind, flags, elapsed_us, media_90k, camera_utc_us, data[start : start + length])
            _check(record)
            self._any = True
            at = start + length
            yield record
        self._rest = data[at:]


def encode_parameter_sets(sets: ParameterSets) -> bytes:
    """The first record of a segment."""
    payload = bytes([sets.codec]) + join_nals((*sets.vps, *sets.sps, *sets.pps))
    return Record(PARAMETER_SETS, 0, 0, 0, 0, payload).encode()


def parse_parameter_sets(payload: bytes) -> ParameterSets:
    """Errors: InvalidError when it is not a codec's VPS, SPS and PPS in that order."""
    if not payload or payload[0] not in (Codec.H264, Codec.H265):
        raise InvalidError("parameter sets name no known codec")
    codec = Codec(payload[0])
    groups: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
    kinds = {H264.SPS: 1, H264.PPS: 2} if codec is Codec.H264 else {H265.VPS: 0, H265.SPS: 1, H265.PPS: 2}
    latest = 0
    for nal in split_nals(memoryview(payload)[1:]):
        group = {int(kind): place for kind, place in kinds.items()}.get(nal_type(codec, nal), -1)
        if group < latest:
            raise InvalidError("parameter sets are VPS, SPS and PPS, in that order")
        latest = group
        groups[group].append(bytes(nal))
    return ParameterSets(codec, tuple(groups[0]), tuple(groups[1]), tuple(groups[2]))


def _check(record: Record) -> None:
    if record.kind == PARAMETER_SETS:
        if record.flags or record.elapsed_us or record.media_90k or record.camera_utc_us:
            raise InvalidError("parameter sets have no flags and no times")
    elif record.flags & ~ALL_FLAGS:
        raise InvalidError("an access unit has an unknown flag")
