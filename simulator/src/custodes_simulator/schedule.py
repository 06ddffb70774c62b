"""When a misbehaviour acts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from custodes_simulator.errors import FleetFileError


@dataclass(frozen=True, slots=True)
class Schedule:
    """Begins `after_s`, lasts `for_s`, comes again every `every_s`, at most `times` times.

    Counted from PLAY for what acts on a playing stream, from the camera's start for the rest.
    `for_s` None: until the next beginning or the end. `times` counts over all plays of a camera.
    `manual`: acts only when triggered.
    Errors: FleetFileError where a member is out of range.
    """

    after_s: float = 0.0
    every_s: float | None = None
    for_s: float | None = None
    times: int | None = None
    manual: bool = False

    def __post_init__(self) -> None:
        if self.after_s < 0:
            raise FleetFileError(f"after_s is {self.after_s}; it must be 0 or more")
        for name, value in (("every_s", self.every_s), ("for_s", self.for_s)):
            if value is not None and value <= 0:
                raise FleetFileError(f"{name} is {value}; it must be more than 0")
        if self.times is not None and self.times < 1:
            raise FleetFileError(f"times is {self.times}; it must be 1 or more")
        if self.every_s is not None and self.for_s is not None and self.for_s >= self.every_s:
            raise FleetFileError(f"for_s {self.for_s} must be less than every_s {self.every_s}")

    @property
    def at_once(self) -> bool:
        """Whether it acts from the very beginning."""
        return not self.manual and self.after_s == 0


class Budget:
    """How often a misbehaviour may still act."""

    def __init__(self, times: int | None) -> None:
        self._left = times

    def spend(self) -> bool:
        """Take one; false where none is left."""
        if self._left is None:
            return True
        if self._left == 0:
            return False
        self._left -= 1
        return True


class Timetable:
    """Calls `begin` and `end` at the times of a schedule."""

    def __init__(
        self, schedule: Schedule, budget: Budget, begin: Callable[[], None], end: Callable[[], None]
    ) -> None:
        self._schedule = schedule
        self._budget = budget
        self._begin = begin
        self._end = end
        self._running = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._origin_s = 0.0
        self._round = 0

    def start(self) -> None:
        """Count from now; what is due at once begins before this returns."""
        self._origin_s = asyncio.get_running_loop().time()
        if self._schedule.manual:
            return
        if self._schedule.after_s == 0:
            self._open()
        else:
            self._set("open", self._origin_s + self._schedule.after_s, self._open)

    def fire(self, for_s: float | None = None) -> None:
        """Begin now, whatever the schedule says; end after `for_s` where given."""
        self._close()
        self._running = True
        self._begin()
        if for_s is not None and self._running:
            self._set("close", asyncio.get_running_loop().time() + for_s, self._close)

    def stop(self) -> None:
        """No more calls, except `end` where it has begun."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._close()

    def _set(self, name: str, at_s: float, call: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_at(at_s, call)

    def _open(self) -> None:
        self._close()
        if not self._budget.spend():
            return
        begun_s = self._origin_s + self._schedule.after_s + self._round * (self._schedule.every_s or 0)
        self._round += 1
        if self._schedule.every_s is not None:
            self._set("open", begun_s + self._schedule.every_s, self._open)
        if self._schedule.for_s is not None:
            self._set("close", begun_s + self._schedule.for_s, self._close)
        self._running = True
        self._begin()

    def _close(self) -> None:
        if self._running:
            self._running = False
            self._end()
