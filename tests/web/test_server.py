"""The server on a real socket: within the caller's loop, and gone when cancelled."""

import asyncio
import signal
import socket
from typing import Any

import pytest

from custodes.base.errors import UnavailableError
from custodes.web.server import serve


async def _start(app: Any, port: int = 0) -> tuple[asyncio.Task[None], str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, port, ready.set_result))
    async with asyncio.timeout(60):
        return task, await ready


async def _talk(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer


async def test_it_serves_until_cancelled_and_leaves_signals_alone(web: Any) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    task, url = await _start(web.app)
    port = int(url.rsplit(":", 1)[1])
    answer = await _talk(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"ok\n")
    assert b"uvicorn" not in answer.lower()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    task.cancel()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await task
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    again, url_again = await _start(web.app, port)
    assert url_again == url
    again.cancel()
    await asyncio.wait({again}, timeout=60)
    assert again.cancelled()


async def test_an_idle_connection_does_not_hold_it_up(web: Any) -> None:
    task, url = await _start(web.app)
    _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=60)
    assert done
    writer.close()


async def test_a_port_that_is_taken_is_named(web: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port {port}"):
            await serve(web.app, port)


@pytest.mark.parametrize(
    "path",
    [
        b"/log/../streams/ab/shares",
        b"/store/log/%2e%2e/streams/ab/shares",
        b"/store/cases/..%2f..%2fstreams/ab/shares",
        b"/static/../../web/app.py",
        b"/static/%2e%2e/app.py",
        b"//etc/passwd",
        b"/log/%00",
        b"/log/%ff%fe",
        b"/" + b"a" * 20_000,
    ],
)
async def test_paths_as_they_come_on_the_wire_lead_nowhere(path: bytes, web: Any) -> None:
    web.store.put("streams/ab/shares", b"secret")
    task, url = await _start(web.app)
    request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await _talk(int(url.rsplit(":", 1)[1]), request)
    assert answer.startswith(b"HTTP/1.1 404 ") and b"secret" not in answer
    task.cancel()
    await asyncio.wait({task}, timeout=60)
