"""The ledger as static files: where tiles and entry bundles lie, what they hold, and proofs read from them.

Shapes: a tile is `width` hashes of 32 bytes, 1 … 256; tile level L holds the tree's level 8 L.
Source: docs/formats/ledger.md; C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from custodes.base.errors import CorruptError, InvalidError
from custodes.ledger.merkle import EMPTY_ROOT, HASH_BYTES, node_hash

TILE_WIDTH = 256
TILE_HEIGHT = 8
MAX_ENTRY_BYTES = 65_535
CHECKPOINT_PATH = "log/checkpoint"

# (tile level, tile index, width) -> the hashes joined. May be asked for a width that no file has exactly;
# then the bytes of a wider tile, cut, are the answer.
TileSource = Callable[[int, int, int], bytes]


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where a hash tile lies."""
    return f"log/tile/{level}/{_index_path(index, width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Where an entry bundle lies."""
    return f"log/tile/entries/{_index_path(index, width)}"


def archive_path(size: int) -> str:
    """Where an earlier checkpoint of that size lies."""
    return f"log/checkpoints/{size:012d}"


def tiles_between(old_size: int, new_size: int) -> Iterator[tuple[int, int, int]]:
    """(level, index, width) of every hash tile that a tree has and its predecessor had not."""
    level, old, new = 0, old_size, new_size
    while new > 0:
        for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            width = min(TILE_WIDTH, new - index * TILE_WIDTH)
            if index * TILE_WIDTH + width > old:
                yield level, index, width
        level, old, new = level + 1, old // TILE_WIDTH, new // TILE_WIDTH


def bundles_between(old_size: int, new_size: int) -> Iterator[tuple[int, int]]:
    """(index, width) of every entry bundle that a tree has and its predecessor had not."""
    return ((index, width) for level, index, width in tiles_between(old_size, new_size) if level == 0)


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Each entry behind its length in 2 bytes. Errors: InvalidError for an entry over 65,535 bytes."""
    if not 0 < len(entries) <= TILE_WIDTH:
        raise InvalidError(f"an entry bundle holds 1 to {TILE_WIDTH} entries, not {len(entries)}")
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise InvalidError(f"an entry has at most {MAX_ENTRY_BYTES} bytes, not {len(entry)}")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle. Errors: CorruptError when it does not hold exactly `width`."""
    entries = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise CorruptError("an entry bundle ends inside an entry")
        entries.append(data[at + 2 : end])
        at = end
    if len(entries) != width:
        raise CorruptError(f"an entry bundle of {width} holds {len(entries)} entries")
    return entries


def root(source: TileSource, size: int) -> bytes:
    """The root of the first `size` leaves. Cost: at most 2 tiles a level."""
    return _span_hash(source, size, 0, size) if size else EMPTY_ROOT


def inclusion_path(source: TileSource, size: int, index: int) -> list[bytes]:
    """The path of a leaf in the tree of `size`, leaf upward. Errors: InvalidError."""
    if not 0 <= index < size:
        raise InvalidError(f"leaf {index} is not in a tree of {size}")
    return [_span_hash(source, size, start, end) for start, end in reversed(_spans_to_leaf(index, size))]


def consistency_proof(source: TileSource, old_size: int, new_size: int) -> list[bytes]:
    """What shows that the tree of `new_size` begins with that of `old_size`. Errors: InvalidError."""
    if not 0 <= old_size <= new_size:
        raise InvalidError(f"a tree of {new_size} does not begin with one of {old_size}")
    if old_size in (0, new_size):
        return []
    return [
        _span_hash(source, new_size, start, end) for start, end in _spans_of_consistency(old_size, new_size)
    ]


def _spans_to_leaf(index: int, size: int) -> list[tuple[int, int]]:
    start, end = 0, size
    spans = []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            spans.append((split, end))
            end = split
        else:
            spans.append((start, split))
            start = split
    return spans


def _spans_of_consistency(old_size: int, new_size: int) -> list[tuple[int, int]]:
    # RFC 6962's SUBPROOF: walk down to where the old tree ends, then name the siblings from there upward.
    start, end = 0, new_size
    spans = []
    while end != old_size:
        split = start + _split(end - start)
        if old_size <= split:
            spans.append((split, end))
            end = split
        else:
            spans.append((start, split))
            start = split
    if start > 0:
        spans.append((start, end))
    return spans[::-1]


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _span_hash(source: TileSource, size: int, start: int, end: int) -> bytes:
    found: bytes | None = None
    for level, index in reversed(_subtrees(start, end)):
        node = _node(source, size, level, index)
        found = node if found is None else node_hash(node, found)
    assert found is not None
    return found


def _subtrees(start: int, end: int) -> list[tuple[int, int]]:
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _node(source: TileSource, size: int, level: int, index: int) -> bytes:
    tile_level, height = divmod(level, TILE_HEIGHT)
    first = index << height
    tile_index, offset = divmod(first, TILE_WIDTH)
    in_level = size >> (TILE_HEIGHT * tile_level)
    width = min(TILE_WIDTH, in_level - tile_index * TILE_WIDTH)
    tile = source(tile_level, tile_index, width)
    row = [
        tile[at : at + HASH_BYTES]
        for at in range(offset * HASH_BYTES, (offset + (1 << height)) * HASH_BYTES, HASH_BYTES)
    ]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def _index_path(index: int, width: int) -> str:
    if index < 0 or not 0 < width <= TILE_WIDTH:
        raise InvalidError(f"no tile {index} of width {width}")
    path = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        path = f"x{index % 1000:03d}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"
