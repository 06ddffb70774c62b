"""The keeper's process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from custodes.adapters.bus.subjects import EVERY_SETTINGS, Process, Role, health, settings_changed
from custodes.adapters.exchange.folder import FolderCounter
from custodes.adapters.keystore.store import KeyStore
from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.secrets import read_sealing_key, read_signing_key
from custodes.adapters.sql.assignments import SqlAssignments
from custodes.adapters.sql.catalogue import SqlCatalogue
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.outbox import SqlOutbox
from custodes.base.clock import Clock, SystemClock
from custodes.base.errors import CustodesError, RefusedError
from custodes.base.fence.report import FenceReport
from custodes.base.keys import SigningKey
from custodes.base.ports import Bus, ObjectStore
from custodes.cases.hold import HOLD_SHARE_TYPE
from custodes.deploy.enlisting import read_genesis, waiting_parcels
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.processes.connection import connected
from custodes.services.bus_office import KEEPER_SUBJECTS, OUTSIDE
from custodes.services.case_index import CaseIndex
from custodes.services.keeper.access import AccessDesk
from custodes.services.keeper.cameras import CameraEffects
from custodes.services.keeper.catalogue import CataloguingSequencer, ReelDesk
from custodes.services.keeper.fetching import Fetching
from custodes.services.keeper.holding import Holding
from custodes.services.keeper.ledger_thread import LedgerThread
from custodes.services.keeper.pools import PoolMaker
from custodes.services.keeper.retention import Retention, shredded_ids
from custodes.services.keeper.service import Keeper
from custodes.services.keeper.settings_maker import SettingsMaker
from custodes.services.keeper.submissions import Submissions
from custodes.services.ledger_snapshot import LedgerSnapshot
from custodes.services.parcels import parcels_bytes, parse_answers
from custodes.services.sequencer.sequencer import Sequencer

BACKGROUND_TYPE = "custodes/entry/background/v1"
CAMERA_TYPE = "custodes/entry/camera/v1"
_LOG = structlog.get_logger("keeper")


@dataclass(frozen=True)
class _Tell:
    """Where the keeper's news goes."""

    health: Callable[[bytes], Awaitable[None]]
    settings_changed: Callable[[bytes], Awaitable[None]]


async def run_keeper(folder: NetworkFolder, fences: FenceReport) -> None:
    """Serve until cancelled."""
    me = Process(Role.KEEPER)
    async with connected(folder, me) as bus:
        keeper = await asyncio.to_thread(open_keeper, folder, _tell(bus, me))
        try:
            await _found(folder, keeper)
            for subject, desk in keeper.desks().items():
                name = KEEPER_SUBJECTS.get(subject, EVERY_SETTINGS)
                await bus.serve(name, desk)
            outside = {subject: keeper.desks()[subject] for subject in OUTSIDE["keeper"]}
            async with asyncio.TaskGroup() as group:
                group.create_task(keeper.run())
                group.create_task(FolderCounter(folder.exchange, "keeper", outside).run())
        finally:
            keeper.ledger.close()
            keeper.keystore.close()


def open_keeper(folder: NetworkFolder, tell: _Tell, clock: Clock | None = None) -> Keeper:
    """Assemble the keeper: store, database, ledger, key store, in this order."""
    clock = clock or SystemClock()
    settings = read_settings(folder)
    signing = read_signing_key(folder.keeper / "signing")
    sealing = read_sealing_key(folder.keeper / "sealing")
    store = LocalObjectStore.open(folder.store, settings.store_volume)
    database = Database.open(f"sqlite:///{folder.keeper / 'database.sqlite'}")
    outbox = SqlOutbox(database)
    sequencer = _open_log(folder, settings.network, store, outbox, signing, clock)
    keystore = KeyStore.open(folder.keystore, shredded_ids(sequencer.state).__contains__)
    catalogue = SqlCatalogue(database)
    ledger = LedgerThread(CataloguingSequencer(sequencer, catalogue))
    cases = CaseIndex(store)
    assignments = SqlAssignments(database)
    cameras = CameraEffects(ledger, database, assignments, tell.settings_changed)

    def entry(index: int) -> bytes:
        return next(iter(outbox.entries(index, index + 1)))

    holding = Holding(ledger, store, keystore, cases, entry, signing, sealing, clock)
    return Keeper(
        clock=clock,
        sequencer=sequencer,
        ledger=ledger,
        keystore=keystore,
        cases=cases,
        assignments=assignments,
        submissions=Submissions(
            ledger,
            store,
            {CAMERA_TYPE: cameras.assign, BACKGROUND_TYPE: cameras.tell},
            {HOLD_SHARE_TYPE: holding.take_share},
        ),
        fetching=Fetching(ledger, store, keystore, cases, holding, signing, sealing, clock),
        reels=ReelDesk(store, catalogue, database, ledger),
        holding=holding,
        access=AccessDesk(ledger, signing, clock),
        settings=SettingsMaker(
            ledger,
            entry,
            assignments,
            signing,
            clock,
            folder.keeper / "settings-number",
        ),
        pools=PoolMaker(ledger, store, keystore, signing),
        retention=Retention(
            ledger,
            store,
            keystore,
            catalogue,
            database,
            signing,
            clock,
            holding,
            settings.keep_free_bytes,
        ),
        publish_health=tell.health,
        settings_changed=tell.settings_changed,
        alarms=_alarms_of_start(sequencer),
    )


def _alarms_of_start(sequencer: Sequencer) -> dict[str, str]:
    """What the start found, shown until the next one."""
    refused = sequencer.recovered.kept_refused
    return {"kept ledger": refused} if refused else {}


def _open_log(
    folder: NetworkFolder,
    network: bytes,
    store: ObjectStore,
    outbox: SqlOutbox,
    signing: SigningKey,
    clock: Clock,
) -> Sequencer:
    """The sequencer, its log begun with the genesis where there is none."""
    kept = LedgerSnapshot(folder.keeper / "ledger", network, signing)
    log_key = read_signing_key(folder.keeper / "log")
    sequencer = Sequencer.open(store, outbox, log_key, signing, clock, kept=kept)
    _LOG.info("ledger open", entries=sequencer.state.size, replayed=sequencer.recovered.replayed)
    if sequencer.state.size == 0:
        (index,) = sequencer.submit([read_genesis(folder)])
        if isinstance(index, CustodesError):
            raise index
    return sequencer


async def _found(folder: NetworkFolder, keeper: Keeper) -> None:
    """Hand in what waited for the start; each file goes once its statement is in the ledger."""
    for path, parcel in await asyncio.to_thread(waiting_parcels, folder):
        (answer,) = parse_answers(await keeper.submissions.desk(parcels_bytes([parcel])), 1)
        if isinstance(answer, CustodesError):
            await asyncio.to_thread(_set_aside, path)
            _LOG.error("a waiting statement was refused", file=path.name, reason=str(answer))
            if not isinstance(answer, RefusedError):
                raise answer
        else:
            path.unlink()
            _LOG.info("entered", file=path.name, index=answer)


def _set_aside(path: Path) -> None:
    path.replace(path.with_suffix(".refused"))


def _tell(bus: Bus, me: Process) -> _Tell:
    async def publish_health(document: bytes) -> None:
        await bus.publish(health(me), document)

    async def changed(recorder: bytes) -> None:
        await bus.publish(settings_changed(recorder.hex()), recorder)

    return _Tell(publish_health, changed)
