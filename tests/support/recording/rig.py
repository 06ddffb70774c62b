"""Keys, folders and settings of one recorder without a keeper; the same again from its folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.rtsp.client import DEFAULT_LIMITS, SessionLimits
from custodes.adapters.spool.files import FileOperations, SystemFiles
from custodes.adapters.spool.spool import SpoolVolume
from custodes.adapters.spool.volume import MARK_NAME, create_mark
from custodes.base.clock import DAY_US, SECOND_US, Clock, SystemClock
from custodes.base.fence.memory import KeyArena
from custodes.base.keys import SigningKey
from custodes.base.ports import ObjectStore
from custodes.base.sealing import PublicSealingKey, SealingKey
from custodes.estate.rules import assurance_of
from custodes.ledger.rules.people import Periods
from custodes.services.recorder.accounting import Ledgerbook
from custodes.services.recorder.outbox import Outbox
from custodes.services.recorder.service import RecorderService
from custodes.services.recorder.settings import CustodianKey, RecorderSettings, StreamAssignment
from custodes.services.recorder.shelf import STREAM_LIMIT_BYTES
from custodes.services.recorder.state import RecorderState, StateFile
from custodes.services.recorder.veils import Veils

SHORT_PERIODS = Periods(
    slot_us=2 * SECOND_US,
    slots_per_epoch=3,
    reel_us=4 * SECOND_US,
    staff_wait_us=SECOND_US,
    custodian_key_us=DAY_US,
    freshness_us=SECOND_US,
)


def seed(name: str) -> bytes:
    """A test's seed: the same name gives the same key."""
    return hashlib.sha256(name.encode()).digest()


def make_id(name: str) -> bytes:
    """A test's id."""
    return seed(name)[:16]


@dataclass
class Rig:
    """What a test's recorder is made of. Keys follow from `name`, so that two processes agree on them."""

    folder: Path
    name: str = "rig"
    custodians: int = 3
    quorum: int = 2
    pool_keys: int = 40
    cells: int = 2048
    periods: Periods = SHORT_PERIODS
    clock: Clock = field(default_factory=SystemClock)
    urls: Mapping[str, str] = field(default_factory=dict)
    first: Mapping[str, int] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.network = seed(f"{self.name}/network")
        self.recorder = make_id(f"{self.name}/recorder")
        self.signing = SigningKey(seed(f"{self.name}/signing"))
        self.discloser = SigningKey(seed(f"{self.name}/discloser"))
        self.keys = {i: SealingKey(seed(f"{self.name}/custodian/{i}")) for i in self.indices}
        self.pool = make_id(f"{self.name}/pool")
        self.shred = [SealingKey(seed(f"{self.name}/shred/{n}")) for n in range(self.pool_keys)]
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.spool_root.exists():
            create_mark(self.spool_root, SystemFiles())
            self.store_root.mkdir()
            LocalObjectStore.create(self.store_root)

    @property
    def indices(self) -> range:
        """The custodians' indices."""
        return range(1, self.custodians + 1)

    @property
    def spool_root(self) -> Path:
        """Open reels."""
        return self.folder / "spool"

    @property
    def store_root(self) -> Path:
        """The object store."""
        return self.folder / "store"

    @property
    def own(self) -> Path:
        """The recorder's own folder."""
        return self.folder / "recorder"

    def stream(self, name: str) -> bytes:
        """The id of a camera's stream."""
        # Its first bytes decide how many slots the first epoch has.
        slots = self.first.get(name, self.periods.slots_per_epoch)
        return (slots - 1).to_bytes(4, "big") + make_id(f"{self.name}/stream/{name}")[4:]

    def assignment(self, name: str, url: str) -> StreamAssignment:
        """One stream to record."""
        return StreamAssignment(
            camera=make_id(f"{self.name}/camera/{name}"),
            stream=self.stream(name),
            name=name,
            kind=self.kinds.get(name, "main"),
            assurance=assurance_of(url) if url else "full",
            url=url,
            transport="tcp",
            username="admin",
            password=self.passwords.get(name, ""),
            retention_us=DAY_US,
            priority=5,
        )

    def settings(self) -> RecorderSettings:
        """What a checked settings document would say."""
        now_us = self.clock.utc_us()
        return RecorderSettings(
            number=1,
            network=self.network,
            recorder=self.recorder,
            made_us=now_us,
            quorum=self.quorum,
            indices=tuple(self.indices),
            roster=seed("roster"),
            periods=self.periods,
            custodian_keys=tuple(
                CustodianKey(i, 1, PublicSealingKey(key.public), now_us - DAY_US, now_us + 7 * DAY_US)
                for i, key in self.keys.items()
            ),
            assignments=tuple(self.assignment(name, url) for name, url in self.urls.items()),
            pools={self.pool: tuple(key.public for key in self.shred)} if self.shred else {},
            entry=self.first_state().head,
            discloser=self.discloser.public,
        )

    def store(self) -> LocalObjectStore:
        """The object store, as anybody may open it."""
        return LocalObjectStore(self.store_root, _mark(self.store_root), SystemFiles())

    def volume(self, files: FileOperations | None = None) -> SpoolVolume:
        """The spool volume, on the running loop."""
        loop = asyncio.get_running_loop()
        return SpoolVolume(
            self.spool_root,
            _mark(self.spool_root),
            loop,
            files=files,
            queue_limit_bytes_per_stream=STREAM_LIMIT_BYTES,
        )

    def first_state(self) -> RecorderState:
        """A recorder's state before its first account."""
        return RecorderState(run=1, number=0, head=seed(f"{self.name}/recorder entry"))

    def book(self, store: ObjectStore) -> Ledgerbook:
        """The account chain, from its file where there is one."""
        file = StateFile(self.own / "state")
        return Ledgerbook(
            self.network,
            self.recorder,
            self.signing,
            store,
            self.spool_root,
            file,
            Outbox(self.own / "outbox"),
            file.read() or self.first_state(),
        )

    def service(
        self,
        store: ObjectStore | None = None,
        files: FileOperations | None = None,
        limits: SessionLimits = DEFAULT_LIMITS,
        veils: Veils | None = None,
    ) -> RecorderService:
        """A recorder, not started yet."""
        store = store or self.store()
        return RecorderService(
            clock=self.clock,
            settings=self.settings(),
            book=self.book(store),
            store=store,
            spool=self.volume(files),
            arena=KeyArena(self.cells),
            limits=limits,
            veils=veils,
        )

    def with_urls(self, urls: Mapping[str, str]) -> Rig:
        """The same with other cameras."""
        return replace(self, urls=urls)


def _mark(root: Path) -> bytes:
    return bytes.fromhex((root / MARK_NAME).read_text().strip())
