"""RFC 6962 trees: whole, growing, and by inclusion path.

Source: RFC 6962 §2.1; docs/formats/bytes.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

HASH = 32
EMPTY = hashlib.sha256(b"").digest()
BUNDLE = 256
"""Entries in a full tile."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def _pair_up(row: bytes) -> bytes:
    whole = len(row) - len(row) % (2 * HASH)
    sha256 = hashlib.sha256
    return b"".join(sha256(b"\1" + row[at : at + 2 * HASH]).digest() for at in range(0, whole, 2 * HASH))


def rows_of(leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Rows of the complete subtrees over up to 256 leaves, leaves first, each row joined."""
    rows = [b"".join(leaf_hashes)]
    while len(rows[-1]) >= 2 * HASH:
        rows.append(_pair_up(rows[-1]))
    return rows


class Tree:
    """A tree that grows by bundles and knows the root it had at every size.

    Cost: 64 bytes a leaf.
    """

    def __init__(self) -> None:
        self._rows: list[bytearray] = [bytearray()]

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self._rows[0]) // HASH

    def extend(self, rows: Sequence[bytes]) -> None:
        """Add the leaves whose subtrees are `rows` (of `rows_of`); only the last bundle may be short."""
        if self.size % BUNDLE:
            raise ValueError("a short bundle was added before")
        for height, row in enumerate(rows):
            self._row(height).extend(row)
        self._carry(len(rows) - 1 if len(rows[0]) == BUNDLE * HASH else 0)

    def _row(self, height: int) -> bytearray:
        while len(self._rows) <= height:
            self._rows.append(bytearray())
        return self._rows[height]

    def _carry(self, height: int) -> None:
        if height == 0:
            return
        while len(self._rows[height]) % (2 * HASH) == 0:
            pair = bytes(self._rows[height][-2 * HASH :])
            height += 1
            self._row(height).extend(hashlib.sha256(b"\1" + pair).digest())

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves.

        Errors: ValueError when the tree has fewer.
        """
        if not 0 <= size <= self.size:
            raise ValueError("the tree is smaller")
        root, above = b"", size
        for height in range(size.bit_length()):
            if size >> height & 1:
                above -= 1 << height
                at = (above >> height) * HASH
                node = bytes(self._rows[height][at : at + HASH])
                root = node_hash(node, root) if root else node
        return root or EMPTY

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The hashes of one hash tile, joined."""
        row = self._rows[8 * level] if 8 * level < len(self._rows) else b""
        at = number * BUNDLE * HASH
        return bytes(row[at : at + width * HASH])


def begins_with(old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the new tree, of that size and root, begins with the old one.

    Source: RFC 9162 §2.1.4.2.
    """
    (old_size, old_root), (new_size, new_root) = old, new
    if not 0 < old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    steps = list(proof)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first >>= 1
        last >>= 1
    node_old = node_new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            node_old, node_new = node_hash(step, node_old), node_hash(step, node_new)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            node_new = node_hash(node_new, step)
        first >>= 1
        last >>= 1
    return last == 0 and (node_old, node_new) == (old_root, new_root)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf data.

    Cost: 32 bytes for each doubling of the leaves.
    """
    stack: list[bytes] = []
    for bits, leaf in enumerate(leaves):
        node = leaf_hash(leaf)
        while bits & 1:
            node = node_hash(stack.pop(), node)
            bits >>= 1
        stack.append(node)
    if not stack:
        return EMPTY
    root = stack.pop()
    while stack:
        root = node_hash(stack.pop(), root)
    return root


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion path leads to from leaf data, or None where the path has a wrong length.

    Source: RFC 9162 §2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    node, first, last = leaf_hash(leaf), index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if first & 1 or first == last:
            node = node_hash(sibling, node)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        first >>= 1
        last >>= 1
    return node if last == 0 else None
