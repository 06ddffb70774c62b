"""Random ids. In JSON they are base64url; in paths, on screens and on the command line lower-case hex."""

from __future__ import annotations

import os

from custodes.base.errors import InvalidError

ID_BYTES = 16
HASH_BYTES = 32


def new_id() -> bytes:
    """A random id. Shape: 16 bytes."""
    return os.urandom(ID_BYTES)


def parse_hex(text: str, length: int = ID_BYTES) -> bytes:
    """Bytes of a lower-case hex id. Errors: InvalidError when it is not `length` bytes of hex."""
    if not isinstance(text, str):
        raise InvalidError("an id must be a string")
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise InvalidError(f"not a hex id: {text[:80]!r}") from error
    if len(data) != length or data.hex() != text:
        raise InvalidError(f"an id has {2 * length} lower-case hex digits, got {text[:80]!r}")
    return data
