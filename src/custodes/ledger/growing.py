"""A tree that only grows, held as its tiles: roots and proofs at every size it ever had.

Source: RFC 6962, section 2.1; C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Sequence

from custodes.base.errors import InvalidError
from custodes.ledger import tiles
from custodes.ledger.merkle import HASH_BYTES, leaf_hash, node_hash
from custodes.ledger.tiles import TILE_WIDTH

_TILE_BYTES = TILE_WIDTH * HASH_BYTES


class GrowingTree:
    """Append leaves; ask for a root, a proof or a tile at any size up to the present one.

    Cost: 32.2 bytes and two hashes a leaf; a root or proof at most some 500 hashes a tile level.
    """

    def __init__(self) -> None:
        self._levels: list[bytearray] = [bytearray()]

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0]) // HASH_BYTES

    @classmethod
    def of_rows(cls, rows: Sequence[bytes]) -> GrowingTree:
        """The tree whose `rows` these are. Errors: InvalidError when they cannot be one's."""
        tree = cls()
        tree._levels = [bytearray(row) for row in rows]
        counts = [len(row) // HASH_BYTES for row in rows]
        above = [count // TILE_WIDTH for count in counts]
        if (
            not rows
            or any(len(row) % HASH_BYTES for row in rows)
            or counts[1:] != above[:-1]
            or above[-1]
            or (len(rows) > 1 and not counts[-1])
        ):
            raise InvalidError("rows that are no tree's")
        return tree

    def rows(self) -> list[bytes]:
        """The hashes of each tile level joined, leaves first."""
        return [bytes(row) for row in self._levels]

    def append(self, leaf_data: bytes) -> None:
        """Add a leaf."""
        self._add(0, leaf_hash(leaf_data))

    def tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """The first `width` hashes of a tile. Errors: InvalidError when the tree is not that large."""
        start = index * _TILE_BYTES
        hashes = (
            bytes(self._levels[level][start : start + width * HASH_BYTES])
            if level < len(self._levels)
            else b""
        )
        if len(hashes) != width * HASH_BYTES:
            raise InvalidError(
                f"a tree of {self.size} has no tile {index} of level {level} and width {width}"
            )
        return hashes

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves, by default of all. Errors: InvalidError."""
        return tiles.root(self.tile, self._known(self.size if size is None else size))

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """The path of a leaf in the tree as it was at `size`. Errors: InvalidError."""
        return tiles.inclusion_path(self.tile, self._known(size), index)

    def consistency_proof(self, old_size: int, new_size: int) -> list[bytes]:
        """What shows that the tree at `new_size` begins with that at `old_size`. Errors: InvalidError."""
        return tiles.consistency_proof(self.tile, old_size, self._known(new_size))

    def _known(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise InvalidError(f"a tree of {self.size} has no state of size {size}")
        return size

    def _add(self, level: int, digest: bytes) -> None:
        row = self._levels[level]
        row += digest
        if len(row) % _TILE_BYTES:
            return
        if level + 1 == len(self._levels):
            self._levels.append(bytearray())
        self._add(level + 1, _fold(bytes(row[-_TILE_BYTES:])))


def _fold(tile: bytes) -> bytes:
    row = [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]
