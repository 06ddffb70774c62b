"""A process's way onto the private bus: its address from the environment, its key from the folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from custodes.adapters.bus.connection import NatsSettings
from custodes.adapters.bus.nats import NatsBus
from custodes.adapters.bus.nkey import NKey
from custodes.adapters.bus.subjects import Process
from custodes.adapters.secrets import read_seed
from custodes.base.errors import NotFoundError
from custodes.deploy.layout import NetworkFolder

BUS_VARIABLE = "CUSTODES_BUS"
CONNECT_S = 20.0


@asynccontextmanager
async def connected(
    folder: NetworkFolder, process: Process, wait_s: float = CONNECT_S
) -> AsyncIterator[NatsBus]:
    """The bus, as this process; with `wait_s` 0 it may still be away. Errors: NotFoundError, UnavailableError."""
    address = os.environ.get(BUS_VARIABLE)
    if not address:
        raise NotFoundError(
            f"{BUS_VARIABLE} does not say where the bus is; processes are started by `custodes serve`"
        )
    key = NKey(read_seed(folder.bus / f"{process.name}.seed"))
    bus = NatsBus(NatsSettings((address,), process.name, key))
    try:
        if wait_s:
            await bus.wait_connected(wait_s)
        yield bus
    finally:
        await bus.close()
