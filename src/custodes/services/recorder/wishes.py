"""Which reel of an epoch is closed before its time, because a case waits for it."""

from __future__ import annotations

from dataclasses import dataclass, field


def early_reels(epoch_us: int, reel_us: int) -> int:
    """How many reels of an epoch may be closed early: as many as there are without, so at most they double."""
    return max(1, epoch_us // reel_us)


@dataclass(slots=True)
class ReelWishes:
    """The slots of one epoch that are waited for.

    A reel that ends with an envelope of a later slot proves that a slot is whole; so a slot is waited for until
    such a reel is closed. `left`: how many may still be closed early; beyond, reels close by their age.
    """

    left: int
    _slots: set[int] = field(default_factory=set)
    _closed_slot: int = 0

    @property
    def earliest(self) -> int | None:
        """The earliest slot that is waited for."""
        return min(self._slots, default=None)

    def add(self, slot: int) -> bool:
        """Wait for a slot; False where the reel that shows it whole is closed already."""
        if slot < self._closed_slot:
            return False
        self._slots.add(slot)
        return True

    def take(self, last_slot: int) -> bool:
        """Whether a reel whose last envelope is of that slot is to be closed now; it then counts as early."""
        if self.left <= 0 or not any(slot < last_slot for slot in self._slots):
            return False
        self.left -= 1
        return True

    def closed(self, last_slot: int) -> None:
        """A reel was closed, for whatever reason, that ends with that slot."""
        self._closed_slot = last_slot
        self._slots = {slot for slot in self._slots if slot >= last_slot}
