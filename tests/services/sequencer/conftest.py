"""A town's sequencer on memory and a file, and a reader that proves the whole log."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from town.ledger import START_US, Town

from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import SqlOutbox
from custodes.base.clock import ManualClock
from custodes.base.errors import NotFoundError
from custodes.base.keys import Signed, SigningKey
from custodes.base.ports import ObjectStore
from custodes.ledger import merkle, tiles
from custodes.ledger.checkpoint import SignedCheckpoint, parse_checkpoint
from custodes.ledger.rules.state import LedgerState
from custodes.services.ledger_snapshot import LedgerSnapshot
from custodes.services.sequencer import Sequencer


def read_log(store: ObjectStore, log_key: bytes) -> list[bytes]:
    """All entries as an outsider reads them, each file checked; the rules replayed."""
    note = parse_checkpoint(store.get(tiles.CHECKPOINT_PATH))
    note.check_log(note.checkpoint.origin, log_key)
    size = note.checkpoint.size

    def read(level: int, index: int, width: int) -> bytes:
        return _partial_or_full(store, lambda w: tiles.tile_path(level, index, w), width)[: width * 32]

    entries: list[bytes] = []
    for index, width in tiles.bundles_between(0, size):
        path = tiles.bundle_path(index, width)
        entries += tiles.decode_bundle(store.get(path), width)
    assert merkle.root(entries) == note.checkpoint.root == tiles.root(read, size)
    for level, index, width in tiles.tiles_between(0, size):
        assert len(store.get(tiles.tile_path(level, index, width))) == 32 * width
    state = LedgerState()
    for index, entry in enumerate(entries):
        state.replay(entry, index)
    return entries


def _partial_or_full(store: ObjectStore, path: Callable[[int], str], width: int) -> bytes:
    try:
        return store.get(path(width))
    except NotFoundError:
        return store.get(path(tiles.TILE_WIDTH))


@dataclass
class Desk:
    """A folder for databases, a store, a clock, and the sequencers opened on them."""

    folder: Path
    town: Town
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    clock: ManualClock = field(default_factory=lambda: ManualClock(START_US))
    opened: list[Database] = field(default_factory=list)

    def database(self, name: str = "main") -> Database:
        database = Database.open_file(self.folder / f"{name}.sqlite")
        self.opened.append(database)
        return database

    def open(
        self,
        name: str = "main",
        store: ObjectStore | None = None,
        known: Iterable[bytes] = (),
        log_key: SigningKey | None = None,
        kept: LedgerSnapshot | None = None,
    ) -> Sequencer:
        return Sequencer.open(
            store or self.store,
            SqlOutbox(self.database(name)),
            log_key or self.town.log,
            self.town.keeper.signing,
            self.clock,
            known,
            kept,
        )

    def begin(self) -> Sequencer:
        sequencer = self.open()
        assert sequencer.submit([self.town.genesis()]) == [0]
        return sequencer

    def notes(self, start: int, stop: int) -> list[Signed]:
        """Small statements that are always admitted, by number."""
        return [self.town.make("access", hour_us=number) for number in range(start, stop)]

    def published(self) -> list[bytes]:
        return read_log(self.store, self.town.log.public)

    def checkpoint(self) -> SignedCheckpoint:
        return parse_checkpoint(self.store.get(tiles.CHECKPOINT_PATH))

    def close(self) -> None:
        for database in self.opened:
            database.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, Town(witnesses=2))
    yield made
    made.close()
