"""The discloser's process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from custodes.adapters.bus.subjects import Process, Role, case, health
from custodes.adapters.exchange.folder import FolderCounter
from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.secrets import read_sealing_key, read_signing_key
from custodes.base.canon import canon
from custodes.base.clock import SystemClock
from custodes.base.errors import UnavailableError
from custodes.base.fence.report import FenceReport
from custodes.base.ports import Bus
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.processes.connection import connected
from custodes.services.bus_office import BusOffice
from custodes.services.discloser.service import Discloser
from custodes.services.keeper.health import plain
from custodes.services.ledger_snapshot import LedgerSnapshot
from custodes.services.ledger_view import LedgerView

HEALTH_S = 1.0
MAX_ALARMS = 50


async def run_discloser(folder: NetworkFolder, fences: FenceReport) -> None:
    """Serve until cancelled."""
    me = Process(Role.DISCLOSER)
    settings = read_settings(folder)
    store = LocalObjectStore.open(folder.store, settings.store_volume)
    async with connected(folder, me) as bus:
        office = BusOffice(bus)
        signing = read_signing_key(folder.discloser / "signing")
        kept = LedgerSnapshot(folder.discloser / "ledger", settings.network, signing)
        discloser = Discloser(
            clock=SystemClock(),
            view=LedgerView(settings.network, store.get, snapshot=kept),
            store=store,
            office=office,
            signing=signing,
            sealing=read_sealing_key(folder.discloser / "sealing"),
            folder=folder.discloser,
            ask_recorder=office.close_reels,
        )
        for name, desk in discloser.desks().items():
            await bus.serve(case(name), desk)
        async with asyncio.TaskGroup() as group:
            group.create_task(discloser.run())
            group.create_task(discloser.close_reels())
            group.create_task(FolderCounter(folder.exchange, "discloser", discloser.desks()).run())
            group.create_task(_tell(bus, me, discloser))


async def _tell(bus: Bus, me: Process, discloser: Discloser) -> None:
    while True:
        document = {
            "alarms": [plain(text) for text in discloser.alarms.values()][:MAX_ALARMS],
            "process": "discloser",
            "time_us": discloser.clock.utc_us(),
        }
        # Health is told to whoever listens now; while the bus is away, nobody does.
        with suppress(UnavailableError):
            await bus.publish(health(me), canon(document))
        await asyncio.sleep(HEALTH_S)
