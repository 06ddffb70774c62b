"""From database and tiles to one state, whichever of them is behind."""

from __future__ import annotations

from collections.abc import Iterator

from custodes.adapters.sql.outbox import OutboxRow, SqlOutbox
from custodes.base.errors import (
    CorruptError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnverifiedError,
)
from custodes.base.ports import ObjectStore
from custodes.ledger.checkpoint import Checkpoint
from custodes.ledger.rules.state import LedgerState
from custodes.ledger.tiles import TILE_WIDTH, bundle_path, bundles_between, decode_bundle

_PAGE = 1000


def replay_outbox(outbox: SqlOutbox, state: LedgerState) -> LedgerState:
    """The state, brought forward by the entries that the database has beyond it. Errors: CorruptError."""
    for entry in outbox.entries(state.size):
        _replay(state, entry)
    return state


def check_published(state: LedgerState, checkpoint: Checkpoint) -> None:
    """Check that what is public is the beginning of this state.

    Errors: CorruptError: database and tiles are of different ledgers.
    """
    if state.tree.root(checkpoint.size) != checkpoint.root:
        raise CorruptError(
            f"the database is not of the ledger whose checkpoint of size {checkpoint.size} is in the store;"
            " put the database aside to have it rebuilt from the ledger"
        )


def restore_from_tiles(
    store: ObjectStore, outbox: SqlOutbox, state: LedgerState, checkpoint: Checkpoint
) -> int:
    """Bring state and database forward to the checkpoint from entry bundles; how many entries were missing.

    Nothing is written before all of it leads to the checkpoint's root. Errors: CorruptError.
    """
    rows = []
    for entry in _published_entries(store, state.size, checkpoint.size):
        statement = _replay(state, entry)
        rows.append(OutboxRow(state.size - 1, statement, state.facts.admitted_us, entry))
    check_published(state, checkpoint)
    for start in range(0, len(rows), _PAGE):
        outbox.append(rows[start : start + _PAGE])
    return len(rows)


def _published_entries(store: ObjectStore, start: int, stop: int) -> Iterator[bytes]:
    for index, width in bundles_between(start, stop):
        entries = decode_bundle(_read_bundle(store, index, width), width)
        yield from entries[max(0, start - index * TILE_WIDTH) :]


def _read_bundle(store: ObjectStore, index: int, width: int) -> bytes:
    try:
        return store.get(bundle_path(index, width))
    except NotFoundError as error:
        raise CorruptError(f"entry bundle {index} of width {width} is not in the store") from error


def _replay(state: LedgerState, entry: bytes) -> bytes:
    try:
        return state.replay(entry, state.size, signatures=False).statement
    except (InvalidError, RefusedError, UnverifiedError) as error:
        raise CorruptError(f"entry {state.size} does not follow from those before: {error}") from error
