"""Canonical bytes, typed hashes and typed signing messages.

Source: docs/formats/bytes.md; RFC 8785 (JSON Canonicalization Scheme).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import rfc8785

from custodes.base.errors import InvalidError

JSON: TypeAlias = "str | int | bool | Sequence[JSON] | Mapping[str, JSON]"

MAX_SAFE_INTEGER = 2**53 - 1
# Readers recurse; without a limit a few kilobytes of brackets would end them with RecursionError.
MAX_DEPTH = 64
# Without floats and with ASCII member names the C encoder's output is RFC 8785's, at a tenth of the cost of an
# encoder in Python; other names, which UTF-16 orders, go to the latter. tests/base compares the two.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def canon(value: Any) -> bytes:
    """RFC 8785 bytes of a value made of objects, arrays, strings, integers and booleans.

    Errors: InvalidError for floats, nulls, integers beyond 2**53 - 1, strings that are not Unicode and more
    than 64 objects and arrays inside each other.
    """
    has_ascii_names = _check(value, 0)
    try:
        return _ENCODER.encode(value).encode() if has_ascii_names else rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise InvalidError(f"not canonical JSON: {error}") from error


def parse_canon(data: bytes) -> Any:
    """The value of canonical bytes; any other spelling of the same value is refused.

    Errors: InvalidError.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"not JSON: {error}") from error
    if canon(value) != data:
        raise InvalidError("JSON is not in canonical form (RFC 8785)")
    return value


def typed_message(type_: str, *fields: bytes) -> bytes:
    """type ‖ 0x00 ‖ fields: what is hashed or signed under a type."""
    return b"".join((type_.encode("ascii"), b"\0", *fields))


def typed_hash(type_: str, *fields: bytes) -> bytes:
    """SHA-256 of type ‖ 0x00 ‖ fields. Shape: 32 bytes."""
    digest = hashlib.sha256(type_.encode("ascii"))
    digest.update(b"\0")
    for field in fields:
        digest.update(field)
    return digest.digest()


def hash_body(type_: str, body: Any) -> bytes:
    """SHA-256 of type ‖ 0x00 ‖ Canon(body). Shape: 32 bytes."""
    return typed_hash(type_, canon(body))


def b64u(data: bytes) -> str:
    """Unpadded base64url, the one spelling of binary in JSON."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text: str, length: int | None = None) -> bytes:
    """Bytes of unpadded base64url; the spelling must be the canonical one.

    Errors: InvalidError when the text is not that, or the length in bytes differs from `length`.
    """
    if not isinstance(text, str):
        raise InvalidError("binary must be a base64url string")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error) as error:
        raise InvalidError("not unpadded base64url") from error
    if b64u(data) != text:
        raise InvalidError("not unpadded base64url in its one spelling")
    if length is not None and len(data) != length:
        raise InvalidError(f"expected {length} bytes, got {len(data)}")
    return data


def _check(value: Any, depth: int) -> bool:
    """Whether all member names are ASCII. Errors: InvalidError for what has no canonical form."""
    if isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise InvalidError("integer beyond 2**53 - 1")
        return True
    if depth >= MAX_DEPTH:
        raise InvalidError(f"more than {MAX_DEPTH} objects and arrays inside each other")
    is_ascii = True
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str):
                raise InvalidError("an object's member name must be a string")
            is_ascii = _check(member, depth + 1) and is_ascii and name.isascii()
        return is_ascii
    if isinstance(value, list | tuple):
        for member in value:
            is_ascii = _check(member, depth + 1) and is_ascii
        return is_ascii
    raise InvalidError(
        f"{type(value).__name__} has no canonical form; only objects, arrays, strings, integers, booleans"
    )
