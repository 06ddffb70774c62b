"""A replayed ledger as JSON and back: what it holds follows from the annotations of its classes alone.

No class is named in the data, so that reading it makes nothing but facts. An object that may change is written
once and named by its number where it is met again; so one that two tables hold is one afterwards, too. The form
is private to the code that wrote it: who keeps it says which code that was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from custodes.base.canon import b64u, unb64u
from custodes.base.errors import BugError, InvalidError
from custodes.ledger.growing import GrowingTree
from custodes.ledger.rules.facts import Facts
from custodes.ledger.rules.state import LedgerState

_PLAIN = (int, str, bool)


def state_to_json(state: LedgerState) -> Any:
    """The state as JSON. Cost: some 90 bytes an entry for good, and 400 a live epoch."""
    return _Writer().write(state.facts, Facts)


def state_of_json(value: Any) -> LedgerState:
    """The state that `state_to_json` wrote. Errors: InvalidError."""
    state = LedgerState()
    try:
        state.facts = _Reader().read(value, Facts)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise InvalidError(f"not a replayed ledger: {type(error).__name__}") from error
    return state


class _Writer:
    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def write(self, value: Any, hint: Any) -> Any:
        kind, arguments = _shape(hint)
        if value is None:
            return None
        if kind in _PLAIN or kind is Literal:
            return value
        if kind is date:
            return value.isoformat()
        if kind in (bytes, bytearray):
            return b64u(bytes(value))
        if kind is GrowingTree:
            return [b64u(row) for row in value.rows()]
        if is_dataclass(kind):
            return self._write_object(value, kind)
        if kind in (dict, Mapping):
            of_key, of_value = arguments
            return [[self.write(key, of_key), self.write(item, of_value)] for key, item in value.items()]
        if kind in (set, frozenset):
            return self._write_set(value, arguments[0])
        if kind is tuple and arguments[-1] is not ...:
            return [self.write(item, one) for item, one in zip(value, arguments, strict=True)]
        if kind in (list, tuple):
            return [self.write(item, arguments[0]) for item in value]
        raise BugError(f"a replayed ledger holds a {hint}, which nobody can write")

    def _write_object(self, value: Any, kind: Any) -> Any:
        if not _is_frozen(kind):
            known = self._numbers.get(id(value))
            if known is not None:
                return known
            self._numbers[id(value)] = len(self._numbers)
        return [self.write(getattr(value, name), hint) for name, hint in _members(kind)]

    def _write_set(self, value: Any, hint: Any) -> Any:
        if hint is not bytes:
            return [self.write(item, hint) for item in sorted(value)]
        widths = {len(item) for item in value}
        if len(widths) > 1:
            raise BugError("a set of ids of several lengths cannot be written")
        # In no order: to sort a million hashes takes as long as all else together.
        return [widths.pop() if widths else 0, b64u(b"".join(value))]


class _Reader:
    def __init__(self) -> None:
        self._objects: list[Any] = []
        self._ids: dict[bytes, bytes] = {}

    def read(self, value: Any, hint: Any) -> Any:
        kind, arguments = _shape(hint)
        if value is None:
            return _checked(value, NoneType in _options(hint))
        if kind in _PLAIN:
            return _checked(value, type(value) is kind)
        if kind is Literal:
            return _checked(value, value in arguments)
        if kind is date:
            return date.fromisoformat(value)
        if kind is bytes:
            found = unb64u(value)
            return self._ids.setdefault(found, found)
        if kind is bytearray:
            return bytearray(unb64u(value))
        if kind is GrowingTree:
            return GrowingTree.of_rows([unb64u(row) for row in value])
        if is_dataclass(kind):
            return self._read_object(value, kind)
        return self._read_many(_checked(value, isinstance(value, list)), kind, arguments)

    def _read_many(self, value: list[Any], kind: Any, arguments: tuple[Any, ...]) -> Any:
        if kind in (dict, Mapping):
            of_key, of_value = arguments
            return {self.read(key, of_key): self.read(item, of_value) for key, item in value}
        if kind in (set, frozenset):
            return kind(self._read_set(value, arguments[0]))
        if kind is tuple and arguments[-1] is not ...:
            return tuple(self.read(item, one) for item, one in zip(value, arguments, strict=True))
        make: Callable[[Any], Any] = kind
        return make(self.read(item, arguments[0]) for item in value)

    def _read_object(self, value: Any, kind: Any) -> Any:
        if _is_frozen(kind):
            return kind(*self._read_members(value, kind))
        if isinstance(value, int):
            found = self._objects[value]
            return _checked(found, type(found) is kind)
        number = len(self._objects)
        self._objects.append(None)
        self._objects[number] = kind(*self._read_members(value, kind))
        return self._objects[number]

    def _read_members(self, value: Any, kind: Any) -> list[Any]:
        return [self.read(item, hint) for item, (_, hint) in zip(value, _members(kind), strict=True)]

    def _read_set(self, value: list[Any], hint: Any) -> Any:
        if hint is not bytes:
            return (self.read(item, hint) for item in value)
        width, joined = value[0], unb64u(value[1])
        _checked(joined, not joined if not width else len(joined) % width == 0)
        ids = self._ids
        pieces = (joined[at : at + width] for at in range(0, len(joined), width or 1))
        return (ids.get(piece, piece) for piece in pieces)


def _checked(value: Any, holds: bool) -> Any:
    if not holds:
        raise InvalidError("a replayed ledger with a member of another kind")
    return value


@cache
def _shape(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The class of an annotation, None aside, and its arguments."""
    options = [one for one in _options(hint) if one is not NoneType]
    if len(options) != 1:
        raise BugError(f"a replayed ledger holds a {hint}, which nobody can write")
    return get_origin(options[0]) or options[0], get_args(options[0])


@cache
def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


@cache
def _members(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in fields(kind))


@cache
def _is_frozen(kind: Any) -> bool:
    return bool(kind.__dataclass_params__.frozen)
