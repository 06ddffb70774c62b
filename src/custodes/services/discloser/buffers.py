"""Memory that clear segments are opened into, used again and again.

A fresh buffer of two megabytes costs the kernel a page fault every 4 KiB, which takes as long as the decryption.
"""

from __future__ import annotations

from collections import deque


class Buffers:
    """Lends byte arrays; who gives one back has no more use for what lies in it. Any thread may call.

    Cost: as many buffers as were lent at one time, each as long as the longest that it was asked for.
    """

    def __init__(self) -> None:
        self._free: deque[bytearray] = deque()

    def take(self, size: int) -> bytearray:
        """A buffer of at least `size` bytes, holding anything."""
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = bytearray()
        return buffer if len(buffer) >= size else bytearray(size)

    def give(self, buffer: bytearray) -> None:
        """Take a buffer back."""
        self._free.append(buffer)
