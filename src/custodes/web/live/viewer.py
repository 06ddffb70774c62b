"""One page: its tiles, and the queue of what is on its way there.

A page that takes less than comes is never given old pictures late: what waits is dropped, and each tile goes on
with its next key frame.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from custodes.base.clock import SECOND_US, Clock
from custodes.services.live import LiveKind, LiveMessage
from custodes.web.live.codec import for_tile

MOST_BEHIND_US = SECOND_US
MAX_QUEUE_BYTES = 16 << 20


@dataclass(eq=False)
class Tile:
    """One tile of a page. `waiting`: pictures are dropped until a key frame."""

    viewer: Viewer
    number: int
    camera: bytes
    stream: bytes
    waiting: bool = True
    init: LiveMessage | None = field(default=None, repr=False)
    sent_init: LiveMessage | None = field(default=None, repr=False)
    open: bool = True

    def offer(self, message: LiveMessage) -> None:
        """Take a message, or drop it; never wait."""
        if self.open:
            self.viewer.take(self, message)


@dataclass(frozen=True, slots=True)
class _Queued:
    tile: Tile
    message: LiveMessage
    since_us: int


class Viewer:
    """The queue of one page; one task takes from it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue: deque[_Queued] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self.cuts = 0

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait."""
        return self._bytes

    def take(self, tile: Tile, message: LiveMessage) -> None:
        """Queue a message for a tile; whoever is behind is cut first."""
        self._cut_if_behind()
        if message.kind is LiveKind.INIT:
            tile.init, tile.waiting = message, True
            return
        if message.kind is LiveKind.KEY and tile.init is not None:
            if tile.sent_init is not tile.init:
                self._put(tile, tile.init)
                tile.sent_init = tile.init
            tile.waiting = False
        elif message.is_picture and tile.waiting:
            return
        if not (message.is_picture and tile.waiting):
            self._put(tile, message)

    async def next(self) -> bytes:
        """The next message's bytes, when there is one."""
        while True:
            self._cut_if_behind()
            while self._queue:
                queued = self._queue.popleft()
                self._bytes -= len(queued.message.body)
                if queued.tile.open or queued.message.kind is LiveKind.REFUSED:
                    return for_tile(queued.message, queued.tile.number)
            self._arrived.clear()
            await self._arrived.wait()

    def _put(self, tile: Tile, message: LiveMessage) -> None:
        self._queue.append(_Queued(tile, message, self._clock.boot_us()))
        self._bytes += len(message.body)
        self._arrived.set()

    def _cut_if_behind(self) -> None:
        if not self._queue:
            return
        behind_us = self._clock.boot_us() - self._queue[0].since_us
        if behind_us <= MOST_BEHIND_US and self._bytes <= MAX_QUEUE_BYTES:
            return
        kept: dict[tuple[Tile, LiveKind], _Queued] = {}
        for queued in self._queue:
            if queued.message.is_picture:
                queued.tile.waiting = True
            elif queued.message.kind is LiveKind.INIT:
                # It goes again, before the key frame that needs it.
                queued.tile.sent_init = None
            else:
                kept[queued.tile, queued.message.kind] = queued
        now_us = self._clock.boot_us()
        self._queue = deque(_Queued(one.tile, one.message, now_us) for one in kept.values())
        self._bytes = sum(len(one.message.body) for one in self._queue)
        self.cuts += 1
