"""One timeline out of a camera's 32-bit RTP time stamps.

A time stamp is unwrapped against the one before. It starts a new stretch, reported as a step, when it jumps
ahead by more than ten seconds over what the arrival allows, when it falls back further than pictures are
ever reordered, when a closed key picture would be shown before one that precedes it, or when it has not
moved for a second. A stretch goes on where the one before ended, by the time that passed between arrivals,
so stretches never overlap.

`media_90k` is congruent to the RTP time stamp modulo 2**32 until the first step. It begins above 2**32, so
that pictures shown before the first one received stay positive.
"""

from __future__ import annotations

MAX_AHEAD_90K = 10 * 90_000
MAX_BEHIND_90K = 2 * 90_000
MAX_STUCK_US = 1_000_000
_WRAP = 1 << 32
_HALF = 1 << 31


class Timeline:
    """Presentation times of access units in decoding order. Units: 1/90,000 s, microseconds of arrival."""

    __slots__ = ("_behind_90k", "_boot_us", "_latest_90k", "_media_90k", "_moved_us", "_timestamp")

    def __init__(self) -> None:
        self._timestamp = -1
        self._media_90k = 0
        self._latest_90k = 0
        self._behind_90k = 0
        self._boot_us = 0
        self._moved_us = 0

    def place(self, timestamp: int, boot_us: int, is_closed_key: bool) -> tuple[int, int]:
        """The `media_90k` of a picture and by how much the camera's time stepped before it, 0 mostly."""
        if self._timestamp < 0:
            self._timestamp, self._boot_us, self._moved_us = timestamp, boot_us, boot_us
            self._media_90k = self._latest_90k = timestamp + _WRAP
            return self._media_90k, 0
        step = ((timestamp - self._timestamp + _HALF) & (_WRAP - 1)) - _HALF
        media_90k = self._media_90k + step
        elapsed_90k = max(0, (boot_us - self._boot_us) * 9 // 100)
        stepped_90k = 0
        behind_90k = self._latest_90k - media_90k
        if step:
            self._moved_us = boot_us
        if (
            step > elapsed_90k + MAX_AHEAD_90K
            or behind_90k > MAX_BEHIND_90K
            or (is_closed_key and behind_90k > 0)
            or boot_us - self._moved_us > MAX_STUCK_US
        ):
            stepped_90k = (step - elapsed_90k) or 1
            media_90k = self._latest_90k + self._behind_90k + max(elapsed_90k, 1)
        elif behind_90k > self._behind_90k:
            self._behind_90k = behind_90k
        self._timestamp, self._boot_us, self._media_90k = timestamp, boot_us, media_90k
        if media_90k > self._latest_90k:
            self._latest_90k = media_90k
        return media_90k, stepped_90k
