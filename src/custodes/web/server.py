"""Serving the app on loopback within the caller's event loop."""

from __future__ import annotations

import asyncio
import contextlib
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
            ws="none",
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
