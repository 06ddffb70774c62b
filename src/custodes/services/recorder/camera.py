"""One camera stream's connection, kept up for ever without harming the others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from custodes.base.clock import MINUTE_US, Clock
from custodes.base.errors import CustodesError, ErrorKind
from custodes.custody.accounts import GapReason

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 10.0
STEADY_AFTER_US = 30_000_000
_LOG = structlog.get_logger("camera")

Connect = Callable[[], Awaitable[None]]

_REASONS: dict[ErrorKind, GapReason] = {
    ErrorKind.UNAVAILABLE: GapReason.CAMERA_UNREACHABLE,
    ErrorKind.UNAUTHENTICATED: GapReason.CAMERA_REFUSED,
    ErrorKind.REFUSED: GapReason.CAMERA_REFUSED,
    ErrorKind.NOT_FOUND: GapReason.CAMERA_REFUSED,
}


@dataclass(slots=True)
class ConnectionHealth:
    """What health shows of a camera's connection."""

    sessions: int = 0
    failures_in_row: int = 0
    last_error: str = ""
    reason: GapReason = GapReason.CAMERA_UNREACHABLE


class CameraConnection:
    """Runs one session after another, with jittered back-off between them.

    A session that lived for half a minute resets the back-off, so that a camera which restarts is back at
    once; the longest wait is ten seconds, so that one which returns after hours is recorded within that.
    """

    def __init__(self, name: str, connect: Connect, clock: Clock, start_delay_s: float) -> None:
        self.health = ConnectionHealth()
        self._name = name
        self._connect = connect
        self._clock = clock
        self._start_delay_s = start_delay_s
        self._logged_us = -MINUTE_US

    async def run(self, ended: Callable[[GapReason], None]) -> None:
        """Connect for ever; `ended(reason)` after each session. Ends only by cancellation."""
        await asyncio.sleep(self._start_delay_s)
        while True:
            began_us = self._clock.boot_us()
            reason, message = await self._session()
            health = self.health
            health.last_error, health.reason = message, reason
            lived = self._clock.boot_us() - began_us >= STEADY_AFTER_US
            health.failures_in_row = 1 if lived else health.failures_in_row + 1
            ended(reason)
            self._log(message)
            await asyncio.sleep(retry_delay_s(health.failures_in_row, random.random()))

    async def _session(self) -> tuple[GapReason, str]:
        self.health.sessions += 1
        try:
            await self._connect()
        except CustodesError as error:
            return _REASONS.get(error.kind, GapReason.CAMERA_MISBEHAVED), str(error)
        except Exception as error:  # noqa: BLE001 - one camera's defect must not stop the others
            _LOG.exception("session failed", camera=self._name)
            return GapReason.CAMERA_MISBEHAVED, f"internal error: {type(error).__name__}"
        return GapReason.CAMERA_UNREACHABLE, "the camera ended the session"

    def _log(self, message: str) -> None:
        now_us = self._clock.boot_us()
        if now_us - self._logged_us >= MINUTE_US:
            self._logged_us = now_us
            _LOG.warning("camera away", camera=self._name, reason=message, attempts=self.health.sessions)


def retry_delay_s(failures_in_row: int, jitter: float) -> float:
    """Seconds to wait after so many failures; `jitter` in 0 … 1 spreads cameras that failed together."""
    ceiling = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures_in_row - 1, 10))
    return ceiling * (0.5 + 0.5 * jitter)
