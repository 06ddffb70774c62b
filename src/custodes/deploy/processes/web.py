"""The web process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from custodes.adapters.bus.subjects import EVERY_HEALTH, Process, Role
from custodes.adapters.objects.readonly import ReadOnlyObjects
from custodes.adapters.sql.beside import remove
from custodes.adapters.sql.database import Database
from custodes.adapters.sql.index import open_index_database
from custodes.adapters.sql.web import open_web_database
from custodes.base.clock import SystemClock
from custodes.base.errors import CorruptError
from custodes.base.fence.report import FenceReport
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.processes.connection import connected
from custodes.services.bus_office import OUTSIDE, BusOffice
from custodes.web.app import create_app
from custodes.web.board import HealthBoard
from custodes.web.console import Console, ConsoleGround, machine_zone
from custodes.web.live.source import BusLiveSource
from custodes.web.server import serve
from custodes.web.volumes import volume_of
from custodes.web.watch import watch_store

_LOG = structlog.get_logger("web")


async def run_web(folder: NetworkFolder, fences: FenceReport) -> None:
    """Serve until cancelled; also while the store is away, for then the page is needed most."""
    settings = read_settings(folder)
    store = ReadOnlyObjects(folder.store, settings.store_volume)
    clock = SystemClock()
    expected = ("keeper", "discloser", f"recorder-{settings.recorder.hex()}")
    board = HealthBoard(clock, expected)
    registry = CollectorRegistry()
    # Processor, memory and open files of web itself.
    ProcessCollector(registry=registry)
    async with connected(folder, Process(Role.WEB)) as bus, databases(folder) as (web, index):
        await bus.subscribe(EVERY_HEALTH, board.hear)
        office = BusOffice(bus)
        ground = ConsoleGround(
            network=settings.network,
            web=web,
            index=index,
            store=store,
            office=office,
            live=BusLiveSource(bus),
            volumes=lambda: [volume_of("store", folder.store)],
            zone=machine_zone(),
        )
        console = Console(ground, board, clock, registry)
        app = create_app(
            board,
            office,
            store,
            settings.network,
            OUTSIDE,
            place=str(folder.root),
            clock=clock,
            registry=registry,
            console=console,
            basemap=folder.basemap,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(console.run())
            group.create_task(watch_store(store.check, board))
            group.create_task(serve(app, settings.http_port))


@asynccontextmanager
async def databases(folder: NetworkFolder) -> AsyncIterator[tuple[Database, Database]]:
    """Web's own database, and the index, which is made anew where it cannot be read."""
    web = await asyncio.to_thread(open_web_database, folder.web_database)
    try:
        index = await asyncio.to_thread(_open_index, folder)
        try:
            yield web, index
        finally:
            index.close()
    finally:
        web.close()


def _open_index(folder: NetworkFolder) -> Database:
    try:
        return open_index_database(folder.web_index)
    except CorruptError as error:
        # All that is in it is in the ledger and the manifests, too.
        _LOG.error("the index is damaged and made anew", reason=str(error))
        remove(folder.web_index)
        return open_index_database(folder.web_index)
