"""What must be written, in which order, for a larger tree to be public; and what was left over from before.

Pure: whoever writes reads the entries and puts the objects.
Source: docs/formats/ledger.md (Publication); C2SP tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from custodes.base.clock import SECOND_US
from custodes.base.keys import SigningKey
from custodes.ledger.checkpoint import Checkpoint, SignedCheckpoint, cosign, keeper_name, sign_checkpoint
from custodes.ledger.growing import GrowingTree
from custodes.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    bundle_path,
    bundles_between,
    encode_bundle,
    tile_path,
    tiles_between,
)

# (start, stop) -> the entries' bytes.
EntrySource = Callable[[int, int], Sequence[bytes]]


def objects_to_write(
    tree: GrowingTree, entries: EntrySource, old_size: int, new_size: int
) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of every bundle and then every tile that the new size has and the old had not."""
    for index, width in bundles_between(old_size, new_size):
        first = index * TILE_WIDTH
        yield bundle_path(index, width), encode_bundle(entries(first, first + width))
    for level, index, width in tiles_between(old_size, new_size):
        yield tile_path(level, index, width), tree.tile(level, index, width)


def partial_folders_done(old_size: int, new_size: int) -> Iterator[str]:
    """Folders of partial tiles and bundles whose full one is public at the new size and was not at the old."""
    for level, index, width in tiles_between(old_size, new_size):
        if width == TILE_WIDTH:
            yield f"{tile_path(level, index)}.p"
            if level == 0:
                yield f"{bundle_path(index)}.p"


def partial_folders_at(size: int) -> Iterator[str]:
    """Folders of partial tiles and bundles of the last full one of each row; readers need them no more."""
    for path, index, _ in edge(size):
        if index:
            yield f"{path(index - 1, TILE_WIDTH)}.p"


def edge(size: int) -> Iterator[tuple[Callable[[int, int], str], int, int]]:
    """(path of index and width, index, width) of the last bundle and the last tile of each level.

    Width 0: the row ends with a full one, and `index` is the next. What lies beyond the edge is no reader's
    yet: a sequencer that stopped before its checkpoint left it there.
    """
    yield bundle_path, size // TILE_WIDTH, size % TILE_WIDTH
    # One level more than the tree has: a first tile of it may have been left, too.
    for level in range(-(-size.bit_length() // TILE_HEIGHT) + 1):
        count = size >> (TILE_HEIGHT * level)
        yield _tile_paths(level), count // TILE_WIDTH, count % TILE_WIDTH


def note(
    tree: GrowingTree, size: int, origin: str, log_key: SigningKey, keeper: SigningKey, now_us: int
) -> SignedCheckpoint:
    """The checkpoint of a size, signed by the log and cosigned by the keeper."""
    checkpoint = Checkpoint(origin, size, tree.root(size))
    signature = cosign(checkpoint, keeper_name(origin), keeper, now_us // SECOND_US)
    return sign_checkpoint(checkpoint, log_key).with_signature(signature)


def _tile_paths(level: int) -> Callable[[int, int], str]:
    def path(index: int, width: int) -> str:
        return tile_path(level, index, width)

    return path
