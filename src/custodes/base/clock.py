"""Two clocks, two words: `utc_us` may be stepped, `boot_us` never is.

Units: integer microseconds. `boot_us` counts from the machine's start and goes on during suspend.
"""

from __future__ import annotations

import time
from typing import Protocol

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


class Clock(Protocol):
    """Where time comes from; passed in, never read from the module."""

    def utc_us(self) -> int:
        """UTC, microseconds since 1970."""
        ...

    def boot_us(self) -> int:
        """Microseconds since start, never stepped (CLOCK_BOOTTIME)."""
        ...


class SystemClock:
    """The machine's clocks."""

    def utc_us(self) -> int:
        """UTC, microseconds since 1970."""
        return time.time_ns() // 1000

    def boot_us(self) -> int:
        """Microseconds since start."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class ManualClock:
    """A clock that moves when told to; UTC can be stepped apart from the other."""

    def __init__(self, utc_us: int = 1_800_000_000 * SECOND_US, boot_us: int = 1000 * SECOND_US) -> None:
        self._utc_us = utc_us
        self._boot_us = boot_us

    def utc_us(self) -> int:
        """UTC, microseconds since 1970."""
        return self._utc_us

    def boot_us(self) -> int:
        """Microseconds since start."""
        return self._boot_us

    def advance(self, us: int) -> None:
        """Let both clocks run on."""
        self._utc_us += us
        self._boot_us += us

    def step_utc(self, us: int) -> None:
        """Step UTC alone, as a time server does."""
        self._utc_us += us
