"""What a member may be: each kind reads a JSON value, checks it and gives what rules work with.

Binary becomes bytes, dates become `datetime.date`, objects become plain dicts of read members.
Source: docs/formats/bytes.md, docs/formats/entries.md.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeAlias

from custodes.base.canon import MAX_SAFE_INTEGER
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES
from custodes.base.keys import SIGNING_KEY_BYTES
from custodes.base.sealing import SEALING_KEY_BYTES

# Errors of every kind: InvalidError; an object's names the member.
Kind: TypeAlias = Callable[[Any], Any]

MAX_LIST = 1000
MAX_TEXT = 500
_STANDARD = bytes.maketrans(b"-_", b"+/")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def binary(length: int) -> Kind:
    """Exactly so many bytes."""
    # A third of an entry's cost is here: a pattern that only the one spelling of this length fits takes a fifth
    # of the time of decoding, encoding again and comparing.
    whole, rest = divmod(length, 3)
    last = {0: "", 1: "[A-Za-z0-9_-][AQgw]", 2: "[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048]"}[rest]
    spelling = re.compile(f"[A-Za-z0-9_-]{{{4 * whole}}}{last}")
    padding = b"=" * (-length % 3)

    def read(value: Any) -> bytes:
        if not isinstance(value, str) or not spelling.fullmatch(value):
            raise InvalidError(f"must be {length} bytes in unpadded base64url")
        return a2b_base64(value.encode("ascii").translate(_STANDARD) + padding)

    return read


def integer(low: int = 0, high: int = MAX_SAFE_INTEGER) -> Kind:
    """An integer from low to high, both included."""

    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise InvalidError(f"must be an integer from {low} to {high}")
        return value

    return read


def text(low: int = 1, high: int = MAX_TEXT, pattern: str | None = None) -> Kind:
    """So many characters, none of them a control character; all of it as the pattern says."""
    shape = re.compile(pattern) if pattern else None

    def read(value: Any) -> str:
        if not isinstance(value, str) or not low <= len(value) <= high or _CONTROL.search(value):
            raise InvalidError(f"must be text of {low} to {high} characters without control characters")
        if shape and not shape.fullmatch(value):
            raise InvalidError(f"must be text like {pattern}")
        return value

    return read


def one_of(*choices: str) -> Kind:
    """One of a closed list of strings."""
    known = frozenset(choices)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise InvalidError(f"must be one of {', '.join(sorted(known))}")
        return value

    return read


def list_of(kind: Kind, low: int = 0, high: int = MAX_LIST) -> Kind:
    """An array of so many members of a kind."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple) or not low <= len(value) <= high:
            raise InvalidError(f"must be an array of {low} to {high} members")
        return [kind(member) for member in value]

    return read


def object_of(members: Mapping[str, Kind]) -> Kind:
    """An object with exactly these members."""
    kinds = tuple(members.items())
    names = members.keys()

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or value.keys() != names:
            raise InvalidError(f"must be an object with exactly {', '.join(sorted(names))}")
        found = {}
        for name, kind in kinds:
            try:
                found[name] = kind(value[name])
            except InvalidError as error:
                raise InvalidError(f"{name}: {error}") from error
        return found

    return read


def _read_date(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise InvalidError("must be a date, YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise InvalidError("must be a date of the calendar") from error


def _read_hash_or_nothing(value: Any) -> bytes:
    found: bytes = b"" if value == "" else HASH(value)
    return found


ID = binary(ID_BYTES)
HASH = binary(HASH_BYTES)
SIGNING_KEY = binary(SIGNING_KEY_BYTES)
SEALING_KEY = binary(SEALING_KEY_BYTES)
HASH_OR_NOTHING: Kind = _read_hash_or_nothing
INSTANT = integer()
COUNTER = integer()
COUNT = integer(1)
CUSTODIAN = integer(1, 16)
TEXT = text()
DATE: Kind = _read_date
