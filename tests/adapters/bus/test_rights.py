"""Every process's key, tried on every other's subjects, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from custodes.adapters.bus.connection import NatsConnection, NatsSettings
from custodes.adapters.bus.nats import NatsBus
from custodes.adapters.bus.nkey import NKey
from custodes.adapters.bus.rights import BusUser, subscribes
from custodes.adapters.bus.server import NatsServer, ServerSettings
from custodes.adapters.bus.subjects import PLAN, Process, Role
from custodes.base.errors import RefusedError, UnavailableError

PROCESSES = {
    process.name: process
    for process in (
        Process(Role.RECORDER, "a1"),
        Process(Role.RECORDER, "b2"),
        Process(Role.KEEPER),
        Process(Role.DISCLOSER),
        Process(Role.WEB, "1"),
        Process(Role.WEB, "2"),
    )
}
RECORDERS = {"recorder-a1", "recorder-b2"}
WEBS = {"web-1", "web-2"}
NOBODY: set[str] = set()

# subject: who may send on it, who may listen to it
ONE_SUBJECT: dict[str, tuple[set[str], set[str]]] = {
    "entry.submit": (RECORDERS | WEBS | {"discloser"}, {"keeper"}),
    "fact.reel": (RECORDERS, {"keeper"}),
    "fact.other": (NOBODY, NOBODY),
    "settings.a1": ({"recorder-a1"}, {"keeper"}),
    "settings.b2": ({"recorder-b2"}, {"keeper"}),
    "settings.changed.a1": ({"keeper"}, {"recorder-a1"}),
    "settings.changed.b2": ({"keeper"}, {"recorder-b2"}),
    "reels.close.a1": ({"discloser"}, {"recorder-a1"}),
    "reels.close.b2": ({"discloser"}, {"recorder-b2"}),
    "reels.close.a1.more": (NOBODY, NOBODY),
    "fetch": (WEBS, {"keeper"}),
    "case.open": (WEBS, {"discloser"}),
    "case.open.more": (NOBODY, NOBODY),
    "health.recorder-a1": ({"recorder-a1"}, WEBS | {"keeper"}),
    "health.recorder-b2": ({"recorder-b2"}, WEBS | {"keeper"}),
    "health.keeper": ({"keeper"}, WEBS | {"keeper"}),
    "health.discloser": ({"discloser"}, WEBS | {"keeper"}),
    "health.web-1": ({"web-1"}, WEBS | {"keeper"}),
    "live.0f": (RECORDERS, WEBS),
    "live.0f.more": (NOBODY, NOBODY),
    "watch.a1": (WEBS, {"recorder-a1"}),
    "watch.b2": (WEBS, {"recorder-b2"}),
    "watch": (NOBODY, NOBODY),
    "_INBOX.keeper.x.y": (NOBODY, {"keeper"}),
    "_INBOX.web-1.x.y": (NOBODY, {"web-1"}),
    "_INBOX.recorder-a1.x.y": (NOBODY, {"recorder-a1"}),
    "$KV.leases.keeper": ({"keeper"}, NOBODY),
    "$KV.leases.web-1": (NOBODY, NOBODY),
    "$KV.leases.discloser": ({"discloser"}, NOBODY),
    "$KV.leases.recorder-a1": ({"recorder-a1"}, NOBODY),
    "$JS.API.DIRECT.GET.KV_leases.$KV.leases.recorder-a1": ({"recorder-a1", "keeper"}, NOBODY),
    "$JS.API.DIRECT.GET.KV_leases.$KV.leases.discloser": ({"discloser", "keeper"}, NOBODY),
    "$JS.API.DIRECT.GET.KV_leases": (NOBODY, NOBODY),
    "$JS.API.STREAM.INFO.KV_leases": (NOBODY, NOBODY),
    "$JS.API.STREAM.CREATE.KV_leases": ({"keeper"}, NOBODY),
    "$JS.API.STREAM.CREATE.mirror": (NOBODY, NOBODY),
    "$JS.API.STREAM.UPDATE.KV_leases": (NOBODY, NOBODY),
    "$JS.API.STREAM.DELETE.KV_leases": (NOBODY, NOBODY),
    "$JS.API.STREAM.PURGE.KV_leases": (NOBODY, NOBODY),
    "$JS.API.STREAM.MSG.GET.KV_leases": (NOBODY, NOBODY),
    "$JS.API.STREAM.MSG.DELETE.KV_leases": (NOBODY, NOBODY),
    "$JS.API.STREAM.LIST": (NOBODY, NOBODY),
    "$JS.API.CONSUMER.CREATE.KV_leases": (NOBODY, NOBODY),
    "$JS.API.CONSUMER.DURABLE.CREATE.KV_leases.x": (NOBODY, NOBODY),
    "$JS.API.INFO": (NOBODY, NOBODY),
    "$SYS.REQ.SERVER.PING": (NOBODY, NOBODY),
    "custody.anything": (NOBODY, NOBODY),
}
# The server lets who may listen to `x.*` say `x.>` too; so nothing of others may lie deeper (tested below).
PATTERNS: dict[str, set[str]] = {
    ">": NOBODY,
    "*": NOBODY,
    "*.>": NOBODY,
    "*.*": NOBODY,
    "settings.*": {"keeper"},
    "settings.>": {"keeper"},
    "settings.changed.*": NOBODY,
    "settings.changed.>": NOBODY,
    "reels.close.*": NOBODY,
    "reels.>": NOBODY,
    "health.*": WEBS | {"keeper"},
    "health.>": WEBS | {"keeper"},
    "live.*": WEBS,
    "live.>": WEBS,
    "watch.*": NOBODY,
    "watch.>": NOBODY,
    "case.*": {"discloser"},
    "case.>": {"discloser"},
    "_INBOX.>": NOBODY,
    "_INBOX.web-1.>": {"web-1"},
    "_INBOX.*.>": NOBODY,
    "$KV.leases.>": NOBODY,
    "$JS.>": NOBODY,
    "$SYS.>": NOBODY,
}


@pytest.fixture
async def keys() -> dict[str, NKey]:
    return {name: NKey.generate() for name in PROCESSES}


@pytest.fixture
async def server(tmp_path: Path, keys: dict[str, NKey]) -> AsyncIterator[NatsServer]:
    users = tuple(BusUser(process, keys[name].public) for name, process in PROCESSES.items())
    server = NatsServer(ServerSettings(tmp_path / "nats", users))
    await server.start()
    yield server
    await server.stop()


def settings(server: NatsServer, name: str, key: NKey) -> NatsSettings:
    return NatsSettings((server.url,), name, key)


@pytest.mark.integration
@pytest.mark.parametrize("name", list(PROCESSES))
async def test_each_key_on_each_subject(server: NatsServer, keys: dict[str, NKey], name: str) -> None:
    connection = NatsConnection(settings(server, name, keys[name]))
    await connection.open()
    wrong: list[str] = []
    for subject, (senders, _) in ONE_SUBJECT.items():
        connection.violations.clear()
        await connection.publish(subject, b"")
        await connection.flush()
        allowed = not connection.violations
        if allowed != (name in senders):
            wrong.append(f"{name} {'may' if allowed else 'may not'} send on {subject}")
    listening = {subject: listeners for subject, (_, listeners) in ONE_SUBJECT.items()} | PATTERNS
    for subject, listeners in listening.items():
        allowed = await may_listen(connection, subject)
        if allowed != (name in listeners):
            wrong.append(f"{name} {'may' if allowed else 'may not'} listen to {subject}")
    await connection.close()
    assert wrong == []


def test_nothing_of_others_lies_below_a_pattern() -> None:
    for process in PROCESSES.values():
        for pattern in subscribes(process):
            if not pattern.endswith(".*"):
                continue
            for route in PLAN:
                shape = route.subject.format(id="*", process="*")
                deeper = shape.count(".") > pattern.count(".") and shape.startswith(pattern[:-1])
                assert not deeper or process.role in route.senders | route.receivers, (process.name, shape)


async def may_listen(connection: NatsConnection, subject: str) -> bool:
    async def ignore(message: object) -> None:
        return

    await connection.subscribe(subject, "", ignore)
    await connection.flush()
    try:
        connection.check_subscribed(subject)
    except RefusedError:
        return False
    return True


@pytest.mark.integration
async def test_the_bus_says_what_is_refused(server: NatsServer, keys: dict[str, NKey]) -> None:
    web = NatsBus(settings(server, "web-1", keys["web-1"]))
    keeper = NatsBus(settings(server, "keeper", keys["keeper"]))
    await web.wait_connected(20)
    await keeper.wait_connected(20)

    async def answer(data: bytes) -> bytes:
        return b"admitted " + data

    async def ignore(subject: str, data: bytes) -> None:
        return

    await keeper.serve("entry.submit", answer)
    assert await web.request("entry.submit", b"entry", 20) == b"admitted entry"
    with pytest.raises(RefusedError, match=r"publish to fact\.reel"):
        await web.request("fact.reel", b"", 3600)
    with pytest.raises(RefusedError, match=r"subscribe to fact\.reel"):
        await web.serve("fact.reel", answer)
    with pytest.raises(RefusedError, match=r"subscribe to settings\.a1"):
        await web.subscribe("settings.a1", ignore)
    assert set(web.state().violations) >= {"publish fact.reel", "subscription fact.reel"}
    # A refusal is no loss of the connection, and what is allowed goes on.
    assert web.state().connections == 1
    assert await web.request("entry.submit", b"again", 20) == b"admitted again"
    await web.close()
    await keeper.close()


@pytest.mark.integration
async def test_an_answer_goes_to_no_other_subject(server: NatsServer, keys: dict[str, NKey]) -> None:
    """An asker that names a subject of somebody else as the place for its answer gets none sent there."""
    keeper = NatsBus(settings(server, "keeper", keys["keeper"]))
    await keeper.wait_connected(20)
    victim = NatsBus(settings(server, "recorder-b2", keys["recorder-b2"]))
    await victim.wait_connected(20)
    heard: list[bytes] = []
    served: list[bytes] = []
    done = asyncio.Event()

    async def answer(data: bytes) -> bytes:
        served.append(data)
        return b"false settings"

    async def listen(subject: str, data: bytes) -> None:
        heard.append(data)
        done.set()

    await keeper.serve("fact.reel", answer)
    await victim.subscribe("settings.changed.b2", listen)
    attacker = NatsConnection(settings(server, "recorder-a1", keys["recorder-a1"]))
    await attacker.open()
    await attacker.publish("fact.reel", b"attack", reply="settings.changed.b2")
    await attacker.request("fact.reel", b"asked", 20)
    await keeper.publish("settings.changed.b2", b"true")
    async with asyncio.timeout(20):
        await done.wait()
    assert served == [b"asked"]
    assert heard == [b"true"]
    await attacker.close()
    await victim.close()
    await keeper.close()


@pytest.mark.integration
async def test_an_unknown_key_is_kept_out_until_admitted(server: NatsServer, keys: dict[str, NKey]) -> None:
    key = NKey.generate()
    stranger = NatsConnection(settings(server, "recorder-c3", key))
    with pytest.raises(UnavailableError, match="Authorization"):
        await stranger.open()
    nameless = NatsConnection(NatsSettings((server.url,), "recorder-c3"))
    with pytest.raises(UnavailableError, match="Authorization"):
        await nameless.open()

    known = NatsBus(settings(server, "keeper", keys["keeper"]))
    await known.wait_connected(20)
    bus = NatsBus(settings(server, "recorder-c3", key))
    users = [BusUser(process, keys[name].public) for name, process in PROCESSES.items()]
    await server.admit([*users, BusUser(Process(Role.RECORDER, "c3"), key.public)])
    await bus.wait_connected(30)
    assert known.state().connections == 1
    await bus.close()
    await known.close()
