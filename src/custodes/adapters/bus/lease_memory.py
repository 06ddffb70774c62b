"""Leases within one process, for tests and for trying faults."""

from __future__ import annotations

from dataclasses import dataclass

from custodes.adapters.bus.lease import USUAL_TIMES, LeaseTimes, Stored
from custodes.base.clock import SECOND_US, Clock
from custodes.base.errors import ConflictError, UnavailableError


@dataclass(slots=True)
class LeaseFaults:
    """What goes wrong: nothing lands while `away`; so many answers are lost though the deed is done."""

    away: bool = False
    lose_answers: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    stored: Stored
    until_us: int


class MemoryLeases:
    """A store of leases that forgets by the clock it is given."""

    def __init__(self, clock: Clock, times: LeaseTimes = USUAL_TIMES) -> None:
        self._clock = clock
        self._ttl_us = int(times.ttl_s * SECOND_US)
        self._entries: dict[str, _Entry] = {}
        self._revision = 0
        self.faults = LeaseFaults()

    async def create(self, name: str, data: bytes) -> int:
        """Store where nothing is; the revision. Errors: ConflictError."""
        return self._swap(name, data, 0)

    async def update(self, name: str, data: bytes, last: int) -> int:
        """Replace revision `last`; the new revision. Errors: ConflictError."""
        return self._swap(name, data, last)

    async def read(self, name: str) -> Stored | None:
        """What is stored, None when nothing is."""
        self._check_reachable()
        return self._current(name)

    async def delete(self, name: str, last: int) -> None:
        """Remove revision `last`. Errors: ConflictError."""
        self._swap(name, None, last)

    def _swap(self, name: str, data: bytes | None, last: int) -> int:
        self._check_reachable()
        current = self._current(name)
        if (current.revision if current is not None else 0) != last:
            raise ConflictError(f"{name} has another revision")
        self._revision += 1
        if data is None:
            del self._entries[name]
        else:
            stored = Stored(data, self._revision)
            self._entries[name] = _Entry(stored, self._clock.boot_us() + self._ttl_us)
        if self.faults.lose_answers > 0:
            self.faults.lose_answers -= 1
            raise UnavailableError("the answer was lost")
        return self._revision

    def _current(self, name: str) -> Stored | None:
        entry = self._entries.get(name)
        return entry.stored if entry is not None and self._clock.boot_us() < entry.until_us else None

    def _check_reachable(self) -> None:
        if self.faults.away:
            raise UnavailableError("the lease store is away")
