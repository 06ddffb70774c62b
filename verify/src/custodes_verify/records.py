"""Opening an envelope with its slot key, and the access units inside.

Source: docs/formats/seal.md, bytes.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from custodes_verify.bytes import message
from custodes_verify.envelopes import Envelope, read_reel
from custodes_verify.errors import DamagedError, MalformedError

_RECORD = struct.Struct(">BBIQqQ")
_PARAMETERS, _UNIT = 1, 2
_CODECS = {1: "h264", 2: "h265"}
KEY_FRAME, OPEN_KEY_FRAME = 1, 2


@dataclass(frozen=True)
class Unit:
    """An access unit: its record's fields and its bytes."""

    flags: int
    elapsed_us: int
    media_90k: int
    payload: bytes


@dataclass(frozen=True)
class Segment:
    """What an envelope holds; `parameter_sets` in the order of the record."""

    codec: str
    parameter_sets: tuple[bytes, ...]
    units: tuple[Unit, ...]


def only_envelope(data: bytes) -> Envelope:
    """The one envelope that `data` is, as sound as can be seen without a key; it may lack its end.

    Errors: DamagedError.
    """
    reel = read_reel(data, footer=False)
    for fault in [*reel.faults, *(one for envelope in reel.envelopes for one in envelope.faults)]:
        raise DamagedError(*fault)
    if len(reel.envelopes) != 1 or reel.footer is not None:
        raise DamagedError("surplus", "it is not one envelope")
    return reel.envelopes[0]


def check_cut(envelope: Envelope, chunks: int, envelope_hash: bytes | None) -> None:
    """Refuse an envelope that is not cut as a statement says.

    Errors: DamagedError, MalformedError.
    """
    if envelope.whole:
        raise MalformedError("is not cut, and a statement says that it is")
    if len(envelope.chunks) != chunks:
        kind = "surplus" if len(envelope.chunks) > chunks else "cut"
        raise DamagedError(kind, f"has {len(envelope.chunks)} chunks where a statement says {chunks}")
    if envelope_hash is not None and envelope.hash() != envelope_hash:
        raise DamagedError("swapped", "is cut and not the envelope that a statement names")


def open_envelope(envelope: Envelope, slot_key: bytes) -> bytes:
    """The chunks' plaintexts joined.

    Errors: DamagedError where the key does not open all.
    """
    info = message("custodes/segment/v1", envelope.header_hash)
    cipher = AESGCM(HKDF(SHA256(), 32, None, info).derive(slot_key))
    parts, closed = [], []
    for chunk in envelope.chunks:
        nonce = bytes(7) + struct.pack(">IB", chunk.number, chunk.last)
        try:
            parts.append(cipher.decrypt(nonce, bytes(chunk.ciphertext), b""))
        except InvalidTag:
            closed.append(chunk.number)
    if closed and parts:
        raise DamagedError("swapped", f"chunk {closed[0]} was sealed for another place")
    if closed:
        raise DamagedError("wrong-key", "the slot's key opens no chunk of it")
    return b"".join(parts)


def read_segment(envelope: Envelope, slot_key: bytes) -> Segment:
    """Open and read an envelope.

    Errors: MalformedError.
    """
    segment = read_records(open_envelope(envelope, slot_key), whole=envelope.whole)
    if segment.codec not in ("", envelope.header["codec"]):
        raise MalformedError("names another codec inside than outside")
    return segment


def split_nals(payload: bytes) -> tuple[bytes, ...]:
    """NAL units behind 4 length bytes each.

    Errors: MalformedError.
    """
    nals, at = [], 0
    while at < len(payload):
        length = int.from_bytes(payload[at : at + 4], "big")
        nal = payload[at + 4 : at + 4 + length]
        if not length or len(nal) < length:
            raise MalformedError("NAL units whose lengths do not fit")
        nals.append(nal)
        at += 4 + length
    return tuple(nals)


def read_records(plain: bytes, *, whole: bool) -> Segment:
    """The records of a segment; where it is cut, those before the cut.

    Errors: MalformedError.
    """
    codec, at = "", 0
    parameter_sets: tuple[bytes, ...] = ()
    units: list[Unit] = []
    while at < len(plain):
        end = at + _RECORD.size
        if end > len(plain):
            break
        kind, flags, length, elapsed_us, media_90k, _ = _RECORD.unpack_from(plain, at)
        payload = plain[end : end + length]
        if len(payload) < length:
            break
        if (kind == _PARAMETERS) != (at == 0) or kind not in (_PARAMETERS, _UNIT):
            raise MalformedError("records that are not parameter sets and then access units")
        if kind == _PARAMETERS:
            codec = _CODECS.get(payload[0] if payload else 0, "")
            parameter_sets = split_nals(payload[1:])
        else:
            units.append(Unit(flags, elapsed_us, media_90k, payload))
        at = end + length
    if at < len(plain) and whole:
        raise MalformedError("ends within a record")
    if whole and not codec:
        raise MalformedError("has no parameter sets")
    return Segment(codec, parameter_sets, tuple(units))
