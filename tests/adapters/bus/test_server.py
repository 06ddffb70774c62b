"""The private server's life: start, death, restart, freeze, leftover, stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from custodes.adapters.bus.connection import NatsSettings
from custodes.adapters.bus.nats import NatsBus
from custodes.adapters.bus.server import NatsServer, ServerSettings
from custodes.base.errors import UnavailableError

pytestmark = pytest.mark.integration
WAIT_S = 40


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.01)


async def answer(data: bytes) -> bytes:
    return data


async def test_after_a_death_everything_is_back_on_the_same_port(server: NatsServer) -> None:
    a, b = NatsBus(NatsSettings((server.url,), "a")), NatsBus(NatsSettings((server.url,), "b"))
    await a.wait_connected(WAIT_S)
    await b.wait_connected(WAIT_S)
    heard: list[bytes] = []

    async def listen(subject: str, data: bytes) -> None:
        heard.append(data)

    await b.serve("ask", answer)
    await b.subscribe("told", listen)
    url, pid = server.url, server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: a.state().connections == 2 and b.state().connections == 2)
    assert server.url == url
    assert server.pid != pid
    assert server.restarts == 1
    assert await a.request("ask", b"again", WAIT_S) == b"again"
    await a.publish("told", b"again")
    await until(lambda: heard == [b"again"])
    await a.close()
    await b.close()


async def test_a_waiting_request_learns_of_the_loss(server: NatsServer) -> None:
    a, b = NatsBus(NatsSettings((server.url,), "a")), NatsBus(NatsSettings((server.url,), "b"))
    await a.wait_connected(WAIT_S)
    await b.wait_connected(WAIT_S)
    asked, release = asyncio.Event(), asyncio.Event()

    async def waits(data: bytes) -> bytes:
        asked.set()
        await release.wait()
        return b""

    await b.serve("ask", waits)
    waiting = asyncio.ensure_future(a.request("ask", b"", 3600))
    async with asyncio.timeout(WAIT_S):
        await asked.wait()
    await server.stop()
    with pytest.raises(UnavailableError, match="went away"):
        async with asyncio.timeout(WAIT_S):
            await waiting
    with pytest.raises(UnavailableError):
        await a.publish("s", b"")
    with pytest.raises(UnavailableError):
        await a.request("s", b"", 3600)
    release.set()
    await a.close()
    await b.close()


async def test_a_bus_may_start_before_its_server(tmp_path: Path, unused_tcp_port: int) -> None:
    settings = NatsSettings((f"nats://127.0.0.1:{unused_tcp_port}",), "a")
    bus = NatsBus(settings)
    with pytest.raises(UnavailableError):
        await bus.publish("s", b"")
    await bus.serve("ask", answer)
    with pytest.raises(UnavailableError):
        await bus.wait_connected(0.01)
    server = NatsServer(ServerSettings(tmp_path / "nats", store=False, port=unused_tcp_port))
    await server.start()
    await bus.wait_connected(WAIT_S)
    other = NatsBus(settings)
    await other.wait_connected(WAIT_S)
    assert await other.request("ask", b"x", WAIT_S) == b"x"
    await other.close()
    await bus.close()
    await server.stop()


async def test_a_frozen_server_makes_unavailable_and_bounds_what_is_kept(server: NatsServer) -> None:
    bus = NatsBus(NatsSettings((server.url,), "a", ping_s=1))
    await bus.wait_connected(WAIT_S)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    sent = 0
    try:
        with pytest.raises(UnavailableError):
            for _ in range(200):
                await bus.publish("s", bytes(1 << 20))
                sent += 1
        # What the kernel's socket buffers took is on top of the 4 MiB kept here.
        assert sent < 40
        await until(lambda: not bus.state().connected)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    await until(lambda: bus.state().connected)
    await bus.publish("s", b"")
    await bus.close()


async def test_a_killed_run_leaves_no_second_server(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    first = NatsServer(ServerSettings(folder))
    await first.start()
    left = first.pid
    assert left is not None
    assert first._watching is not None
    first._watching.cancel()  # as if the process that watched it had been killed
    second = NatsServer(ServerSettings(folder))
    await second.start()
    assert second.pid != left
    await until(lambda: not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE)
    await second.stop()
    assert second.pid is None


async def test_a_stale_pid_file_harms_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    (folder / "server.pid").write_text(f"{os.getpid()}\n")
    server = NatsServer(ServerSettings(folder, store=False))
    await server.start()
    await server.stop()
    assert not (folder / "server.pid").exists()


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    (folder / "store").write_text("in the way")
    server = NatsServer(ServerSettings(folder))
    with pytest.raises(UnavailableError, match="ended with 1"):
        await server.start()
