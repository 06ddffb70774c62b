"""Packets that came before their turn, over UDP: at most 64 of them, for at most 200 ms."""

from __future__ import annotations

MAX_HELD = 64
MAX_WAIT_US = 200_000


class ReorderWindow:
    """Holds copies of packets by sequence number until the missing ones come or are given up."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[int, tuple[bytes, int]] = {}

    @property
    def is_holding(self) -> bool:
        """Whether any packet is held."""
        return bool(self._held)

    @property
    def is_full(self) -> bool:
        """Whether more packets are held than may be."""
        return len(self._held) > MAX_HELD

    @property
    def due_us(self) -> int | None:
        """When the packet held longest has waited long enough, None while none is held."""
        return next(iter(self._held.values()))[1] + MAX_WAIT_US if self._held else None

    def is_overdue(self, boot_us: int) -> bool:
        """Whether the packet held longest has waited long enough."""
        due_us = self.due_us
        return due_us is not None and boot_us >= due_us

    def hold(self, sequence: int, packet: bytes, boot_us: int) -> bool:
        """Keep a packet; False where it is held already."""
        if sequence in self._held:
            return False
        self._held[sequence] = (packet, boot_us)
        return True

    def take(self, sequence: int) -> tuple[bytes, int] | None:
        """Remove and return a packet with its arrival, None where it is not held."""
        return self._held.pop(sequence, None)

    def gap(self, expected: int) -> int:
        """How many packets from `expected` on are missing before the first one held."""
        return min((sequence - expected) & 0xFFFF for sequence in self._held)
