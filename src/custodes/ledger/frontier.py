"""The right edge of a growing tree: enough for its root and for the next leaf, and nothing else.

Source: RFC 6962, section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from custodes.base.errors import InvalidError
from custodes.base.ids import HASH_BYTES
from custodes.ledger.merkle import EMPTY_ROOT, leaf_hash, node_hash


class Frontier:
    """Append leaves, ask for the root. Cost: one hash a leaf, two on average; at most 64 hashes of memory."""

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """`nodes`: roots of the full subtrees of a tree of `size`, the largest first. Errors: InvalidError."""
        self.size = size
        self._nodes = list(nodes)
        if len(self._nodes) != size.bit_count() or any(len(node) != HASH_BYTES for node in self._nodes):
            raise InvalidError(f"a tree of {size} has {size.bit_count()} full subtrees")

    def append(self, leaf_data: bytes) -> None:
        """Add a leaf."""
        node, size = leaf_hash(leaf_data), self.size
        while size & 1:
            node = node_hash(self._nodes.pop(), node)
            size >>= 1
        self._nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The root of all leaves so far."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for node in reversed(self._nodes[:-1]):
            root = node_hash(node, root)
        return root

    def encode(self) -> bytes:
        """The nodes, one after another. Shape: 32 bytes each."""
        return b"".join(self._nodes)


def decode_frontier(size: int, data: bytes) -> Frontier:
    """Errors: InvalidError."""
    return Frontier(size, (data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)))
