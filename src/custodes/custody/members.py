"""Reading a parsed JSON object: exactly the members named, each of its kind and within its limits."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, TypeVar

from custodes.base.canon import MAX_SAFE_INTEGER, unb64u
from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES, ID_BYTES

T = TypeVar("T")

MAX_TEXT_CHARACTERS = 500


class Members:
    """An object's members, read by name; every failure names the object and the member.

    Errors: InvalidError, from the constructor when the members are not exactly those named.
    """

    def __init__(self, value: Any, what: str, names: Iterable[str]) -> None:
        wanted = set(names)
        if not isinstance(value, dict):
            raise InvalidError(f"{what} must be an object")
        if set(value) != wanted:
            odd = sorted(set(value) ^ wanted)
            raise InvalidError(
                f"{what} has not exactly its members; missing or unknown: {', '.join(odd)[:200]}"
            )
        self._value = value
        self._what = what

    def literal(self, name: str, expected: str) -> None:
        """Check a member of which only one value is right."""
        if self._value[name] != expected:
            raise self._error(name, f"must be {expected}")

    def text(self, name: str, longest: int = MAX_TEXT_CHARACTERS, shortest: int = 1) -> str:
        """Text without control characters."""
        return check_text(self._value[name], f"{self._what}: {name}", longest, shortest)

    def choice(self, name: str, choices: Iterable[str]) -> str:
        """One of a closed list of texts."""
        value = self._value[name]
        allowed = tuple(choices)
        if not isinstance(value, str) or value not in allowed:
            raise self._error(name, f"must be one of {', '.join(allowed)}")
        return value

    def count(self, name: str, lowest: int = 0, highest: int = MAX_SAFE_INTEGER) -> int:
        """An integer within limits, both included."""
        value = self._value[name]
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise self._error(name, f"must be an integer from {lowest} to {highest}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._value[name]
        if not isinstance(value, bool):
            raise self._error(name, "must be true or false")
        return value

    def binary(self, name: str, length: int | None = None) -> bytes:
        """Bytes, of exactly `length` where given."""
        try:
            return unb64u(self._value[name], length)
        except InvalidError as error:
            raise self._error(name, str(error)) from error

    def id(self, name: str) -> bytes:
        """Shape: 16 bytes."""
        return self.binary(name, ID_BYTES)

    def hash(self, name: str) -> bytes:
        """Shape: 32 bytes."""
        return self.binary(name, HASH_BYTES)

    def object(self, name: str) -> Any:
        """A member that is read elsewhere."""
        return self._value[name]

    def array(
        self, name: str, read: Callable[[Any], T], shortest: int = 0, longest: int = 65536
    ) -> tuple[T, ...]:
        """Each element of an array through `read`."""
        value = self._value[name]
        if not isinstance(value, list) or not shortest <= len(value) <= longest:
            raise self._error(name, f"must be an array of {shortest} to {longest}")
        return tuple(read(element) for element in value)

    def _error(self, name: str, message: str) -> InvalidError:
        return InvalidError(f"{self._what}: {name} {message}")


def check_text(value: Any, what: str, longest: int = MAX_TEXT_CHARACTERS, shortest: int = 1) -> str:
    """Text of so many characters, none of them a control character. Errors: InvalidError."""
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        raise InvalidError(f"{what} must be text of {shortest} to {longest} characters")
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise InvalidError(f"{what} holds a control character")
    return value


def check_ascending(values: Iterable[Any], what: str) -> None:
    """Errors: InvalidError unless each value is greater than the one before."""
    listed = list(values)
    if any(not before < after for before, after in pairwise(listed)):
        raise InvalidError(f"{what} must be ascending, each once")
