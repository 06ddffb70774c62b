"""Limits on what the outside may ask for at once and over time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import PushbackError


class Gate:
    """Lets `inside` callers in at once, lets `waiting` more wait, and turns the rest away."""

    def __init__(self, what: str, inside: int, waiting: int) -> None:
        self._what = what
        self._most = inside + waiting
        self._present = 0
        self._inside = asyncio.Semaphore(inside)

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Hold a place. Errors: PushbackError when all are taken."""
        if self._present >= self._most:
            raise PushbackError(f"{self._what}: more than {self._most} at once; try again later")
        self._present += 1
        try:
            async with self._inside:
                yield
        finally:
            self._present -= 1


class Bucket:
    """A rate: `per_second` on average, `burst` at once."""

    def __init__(self, what: str, per_second: int, burst: int, clock: Clock) -> None:
        self._what = what
        self._per_second = per_second
        self._most_us = burst * SECOND_US // per_second
        self._step_us = SECOND_US // per_second
        self._clock = clock
        self._full_at_us = 0

    def take(self) -> None:
        """Take one. Errors: PushbackError when there is none."""
        now_us = self._clock.boot_us()
        full_at_us = max(self._full_at_us, now_us) + self._step_us
        if full_at_us - now_us > self._most_us:
            raise PushbackError(f"{self._what}: more than {self._per_second} a second; try again later")
        self._full_at_us = full_at_us
