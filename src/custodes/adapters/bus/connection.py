"""One NATS connection from its start to its loss; never revived, always replaced.

The library's own reconnection buffers without bound, gives up for ever on some server errors and waits
without jitter; so it is switched off, and `NatsBus` makes a new connection for each lost one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsHandle
from nats.js import JetStreamContext

from custodes.adapters.bus.nkey import NKey
from custodes.adapters.bus.wire import decode_problem
from custodes.base.errors import RefusedError, UnavailableError

PROBLEM_HEADER = "Custodes-Problem"
CONNECT_S = 5.0
FLUSH_S = 5.0
CLOSE_S = 1.0
LOOK_S = 0.5
UNANSWERED_PINGS = 2
UNSENT_BYTES = 8 << 20
UNSENT_WAIT_S = 1.0
KEPT_VIOLATIONS = 32

_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"')
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """Where the bus is and who asks: `name` is the process's token and the owner of its inboxes."""

    servers: tuple[str, ...]
    name: str
    key: NKey | None = None
    tls: ssl.SSLContext | None = None
    ping_s: int = 5


class _SigningClient(Client):
    """The library's client, naming its NKey while a callback signs: its own way needs one more package."""

    def __init__(self, key: NKey | None) -> None:
        super().__init__()
        self._public_nkey = key.public if key is not None else None


class NatsConnection:
    """A connected client; every method raises UnavailableError once it is lost."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._client = _SigningClient(settings.key)
        self._waiting: dict[str, set[asyncio.Future[Exception]]] = {}
        self._refused_subscriptions: set[str] = set()
        self.lost = asyncio.Event()
        self.violations: deque[str] = deque(maxlen=KEPT_VIOLATIONS)

    async def open(self) -> None:
        """Connect. Errors: UnavailableError."""
        settings = self._settings
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._client.connect(
                    list(settings.servers),
                    name=settings.name,
                    error_cb=self._on_error,
                    closed_cb=self._on_closed,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=int(CONNECT_S),
                    ping_interval=settings.ping_s,
                    max_outstanding_pings=UNANSWERED_PINGS,
                    pending_size=2 * UNSENT_BYTES,
                    flush_timeout=UNSENT_WAIT_S,
                    inbox_prefix=f"_INBOX.{settings.name}",
                    signature_cb=settings.key.sign_nonce if settings.key is not None else None,
                    tls=settings.tls,
                )
        except (OSError, TimeoutError, nats.errors.Error) as error:
            await self.close()
            raise UnavailableError(f"no bus at {', '.join(settings.servers)}: {error}") from error
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        """Drop the connection; what waits for an answer gets UnavailableError."""
        self._lose()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._client.close()
        except TimeoutError:
            # A frozen server takes no bytes; the socket closes when its kernel gives up on it.
            _log.warning("bus connection closes later")

    async def wait_lost(self) -> None:
        """Wait until the connection is no more."""
        while self._client.is_connected and not self.lost.is_set():
            # The library says that it closed only after its last bytes went out: never, to a frozen server.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self.lost.wait()
        self._lose()

    async def publish(self, subject: str, data: bytes, reply: str = "", problem: bool = False) -> None:
        """Send one message. Errors: UnavailableError when the server is away or takes nothing."""
        await self._wait_for_room(len(data))
        try:
            await self._client.publish(
                subject, data, reply=reply, headers={PROBLEM_HEADER: "1"} if problem else None
            )
        except nats.errors.Error as error:
            raise UnavailableError(f"{subject} was not sent: {error}") from error

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """Ask and wait. Errors: UnavailableError; RefusedError without the right; the other side's."""
        await self._wait_for_room(len(data))
        failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        asked = asyncio.ensure_future(self._client.request(subject, data, timeout=timeout_s))
        waiting = self._waiting.setdefault(subject.lower(), set())
        waiting.add(failed)
        either: set[asyncio.Future[Any]] = {asked, failed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise failed.result()
            return _answer(asked.result())
        except nats.errors.NoRespondersError as error:
            raise UnavailableError(f"nobody serves {subject}") from error
        except nats.errors.TimeoutError as error:
            raise UnavailableError(f"no answer on {subject} within {timeout_s} s") from error
        except nats.errors.Error as error:
            raise UnavailableError(f"{subject} was not asked: {error}") from error
        finally:
            asked.cancel()
            waiting.discard(failed)
            if not waiting:
                self._waiting.pop(subject.lower(), None)

    async def subscribe(
        self, subject: str, queue: str, receive: Callable[[Msg], Awaitable[None]]
    ) -> NatsHandle:
        """Ask the server for messages; it has them in force after the next `flush`."""
        try:
            return await self._client.subscribe(subject, queue=queue, cb=receive)
        except nats.errors.Error as error:
            raise UnavailableError(f"{subject} was not subscribed: {error}") from error

    async def unsubscribe(self, handle: NatsHandle) -> None:
        """End a subscription; one of a connection that is lost has ended already."""
        try:
            await handle.unsubscribe()
        except (nats.errors.ConnectionClosedError, nats.errors.BadSubscriptionError):
            return

    def jetstream(self, timeout_s: float) -> JetStreamContext:
        """The library's way to streams over this connection."""
        return self._client.jetstream(timeout=timeout_s)

    async def flush(self) -> None:
        """Wait until the server has read all that was sent. Errors: UnavailableError, and it is dropped."""
        # Shielded, and the connection dropped when late: a pong that finds its waiter gone ends the
        # library's reader without a word.
        round_trip = asyncio.ensure_future(self._client.flush(timeout=int(FLUSH_S)))
        round_trip.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await asyncio.shield(round_trip)
        except nats.errors.Error as error:
            await self.close()
            raise UnavailableError(f"the bus does not answer: {error}") from error

    def check_subscribed(self, subject: str) -> None:
        """Errors: RefusedError when the server denied the subscription; known after a `flush`."""
        if subject.lower() in self._refused_subscriptions:
            raise RefusedError(f"no right to subscribe to {subject}")

    async def _wait_for_room(self, size: int) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + UNSENT_WAIT_S
        pause_s = 0.0
        while not self.lost.is_set() and self._client.pending_data_size + size > UNSENT_BYTES:
            if loop.time() > deadline_s:
                raise UnavailableError(f"the bus took nothing for {UNSENT_WAIT_S} s")
            await asyncio.sleep(pause_s)
            pause_s = 0.005
        if self.lost.is_set() or not self._client.is_connected:
            raise UnavailableError("the bus is away")

    async def _on_error(self, error: Exception) -> None:
        violation = _VIOLATION.search(str(error))
        if violation is None:
            _log.info("bus", error=str(error) or type(error).__name__)
            return
        act, subject = violation.groups()
        self.violations.append(f"{act} {subject}")
        _log.warning("bus refused", act=act, subject=subject)
        if act == "subscription":
            self._refused_subscriptions.add(subject)
        else:
            self._fail(subject, RefusedError(f"no right to publish to {subject}"))

    async def _on_closed(self) -> None:
        self._lose()

    def _lose(self) -> None:
        self.lost.set()
        for subject in list(self._waiting):
            self._fail(subject, UnavailableError("the bus went away"))

    def _fail(self, subject: str, error: Exception) -> None:
        for waiting in self._waiting.get(subject, ()):
            if not waiting.done():
                waiting.set_result(error)


def _answer(message: Msg) -> bytes:
    data: bytes = message.data
    if message.headers and PROBLEM_HEADER in message.headers:
        raise decode_problem(data)
    return data
