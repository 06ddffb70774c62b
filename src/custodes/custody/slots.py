"""The keys of slots: made in cells that the caller owns, committed to, wiped in place.

Cells may lie in locked memory. Libraries copy keys while they work; wiping ends what is ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from custodes.base.canon import typed_hash
from custodes.base.errors import InvalidError
from custodes.custody.shamir import Random
from custodes.ledger import merkle

SLOT_KEY_BYTES = 32
MAX_SLOTS = 60

Buffer = bytes | bytearray | memoryview


class KeyCells(Protocol):
    """Writable cells of 32 bytes, one a slot; a list of memoryviews is one."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, slot: int, /) -> memoryview:
        """The cell of a slot, to be read or written in place."""
        ...


def new_cells(count: int) -> list[memoryview]:
    """Cells in ordinary memory."""
    block = memoryview(bytearray(SLOT_KEY_BYTES * count))
    return [block[start : start + SLOT_KEY_BYTES] for start in range(0, len(block), SLOT_KEY_BYTES)]


def fill_cells(cells: KeyCells, random: Random = os.urandom) -> None:
    """Make a fresh key in every cell. Errors: InvalidError when a cell is not 32 bytes."""
    for slot in range(len(cells)):
        cell = cells[slot]
        if len(cell) != SLOT_KEY_BYTES:
            raise InvalidError(f"a slot key's cell has {SLOT_KEY_BYTES} bytes, got {len(cell)}")
        cell[:] = random(SLOT_KEY_BYTES)


def wipe(cell: memoryview | bytearray) -> None:
    """Overwrite a cell with zeros, in place."""
    cell[:] = bytes(len(cell))


def wipe_cells(cells: KeyCells) -> None:
    """Overwrite every cell."""
    for slot in range(len(cells)):
        wipe(cells[slot])


def slot_commitment(epoch: bytes, slot: int, key: Buffer) -> bytes:
    """What binds a slot's key before its minute begins. Shape: 32 bytes."""
    return typed_hash("slot", epoch, slot.to_bytes(2, "big"), bytes(key))


def commitments_of(epoch: bytes, cells: KeyCells) -> tuple[bytes, ...]:
    """The commitments of all slots, slot 0 first."""
    return tuple(slot_commitment(epoch, slot, cells[slot]) for slot in range(len(cells)))


def share_leaf(epoch: bytes, slot: int, index: int, share: bytes) -> bytes:
    """The leaf of one custodian's share of one slot. Shape: 32 bytes."""
    return typed_hash("share", epoch, slot.to_bytes(2, "big"), index.to_bytes(2, "big"), share)


def share_tree(epoch: bytes, index: int, shares: Sequence[bytes]) -> merkle.Tree:
    """The tree over one custodian's shares of an epoch, slot 0 first."""
    return merkle.Tree(share_leaf(epoch, slot, index, share) for slot, share in enumerate(shares))
