"""What every store of leases does, and how a lease is kept and lost over each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from custodes.adapters.bus.connection import NatsSettings
from custodes.adapters.bus.lease import LeaseStore, LeaseTimes, Stored, acquire, holder_of, wait_acquire
from custodes.adapters.bus.lease_memory import MemoryLeases
from custodes.adapters.bus.lease_nats import NatsLeases, ensure_bucket
from custodes.adapters.bus.nats import NatsBus
from custodes.adapters.bus.server import NatsServer, ServerSettings
from custodes.base.clock import SECOND_US, Clock, ManualClock, SystemClock
from custodes.base.errors import ConflictError, CorruptError, InvalidError, UnavailableError

WAIT_S = 40
BRIEF = LeaseTimes(ttl_s=0.5, renew_s=0.1, retry_s=0.1, margin_s=0.1)


@dataclass
class Place:
    """A store, and the clock that its holders go by."""

    store: LeaseStore
    clock: Clock
    times: LeaseTimes


MakePlace = Callable[[LeaseTimes], Awaitable[Place]]


@pytest.fixture(params=["memory", "nats"])
async def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MakePlace]:
    clock = SystemClock()
    if request.param == "memory":

        async def in_memory(times: LeaseTimes) -> Place:
            return Place(MemoryLeases(clock, times), clock, times)

        yield in_memory
        return
    server = NatsServer(ServerSettings(tmp_path / "nats"))
    await server.start()
    bus = NatsBus(NatsSettings((server.url,), "keeper"))
    await bus.wait_connected(WAIT_S)

    async def over_nats(times: LeaseTimes) -> Place:
        await ensure_bucket(bus, clock, times)
        await ensure_bucket(bus, clock, times)
        return Place(NatsLeases(bus), clock, times)

    yield over_nats
    await bus.close()
    await server.stop()


@pytest.fixture
async def place(make_place: MakePlace) -> Place:
    """A place whose leases live longer than any test."""
    return await make_place(LeaseTimes(ttl_s=120, renew_s=0.2, retry_s=0.1))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.01)


async def test_a_store_swaps_by_revision(place: Place) -> None:
    store = place.store
    assert await store.read("a") is None
    first = await store.create("a", b"1")
    assert await store.read("a") == Stored(b"1", first)
    with pytest.raises(ConflictError):
        await store.create("a", b"2")
    second = await store.update("a", b"2", first)
    assert second > first
    with pytest.raises(ConflictError):
        await store.update("a", b"3", first)
    with pytest.raises(ConflictError):
        await store.update("b", b"3", first)
    with pytest.raises(ConflictError):
        await store.delete("a", first)
    assert await store.read("a") == Stored(b"2", second)
    await store.delete("a", second)
    assert await store.read("a") is None
    with pytest.raises(ConflictError):
        await store.update("a", b"4", second)
    assert await store.create("a", b"5") > second


async def test_what_is_not_renewed_vanishes(make_place: MakePlace) -> None:
    store = (await make_place(BRIEF)).store
    first = await store.create("a", b"1")
    async with asyncio.timeout(WAIT_S):
        while await store.read("a") is not None:
            await asyncio.sleep(0.05)
    with pytest.raises(ConflictError):
        await store.update("a", b"2", first)
    assert await store.create("a", b"3") > first


async def test_one_of_many_gets_it(place: Place) -> None:
    got = await asyncio.gather(
        *(acquire(place.store, "keeper", f"keeper-{n}", place.clock, place.times) for n in range(8)),
        return_exceptions=True,
    )
    leases = [lease for lease in got if not isinstance(lease, BaseException)]
    assert len(leases) == 1
    assert all(isinstance(other, ConflictError) for other in got if other is not leases[0])
    winner = got.index(leases[0])
    assert any(f"held by keeper-{winner}" in str(other) for other in got)
    await leases[0].release()


async def test_a_lease_outlives_its_ttl_while_renewed(make_place: MakePlace) -> None:
    place = await make_place(LeaseTimes(ttl_s=3, renew_s=0.2, retry_s=0.1, margin_s=0.1))
    lease = await acquire(place.store, "a", "one", place.clock, place.times)
    taken_us = place.clock.boot_us()
    await until(lambda: place.clock.boot_us() - taken_us > 1.1 * place.times.ttl_s * SECOND_US)
    assert lease.held
    stored = await place.store.read("a")
    assert stored is not None
    assert holder_of(stored) == "one"
    assert stored.revision > lease.token
    await lease.release()


async def test_tokens_grow_from_tenure_to_tenure(place: Place) -> None:
    tokens = []
    for name in ("one", "two", "three"):
        lease = await acquire(place.store, "a", name, place.clock, place.times)
        tokens.append(lease.token)
        assert lease.held
        await lease.release()
        assert not lease.held
        await lease.wait_lost()
    assert tokens == sorted(set(tokens))


async def test_a_waiting_one_gets_it_when_it_is_released(place: Place) -> None:
    lease = await acquire(place.store, "a", "one", place.clock, place.times)
    waiting = asyncio.ensure_future(wait_acquire(place.store, "a", "two", place.clock, place.times))
    await lease.release()
    async with asyncio.timeout(WAIT_S):
        other = await waiting
    assert other.held
    assert other.token > lease.token
    await other.release()


async def test_a_taken_lease_is_noticed(place: Place) -> None:
    lease = await acquire(place.store, "a", "one", place.clock, place.times)
    while True:
        stored = await place.store.read("a")
        assert stored is not None
        try:
            await place.store.update("a", b"somebody else", stored.revision)
            break
        except ConflictError:
            continue  # it was renewed in between
    async with asyncio.timeout(WAIT_S):
        await lease.wait_lost()
    assert not lease.held
    await lease.release()
    stored = await place.store.read("a")
    assert stored is not None
    assert stored.data == b"somebody else"


async def test_while_the_store_is_away_it_is_lost_before_it_vanishes() -> None:
    clock = SystemClock()
    store = MemoryLeases(clock, BRIEF)
    lease = await acquire(store, "a", "one", clock, BRIEF)
    store.faults.away = True
    async with asyncio.timeout(WAIT_S):
        await lease.wait_lost()
    store.faults.away = False
    assert not lease.held
    await lease.release()


def test_the_holder_stops_believing_before_the_store_forgets() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        times = LeaseTimes()
        store = MemoryLeases(clock, times)
        lease = await acquire(store, "a", "one", clock, times)
        clock.advance(int((times.ttl_s - times.margin_s) * SECOND_US) - 1)
        assert lease.held
        clock.advance(1)
        assert not lease.held
        assert await store.read("a") is not None
        with pytest.raises(ConflictError):
            await acquire(store, "a", "two", clock, times)
        clock.advance(int(times.margin_s * SECOND_US))
        other = await acquire(store, "a", "two", clock, times)
        assert other.held
        assert not lease.held
        clock.step_utc(-3600 * SECOND_US)
        assert other.held
        await lease.release()
        assert other.held
        assert await store.read("a") is not None
        await other.release()

    asyncio.run(scenario())


async def test_an_outage_shorter_than_the_ttl_is_survived() -> None:
    clock = SystemClock()
    times = LeaseTimes(ttl_s=60, renew_s=0.05, retry_s=0.05, margin_s=0.1)
    store = MemoryLeases(clock, times)
    lease = await acquire(store, "a", "one", clock, times)
    store.faults.away = True
    await asyncio.sleep(0.2)
    store.faults.away = False
    before = store._revision
    await until(lambda: store._revision > before)
    assert lease.held
    await lease.release()


async def test_lost_answers_do_not_lose_the_lease() -> None:
    clock = SystemClock()
    times = LeaseTimes(ttl_s=60, renew_s=0.02, retry_s=0.02, margin_s=0.1)
    store = MemoryLeases(clock, times)
    store.faults.lose_answers = 1
    lease = await acquire(store, "a", "one", clock, times)
    assert store.faults.lose_answers == 0
    store.faults.lose_answers = 3
    await until(lambda: store.faults.lose_answers == 0)
    before = store._revision
    await until(lambda: store._revision > before + 2)
    assert lease.held
    await lease.release()
    assert await store.read("a") is None


async def test_a_store_that_is_away_is_told() -> None:
    clock = SystemClock()
    times = LeaseTimes(ttl_s=120, renew_s=0.2, retry_s=0.1)
    store = MemoryLeases(clock, times)
    store.faults.away = True
    with pytest.raises(UnavailableError):
        await acquire(store, "a", "one", clock, times)
    waiting = asyncio.ensure_future(wait_acquire(store, "a", "one", clock, times))
    await asyncio.sleep(0)
    store.faults.away = False
    async with asyncio.timeout(WAIT_S):
        lease = await waiting
    assert lease.held
    await lease.release()


def test_what_is_no_lease_is_corrupt() -> None:
    for data in (b"", b"{}", b"[]", b'"x"', b'{"held":"x"}'):
        with pytest.raises(CorruptError):
            holder_of(Stored(data, 1))


def test_times_must_leave_room_to_renew() -> None:
    with pytest.raises(InvalidError):
        LeaseTimes(ttl_s=5, renew_s=5)
    with pytest.raises(InvalidError):
        LeaseTimes(renew_s=0)
