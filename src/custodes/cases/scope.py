"""A scope: exact slots of epochs, one spelling each. Source: docs/formats/open.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from custodes.base.canon import b64u, canon
from custodes.base.errors import InvalidError
from custodes.base.ids import ID_BYTES
from custodes.custody.members import Members, check_ascending
from custodes.custody.slots import MAX_SLOTS

MAX_SCOPE_EPOCHS = 500


class Slot(NamedTuple):
    """One slot, anywhere."""

    stream: bytes
    epoch: bytes
    slot: int


class EpochSlots(NamedTuple):
    """Slots of one epoch, ascending."""

    stream: bytes
    epoch: bytes
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Scope:
    """Slots by epoch, ascending by stream and epoch. Errors: InvalidError from the constructor."""

    epochs: tuple[EpochSlots, ...] = ()

    def __post_init__(self) -> None:
        check_ascending((item[:2] for item in self.epochs), "a scope")
        if len(self.epochs) > MAX_SCOPE_EPOCHS:
            raise InvalidError(f"a scope has at most {MAX_SCOPE_EPOCHS} epochs")
        if len({item.epoch for item in self.epochs}) != len(self.epochs):
            raise InvalidError("a scope names an epoch under two streams")
        for item in self.epochs:
            check_ascending(item.slots, "slots of a scope")
            if not item.slots or not 0 <= item.slots[0] <= item.slots[-1] < MAX_SLOTS:
                raise InvalidError(f"an epoch of a scope has slots from 0 to {MAX_SLOTS - 1}, one at least")
            if len(item.stream) != ID_BYTES or len(item.epoch) != ID_BYTES:
                raise InvalidError("a scope's ids have 16 bytes")

    def __iter__(self) -> Iterator[Slot]:
        """Every slot, in order."""
        return (Slot(item.stream, item.epoch, slot) for item in self.epochs for slot in item.slots)

    @property
    def count(self) -> int:
        """The number of slots."""
        return sum(len(item.slots) for item in self.epochs)

    @property
    def epoch_ids(self) -> tuple[bytes, ...]:
        """The epochs, in order."""
        return tuple(item.epoch for item in self.epochs)

    def encode(self) -> bytes:
        """Canon(scope)."""
        return canon(self.to_json())

    def to_json(self) -> list[dict[str, Any]]:
        """The scope as JSON."""
        return [
            {"epoch": b64u(item.epoch), "slots": list(item.slots), "stream": b64u(item.stream)}
            for item in self.epochs
        ]

    @classmethod
    def from_json(cls, value: Any) -> Scope:
        """Errors: InvalidError."""
        if not isinstance(value, list):
            raise InvalidError("a scope is an array")
        return cls(tuple(_epoch_slots(item) for item in value))


def scope_of(slots: Iterable[Slot]) -> Scope:
    """The scope of slots in any order. Errors: InvalidError beyond its limits."""
    by_epoch: dict[tuple[bytes, bytes], set[int]] = {}
    for slot in slots:
        by_epoch.setdefault((slot.stream, slot.epoch), set()).add(slot.slot)
    return Scope(tuple(EpochSlots(*key, tuple(sorted(by_epoch[key]))) for key in sorted(by_epoch)))


def slots_in_at_least(scopes: Iterable[Scope], needed: int) -> Scope:
    """The slots that so many of the scopes contain."""
    counted = Counter(slot for scope in scopes for slot in scope)
    return scope_of(slot for slot, count in counted.items() if count >= needed)


def _epoch_slots(value: Any) -> EpochSlots:
    members = Members(value, "epoch of a scope", ("epoch", "slots", "stream"))
    return EpochSlots(members.id("stream"), members.id("epoch"), members.array("slots", _slot, 1, MAX_SLOTS))


def _slot(value: Any) -> int:
    if type(value) is not int:
        raise InvalidError("a slot is an integer")
    return value
