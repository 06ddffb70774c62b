"""Leases over a real server with rights: across its death, the loss of its store, and a foul process."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from custodes.adapters.bus.connection import NatsConnection, NatsSettings
from custodes.adapters.bus.lease import LeaseTimes, acquire
from custodes.adapters.bus.lease_nats import NatsLeases, ensure_bucket
from custodes.adapters.bus.nats import NatsBus
from custodes.adapters.bus.nkey import NKey
from custodes.adapters.bus.rights import BusUser
from custodes.adapters.bus.server import NatsServer, ServerSettings
from custodes.adapters.bus.subjects import Process, Role, lease_of
from custodes.base.clock import SystemClock
from custodes.base.errors import ConflictError, UnavailableError

pytestmark = pytest.mark.integration
WAIT_S = 40
TIMES = LeaseTimes(ttl_s=60, renew_s=0.2, retry_s=0.2)
PROCESSES = (
    Process(Role.KEEPER, "1"),
    Process(Role.KEEPER, "2"),
    Process(Role.RECORDER, "a1"),
    Process(Role.RECORDER, "b2"),
)


@pytest.fixture
def keys() -> dict[str, NKey]:
    return {process.name: NKey.generate() for process in PROCESSES}


@pytest.fixture
async def server(tmp_path: Path, keys: dict[str, NKey]) -> AsyncIterator[NatsServer]:
    users = tuple(BusUser(process, keys[process.name].public) for process in PROCESSES)
    server = NatsServer(ServerSettings(tmp_path / "nats", users))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def buses(server: NatsServer, keys: dict[str, NKey]) -> AsyncIterator[dict[str, NatsBus]]:
    made = {name: NatsBus(NatsSettings((server.url,), name, key)) for name, key in keys.items()}
    for bus in made.values():
        await bus.wait_connected(WAIT_S)
    await ensure_bucket(made["keeper-1"], SystemClock(), TIMES)
    yield made
    for bus in made.values():
        await bus.close()


def test_whose_lease_is_whose() -> None:
    assert [lease_of(process) for process in PROCESSES] == ["keeper", "keeper", "recorder-a1", "recorder-b2"]
    assert lease_of(Process(Role.WEB, "1")) is None


async def test_each_holds_its_own_and_keepers_share_one(buses: dict[str, NatsBus]) -> None:
    clock = SystemClock()
    keeper = await acquire(NatsLeases(buses["keeper-1"]), "keeper", "keeper-1", clock, TIMES)
    with pytest.raises(ConflictError, match="keeper-1"):
        await acquire(NatsLeases(buses["keeper-2"]), "keeper", "keeper-2", clock, TIMES)
    recorder = await acquire(NatsLeases(buses["recorder-a1"]), "recorder-a1", "recorder-a1", clock, TIMES)
    with pytest.raises(UnavailableError):
        await acquire(NatsLeases(buses["recorder-b2"]), "recorder-a1", "recorder-b2", clock, TIMES)
    assert await NatsLeases(buses["keeper-2"]).read("recorder-a1") is not None
    assert await NatsLeases(buses["keeper-2"]).read("recorder-b2") is None
    assert recorder.token > keeper.token
    await keeper.release()
    await recorder.release()


async def test_a_lease_survives_the_servers_death(server: NatsServer, buses: dict[str, NatsBus]) -> None:
    clock = SystemClock()
    lease = await acquire(NatsLeases(buses["keeper-1"]), "keeper", "keeper-1", clock, TIMES)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    async with asyncio.timeout(WAIT_S):
        while buses["keeper-2"].state().connections < 2 or not buses["keeper-2"].state().connected:
            await asyncio.sleep(0.02)
    other = NatsLeases(buses["keeper-2"])
    seen: set[int] = set()
    async with asyncio.timeout(WAIT_S):
        while len(seen) < 3:
            try:
                stored = await other.read("keeper")
            except UnavailableError:
                continue
            assert stored is not None
            seen.add(stored.revision)
            await asyncio.sleep(0.05)
    assert lease.held
    with pytest.raises(ConflictError):
        await acquire(other, "keeper", "keeper-2", clock, TIMES)
    await lease.release()


async def test_tokens_grow_even_when_the_store_is_lost(
    tmp_path: Path, server: NatsServer, buses: dict[str, NatsBus], keys: dict[str, NKey]
) -> None:
    clock = SystemClock()
    first = await acquire(NatsLeases(buses["keeper-1"]), "keeper", "keeper-1", clock, TIMES)
    await first.release()
    for bus in buses.values():
        await bus.close()
    await server.stop()
    shutil.rmtree(tmp_path / "nats" / "store")
    await server.start()
    bus = NatsBus(NatsSettings((server.url,), "keeper-1", keys["keeper-1"]))
    await bus.wait_connected(WAIT_S)
    await ensure_bucket(bus, clock, TIMES)
    second = await acquire(NatsLeases(bus), "keeper", "keeper-1", clock, TIMES)
    assert second.token > first.token
    await second.release()
    await bus.close()


async def test_a_header_does_not_empty_the_bucket(
    server: NatsServer, buses: dict[str, NatsBus], keys: dict[str, NKey]
) -> None:
    keeper = NatsLeases(buses["keeper-1"])
    await keeper.create("keeper", b"{}")
    foul = NatsConnection(NatsSettings((server.url,), "recorder-b2", keys["recorder-b2"]))
    await foul.open()
    with pytest.raises(Exception, match="rollup"):
        await foul.jetstream(20).publish("$KV.leases.recorder-b2", b"x", headers={"Nats-Rollup": "all"})
    await foul.close()
    assert await keeper.read("keeper") is not None


async def test_without_a_bucket_it_is_unavailable(server: NatsServer, keys: dict[str, NKey]) -> None:
    bus = NatsBus(NatsSettings((server.url,), "recorder-a1", keys["recorder-a1"]))
    await bus.wait_connected(WAIT_S)
    store = NatsLeases(bus)
    with pytest.raises(UnavailableError):
        await store.create("recorder-a1", b"x")
    with pytest.raises(UnavailableError):
        await store.read("recorder-a1")
    await bus.close()
