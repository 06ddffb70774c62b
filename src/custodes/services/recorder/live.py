"""What viewers get: each stream's fragments while it is watched, and what a new one needs to begin with.

Nothing waits here for longer than it takes to send: what the bus does not take is dropped to the next key frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import UnavailableError
from custodes.services.live import (
    WATCH_FORGOTTEN_US,
    LiveFlags,
    LiveKind,
    LiveMessage,
    LiveState,
    parse_watch,
)

QUEUE_MESSAGES = 512
QUEUE_BYTES = 4 << 20
# A group of pictures is a second of eight a second; more has lost its key frame.
GOP_MESSAGES = 32
AGAIN_EVERY_US = SECOND_US
_PICTURES = frozenset({LiveKind.KEY, LiveKind.FRAGMENT})
_LOG = structlog.get_logger("live")

Publish = Callable[[bytes, bytes], Awaitable[None]]


class Recorded(Protocol):
    """Who keeps what is made, watched or not."""

    def take(self, stream: bytes, message: LiveMessage) -> None:
        """Errors: InvalidError for what no veiler may send."""
        ...

    def end(self, stream: bytes) -> None:
        """A stream has no view any more."""
        ...


@dataclass
class LiveStream:
    """What is kept of one stream: the initialisation segment, the current group of pictures, the state."""

    id: bytes
    init: LiveMessage | None = None
    gop: list[LiveMessage] = field(default_factory=list)
    state: LiveMessage | None = None
    watched_until_us: int = 0
    again_us: int = 0
    waits_for_key: bool = False
    lacks_init: bool = False


class LiveDesk:
    """All streams' views, and one task that sends. Made and used on the loop.

    `publish`: sends a message of a stream; Errors: UnavailableError.
    """

    def __init__(self, clock: Clock, publish: Publish) -> None:
        self._clock = clock
        self._publish = publish
        self._streams: dict[bytes, LiveStream] = {}
        self._queue: asyncio.Queue[tuple[LiveStream, LiveMessage]] = asyncio.Queue(QUEUE_MESSAGES)
        self._queued_bytes = 0
        self.dropped = 0
        self.recorded: Recorded | None = None
        self._task = asyncio.get_running_loop().create_task(self._send())

    def open(self, stream: bytes) -> None:
        """A stream has a view from now on."""
        self._streams.setdefault(stream, LiveStream(stream))

    def close_stream(self, stream: bytes) -> None:
        """A stream has no view any more; nothing is kept of it here."""
        if self._streams.pop(stream, None) is not None and self.recorded is not None:
            self.recorded.end(stream)

    def is_watched(self, stream: bytes) -> bool:
        """Whether somebody watches it now."""
        kept = self._streams.get(stream)
        return kept is not None and self._clock.boot_us() < kept.watched_until_us

    async def watch(self, _subject: str, data: bytes) -> None:
        """A web process says what it watches. Errors: InvalidError; then nothing has changed."""
        wish = parse_watch(data)
        now_us = self._clock.boot_us()
        for stream in wish.streams & self._streams.keys():
            kept = self._streams[stream]
            begins = now_us >= kept.watched_until_us
            kept.watched_until_us = now_us + WATCH_FORGOTTEN_US
            if begins or (stream in wish.again and now_us - kept.again_us >= AGAIN_EVERY_US):
                kept.again_us = now_us
                self._send_again(kept)

    # --- what comes from the veiler --------------------------------------------------------------------

    def take(self, stream: bytes, message: LiveMessage) -> None:
        """Keep what a new viewer will need, and send it on to those there are, and to who records it.

        Errors: InvalidError for what no veiler may send.
        """
        kept = self._streams.get(stream)
        if kept is None:
            return
        if self.recorded is not None:
            self.recorded.take(stream, message)
        if message.kind is LiveKind.INIT:
            kept.init, kept.gop = message, []
        elif message.kind is LiveKind.KEY:
            kept.gop = [message]
        elif message.kind is LiveKind.FRAGMENT and kept.gop:
            kept.gop = [*kept.gop, message] if len(kept.gop) < GOP_MESSAGES else []
        elif message.kind is LiveKind.STATE:
            kept.state = message
        if self.is_watched(stream):
            self._put(kept, message)

    def tell(self, stream: bytes, state: LiveState) -> None:
        """The recorder's own word on what a view shows. Of one that ends, no picture is kept."""
        kept = self._streams.get(stream)
        if kept is not None:
            kept.gop = []
            self.take(stream, LiveMessage(LiveKind.STATE, self._clock.utc_us(), state.encode()))

    def _send_again(self, kept: LiveStream) -> None:
        for message in (kept.init, *kept.gop, kept.state):
            if message is not None:
                again = LiveMessage(message.kind, message.capture_us, message.body, LiveFlags.AGAIN)
                self._put(kept, again)

    # --- sending ---------------------------------------------------------------------------------------

    def _put(self, kept: LiveStream, message: LiveMessage) -> None:
        if message.kind is LiveKind.KEY:
            kept.waits_for_key = False
            if kept.lacks_init and kept.init is not None:
                kept.lacks_init = False
                self._put(kept, kept.init)
        if kept.waits_for_key and message.kind is LiveKind.FRAGMENT:
            self.dropped += 1
            return
        size = len(message.body)
        if self._queue.full() or self._queued_bytes + size > QUEUE_BYTES:
            self._drop(kept, message)
            return
        self._queued_bytes += size
        self._queue.put_nowait((kept, message))

    def _drop(self, kept: LiveStream, message: LiveMessage) -> None:
        self.dropped += 1
        # Without its beginning a group of pictures is of no use to anybody, nor is any without what precedes all.
        kept.lacks_init = kept.lacks_init or message.kind is LiveKind.INIT
        kept.waits_for_key = kept.waits_for_key or message.kind in _PICTURES

    async def _send(self) -> None:
        while True:
            kept, message = await self._queue.get()
            self._queued_bytes -= len(message.body)
            try:
                await self._publish(kept.id, message.encode())
            except UnavailableError:
                self._drop(kept, message)

    async def close(self) -> None:
        """Send nothing any more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
