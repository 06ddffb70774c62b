"""The recorder's process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from custodes.adapters.bus.subjects import Process, Role, health, settings_changed
from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.secrets import read_sealing_key, read_signing_key
from custodes.base.clock import SystemClock
from custodes.base.errors import UnavailableError
from custodes.base.fence.report import FenceReport
from custodes.base.ports import Bus
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.processes.connection import connected
from custodes.services.bus_office import BusOffice
from custodes.services.recorder.start import RecorderIdentity, RecorderPlace, RecorderProcess, keeper_routes

HEALTH_S = 1.0


async def run_recorder(folder: NetworkFolder, fences: FenceReport) -> None:
    """Record until cancelled."""
    settings = read_settings(folder)
    recorder = settings.recorder
    own = folder.recorder(recorder)
    me = Process(Role.RECORDER, recorder.hex())
    identity = RecorderIdentity(
        settings.network, recorder, read_signing_key(own / "signing"), read_sealing_key(own / "sealing")
    )
    store = LocalObjectStore.open(folder.store, settings.store_volume)
    place = RecorderPlace(own, folder.spool, settings.spool_volume, store)
    async with connected(folder, me) as bus:
        office = BusOffice(bus)
        process = RecorderProcess(
            identity,
            place,
            SystemClock(),
            lambda: office.settings(recorder),
            keeper_routes(office),
            fences,
        )

        async def changed(subject: str, data: bytes) -> None:
            process.settings_changed()

        await bus.subscribe(settings_changed(recorder.hex()), changed)
        async with asyncio.TaskGroup() as group:
            group.create_task(process.run())
            group.create_task(_tell(bus, me, process))


async def _tell(bus: Bus, me: Process, process: RecorderProcess) -> None:
    while True:
        # Health is told to whoever listens now; while the bus is away, nobody does.
        with suppress(UnavailableError):
            await bus.publish(health(me), process.health())
        await asyncio.sleep(HEALTH_S)
