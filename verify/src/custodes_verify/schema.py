"""Readers of JSON members: each takes a parsed value and returns it decoded, or refuses it.

Source: docs/formats/bytes.md, entries.md.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from custodes_verify.bytes import INTEGER_MAX, Signature, from_base64url, path_length
from custodes_verify.errors import MalformedError

Reader = Callable[[object], Any]
"""Errors: MalformedError."""

Body = dict[str, Any]
"""A body whose binary members are bytes."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def integer(lowest: int = 0, highest: int = INTEGER_MAX) -> Reader:
    """An integer in a range."""

    def read(value: object) -> int:
        if type(value) is not int or not lowest <= value <= highest:
            raise MalformedError(f"not an integer from {lowest} to {highest}")
        return value

    return read


def text(longest: int = 500, shortest: int = 1) -> Reader:
    """Text without control characters."""

    def read(value: object) -> str:
        if type(value) is not str or not shortest <= len(value) <= longest or _CONTROL.search(value):
            raise MalformedError(f"not {shortest} to {longest} printable characters")
        return value

    return read


def matching(pattern: str) -> Reader:
    """Text of a form."""
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        if type(value) is not str or len(value) > 1000 or not compiled.fullmatch(value):
            raise MalformedError(f"not of the form {pattern}")
        return value

    return read


def binary(*lengths: int) -> Reader:
    """Bytes of one of these lengths; any length where none is given."""

    def read(value: object) -> bytes:
        if type(value) is not str:
            raise MalformedError("not base64url")
        raw = from_base64url(value)
        if lengths and len(raw) not in lengths:
            raise MalformedError(f"not {' or '.join(map(str, lengths))} bytes")
        return raw

    return read


def rows(width: int, most: int) -> Reader:
    """Fixed-width rows joined in one binary member."""

    def read(value: object) -> list[bytes]:
        raw = ANY_BYTES(value)
        if len(raw) % width or len(raw) > width * most:
            raise MalformedError(f"not at most {most} rows of {width} bytes")
        return [raw[at : at + width] for at in range(0, len(raw), width)]

    return read


def one_of(*allowed: str) -> Reader:
    """One of a closed list of words."""

    def read(value: object) -> str:
        if type(value) is not str or value not in allowed:
            raise MalformedError(f"not one of {', '.join(allowed)}")
        return value

    return read


def listed(reader: Reader, longest: int, shortest: int = 0) -> Reader:
    """A list of bounded length."""

    def read(value: object) -> list[Any]:
        if type(value) is not list or not shortest <= len(value) <= longest:
            raise MalformedError(f"not a list of {shortest} to {longest}")
        return [reader(item) for item in value]

    return read


def ascending(reader: Reader, longest: int, *names: str) -> Reader:
    """A list of objects that ascend by these members, each once."""
    read_list = listed(reader, longest)

    def read(value: object) -> list[Body]:
        items: list[Body] = read_list(value)
        if not is_ascending(tuple(item[name] for name in names) for item in items):
            raise MalformedError(f"not ascending by {', '.join(names)}")
        return items

    return read


def members(**readers: Reader) -> Reader:
    """An object with exactly these members."""
    names = readers.keys()
    pairs = tuple(readers.items())

    def read(value: object) -> Body:
        if type(value) is not dict:
            raise MalformedError("not an object")
        if value.keys() != names:
            odd = sorted(repr(name)[:40] for name in value.keys() ^ names)[:5]
            raise MalformedError(f"members missing or unknown: {', '.join(odd)}")
        body: Body = {}
        for name, reader in pairs:
            try:
                body[name] = reader(value[name])
            except MalformedError as error:
                raise MalformedError(f"{name}: {error}") from None
        return body

    return read


def boolean(value: object) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise MalformedError("not true or false")
    return value


def date(value: object) -> datetime.date:
    """A date spelt YYYY-MM-DD."""
    if type(value) is not str or len(value) != 10:
        raise MalformedError("not a date")
    try:
        day = datetime.date.fromisoformat(value)
    except ValueError as error:
        raise MalformedError("not a date") from error
    if day.isoformat() != value:
        raise MalformedError("not a date")
    return day


def fixed(word: str) -> Reader:
    """A member that can only be this."""
    return one_of(word)


ANY_BYTES = binary()
ID = binary(16)
HASH = binary(32)
ED25519 = binary(32)
X_WING = binary(1216)
INSTANT = integer()
COUNT = integer(1)
COUNT_OR_NONE = integer(0)
SLOT = integer(0, 65_535)
TEXT = text()


BATCH_LIMIT = 1_024
_BATCH_SIZE = integer(2, BATCH_LIMIT)
_SIGNATURE_BYTES = binary(64)
_SINGLE = frozenset({"key", "signature"})
_BATCHED = _SINGLE | {"index", "path", "size"}


def signature(value: object) -> Signature:
    """A signature of one statement, or a member's of a batch, with its place in it."""
    if type(value) is not dict or value.keys() not in (_SINGLE, _BATCHED):
        raise MalformedError("not a signature's members")
    key, raw = ID(value["key"]), _SIGNATURE_BYTES(value["signature"])
    if len(value) == len(_SINGLE):
        return Signature(key, raw)
    size = _BATCH_SIZE(value["size"])
    index = integer(0, size - 1)(value["index"])
    path = ANY_BYTES(value["path"])
    if len(path) != 32 * path_length(index, size):
        raise MalformedError("a batch's path that is longer or shorter than its tree is high")
    return Signature(key, raw, index, size, path)


def is_ascending(items: Iterable[Any]) -> bool:
    """Whether each item is greater than the one before."""
    return all(left < right for left, right in pairwise(items))


def _ascending(scope: list[Body]) -> list[Body]:
    if not is_ascending((row["stream"], row["epoch"]) for row in scope):
        raise MalformedError("not ascending by stream and epoch")
    if not all(is_ascending(row["slots"]) for row in scope):
        raise MalformedError("slots not ascending")
    if len({row["epoch"] for row in scope}) != len(scope):
        raise MalformedError("an epoch is there twice")
    return scope


_SCOPE_ROWS = listed(members(epoch=ID, slots=listed(SLOT, 65_536, 1), stream=ID), 500)


def scope(value: object) -> list[Body]:
    """A scope: which slots of which epochs, ascending."""
    return _ascending(_SCOPE_ROWS(value))
