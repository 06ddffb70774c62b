"""Merkle trees over data in memory, and the checking of proofs.

Shapes: every hash is 32 bytes; a path stands from the leaf upward.
Source: docs/formats/bytes.md; RFC 6962, section 2.1; RFC 9162, section 2.1 (checking).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from custodes.base.errors import InvalidError, UnverifiedError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A tree over leaf data held in memory, for many paths at O(log n) each.

    Cost: O(n) hashes once. A level's odd last node stands unchanged in the level above, which is
    RFC 6962's split at the largest power of two.
    """

    def __init__(self, leaves: Iterable[bytes]) -> None:
        level = [leaf_hash(data) for data in leaves]
        self._levels = [level]
        while len(level) > 1:
            level = _level_above(level)
            self._levels.append(level)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The root; of no leaf, SHA-256 of nothing."""
        top = self._levels[-1]
        return top[0] if top else EMPTY_ROOT

    def path(self, index: int) -> list[bytes]:
        """The inclusion path of a leaf. Errors: InvalidError when there is no such leaf."""
        if not 0 <= index < self.size:
            raise InvalidError(f"leaf {index} is not in a tree of {self.size}")
        found = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                found.append(level[sibling])
            index >>= 1
        return found


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf data in order."""
    return Tree(leaves).root


def path(leaves: Iterable[bytes], index: int) -> list[bytes]:
    """The inclusion path of one leaf; take a Tree for many. Errors: InvalidError."""
    return Tree(leaves).path(index)


def root_of_path(size: int, index: int, leaf_data: bytes, path: Sequence[bytes]) -> bytes:
    """The root that a path leads to.

    Errors: UnverifiedError when the path has not the length that index and size demand.
    """
    if not 0 <= index < size:
        raise UnverifiedError(f"leaf {index} is not in a tree of {size}")
    found = leaf_hash(leaf_data)
    last = size - 1
    steps = iter(_hashes(path))
    while last > 0:
        if index & 1 or index < last:
            sibling = next(steps, None)
            if sibling is None:
                raise UnverifiedError("an inclusion path is too short")
            found = node_hash(sibling, found) if index & 1 else node_hash(found, sibling)
        index >>= 1
        last >>= 1
    if next(steps, None) is not None:
        raise UnverifiedError("an inclusion path is too long")
    return found


def check_path(root: bytes, size: int, index: int, leaf_data: bytes, path: Sequence[bytes]) -> None:
    """Check that the tree of that root and size holds the data at that index.

    Errors: UnverifiedError.
    """
    if root_of_path(size, index, leaf_data, path) != root:
        raise UnverifiedError(f"the inclusion path of leaf {index} in a tree of {size} does not check")


def check_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the new tree begins with the old one.

    Errors: UnverifiedError.
    """
    if not 0 <= old_size <= new_size:
        raise UnverifiedError(f"a tree of {new_size} cannot begin with one of {old_size}")
    if old_size in (0, new_size):
        expected = EMPTY_ROOT if old_size == 0 else new_root
        if proof or old_root != expected:
            raise UnverifiedError(f"the trees of {old_size} and {new_size} are not consistent")
        return
    if _roots_of_proof(old_size, old_root, new_size, _hashes(proof)) != (old_root, new_root):
        raise UnverifiedError(f"the trees of {old_size} and {new_size} are not consistent")


def _roots_of_proof(
    old_size: int, old_root: bytes, new_size: int, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    # An old tree that is one whole subtree is its own first step.
    steps = iter(proof if node else [old_root, *proof])
    old = new = _next_step(steps)
    for sibling in steps:
        if last == 0:
            raise UnverifiedError("a consistency proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    if last:
        raise UnverifiedError("a consistency proof is too short")
    return old, new


def _next_step(steps: Iterable[bytes]) -> bytes:
    for step in steps:
        return step
    raise UnverifiedError("a consistency proof is too short")


def _hashes(proof: Sequence[bytes]) -> Sequence[bytes]:
    if any(len(step) != HASH_BYTES for step in proof):
        raise UnverifiedError("a proof holds something that is not a hash")
    return proof


def _level_above(level: list[bytes]) -> list[bytes]:
    pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    if len(level) & 1:
        pairs.append(level[-1])
    return pairs
