"""The town's keeper: sequencer, catalogue, key store and store, started again at will.

keeper = TownKeeper(folder, store)     founded: recorder, camera, custodians' keys, a pool of `keys` keys
keeper.record()                        an epoch with reels and share set, entered, closed and announced
keeper.advance(us)                     both clocks run on
keeper.restart()                       as after a crash: all is opened again
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from town.ledger import START_US, Town
from town.people import make_id, sealing_key

from custodes.adapters.keystore.store import KeyStore
from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.adapters.spool.files import FileOperations
from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import SqlOutbox
from custodes.base.canon import b64u
from custodes.base.clock import ManualClock
from custodes.base.errors import CustodesError
from custodes.base.keys import Signed
from custodes.base.ports import ObjectStore
from custodes.custody.paths import share_set_path
from custodes.deploy.layout import NetworkFolder
from custodes.ledger.entries.wrapper import parse_entry
from custodes.ledger.rules.state import Admitted, LedgerState
from custodes.services.case_index import CaseIndex
from custodes.services.facts import join_facts, reel_fact
from custodes.services.keeper.catalogue import CataloguingSequencer, ReelDesk
from custodes.services.keeper.fetching import shred_id
from custodes.services.keeper.holding import Holding
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.keeper.retention import Retention, shredded_ids
from custodes.services.parcels import Answer, parse_answers
from custodes.services.sequencer import Sequencer
from custodes.services.settings import pool_page, pool_path
from keeping.footage import Footage, make_footage


class KeptTown(Town):
    """The town, whose ledger is the keeper's: statements go through the sequencer."""

    keeping: TownKeeper

    def __init__(self, keys: int) -> None:
        super().__init__(begin=False)
        self.pool_keys = [sealing_key(f"pool/{index}") for index in range(keys)]

    @property
    def state(self) -> LedgerState:  # type: ignore[override]
        return self.keeping.ledger.sequencer.state

    @state.setter
    def state(self, _state: LedgerState) -> None:
        """The keeper's is taken."""

    def admit_signed(self, signed: Signed) -> Admitted:
        (answer,) = self.keeping.ledger.sequencer.submit([signed])
        if isinstance(answer, CustodesError):
            raise answer
        (data,) = self.keeping.outbox.entries(answer, answer + 1)
        entry = parse_entry(data)
        return Admitted(answer, entry.late, data, entry.statement.hash)


@dataclass(frozen=True)
class Recorded:
    """An epoch in the store and what was stated of it."""

    footage: Footage
    account: int

    @property
    def epoch(self) -> bytes:
        """Its id."""
        return self.footage.header.epoch

    @property
    def folder(self) -> str:
        """Where it lies."""
        return self.footage.folder

    @property
    def reels(self) -> list[str]:
        """Its reels' paths, by number."""
        return sorted(self.footage.reels)


