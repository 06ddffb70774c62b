"""Pictures that wait in memory while their epoch is being made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from custodes.media.packets import AccessUnit

EARLY_LIMIT_BYTES = 8 << 20


class EarlyUnits:
    """A queue that begins with a key frame and holds at most 8 MiB; what is too much leaves at the front."""

    __slots__ = ("_bytes", "_units")

    def __init__(self) -> None:
        self._units: deque[AccessUnit] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._units)

    @property
    def first_us(self) -> int:
        """When the first of them arrived (boot time)."""
        return self._units[0].boot_us

    def add(self, unit: AccessUnit) -> int:
        """Queue a picture; how many had to be dropped, itself counted."""
        if not self._units and not _starts(unit):
            return 1
        self._units.append(unit)
        self._bytes += len(unit.data)
        dropped = 0
        if self._is_full():
            dropped += self._drop_first()
            while self._units and (self._is_full() or not _starts(self._units[0])):
                dropped += self._drop_first()
        return dropped

    def put_back(self, unit: AccessUnit) -> int:
        """Queue a picture in front of all; how many had to be dropped because none before was a key frame."""
        self._units.appendleft(unit)
        self._bytes += len(unit.data)
        dropped = 0
        while self._units and not _starts(self._units[0]):
            dropped += self._drop_first()
        return dropped

    def drain(self) -> Iterator[AccessUnit]:
        """Take them, first come first."""
        while self._units:
            unit = self._units.popleft()
            self._bytes -= len(unit.data)
            yield unit

    def clear(self) -> int:
        """Drop all; how many there were."""
        count = len(self._units)
        self._units.clear()
        self._bytes = 0
        return count

    def _is_full(self) -> bool:
        # One alone is kept however large it is.
        return self._bytes > EARLY_LIMIT_BYTES and len(self._units) > 1

    def _drop_first(self) -> int:
        self._bytes -= len(self._units.popleft().data)
        return 1


def _starts(unit: AccessUnit) -> bool:
    return unit.is_key or unit.is_open_key
