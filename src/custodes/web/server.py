"""Serving the app on loopback within the caller's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from custodes.base.errors import UnavailableError

HOST = "127.0.0.1"
CONNECTIONS = 256
BACKLOG = 128
KEEP_ALIVE_S = 15
STOP_S = 3
# What a page may say at once over a socket.
MAX_MESSAGE_BYTES = 16 << 10
MAX_WAITING_MESSAGES = 4
PING_S = 15.0
# Live video that waits in the kernel is old before the page sees it, so little may wait there.
SEND_BUFFER_BYTES = 256 << 10


class _Refusals(logging.Filter):
    """Drops what the library says of every socket that we answered with a problem instead of a socket."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "without completing handshake" not in record.getMessage()


logging.getLogger("uvicorn.error").addFilter(_Refusals())


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the process that runs us.
        yield


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes any free one. Errors: UnavailableError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UnavailableError(f"port {port} cannot be listened on: {error.strerror}") from error
    return listener


async def serve(app: ASGIApp, port: int, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until cancelled; `on_ready` hears the URL once connections are taken.

    Cancelled, it takes no more connections, gives running answers 3 s, and returns by CancelledError.
    Errors: UnavailableError when the port is taken.
    """
    listener = listen(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_max_queue=MAX_WAITING_MESSAGES,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            # Video does not shrink, and what does not compress tells nobody by its length what it held.
            ws_per_message_deflate=False,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
        )
    )
    serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
    try:
        # The kernel queues connections from here on, so that whoever hears the URL can connect.
        if on_ready is not None:
            on_ready(url)
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    finally:
        listener.close()
