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
from typing import Any, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from custodes_verify.errors import MalformedError

INTEGER_MAX = 2**53 - 1
"""The largest integer RFC 8785 can carry."""
_BATCH = b"custodes/batch/v1\0"


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

_PADDING = (b"", b"===", b"==", b"=")
_LAST = ("", "", "AQgw", "AEIMQUYcgkosw048")


def to_base64url(raw: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of unpadded base64url in its one spelling."""
    length = len(text)
    over = length & 3
    try:
        raw = binascii.a2b_base64(text.encode(errors="replace").translate(_URL_TO_STANDARD) + _PADDING[over])
    except binascii.Error as error:
        raise MalformedError("not base64url") from error
    # The decoder passes over what is not of the alphabet; the bytes are then fewer. Unused bits are zero.
    if over == 1 or len(raw) != length * 3 >> 2 or (over and text[-1] not in _LAST[over]):
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


_batch_signature_holds = lru_cache(maxsize=1024)(signature_holds)
"""Members of a batch come one after the other: their signature is checked once."""


class Signature(NamedTuple):
    """A signature; of a batch `place`, `size` and the joined `path` say where the member is, else `size` is 0."""

    key: bytes
    signature: bytes
    place: int = 0
    size: int = 0
    path: bytes = b""

    def holds(self, public: bytes, signed: bytes) -> bool:
        """Whether it is that key's over those bytes, alone or as a member of the batch."""
        if not self.size:
            return signature_holds(public, self.signature, signed)
        return _batch_signature_holds(public, self.signature, self._batch(signed))

    def _batch(self, signed: bytes) -> bytes:
        sha256 = hashlib.sha256
        node = sha256(b"\0" + sha256(signed).digest()).digest()
        at, last, path = self.place, self.size - 1, self.path
        for start in range(0, len(path), 32):
            step = path[start : start + 32]
            while at == last and not at & 1:
                at, last = at >> 1, last >> 1
            node = sha256(b"\1" + (step + node if at & 1 else node + step)).digest()
            at, last = at >> 1, last >> 1
        return _BATCH + node + struct.pack(">Q", self.size)


def path_length(index: int, size: int) -> int:
    """Hashes on the path of a leaf in a tree of that size, which is greater than the index."""
    length, last = 0, size - 1
    while last:
        length += 1 if index & 1 or index < last else 0
        index, last = index >> 1, last >> 1
    return length
