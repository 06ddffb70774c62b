"""A page's socket, driven by hand: what the page takes, and when."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ORIGIN = "http://127.0.0.1"
WAIT_S = 20.0


@dataclass(frozen=True)
class Got:
    """A message as the page reads it."""

    kind: int
    tile: int
    capture_us: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body of a state or refusal."""
        return json.loads(self.body)


class PageSocket:
    """Opens `/api/v1/live` of an app. `taking` cleared: the page takes nothing, and the server must wait."""

    def __init__(self, app: Any, cookies: Mapping[str, str], origin: str | None = ORIGIN) -> None:
        self._app = app
        headers = [(b"host", b"127.0.0.1")]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        if cookies:
            text = "; ".join(f"{name}={value}" for name, value in cookies.items())
            headers.append((b"cookie", text.encode()))
        self._headers = headers
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.taking = asyncio.Event()
        self.taking.set()
        self.status: int | None = None
        self.closed: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> bool:
        """Connect; whether it was accepted, else `status` says why not."""
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/api/v1/live",
            "raw_path": b"/api/v1/live",
            "query_string": b"",
            "root_path": "",
            "headers": self._headers,
            "client": ("192.0.2.1", 5),
            "server": ("127.0.0.1", 80),
            "subprotocols": [],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        self._incoming.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.ensure_future(self._app(scope, self._incoming.get, self._take))
        first = await self._next()
        if first["type"] == "websocket.accept":
            return True
        self.status = first.get("status", 403)
        await asyncio.wait({self._task}, timeout=WAIT_S)
        return False

    def wish(self, *cameras: bytes | None) -> None:
        """Ask for a camera in each tile, from 0; None leaves a tile out."""
        watch = [{"tile": n, "camera": one.hex()} for n, one in enumerate(cameras) if one is not None]
        self.say(json.dumps({"watch": watch}))

    def say(self, text: str) -> None:
        """Send text."""
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def say_bytes(self, data: bytes) -> None:
        """Send bytes, which no page does."""
        self._incoming.put_nowait({"type": "websocket.receive", "bytes": data})

    async def get(self) -> Got:
        """The next message. Errors: AssertionError when the socket was closed instead."""
        message = await self._next()
        assert message["type"] == "websocket.send", f"closed with {self.closed}"
        kind, tile, capture_us = struct.unpack_from(">BBQ", message["bytes"])
        return Got(kind, tile, capture_us, message["bytes"][10:])

    async def get_close(self) -> int:
        """The code that the socket is closed with; messages before it are passed over."""
        while self.closed is None:
            await self._next()
        return self.closed

    async def nothing_comes(self, within_s: float = 0.2) -> bool:
        """Whether no message is there and none comes for a moment."""
        await asyncio.sleep(within_s)
        return self._outgoing.empty()

    async def leave(self) -> None:
        """Go."""
        self.taking.set()
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=WAIT_S)
            assert self._task.done()

    async def _take(self, message: dict[str, Any]) -> None:
        await self.taking.wait()
        if message["type"] == "websocket.close":
            self.closed = message.get("code", 1000)
        if message["type"] == "websocket.http.response.body":
            return
        self._outgoing.put_nowait(message)

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            return await self._outgoing.get()
