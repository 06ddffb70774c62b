"""How many pictures a second are made: what is wanted, less while the machine cannot follow."""

from __future__ import annotations

from custodes.base.clock import SECOND_US
from custodes.services.veiler.messages import (
    RATES_HZ,
)

SLOW_US = 500_000
QUICK_US = 150_000
FALL_AFTER_US = SECOND_US
RISE_AFTER_US = 10 * SECOND_US


class Pace:
    """Falls a step where pictures are finished late, rises one after they were not for ten seconds.

    Units: boot time throughout.
    """

    def __init__(self) -> None:
        self._wanted_hz = RATES_HZ[-1]
        self._step = 0
        self._moved_us = 0
        self._next_us = 0

    @property
    def rate_hz(self) -> int:
        """Pictures a second of now."""
        return min(self._wanted_hz, RATES_HZ[self._step])

    @property
    def is_reduced(self) -> bool:
        """Whether fewer are made than wanted."""
        return self.rate_hz < self._wanted_hz

    def want(self, rate_hz: int) -> None:
        """So many are wanted from now on; a rise holds at once."""
        if rate_hz > self._wanted_hz:
            self._next_us = 0
        self._wanted_hz = rate_hz

    def is_due(self, arrived_us: int) -> bool:
        """Whether the picture that arrived then is to be made; if so, the next is due an interval later."""
        if arrived_us < self._next_us:
            return False
        interval_us = SECOND_US // self.rate_hz
        # In step with the rate that is wanted, not with the camera's, unless that was missed by a whole interval.
        is_in_step = arrived_us - self._next_us < interval_us
        self._next_us = (self._next_us if is_in_step else arrived_us) + interval_us
        return True

    def finished(self, arrived_us: int, now_us: int) -> None:
        """A picture that arrived then is finished now."""
        late_us = now_us - arrived_us
        if late_us > SLOW_US:
            if now_us - self._moved_us >= FALL_AFTER_US or not self._moved_us:
                self._step = min(self._step + 1, len(RATES_HZ) - 1)
                self._moved_us = now_us
        elif late_us > QUICK_US:
            self._moved_us = now_us
        elif self._step and now_us - self._moved_us >= RISE_AFTER_US:
            self._step -= 1
            self._moved_us = now_us
