"""Canonical JSON, typed hashes, key ids and signatures.

Source: docs/formats/bytes.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import struct
from functools import lru_cache
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from custodes_verify.errors import MalformedError

INTEGER_MAX = 2**53 - 1
"""The largest integer RFC 8785 can carry."""


def _refuse(spelling: str) -> NoReturn:
    raise MalformedError(f"a number spelt {spelling[:20]!r}")


_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
# Without floats, and with ASCII member names, the C encoder's output is RFC 8785's; it is twenty times as
# fast as an encoder in Python. tests/verify/test_bytes.py compares the two.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def canon(value: object) -> bytes:
    """The one spelling of a JSON value.

    Errors: MalformedError for what UTF-8 cannot carry or what is nested too deeply.
    """
    try:
        return _ENCODER.encode(value).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise MalformedError("text that is not Unicode, or nesting too deep") from error


def parse_loosely(data: bytes) -> Any:
    """The JSON value in `data` in any spelling: for the user's own files only, never for evidence."""
    try:
        return _DECODER.decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedError("not JSON") from error


def parse(data: bytes) -> Any:
    """The JSON value in `data`, which must be its canonical spelling."""
    value = parse_loosely(data)
    if canon(value) != data:
        raise MalformedError("not canonical JSON")
    return value


def message(kind: str, *fields: bytes) -> bytes:
    """M(kind, fields): the bytes that are hashed or signed."""
    return b"".join((kind.encode("ascii"), b"\0", *fields))


def digest(kind: str, *fields: bytes) -> bytes:
    """H(kind, fields)."""
    return hashlib.sha256(message(kind, *fields)).digest()


def sha256(data: bytes | memoryview) -> bytes:
    """SHA-256 without a type."""
    return hashlib.sha256(data).digest()


def u16(number: int) -> bytes:
    """A slot, share index or custodian index as a field."""
    return struct.pack(">H", number)


def u64(number: int) -> bytes:
    """A counter as a field."""
    return struct.pack(">Q", number)


# What base64url does not have becomes what base64 does not have either. Ten of these are decoded an entry.
_URL_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")


def to_base64url(raw: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of unpadded base64url in its one spelling."""
    padded = text.encode(errors="replace").translate(_URL_TO_STANDARD) + b"==="[: -len(text) % 4]
    try:
        raw = binascii.a2b_base64(padded)
    except binascii.Error as error:
        raise MalformedError("not base64url") from error
    if binascii.b2a_base64(raw, newline=False) != padded:
        raise MalformedError("not base64url in its one spelling")
    return raw


def key_id(public: bytes) -> bytes:
    """The 16 bytes by which a public key is named."""
    return digest("custodes/key/v1", public)[:16]


@lru_cache(maxsize=4096)
def _load(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


def signature_holds(public: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether an Ed25519 signature is that key's over those bytes."""
    try:
        _load(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True
