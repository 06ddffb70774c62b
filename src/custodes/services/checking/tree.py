"""Bundles and hash tiles of the log: which of them lead to the root that the log key signed.

The two say the same thing twice. Where they differ, the one stands that leads to what the level above says, and
in the end to the root; the other is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from custodes.base.errors import CorruptError, NotFoundError
from custodes.base.ports import ObjectStore
from custodes.ledger import tiles
from custodes.ledger.checkpoint import Checkpoint
from custodes.ledger.merkle import HASH_BYTES, leaf_hash, node_hash
from custodes.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, bundle_path, decode_bundle, tile_path
from custodes.services.checking.findings import Finding, FindingKind, Progress


class StoredTree:
    """The log's hashes as they are believed, level by level. Cost, memory: 32 bytes an entry."""

    def __init__(self, store: ObjectStore, size: int, progress: Progress) -> None:
        self._store = store
        self.size = size
        self._progress = progress
        self._levels: list[bytearray] = []
        self.wrong_bundles: set[int] = set()

    def hashes(self, level: int, index: int, width: int) -> bytes:
        """The first hashes of a tile; fewer where the tree has not so many."""
        row = self._levels[level] if level < len(self._levels) else bytearray()
        start = index * TILE_WIDTH * HASH_BYTES
        return bytes(row[start : start + width * HASH_BYTES])

    def is_edge(self, level: int, index: int, width: int) -> bool:
        """Whether a tile of that width is the one that a reader of this size takes."""
        return width == min(TILE_WIDTH, (self.size >> (8 * level)) - index * TILE_WIDTH)

    def read(self, checkpoint: Checkpoint) -> Iterator[Finding]:
        """Settle what is believed; the files of the lowest level that are not. Reads every bundle."""
        leaves: list[bytes] = []
        doubtful: list[tuple[int, bytes | None, bytes | None]] = []
        for index, width in tiles.bundles_between(0, self.size):
            self._progress("ledger, hashes", index * TILE_WIDTH, self.size)
            stored = self._hashes_of_tile(index, width)
            derived = self._hashes_of_bundle(index, width)
            chosen = stored
            if stored != derived:
                doubtful.append((index, stored, derived))
                chosen = self._choose(index, stored, derived, leaves, checkpoint)
            leaves.append(chosen or bytes(width * HASH_BYTES))
        self._levels = _levels(b"".join(leaves))
        is_right = tiles.root(self.hashes, self.size) == checkpoint.root
        if not is_right:
            yield Finding(
                FindingKind.LEDGER,
                CHECKPOINT_PATH,
                "entries and tiles do not lead to the root of the checkpoint",
            )
        for index, stored, derived in doubtful:
            yield from self._name_doubtful(index, stored, derived, leaves[index], is_right)

    def _name_doubtful(
        self, index: int, stored: bytes | None, derived: bytes | None, chosen: bytes, is_right: bool
    ) -> Iterator[Finding]:
        width = len(chosen) // HASH_BYTES
        if stored != chosen or not is_right:
            yield bad_file(tile_path(0, index, width), stored)
        if derived != chosen or not is_right:
            self.wrong_bundles.add(index)
            yield bad_file(bundle_path(index, width), derived)

    def _choose(
        self,
        index: int,
        stored: bytes | None,
        derived: bytes | None,
        before: Sequence[bytes],
        checkpoint: Checkpoint,
    ) -> bytes | None:
        if stored is None or derived is None:
            return stored or derived
        if len(stored) == TILE_WIDTH * HASH_BYTES:
            above = self._hash_above(index)
            return derived if above == _fold(derived) else stored
        levels = _levels(b"".join((*before, derived)))
        source = _source_of(levels)
        return derived if tiles.root(source, self.size) == checkpoint.root else stored

    def _hash_above(self, index: int) -> bytes:
        above, place = divmod(index, TILE_WIDTH)
        width = min(TILE_WIDTH, self.size // TILE_WIDTH - above * TILE_WIDTH)
        data, _ = self.read_any(lambda w: tile_path(1, above, w), width)
        return data[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def _hashes_of_tile(self, index: int, width: int) -> bytes | None:
        data, wide = self.read_any(lambda w: tile_path(0, index, w), width)
        return data[: width * HASH_BYTES] if len(data) == wide * HASH_BYTES else None

    def _hashes_of_bundle(self, index: int, width: int) -> bytes | None:
        entries = self.entries(index, width)
        return None if entries is None else b"".join(leaf_hash(entry) for entry in entries)

    def entries(self, index: int, width: int) -> list[bytes] | None:
        """A bundle's first entries, None where it is not there or not whole."""
        data, wide = self.read_any(lambda w: bundle_path(index, w), width)
        try:
            return decode_bundle(data, wide)[:width]
        except CorruptError:
            return None

    def read_any(self, path: Callable[[int], str], width: int) -> tuple[bytes, int]:
        """A file and how wide it is; nothing where there is none. A partial one goes once the full one is there."""
        for wide in dict.fromkeys((width, TILE_WIDTH)):
            try:
                return self._store.get(path(wide)), wide
            except NotFoundError:
                continue
        return b"", width


def bad_file(path: str, data: bytes | None) -> Finding:
    """A file of the log that is not what it should be."""
    if data is None:
        return Finding(FindingKind.FLIPPED, path, "it is not there, or not whole")
    return Finding(FindingKind.FLIPPED, path, "it does not lead to the root that the log key signed")


def _levels(leaves: bytes) -> list[bytearray]:
    levels = [bytearray(leaves)]
    size = TILE_WIDTH * HASH_BYTES
    while len(levels[-1]) >= size:
        below = levels[-1]
        folded = (_fold(bytes(below[at : at + size])) for at in range(0, len(below) - size + 1, size))
        levels.append(bytearray(b"".join(folded)))
    return levels


def _source_of(levels: Sequence[bytearray]) -> tiles.TileSource:
    def source(level: int, index: int, width: int) -> bytes:
        start = index * TILE_WIDTH * HASH_BYTES
        return bytes(levels[level][start : start + width * HASH_BYTES])

    return source


def _fold(tile: bytes) -> bytes:
    row = [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