class TownKeeper:
    """See the module."""

    def __init__(
        self,
        folder: Path,
        store: ObjectStore | None = None,
        keys: int = 8,
        files: FileOperations | None = None,
    ) -> None:
        self.folder = folder
        self.store: Any = MemoryObjectStore() if store is None else store
        self.clock = ManualClock(START_US)
        self.network_folder = NetworkFolder(folder)
        self.network_folder.keeper.mkdir(parents=True)
        self.copies = self.network_folder.keystore
        self.files = files
        self.town = KeptTown(keys)
        self.town.keeping = self
        self._opened: list[Any] = []
        for copy in self.copies:
            copy.mkdir(parents=True)
        self.keystore = KeyStore.create(self.copies, 64, files)
        self._open()
        self._found()
        self.known_network = self.town.network

    @property
    def database_file(self) -> Path:
        """The keeper's database."""
        return self.network_folder.keeper / "database.sqlite"

    def advance(self, us: int) -> None:
        """Let time pass."""
        self.clock.advance(us)
        self.town.advance(us)

    def restart(self) -> None:
        """End and begin again with what is on the disks."""
        self.close()
        self._open()
        self.keystore = KeyStore.open(self.copies, shredded_ids(self.town.state).__contains__, self.files)

    def restart_from_tiles(self) -> None:
        """Begin again where all was ended and the database is gone."""
        self._open()
        self.keystore = KeyStore.open(self.copies, shredded_ids(self.town.state).__contains__, self.files)

    def close(self) -> None:
        """End all; again is no error."""
        self.ledger.close()
        self.database.close()
        self.keystore.close()

    def retention(self, keep_free_bytes: int = 0) -> Retention:
        """A retention as the keeper makes it."""
        return Retention(
            self.ledger,
            self.store,
            self.keystore,
            self.catalogue,
            self.database,
            self.town.keeper.signing,
            self.clock,
            self.holding,
            keep_free_bytes,
        )

    @property
    def holding(self) -> Holding:
        """Full holds as the keeper keeps them."""
        return Holding(
            self.ledger,
            self.store,
            self.keystore,
            CaseIndex(self.store),
            lambda index: next(iter(self.outbox.entries(index, index + 1))),
            self.town.keeper.signing,
            self.town.keeper.sealing,
            self.clock,
        )

    def retain(self, **options: int) -> Any:
        """One pass of a new retention; its report."""
        return asyncio.run(self.retention(**options).run_once())

    def announce(self, paths: Sequence[str]) -> list[Answer]:
        """What the desk answers."""
        desk = ReelDesk(self.store, self.catalogue, self.database, self.ledger)
        question = join_facts([reel_fact(path) for path in paths])
        return parse_answers(asyncio.run(desk.desk(question)), len(paths))

    def record(
        self,
        reels: int = 2,
        close: bool = True,
        announce: bool = True,
        key: int | None = None,
        envelopes: int = 3,
        **plan: Any,
    ) -> Recorded:
        """Record an epoch that begins now; `key`: which shred key, by default the next unused."""
        town = self.town
        number = len(town.state.facts.epochs.live) + len(town.state.facts.epochs.gone) + 1
        index = number - 1 if key is None else key
        footage = make_footage(town, make_id(f"epoch/{number}"), index, reels, envelopes, **plan)
        header = footage.header
        self.store.put(share_set_path(header.stream, header.utc0_us, header.epoch), footage.share_set)
        body = {"header": header.to_json(), "set": b64u(footage.share_set_hash)}
        town.admit("epoch", **body)
        town.epochs.append(header.to_json())
        for path, data in footage.reels.items():
            self.store.put(path, data)
        if announce and footage.reels:
            assert all(isinstance(answer, int) for answer in self.announce(list(footage.reels)))
        account = self.account(footage, close)
        return Recorded(footage, account)

    def account(self, footage: Footage, close: bool = True, restart: bool = False) -> int:
        """State the epoch's envelopes; the account's number."""
        recorder = self.town.state.recorder(self.town.recorder_id)
        account, manifest = footage.account(
            recorder.head, recorder.number, recorder.run or 1, self.clock.utc_us(), close, restart
        )
        self.store.put(f"accounts/{recorder.id.hex()}/{account.number:012d}", manifest.encode())
        self.town.admit("restart" if restart else "account", **account.body())
        return account.number

    def _open(self) -> None:
        self.database = Database.open_file(self.database_file)
        self.outbox = SqlOutbox(self.database)
        self.catalogue = SqlCatalogue(self.database)
        self.sequencer = Sequencer.open(
            self.store, self.outbox, self.town.log, self.town.keeper.signing, self.clock
        )
        self.ledger = LedgerThread(CataloguingSequencer(self.sequencer, self.catalogue))

    def _found(self) -> None:
        town = self.town
        town.admit_signed(town.genesis())
        town.found()
        publics = [key.public for key in town.pool_keys]
        self.keystore.put_many(
            [(shred_id(town.pool, index), key.seed()) for index, key in enumerate(town.pool_keys)]
        )
        page = pool_page(town.network, town.recorder_id, town.pool, publics)
        self.store.put(pool_path(town.pool), page)
