"""One camera stream's connection, kept up for ever without harming the others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from custodes.adapters.rtsp.connection import SilentError
from custodes.base.clock import MINUTE_US, Clock
from custodes.base.errors import CustodesError, ErrorKind
from custodes.custody.accounts import GapReason

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 10.0
STEADY_AFTER_US = 30_000_000
_LOG = structlog.get_logger("camera")

Connect = Callable[[], Coroutine[Any, Any, None]]

_REASONS: dict[ErrorKind, GapReason] = {
    ErrorKind.UNAVAILABLE: GapReason.CAMERA_UNREACHABLE,
    ErrorKind.UNAUTHENTICATED: GapReason.CAMERA_REFUSED,
    ErrorKind.REFUSED: GapReason.CAMERA_REFUSED,
    ErrorKind.NOT_FOUND: GapReason.CAMERA_REFUSED,
}


@dataclass(slots=True)
class ConnectionHealth:
    """What health shows of a camera's connection. `began_us`: when the session of now began (boot time)."""

    sessions: int = 0
    failures_in_row: int = 0
    last_error: str = ""
    began_us: int = 0


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
        self._session: asyncio.Task[None] | None = None
        self._broken_off = ""

    async def run(self, ended: Callable[[GapReason], None]) -> None:
        """Connect for ever; `ended(reason)` after each session. Ends only by cancellation."""
        await asyncio.sleep(self._start_delay_s)
        health = self.health
        while True:
            health.began_us = self._clock.boot_us()
            health.sessions += 1
            reason, message = await self._run_session()
            lived = self._clock.boot_us() - health.began_us >= STEADY_AFTER_US
            health.began_us = 0
            health.last_error = message
            health.failures_in_row = 1 if lived else health.failures_in_row + 1
            ended(reason)
            self._log(message)
            await asyncio.sleep(retry_delay_s(health.failures_in_row, random.random()))

    def reconnect(self, why: str) -> None:
        """End the session of now, because of what the camera does in it; another follows."""
        if self._session is not None and not self._broken_off:
            self._broken_off = why
            self._session.cancel()

    async def _run_session(self) -> tuple[GapReason, str]:
        self._broken_off = ""
        self._session = asyncio.ensure_future(self._connect())
        try:
            await self._session
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._broken_off or (task is not None and task.cancelling()):
                raise
            return GapReason.CAMERA_MISBEHAVED, self._broken_off
        except SilentError as error:
            return GapReason.CAMERA_SILENT, str(error)
        except CustodesError as error:
            return _REASONS.get(error.kind, GapReason.CAMERA_MISBEHAVED), str(error)
        except Exception as error:  # noqa: BLE001 - one camera's defect must not stop the others
            message = f"internal error: {type(error).__name__}: {error}"
            self._log(message, error)
            return GapReason.CAMERA_MISBEHAVED, message
        finally:
            self._session = None
        return GapReason.CAMERA_UNREACHABLE, "the camera ended the session"

    def _log(self, message: str, error: Exception | None = None) -> None:
        now_us = self._clock.boot_us()
        if now_us - self._logged_us >= MINUTE_US:
            self._logged_us = now_us
            _LOG.warning(
                "camera away",
                camera=self._name,
                reason=message,
                attempts=self.health.sessions,
                exc_info=error,
            )


def retry_delay_s(failures_in_row: int, jitter: float) -> float:
    """Seconds to wait after so many failures; `jitter` in 0 … 1 spreads cameras that failed together."""
    ceiling = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures_in_row - 1, 10))
    return ceiling * (0.5 + 0.5 * jitter)
