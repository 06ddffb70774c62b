"""What the tests of the RTSP client share: a sink that keeps everything, and sessions in the background."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from custodes.adapters.rtsp.client import CameraSource, SessionLimits, run_session
from custodes.adapters.rtsp.notices import Notice, NoticeKind
from custodes.base.clock import SystemClock
from custodes.media.packets import AccessUnit, ParameterSets

PATIENCE_S = 60.0


@dataclass
class KeepingSink:
    """Keeps what it is given, in the order of the calls too."""

    units: list[AccessUnit] = field(default_factory=list)
    sets: list[ParameterSets] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def on_parameter_sets(self, sets: ParameterSets) -> None:
        self.sets.append(sets)
        self.calls.append("sets")

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)
        self.calls.append("unit")

    def on_notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def count(self, kind: NoticeKind) -> int:
        """The sum of all notices of a kind."""
        return sum(notice.count for notice in self.notices if notice.kind is kind)

    def kinds(self) -> set[NoticeKind]:
        """Which kinds came, the camera's first claim of the time left out."""
        return {
            notice.kind for notice in self.notices if notice.detail != "the camera claims to know the time"
        }

    def hashes(self) -> list[str]:
        """SHA-256 of each access unit, as the simulator's truth log states it."""
        return [hashlib.sha256(unit.data).hexdigest() for unit in self.units]


class Receiving:
    """A session that runs in the background of a test."""

    def __init__(self, sink: KeepingSink, task: asyncio.Task[None]) -> None:
        self.sink = sink
        self.task = task

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; the session must not end before."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)

    async def units(self, count: int) -> list[AccessUnit]:
        """Wait for that many access units."""
        await self.until(lambda: len(self.sink.units) >= count)
        return self.sink.units

    async def stop(self) -> None:
        """Cancel the session and wait until it is over."""
        self.task.cancel()
        await asyncio.wait({self.task})


@asynccontextmanager
async def _receiving(source: CameraSource, limits: SessionLimits | None = None) -> AsyncIterator[Receiving]:
    sink = KeepingSink()
    session = run_session(source, sink, SystemClock(), limits=limits or SessionLimits())
    receiving = Receiving(sink, asyncio.create_task(session))
    try:
        yield receiving
    finally:
        await receiving.stop()


@pytest.fixture
def receiving() -> Callable[..., object]:
    """`async with receiving(source, limits)`: a session in the background."""
    return _receiving


@pytest.fixture
def sink() -> KeepingSink:
    """A sink that keeps everything."""
    return KeepingSink()
