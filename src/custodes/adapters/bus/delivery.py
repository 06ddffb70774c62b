"""Delivery to one subscriber: a bounded queue and one task; handlers run one at a time, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from custodes.adapters.bus.wire import check_size
from custodes.base.errors import BugError, CustodesError, UnavailableError
from custodes.base.ports import Handler, Listener

QUEUE_MESSAGES = 4096
QUEUE_BYTES = 32 << 20
FINISH_S = 5.0

Outcome = bytes | CustodesError
Reply = Callable[[Outcome], Awaitable[None]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way to a subscriber; `reply` is None when nobody waits for an answer."""

    subject: str
    data: bytes
    reply: Reply | None = None


Act = Callable[[Message], Awaitable[None]]


class Delivery:
    """Messages to one subscriber, in order; what its queue cannot hold is dropped and counted."""

    def __init__(self, act: Act, max_messages: int = QUEUE_MESSAGES, max_bytes: int = QUEUE_BYTES) -> None:
        self._act = act
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._arrived = asyncio.Event()
        self._busy = False
        self._closed = False
        self.dropped = 0
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def closed(self) -> bool:
        """Whether no handler starts any more."""
        return self._closed

    def put(self, message: Message) -> bool:
        """Queue a message; False when it was dropped."""
        if self._closed:
            return False
        if len(self._queue) >= self._max_messages or self._queued_bytes + len(message.data) > self._max_bytes:
            self.dropped += 1
            return False
        self._queue.append(message)
        self._queued_bytes += len(message.data)
        self._arrived.set()
        return True

    def close(self) -> None:
        """Start no handler from now on; one that runs goes on to its end."""
        self._closed = True
        self._queue.clear()
        self._queued_bytes = 0
        if not self._busy:
            self._task.cancel()

    async def finish(self, timeout_s: float = FINISH_S) -> None:
        """Close, and wait for the handler that runs; past the time-out it is cancelled."""
        self.close()
        if self._task is asyncio.current_task():
            return
        await asyncio.wait({self._task}, timeout=timeout_s)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self._closed:
            if not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            message = self._queue.popleft()
            self._queued_bytes -= len(message.data)
            self._busy = True
            await self._act(message)
            self._busy = False


def listening(listener: Listener) -> Act:
    """The act of a subscriber that answers nothing; what it raises is logged and ends only its message."""

    async def act(message: Message) -> None:
        try:
            await listener(message.subject, message.data)
        except Exception as error:  # noqa: BLE001  the worker loop: the next message has another chance
            _log.error("bus listener failed", subject=message.subject, kind=_kind(error), error=str(error))

    return act


def serving(handler: Handler) -> Act:
    """The act of a server: the handler's answer, or its error, goes back to the asker."""

    async def act(message: Message) -> None:
        if message.reply is None:
            _log.warning("request without a way to answer", subject=message.subject)
            return
        outcome = await _outcome(message.subject, handler, message.data)
        try:
            await message.reply(outcome)
        except UnavailableError as error:
            # The asker's own time-out tells it; asking again must be safe anyway.
            _log.warning("answer not sent", subject=message.subject, error=str(error))

    return act


async def _outcome(subject: str, handler: Handler, data: bytes) -> Outcome:
    try:
        answer = await handler(data)
        check_size(answer)
        return answer
    except CustodesError as error:
        return error
    except Exception as error:  # noqa: BLE001  the request boundary: the asker learns that it failed, not how
        _log.error("bus handler failed", subject=subject, kind=_kind(error), exc_info=error)
        return BugError(f"{type(error).__name__} in the handler of {subject}")


def _kind(error: Exception) -> str:
    return error.kind.value if isinstance(error, CustodesError) else type(error).__name__
