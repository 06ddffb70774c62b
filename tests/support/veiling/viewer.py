"""A web process that watches a recorder over the bus."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from custodes.adapters.av.pictures import Picture
from custodes.adapters.bus.subjects import EVERY_LIVE, watch
from custodes.base.ports import Bus
from custodes.services.live import LiveKind, LiveMessage, LiveState, Watch, parse_live, parse_state
from veiling.footage import pictures_of

PICTURES = (LiveKind.KEY, LiveKind.FRAGMENT)


@dataclass
class Viewer:
    """Watches streams and keeps all that comes, by stream."""

    bus: Bus
    recorder: bytes
    got: dict[bytes, list[LiveMessage]] = field(default_factory=dict)

    async def open(self) -> Viewer:
        """Listen."""
        await self.bus.subscribe(EVERY_LIVE, self._hear)
        return self

    async def _hear(self, subject: str, data: bytes) -> None:
        self.got.setdefault(bytes.fromhex(subject.split(".")[1]), []).append(parse_live(data))

    async def watch(self, *streams: bytes, again: bool = False) -> None:
        """Say once what is watched."""
        wish = Watch(frozenset(streams), frozenset(streams) if again else frozenset())
        await self.bus.publish(watch(self.recorder.hex()), wish.encode())

    async def watch_on(self, *streams: bytes) -> None:
        """Say it again and again."""
        while True:
            await self.watch(*streams)
            await asyncio.sleep(1)

    def of(self, stream: bytes, *kinds: LiveKind) -> list[LiveMessage]:
        """What came of a stream, of these kinds or all."""
        return [one for one in self.got.get(stream, []) if not kinds or one.kind in kinds]

    def states(self, stream: bytes) -> list[LiveState]:
        """The states, each once in a row."""
        states = [parse_state(one.body) for one in self.of(stream, LiveKind.STATE)]
        return [state for n, state in enumerate(states) if not n or state != states[n - 1]]

    def shown(self, stream: bytes) -> list[list[Picture]]:
        """What a player shows, after each initialisation segment. A player drops what precedes a key frame."""
        runs: list[list[LiveMessage]] = []
        for message in self.of(stream, LiveKind.INIT, *PICTURES):
            if message.kind is LiveKind.INIT:
                runs.append([message])
            elif runs and (len(runs[-1]) > 1 or message.kind is LiveKind.KEY):
                runs[-1].append(message)
        return [pictures_of(run[0].body, [one.body for one in run[1:]]) for run in runs if len(run) > 1]
