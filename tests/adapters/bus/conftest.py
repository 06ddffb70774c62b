"""Buses to try: in memory, and over a real server without rights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from custodes.adapters.bus.connection import NatsSettings
from custodes.adapters.bus.memory import MemoryBroker, MemoryBus
from custodes.adapters.bus.nats import NatsBus
from custodes.adapters.bus.server import NatsServer, ServerSettings
from custodes.base.ports import Bus

MakeBus = Callable[[str], Awaitable[Bus]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(ServerSettings(tmp_path / "nats", store=False))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(params=["memory", "nats"])
async def make_bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MakeBus]:
    """Makes ends of one bus, by process name."""
    made: list[Bus] = []
    server: NatsServer | None = None
    broker = MemoryBroker()
    if request.param == "nats":
        server = NatsServer(ServerSettings(tmp_path / "nats", store=False))
        await server.start()

    async def make(name: str) -> Bus:
        bus: Bus
        if server is None:
            bus = MemoryBus(broker)
        else:
            bus = over_nats = NatsBus(NatsSettings((server.url,), name))
            await over_nats.wait_connected(20)
        made.append(bus)
        return bus

    yield make
    for bus in made:
        await bus.close()
    if server is not None:
        await server.stop()
