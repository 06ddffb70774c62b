"""The web process."""

from __future__ import annotations

import asyncio

from custodes.adapters.bus.subjects import EVERY_HEALTH, Process, Role
from custodes.adapters.objects.readonly import ReadOnlyObjects
from custodes.base.clock import SystemClock
from custodes.base.fence.report import FenceReport
from custodes.deploy.layout import NetworkFolder, read_settings
from custodes.deploy.processes.connection import connected
from custodes.services.bus_office import OUTSIDE, BusOffice
from custodes.web.app import create_app
from custodes.web.board import HealthBoard
from custodes.web.server import serve
from custodes.web.watch import watch_store


async def run_web(folder: NetworkFolder, fences: FenceReport) -> None:
    """Serve until cancelled; also while the store is away, for then the page is needed most."""
    settings = read_settings(folder)
    store = ReadOnlyObjects(folder.store, settings.store_volume)
    clock = SystemClock()
    expected = ("keeper", "discloser", f"recorder-{settings.recorder.hex()}")
    board = HealthBoard(clock, expected)
    async with connected(folder, Process(Role.WEB)) as bus:
        await bus.subscribe(EVERY_HEALTH, board.hear)
        app = create_app(
            board, BusOffice(bus), store, settings.network, OUTSIDE, place=str(folder.root), clock=clock
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(watch_store(store.check, board))
            group.create_task(serve(app, settings.http_port))
