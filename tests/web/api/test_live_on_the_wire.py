"""Live view through the real server: what a browser's socket gets, and what it is refused with."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import websockets
from watching.network import PASSWORD, ConsoleNetwork

from custodes.adapters.bus.memory import MemoryBus
from custodes.services.live import LiveKind, LiveMessage
from custodes.web.server import MAX_MESSAGE_BYTES, serve


@pytest.fixture
async def url(net: ConsoleNetwork) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(net.app, 0, ready.set_result))
    async with asyncio.timeout(60):
        yield await ready
    serving.cancel()
    await asyncio.wait({serving}, timeout=60)


def _open(net: ConsoleNetwork, url: str, name: str) -> websockets.connect:
    if name:
        net.add_user(name)
    token = net.console.sessions.sign_in(name, PASSWORD, "a").token if name else "x"
    headers = {"cookie": f"custodes_session={token}"}
    return websockets.connect(
        url.replace("http", "ws") + "/api/v1/live", origin=url, additional_headers=headers, compression=None
    )


async def test_a_browsers_socket(net: ConsoleNetwork, url: str) -> None:
    bus = MemoryBus(net.broker)
    async with _open(net, url, "otto") as socket:
        wish = {"watch": [{"tile": 3, "camera": net.cameras["Gate"].hex()}]}
        await socket.send(json.dumps(wish))
        while not net.broker.subscriptions:
            await asyncio.sleep(0.01)
        (stream,) = net.console.follower.register.camera(net.cameras["Gate"]).streams
        for kind, body in ((LiveKind.INIT, b"\x01ai"), (LiveKind.KEY, bytes(900_000))):
            message = LiveMessage(kind, 9, body).encode()
            await bus.publish(f"live.{stream.id.hex()}", message)
        assert await socket.recv() == b"\x01\x03" + (9).to_bytes(8, "big") + b"\x01ai"
        assert await socket.recv() == b"\x02\x03" + (9).to_bytes(8, "big") + bytes(900_000)
    while net.console.hub.streams:
        await asyncio.sleep(0.01)
    await bus.close()


async def test_a_refused_socket_says_why_and_the_log_says_nothing_odd(
    net: ConsoleNetwork, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with _open(net, url, ""):
            pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["kind"] == "unauthenticated"
    assert "handshake" not in capfd.readouterr().err


async def test_a_wish_beyond_all_bounds_ends_the_socket(net: ConsoleNetwork, url: str) -> None:
    async with _open(net, url, "otto") as socket:
        await socket.send("x" * (MAX_MESSAGE_BYTES + 1))
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
