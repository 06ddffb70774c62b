"""A bus within one process, for tests and for trying faults."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from custodes.adapters.bus.delivery import Act, Delivery, Message, Outcome, listening, serving
from custodes.adapters.bus.wire import (
    check_pattern,
    check_size,
    check_subject,
    decode_problem,
    encode_problem,
    matches,
)
from custodes.base.errors import UnavailableError
from custodes.base.ports import Handler, Listener, Subscription


@dataclass(slots=True)
class Faults:
    """What goes wrong: nothing crosses while `away`; so many requests or answers are lost first."""

    away: bool = False
    lose_requests: int = 0
    lose_answers: int = 0


@dataclass(eq=False, slots=True)
class MemorySubscription:
    """One subscriber of a broker."""

    owner: MemoryBus
    pattern: str
    delivery: Delivery
    serves: bool

    async def close(self) -> None:
        """Stop delivery; no handler starts after this returns."""
        self.delivery.close()
        if self in self.owner.broker.subscriptions:
            self.owner.broker.subscriptions.remove(self)


@dataclass(slots=True)
class MemoryBroker:
    """What the buses of one imagined network share."""

    faults: Faults = field(default_factory=Faults)
    subscriptions: list[MemorySubscription] = field(default_factory=list)
    asked: int = 0

    def listeners(self, subject: str) -> list[MemorySubscription]:
        """Who hears a message on a subject, servers aside."""
        return [s for s in self.subscriptions if not s.serves and matches(s.pattern, subject)]

    def server(self, subject: str) -> MemorySubscription | None:
        """Who answers the next request on a subject; several servers take turns."""
        servers = [s for s in self.subscriptions if s.serves and matches(s.pattern, subject)]
        if not servers:
            return None
        self.asked += 1
        return servers[self.asked % len(servers)]


class MemoryBus:
    """One process's end of a memory bus; ends of one broker hear each other."""

    def __init__(self, broker: MemoryBroker | None = None) -> None:
        self.broker = broker if broker is not None else MemoryBroker()
        self._closed = False

    async def publish(self, subject: str, data: bytes) -> None:
        """Send to whoever listens now. Errors: UnavailableError, InvalidError (over the size limit)."""
        check_subject(subject)
        check_size(data)
        self._check_reachable()
        server = self.broker.server(subject)
        for subscription in self.broker.listeners(subject) + ([server] if server else []):
            subscription.delivery.put(Message(subject, data))
        await asyncio.sleep(0)

    async def subscribe(self, subject: str, listener: Listener) -> Subscription:
        """Call `listener(subject, data)` for each message; `*` and a last `>` stand for tokens."""
        return self._add(subject, listening(listener), serves=False)

    async def serve(self, subject: str, handler: Handler) -> Subscription:
        """Answer requests one at a time a subject; a CustodesError raised becomes the asker's error."""
        return self._add(subject, serving(handler), serves=True)

    async def request(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """Ask and wait for the answer; an error of the other side is raised here with its own kind.

        Errors: UnavailableError when nobody answers in time, and whatever the other side raised.
        """
        check_subject(subject)
        check_size(data)
        self._check_reachable()
        server = self.broker.server(subject)
        if server is None:
            raise UnavailableError(f"nobody serves {subject}")
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        async def reply(outcome: Outcome) -> None:
            faults = self.broker.faults
            if faults.away or faults.lose_answers > 0:
                faults.lose_answers = max(0, faults.lose_answers - 1)
            elif not answer.done():
                answer.set_result(outcome)

        message = Message(subject, data, reply)
        for listener in self.broker.listeners(subject):
            listener.delivery.put(message)
        if self.broker.faults.lose_requests > 0:
            self.broker.faults.lose_requests -= 1
        else:
            server.delivery.put(message)
        try:
            outcome = await asyncio.wait_for(answer, timeout_s)
        except TimeoutError as error:
            raise UnavailableError(f"no answer on {subject} within {timeout_s} s") from error
        if isinstance(outcome, bytes):
            return outcome
        raise decode_problem(encode_problem(outcome))

    async def close(self) -> None:
        """Leave the bus."""
        self._closed = True
        own = [subscription for subscription in self.broker.subscriptions if subscription.owner is self]
        for subscription in own:
            await subscription.close()
        await asyncio.gather(*(subscription.delivery.finish() for subscription in own))

    def _add(self, pattern: str, act: Act, serves: bool) -> MemorySubscription:
        check_pattern(pattern)
        if self._closed:
            raise UnavailableError("the bus is closed")
        subscription = MemorySubscription(self, pattern, Delivery(act), serves)
        self.broker.subscriptions.append(subscription)
        return subscription

    def _check_reachable(self) -> None:
        if self._closed:
            raise UnavailableError("the bus is closed")
        if self.broker.faults.away:
            raise UnavailableError("the bus is away")
