"""What is watched now: one subscription a stream however many pages watch it, and what a late joiner needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import UnavailableError
from custodes.base.ports import Subscription
from custodes.services.live import NO_CONNECTION, LiveFlags, LiveKind, LiveMessage, Watch
from custodes.web.live.codec import state_message
from custodes.web.live.source import LiveSource

TELL_S = 2.0
SILENT_US = 3 * SECOND_US
# Ten seconds at 8 Mbit/s; a group of pictures beyond that is not kept, and late joiners wait for the next.
MAX_GROUP_BYTES = 10 << 20
_LOG = structlog.get_logger("web")


class Watcher(Protocol):
    """A tile of a page."""

    def offer(self, message: LiveMessage) -> None:
        """Take a message, or drop it; never wait."""
        ...


@dataclass
class _Channel:
    """A stream that somebody watches.

    `group`: the pictures since the last key frame, that one first. `broken`: pictures are missing, so that none
    can be shown until a key frame. `repeating`: what was sent before is being sent again for us.
    """

    heard_us: int
    watchers: set[Watcher] = field(default_factory=set)
    subscription: Subscription | None = None
    init: LiveMessage | None = None
    state: LiveMessage | None = None
    group: list[LiveMessage] = field(default_factory=list)
    group_bytes: int = 0
    silent: bool = False
    broken: bool = True
    repeating: bool = False

    def hear(self, message: LiveMessage, now_us: int) -> None:
        """Keep what a late joiner needs, and pass it on."""
        self.heard_us, self.silent = now_us, False
        if not message.flags & LiveFlags.AGAIN:
            self.repeating = False
        elif self.broken or self.repeating:
            # What is repeated comes in one piece, the state last.
            self.repeating = message.kind is not LiveKind.STATE
        else:
            # It is for somebody else who began to watch.
            return
        if message.kind is LiveKind.INIT:
            if self.init is not None and message.body == self.init.body:
                return
            # Pictures of before cannot be shown after it.
            self.init, self.broken = message, True
            self._begin_group([])
        elif message.kind is LiveKind.STATE:
            self.state = message
        elif message.kind is LiveKind.KEY:
            self.broken = False
            self._begin_group([message])
        elif self.broken:
            return
        elif self.group:
            self.group.append(message)
            self.group_bytes += len(message.body)
            if self.group_bytes > MAX_GROUP_BYTES:
                self._begin_group([])
        for watcher in tuple(self.watchers):
            watcher.offer(message)

    def greet(self, watcher: Watcher) -> None:
        """What somebody who comes now needs: state, init, the pictures since the last key frame."""
        for message in (self.state, self.init, *(self.group if self.init else ())):
            if message is not None:
                watcher.offer(message)

    def fall_silent(self, told: LiveMessage) -> None:
        """Nothing comes: what was shown last must not stand for now."""
        self.silent = self.broken = True
        self.state = told
        self._begin_group([])
        for watcher in tuple(self.watchers):
            watcher.offer(told)

    def _begin_group(self, group: list[LiveMessage]) -> None:
        self.group = group
        self.group_bytes = sum(len(message.body) for message in group)


class LiveHub:
    """Streams that are watched, each with its channel; nobody watches, nothing is subscribed.

    `recorder_of`: the id of the recorder that has a stream, "" where none does.
    """

    def __init__(self, source: LiveSource, clock: Clock, recorder_of: Callable[[bytes], str]) -> None:
        self._source = source
        self._clock = clock
        self._recorder_of = recorder_of
        self._channels: dict[bytes, _Channel] = {}
        self._told: set[str] = set()
        self._changed = asyncio.Event()

    @property
    def streams(self) -> int:
        """How many streams are watched."""
        return len(self._channels)

    async def join(self, stream: bytes, watcher: Watcher) -> None:
        """Let a tile have a stream from now on. Errors: UnavailableError when it cannot be listened to."""
        channel = self._channels.get(stream)
        if channel is not None:
            channel.watchers.add(watcher)
            channel.greet(watcher)
            return
        channel = self._channels[stream] = _Channel(self._clock.boot_us(), {watcher})
        self._changed.set()

        def hear(message: LiveMessage) -> None:
            channel.hear(message, self._clock.boot_us())

        try:
            subscription = await self._source.listen(stream, hear)
        except BaseException:
            if self._channels.get(stream) is channel:
                del self._channels[stream]
            raise
        channel.subscription = subscription
        if self._channels.get(stream) is not channel:
            # Everybody left while it was being subscribed.
            await subscription.close()

    async def leave(self, stream: bytes, watcher: Watcher) -> None:
        """The tile has it no more; again is no error."""
        channel = self._channels.get(stream)
        if channel is None or watcher not in channel.watchers:
            return
        channel.watchers.discard(watcher)
        if channel.watchers:
            return
        del self._channels[stream]
        self._changed.set()
        if channel.subscription is not None:
            await channel.subscription.close()

    async def run(self) -> None:
        """Tell recorders every 2 s, and at once when it changes, what is watched; tell pages who is silent."""
        while True:
            await self.tell()
            self.look()
            try:
                async with asyncio.timeout(TELL_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def tell(self) -> None:
        """Tell recorders once; one whose last stream is left hears so, once."""
        self._changed.clear()
        watched: dict[str, dict[bytes, bool]] = {recorder: {} for recorder in self._told}
        for stream, channel in self._channels.items():
            if recorder := self._recorder_of(stream):
                watched.setdefault(recorder, {})[stream] = channel.broken
        self._told = {recorder for recorder, streams in watched.items() if streams}
        for recorder, streams in watched.items():
            again = frozenset(stream for stream, broken in streams.items() if broken)
            try:
                await self._source.tell_watched(recorder, Watch(frozenset(streams), again))
            except UnavailableError as error:
                # The recorder forgets after 5 s, and hears again when the bus is back.
                _LOG.info("recorder not told what is watched", reason=str(error))

    def look(self) -> None:
        """Tell those who watch a stream of which nothing comes that it is away."""
        now_us = self._clock.boot_us()
        for channel in self._channels.values():
            if not channel.silent and now_us - channel.heard_us > SILENT_US:
                channel.fall_silent(state_message(NO_CONNECTION, self._clock.utc_us()))
