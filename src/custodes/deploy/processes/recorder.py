"""The recorder's process. It starts, and records, whether the bus is there or not."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from custodes.adapters.bus.nats import NatsBus
from custodes.adapters.bus.subjects import (
    Process,
    Role,
    close_reels,
    health,
    learn,
    live,
    settings_changed,
    watch,
)
from custodes.adapters.exchange.folder import FolderCounter
from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.secrets import read_sealing_key, read_signing_key
from custodes.base.clock import SystemClock
from custodes.base.errors import UnavailableError
from custodes.base.fence.report import FenceReport
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.processes.connection import connected
from custodes.services.bus_office import BusOffice
from custodes.services.recorder.live import LiveDesk
from custodes.services.recorder.nursery import Nursery
from custodes.services.recorder.start import RecorderIdentity, RecorderPlace, RecorderProcess, keeper_routes
from custodes.services.recorder.veils import Veils

HEALTH_S = 1.0


async def run_recorder(folder: NetworkFolder, fences: FenceReport, nursery: Nursery) -> None:
    """Record until cancelled. The nursery was started before anything here, so before any key was read."""
    nursery.listen(asyncio.get_running_loop())
    settings = read_settings(folder)
    me = Process(Role.RECORDER, settings.recorder.hex())
    own = folder.recorder(settings.recorder)
    identity = RecorderIdentity(
        network=settings.network,
        recorder=settings.recorder,
        signing=read_signing_key(own / "signing"),
        sealing=read_sealing_key(own / "sealing"),
    )
    place = RecorderPlace(
        folder=own,
        spool=folder.spool,
        spool_volume=settings.spool_volume,
        store=LocalObjectStore.open(folder.store, settings.store_volume),
    )
    async with connected(folder, me, wait_s=0.0) as bus:
        office = BusOffice(bus)
        clock = SystemClock()

        async def publish(stream: bytes, message: bytes) -> None:
            await bus.publish(live(stream.hex()), message)

        desk = LiveDesk(clock, publish)
        process = RecorderProcess(
            identity,
            place,
            clock,
            lambda: office.settings(settings.recorder),
            keeper_routes(office, identity.signing),
            fences,
            Veils(nursery, desk, clock),
        )

        async def changed(_subject: str, _data: bytes) -> None:
            process.settings_changed()

        await bus.subscribe(settings_changed(settings.recorder.hex()), changed)
        await bus.serve(close_reels(settings.recorder.hex()), process.close_reels)
        await bus.serve(learn(settings.recorder.hex()), process.learn)
        await bus.subscribe(watch(settings.recorder.hex()), desk.watch)
        counter = FolderCounter(folder.exchange, "recorder", {"learn": process.learn})
        helpers = [
            asyncio.ensure_future(_tell(bus, me, process)),
            asyncio.ensure_future(counter.run()),
        ]
        try:
            await process.run()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)


async def _tell(bus: NatsBus, me: Process, process: RecorderProcess) -> None:
    while True:
        # Health is told to whoever listens now; while the bus is away, nobody does.
        with suppress(UnavailableError):
            await bus.publish(health(me), process.health())
        await asyncio.sleep(HEALTH_S)
