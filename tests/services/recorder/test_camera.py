"""A camera's connection: reasons, back-off, one log line a minute, sessions broken off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from custodes.adapters.rtsp.connection import SilentError
from custodes.base.clock import MINUTE_US, SECOND_US, ManualClock
from custodes.base.errors import InvalidError, RefusedError, UnauthenticatedError, UnavailableError
from custodes.custody.accounts import GapReason
from custodes.media.gop import GopStatistics
from custodes.services.recorder import camera
from custodes.services.recorder.camera import CameraConnection, retry_delay_s
from custodes.services.recorder.standing import SessionTimes
from custodes.services.recorder.watchdog import why_reconnect


class Sessions:
    """Scripted sessions: an error to raise, None to end, "live" to last."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.ended: list[GapReason] = []
        self.cancelled = 0

    def connect(self) -> Coroutine[Any, Any, None]:
        return self._session(self.script.pop(0) if self.script else "live")

    async def _session(self, what: Any) -> None:
        if what == "live":
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if isinstance(what, Exception):
            raise what


@asynccontextmanager
async def connected(sessions: Sessions, clock: ManualClock) -> AsyncIterator[CameraConnection]:
    connection = CameraConnection("gate", sessions.connect, clock, 0)
    task = asyncio.create_task(connection.run(sessions.ended.append))
    try:
        yield connection
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(camera, "LONGEST_RETRY_S", 0.002)


async def test_each_failure_has_its_reason_and_a_minute_one_line(until: Any) -> None:
    sessions = Sessions(
        UnavailableError("nobody there"),
        SilentError("no picture"),
        UnauthenticatedError("who"),
        RefusedError("453"),
        InvalidError("no video"),
        None,
        ZeroDivisionError("a defect"),
    )
    clock = ManualClock()
    with capture_logs() as logs:
        async with connected(sessions, clock) as connection:
            await until(lambda: len(sessions.ended) == 7)
            assert connection.health.failures_in_row == 7
            assert "ZeroDivisionError" in connection.health.last_error
            assert len(logs) == 1
            clock.advance(MINUTE_US)
            sessions.script += [UnavailableError("again"), UnavailableError("again")]
            connection.reconnect("for the test")
            await until(lambda: len(sessions.ended) == 10)
            assert len(logs) == 2
    assert sessions.ended[:8] == [
        GapReason.CAMERA_UNREACHABLE,
        GapReason.CAMERA_SILENT,
        GapReason.CAMERA_REFUSED,
        GapReason.CAMERA_REFUSED,
        GapReason.CAMERA_MISBEHAVED,
        GapReason.CAMERA_UNREACHABLE,
        GapReason.CAMERA_MISBEHAVED,
        GapReason.CAMERA_MISBEHAVED,
    ]
    assert sessions.cancelled == 2


async def test_a_session_that_lived_resets_the_back_off(until: Any) -> None:
    sessions, clock = Sessions(UnavailableError("a"), UnavailableError("b")), ManualClock()
    async with connected(sessions, clock) as connection:
        await until(lambda: connection.health.sessions == 3)
        assert connection.health.failures_in_row == 2
        clock.advance(30 * SECOND_US)
        connection.reconnect("no key frame")
        connection.reconnect("once is enough")
        await until(lambda: connection.health.sessions == 4)
        assert connection.health.failures_in_row == 1
        assert connection.health.last_error == "no key frame"


def test_waits_grow_and_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [retry_delay_s(n, 1.0) for n in (1, 2, 3, 4, 5, 6, 50)] == [0.5, 1, 2, 4, 8, 10, 10]
    assert retry_delay_s(3, 0.0) == 1.0


def regular(every_us: int, last_us: int) -> GopStatistics:
    gops = GopStatistics()
    for number in range(5, -1, -1):
        gops.key_frame(last_us - number * every_us)
    return gops


S = SECOND_US


@pytest.mark.parametrize(
    ("session", "gops", "began_us", "now_us", "why"),
    [
        (SessionTimes(), GopStatistics(), 0, 900 * S, ""),
        (SessionTimes(), GopStatistics(), 100 * S, 159 * S, ""),
        (SessionTimes(), GopStatistics(), 100 * S, 161 * S, "no whole picture came for 61 s"),
        (SessionTimes(101 * S, 120 * S, 101 * S), GopStatistics(), 100 * S, 139 * S, ""),
        (
            SessionTimes(101 * S, 120 * S, 119 * S),
            regular(S, 119 * S),
            100 * S,
            141 * S,
            "packets but no whole",
        ),
        (SessionTimes(101 * S, 130 * S, 0), GopStatistics(), 100 * S, 130 * S, ""),
        (SessionTimes(101 * S, 132 * S, 0), GopStatistics(), 100 * S, 132 * S, "no key frame came for 31 s"),
        (SessionTimes(101 * S, 132 * S, 0), regular(40 * S, 90 * S), 100 * S, 132 * S, ""),
        # Ten seconds without a second key frame are no reason: nobody knows yet how far apart they are.
        (SessionTimes(101 * S, 300 * S, 101 * S), GopStatistics(), 100 * S, 300 * S, ""),
        (SessionTimes(101 * S, 402 * S, 101 * S), GopStatistics(), 100 * S, 402 * S, "only one key frame"),
        (SessionTimes(101 * S, 150 * S, 141 * S), regular(2 * S, 141 * S), 100 * S, 150 * S, ""),
        (SessionTimes(101 * S, 152 * S, 141 * S), regular(2 * S, 141 * S), 100 * S, 152 * S, "every 2.0 s"),
    ],
)
def test_the_watchdog(
    session: SessionTimes, gops: GopStatistics, began_us: int, now_us: int, why: str
) -> None:
    found = why_reconnect(session, gops, began_us, now_us)
    assert (why in found) if why else not found
