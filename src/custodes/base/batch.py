"""Membership of a batch: several messages under one signature, over the Merkle root of their hashes.

Source: docs/formats/bytes.md (Signatures); RFC 6962 §2.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from custodes.base.canon import typed_message
from custodes.base.errors import InvalidError

BATCH_TYPE = "custodes/batch/v1"
MAX_BATCH_SIZE = 1_024
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Membership:
    """Where in a batch a message stands; `path` is its audit path, from leaf upward, joined.

    Errors: InvalidError for a size that no batch has, an index beyond it or a path of another length.
    """

    index: int
    size: int
    path: bytes

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 2 <= self.size <= MAX_BATCH_SIZE:
            raise InvalidError(f"a batch has 2 to {MAX_BATCH_SIZE} members")
        if type(self.index) is not int or not 0 <= self.index < self.size:
            raise InvalidError(f"a batch of {self.size} has no member {self.index}")
        if len(self.path) != _HASH_BYTES * _path_length(self.index, self.size):
            raise InvalidError("a batch's path has one hash for each level of its tree")

    def signed(self, message: bytes) -> bytes:
        """What the batch's signature is over, if this message is the member. Shape: 58 bytes."""
        at, last, node = self.index, self.size - 1, _leaf(message)
        steps = [self.path[start : start + _HASH_BYTES] for start in range(0, len(self.path), _HASH_BYTES)]
        for step in steps:
            while not at & 1 and at == last:
                at, last = at >> 1, last >> 1
            node = _node(step, node) if at & 1 else _node(node, step)
            at, last = at >> 1, last >> 1
        return _message(node, self.size)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one signature is over, and each member's place, in the order given."""

    signed: bytes
    members: tuple[Membership, ...]

    @classmethod
    def of(cls, messages: Sequence[bytes]) -> Batch:
        """The batch of 2 to 1,024 messages. Errors: InvalidError."""
        size = len(messages)
        if not 2 <= size <= MAX_BATCH_SIZE:
            raise InvalidError(f"a batch has 2 to {MAX_BATCH_SIZE} members, got {size}")
        paths: list[list[bytes]] = [[] for _ in messages]
        row = [(_leaf(message), [number]) for number, message in enumerate(messages)]
        while len(row) > 1:
            row = [_joined(row[at : at + 2], paths) for at in range(0, len(row), 2)]
        members = (Membership(number, size, b"".join(path)) for number, path in enumerate(paths))
        return cls(_message(row[0][0], size), tuple(members))


def _joined(pair: list[tuple[bytes, list[int]]], paths: list[list[bytes]]) -> tuple[bytes, list[int]]:
    if len(pair) == 1:
        return pair[0]
    (left, below_left), (right, below_right) = pair
    for number in below_left:
        paths[number].append(right)
    for number in below_right:
        paths[number].append(left)
    return _node(left, right), below_left + below_right


def _path_length(index: int, size: int) -> int:
    length, last = 0, size - 1
    while last:
        length += index & 1 or index < last
        index, last = index >> 1, last >> 1
    return length


def _leaf(message: bytes) -> bytes:
    return hashlib.sha256(b"\0" + hashlib.sha256(message).digest()).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _message(root: bytes, size: int) -> bytes:
    return typed_message(BATCH_TYPE, root, size.to_bytes(8, "big"))
