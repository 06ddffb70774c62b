"""The bus over NATS: one connection at a time, replaced for ever when it is lost."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsHandle

from custodes.adapters.bus.connection import NatsConnection, NatsSettings
from custodes.adapters.bus.delivery import Act, Delivery, Message, Outcome, Reply, listening, serving
from custodes.adapters.bus.wire import check_pattern, check_size, check_subject, check_token, encode_problem
from custodes.base.errors import RefusedError, UnavailableError
from custodes.base.ports import Handler, Listener, Subscription

RETRY_FIRST_S = 0.2
RETRY_MOST_S = 5.0
SERVERS_QUEUE = "serve"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BusState:
    """What health shows of a bus. `dropped` counts messages that subscribers were too slow for."""

    connected: bool
    connections: int
    dropped: int
    violations: tuple[str, ...]


@dataclass(eq=False, slots=True)
class NatsSubscription:
    """One subscription, carried over from connection to connection."""

    bus: NatsBus
    subject: str
    queue: str
    delivery: Delivery
    connection: NatsConnection | None = None
    handle: NatsHandle | None = field(default=None, repr=False)

    async def close(self) -> None:
        """Stop delivery; no handler starts after this returns."""
        self.delivery.close()
        self.bus.forget(self)
        connection, handle = self.connection, self.handle
        self.connection = self.handle = None
        if connection is not None and handle is not None:
            await connection.unsubscribe(handle)

    async def attach(self, connection: NatsConnection) -> None:
        """Ask this connection for the messages. Errors: UnavailableError."""
        self.connection = connection

        async def receive(message: Msg) -> None:
            # An asker names where the answer goes, and the server then lets us send there: inboxes only,
            # or an asker could have its answer put where it has no right to send.
            asked = message.reply.startswith("_INBOX.")
            reply = _reply(connection, message.reply) if asked else None
            self.delivery.put(Message(message.subject, message.data, reply))

        handle = await connection.subscribe(self.subject, self.queue, receive)
        if self.connection is connection:
            self.handle = handle
        else:
            await connection.unsubscribe(handle)


class NatsBus:
    """A process's end of the bus. Created connected or not; what was subscribed holds when the bus is back.

    While it is away, `publish` and `request` raise UnavailableError at once; nothing is kept for later.
    """

    def __init__(self, settings: NatsSettings) -> None:
        check_token(settings.name)
        self._settings = settings
        self._subscriptions: dict[NatsSubscription, None] = {}
        self._connection: NatsConnection | None = None
        self._changed = asyncio.Condition()
        self._closed = False
        self._connections = 0
        self._dropped_before = 0
        self._keeping = asyncio.get_running_loop().create_task(self._keep_connected())

    def state(self) -> BusState:
        """What health shows."""
        connection = self._connection
        return BusState(
            connected=connection is not None,
            connections=self._connections,
            dropped=self._dropped_before + sum(s.delivery.dropped for s in self._subscriptions),
            violations=tuple(connection.violations) if connection is not None else (),
        )

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait for the bus. Errors: UnavailableError after the time-out."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._connection is not None)
        except TimeoutError as error:
            raise UnavailableError(f"no bus within {timeout_s} s") from error

    async def publish(self, subject: str, data: bytes) -> None:
        """Send to whoever listens now. Errors: UnavailableError, InvalidError (over the size limit)."""
        check_subject(subject)
        check_size(data)
        await self.live().publish(subject, data)

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """Ask and wait for the answer; an error of the other side is raised here with its own kind.

        Errors: UnavailableError when nobody answers in time, RefusedError without the right to ask, and
        whatever the other side raised.
        """
        check_subject(subject)
        check_size(data)
        return await self.live().request(subject, data, timeout_s)

    async def subscribe(self, subject: str, listener: Listener) -> Subscription:
        """Call `listener(subject, data)` for each message; `*` and a last `>` stand for tokens.

        Errors: RefusedError without the right to listen.
        """
        return await self._add(subject, "", listening(listener))

    async def serve(self, subject: str, handler: Handler) -> Subscription:
        """Answer requests one at a time a subject; a CustodesError raised becomes the asker's error.

        Errors: RefusedError without the right to serve.
        """
        return await self._add(subject, SERVERS_QUEUE, serving(handler))

    async def close(self) -> None:
        """Leave the bus; handlers that run are waited for, within a bound."""
        self._closed = True
        subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            await subscription.close()
        await asyncio.gather(*(subscription.delivery.finish() for subscription in subscriptions))
        self._keeping.cancel()
        await asyncio.wait({self._keeping})

    def forget(self, subscription: NatsSubscription) -> None:
        """Carry a subscription over no more."""
        if self._subscriptions.pop(subscription, subscription) is None:
            self._dropped_before += subscription.delivery.dropped

    def live(self) -> NatsConnection:
        """The connection of now, for what needs more than messages. Errors: UnavailableError."""
        if self._closed:
            raise UnavailableError("the bus is closed")
        if self._connection is None:
            raise UnavailableError("the bus is away")
        return self._connection

    async def _add(self, subject: str, queue: str, act: Act) -> NatsSubscription:
        check_pattern(subject)
        if self._closed:
            raise UnavailableError("the bus is closed")
        subscription = NatsSubscription(self, subject, queue, Delivery(act))
        self._subscriptions[subscription] = None
        connection = self._connection
        if connection is None:
            return subscription
        try:
            await subscription.attach(connection)
            await connection.flush()
            connection.check_subscribed(subject)
        except UnavailableError:
            # Lost meanwhile: the next connection takes it over with the others.
            return subscription
        except RefusedError:
            await subscription.close()
            raise
        return subscription

    async def _keep_connected(self) -> None:
        wait_s = RETRY_FIRST_S
        while True:
            connection = NatsConnection(self._settings)
            try:
                await connection.open()
                await self._take_over(connection)
                wait_s = RETRY_FIRST_S
                await connection.wait_lost()
                _log.warning("bus lost")
            except UnavailableError as error:
                _log.warning("bus away", error=str(error))
            finally:
                self._connection = None
                await connection.close()
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))
            wait_s = min(2 * wait_s, RETRY_MOST_S)

    async def _take_over(self, connection: NatsConnection) -> None:
        while pending := [s for s in self._subscriptions if s.connection is not connection]:
            for subscription in pending:
                if not subscription.delivery.closed:
                    await subscription.attach(connection)
        # Before anything is awaited: from here on, new subscriptions attach themselves.
        self._connection = connection
        await connection.flush()
        for subscription in self._subscriptions:
            try:
                connection.check_subscribed(subscription.subject)
            except RefusedError as error:
                _log.error("bus subscription refused", subject=subscription.subject, error=str(error))
        self._connections += 1
        async with self._changed:
            self._changed.notify_all()


def _reply(connection: NatsConnection, subject: str) -> Reply:
    async def reply(outcome: Outcome) -> None:
        if isinstance(outcome, bytes):
            await connection.publish(subject, outcome)
        else:
            await connection.publish(subject, encode_problem(outcome), problem=True)

    return reply
