"""A stream recorder that is fed by hand, by a clock that moves by hand; all behind it is real."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field

from custodes.base.clock import SECOND_US, ManualClock
from custodes.custody.accounts import Gap, GapReason
from custodes.media.packets import AccessUnit, Codec, ParameterSets
from custodes.services.recorder.ports import StreamParts
from custodes.services.recorder.service import RecorderService
from custodes.services.recorder.stream import StreamRecorder
from recording.opening import OpenedEpoch, OpenedUnit, Stated, check_closed, check_statements, open_epochs
from recording.rig import Rig

SETS = ParameterSets(Codec.H264, (), (b"\x67sps",), (b"\x68pps",))
PATIENCE_S = 60.0


@dataclass
class Driven:
    """The recorder, one stream of it, and what it was given: hash and UTC of each picture."""

    rig: Rig
    clock: ManualClock
    service: RecorderService
    stream: StreamRecorder
    given: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, rig: Rig, clock: ManualClock, **options: object) -> Driven:
        """Everything but cameras."""
        service = rig.service(**options)  # type: ignore[arg-type]
        periods = rig.periods
        parts = StreamParts(clock, service, service.shelf, service._minutes, periods.slot_us, periods.reel_us)
        stream = StreamRecorder(
            rig.assignment("camera", ""), parts, clock.utc_us(), GapReason.CAMERA_UNREACHABLE
        )
        stream.on_parameter_sets(SETS)
        return cls(rig, clock, service, stream)

    def give(self, is_key: bool = False, size: int = 500, is_open: bool = False, loss: int = 0) -> str:
        """One picture, now."""
        data = len(self.given).to_bytes(8, "big") * (size // 8)
        now_us = self.clock.boot_us()
        unit = AccessUnit(data, len(self.given) * 3600, now_us, 0, is_key, is_open, loss)
        self.given.append(hashlib.sha256(data).hexdigest())
        self.stream.on_access_unit(unit)
        return self.given[-1]

    async def play(
        self,
        seconds: float,
        key_every_s: float = 1.0,
        rate_hz: int = 5,
        size: int = 500,
        first_key: bool = True,
    ) -> list[str]:
        """Pictures at a rate, a tick a second; what was given."""
        begun = len(self.given)
        count, every = round(seconds * rate_hz), round(key_every_s * rate_hz)
        for number in range(count):
            self.give(number % every == 0 and (first_key or number > 0), size)
            self.clock.advance(SECOND_US // rate_hz)
            if number % rate_hz == rate_hz - 1:
                await self.tick()
        return self.given[begun:]

    async def tick(self, seconds: float = 0) -> None:
        """Let time pass, a tick a second, and wait for the registrar each time."""
        for _ in range(max(1, round(seconds))):
            if seconds:
                self.clock.advance(SECOND_US)
            self.service.shelf.renew()
            self.stream.tick()
            await self.idle()

    async def idle(self) -> None:
        """Until the registrar has done all it can."""
        async with asyncio.timeout(PATIENCE_S):
            while self.service.registrar.waiting and not self.service.registrar.trouble:
                await asyncio.sleep(0.001)

    def account(self) -> None:
        """State what is durable."""
        self.service._minutes.missed(self.stream.take_gaps())
        self.service._account()

    def gaps(self, stated: Stated) -> list[Gap]:
        """The gaps of the stream, but for the one of its own stop."""
        gaps = stated.gaps(self.stream.assignment.stream)
        return [gap for gap in gaps if gap.reason is not GapReason.RESTART]

    def reasons(self, stated: Stated) -> set[str]:
        """The reasons of those gaps."""
        return {gap.reason.value for gap in self.gaps(stated)}

    async def finish(self) -> tuple[list[OpenedEpoch], list[OpenedUnit], Stated]:
        """Stop, state everything, and open it."""
        self.stream.stop(GapReason.RESTART)
        async with asyncio.timeout(PATIENCE_S):
            while not self.service.shelf.is_empty:
                await asyncio.sleep(0.005)
        self.account()
        assert await self.service.registrar.drain(PATIENCE_S)
        await self.service.porter.drain(PATIENCE_S)
        await self.service.spool.close()
        assert self.service.arena.free_cells == self.service.arena._cells
        self.service.arena.close()
        store = self.rig.store()
        stated = check_statements(self.rig, store)
        epochs = open_epochs(self.rig, store, self.stream.assignment.stream)
        check_closed(stated, epochs)
        return epochs, [unit for epoch in epochs for unit in epoch.units], stated
