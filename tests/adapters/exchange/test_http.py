"""The exchange and the public files by HTTP, against the real web and against servers that misbehave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from custodes.adapters.exchange import http
from custodes.adapters.exchange.http import HttpObjects, HttpOffice
from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.base.clock import SystemClock
from custodes.base.errors import (
    BugError,
    CorruptError,
    CustodesError,
    ErrorKind,
    InvalidError,
    NotFoundError,
    PushbackError,
    UnavailableError,
    by_kind,
)
from custodes.web.app import create_app
from custodes.web.board import HealthBoard
from custodes.web.server import serve


class Office:
    """What stands behind the web."""

    error: BaseException | None = None
    timeout_s = 0.0

    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        self.timeout_s = timeout_s
        if self.error:
            raise self.error
        return f"{service}/{subject}:".encode() + question


@dataclass
class Network:
    url: str
    office: Office
    store: MemoryObjectStore


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    office, store = Office(), MemoryObjectStore()
    app = create_app(HealthBoard(SystemClock(), ()), office, store, bytes(32), {"keeper": {"submit"}})
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, 0, ready.set_result))
    yield Network(await ready, office, store)
    task.cancel()
    await asyncio.wait({task}, timeout=60)


async def test_questions_are_answered_and_refused_by_kind(network: Network) -> None:
    office = HttpOffice(network.url + "/")
    question = bytes(range(256)) * 1000
    assert await office.ask("keeper", "submit", question, 12) == b"keeper/submit:" + question
    assert network.office.timeout_s == 12
    for kind in ErrorKind:
        network.office.error = by_kind(kind, f"because of {kind.value}")
        with pytest.raises(type(network.office.error), match=f"because of {kind.value}"):
            await office.ask("keeper", "submit", b"x")
    network.office.error = ZeroDivisionError("secret")
    with pytest.raises(BugError, match="internal error"):
        await office.ask("keeper", "submit", b"x")
    with pytest.raises(NotFoundError):
        await office.ask("keeper", "settings", b"x")


@pytest.mark.parametrize(
    ("service", "subject"), [("../x", "submit"), ("keeper", "a/b"), ("keeper", ""), ("K", "s")]
)
async def test_names_that_are_none(service: str, subject: str) -> None:
    with pytest.raises(InvalidError):
        await HttpOffice("http://127.0.0.1:1").ask(service, subject, b"")


async def test_a_question_over_the_limit_is_not_sent() -> None:
    with pytest.raises(InvalidError, match="4194304"):
        await HttpOffice("http://127.0.0.1:1").ask("keeper", "submit", bytes((4 << 20) + 1))


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "example.org", "http://x/?a=b", "http://[", "/folder"]
)
def test_urls_that_are_none(url: str) -> None:
    for adapter in (HttpOffice, HttpObjects):
        with pytest.raises(InvalidError):
            adapter(url)


async def test_objects_are_read_whole_and_in_parts(network: Network) -> None:
    data = bytes(range(256)) * 9000
    network.store.put("log/tile/0/000", data)
    network.store.put("cases/ab/package", data)
    network.store.put("streams/ab/shares", b"secret")
    objects = HttpObjects(network.url)
    for path in ("log/tile/0/000", "cases/ab/package"):
        assert await asyncio.to_thread(objects.get, path) == data
        assert await asyncio.to_thread(objects.size, path) == len(data)
        assert await asyncio.to_thread(objects.get_range, path, 100, 2_000_000) == data[100:2_000_100]
        assert await asyncio.to_thread(objects.get_range, path, 5, 0) == b""
        for start, length in ((len(data) - 1, 2), (len(data), 1), (-1, 1), (0, -1)):
            with pytest.raises(InvalidError):
                await asyncio.to_thread(objects.get_range, path, start, length)
    for path in ("log/tile/0/001", "cases/cd/package", "streams/ab/shares"):
        with pytest.raises(NotFoundError):
            await asyncio.to_thread(objects.get, path)
    for path in ("log/../streams/ab/shares", "/log/checkpoint", "log//x", "cases/?x", "LOG/x"):
        with pytest.raises(InvalidError):
            await asyncio.to_thread(objects.get, path)
    objects.close()


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _server(answer: Answer) -> AsyncIterator[str]:
    """A server that reads a request's head and then does as it is told."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side has heard enough

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _says(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


def _response(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", UnavailableError),
        (b"not HTTP\r\n\r\n", UnavailableError),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", UnavailableError),
        (_response("502 Bad Gateway", b"<html>"), UnavailableError),
        (_response("200 OK", b"").replace(b"200 OK", b"302 Found\r\nlocation: /elsewhere"), UnavailableError),
        (_response("404 Not Found", b"<html>"), NotFoundError),
        (_response("429 Too Many Requests", b""), PushbackError),
        (_response("403 Forbidden", b'{"kind":"no such kind","message":"x"}'), UnavailableError),
        (_response("500 Error", b"[" * 10_000), UnavailableError),
        (_response("500 Error", b"x" * 20_000), CorruptError),
    ],
)
async def test_servers_that_misbehave(data: bytes, error: type[CustodesError]) -> None:
    async with _server(_says(data)) as url:
        with pytest.raises(error):
            await HttpOffice(url).ask("keeper", "submit", b"x", 20)
        with pytest.raises(error):
            await asyncio.to_thread(HttpObjects(url).get, "log/checkpoint")


async def test_an_answer_that_does_not_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()

    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 1 << 20)
    monkeypatch.setattr(http, "MAX_OBJECT_BYTES", 1 << 20)
    async with _server(endless) as url:
        with pytest.raises(CorruptError, match="longer than"):
            await HttpOffice(url).ask("keeper", "submit", b"x")
        with pytest.raises(CorruptError, match="longer than"):
            await asyncio.to_thread(HttpObjects(url).get, "log/checkpoint")


async def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "GRACE_S", 0.1)
    monkeypatch.setattr(http, "READ_S", 0.2)
    silent = asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        await silent.wait()

    async with _server(wait) as url:
        with pytest.raises(UnavailableError, match="in time"):
            await HttpOffice(url).ask("keeper", "submit", b"x", timeout_s=0.1)
        with pytest.raises(UnavailableError, match="in time"):
            await asyncio.to_thread(HttpObjects(url).get, "log/checkpoint")
        silent.set()
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await HttpOffice(url).ask("keeper", "submit", b"x")


async def test_a_mirror_that_knows_no_ranges_does_too() -> None:
    async with _server(_says(_response("200 OK", b"0123456789"))) as url:
        objects = HttpObjects(url)
        assert await asyncio.to_thread(objects.get_range, "log/tile/0/000", 2, 3) == b"234"
        assert await asyncio.to_thread(objects.size, "log/tile/0/000") == 10
