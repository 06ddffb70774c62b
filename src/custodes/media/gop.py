"""Which pictures count as key frames, and how far apart a camera sends them."""

from __future__ import annotations

from collections import deque

from custodes.base.clock import SECOND_US

CLOSED_ABSENT_US = 10 * SECOND_US
LONG_GOP_US = 10 * SECOND_US
_OPEN_BEFORE_FIRST = 2
_REMEMBERED = 16


class KeyPolicy:
    """Lets open key frames count only where there are no closed ones.

    An open key frame (recovery point, CRA) counts when no closed one has come for CLOSED_ABSENT_US, or, while
    none has come at all, from the second open one on. So a stream without closed key frames is recorded from
    the second open one at the latest, and none counts while closed ones come often enough.
    """

    __slots__ = ("_closed_us", "_open_seen", "_started_us")

    def __init__(self) -> None:
        self._closed_us: int | None = None
        self._started_us: int | None = None
        self._open_seen = 0

    def counts(self, at_us: int, is_closed: bool, is_open: bool) -> bool:
        """Whether the next picture, which arrived at `at_us`, is to be taken as a key frame.

        One marked both is open.
        """
        if self._started_us is None:
            self._started_us = at_us
        if is_open:
            return self._open_counts(at_us)
        if is_closed:
            self._closed_us = at_us
        return is_closed

    def _open_counts(self, at_us: int) -> bool:
        self._open_seen += 1
        if self._closed_us is None and self._open_seen >= _OPEN_BEFORE_FIRST:
            return True
        since_us = self._started_us if self._closed_us is None else self._closed_us
        return since_us is not None and at_us - since_us >= CLOSED_ABSENT_US

    def restart(self) -> None:
        """The stream was interrupted: what was seen of it says nothing of what comes."""
        self._closed_us = self._started_us = None
        self._open_seen = 0


class GopStatistics:
    """How far apart key frames are, over the last 16 intervals; for health and for a watchdog."""

    __slots__ = ("_intervals_us", "_last_us")

    def __init__(self) -> None:
        self._intervals_us: deque[int] = deque(maxlen=_REMEMBERED)
        self._last_us: int | None = None

    def key_frame(self, at_us: int) -> None:
        """A key frame arrived."""
        if self._last_us is not None and at_us > self._last_us:
            self._intervals_us.append(at_us - self._last_us)
        self._last_us = at_us

    def interrupted(self) -> None:
        """The stream stopped: the time to the next key frame is no interval."""
        self._last_us = None

    @property
    def expected_us(self) -> int | None:
        """The longest interval lately seen, None before the second key frame."""
        return max(self._intervals_us, default=None)

    @property
    def is_long(self) -> bool:
        """Whether key frames are so far apart that minutes cannot be opened alone: a fault of the camera."""
        return (self.expected_us or 0) > LONG_GOP_US

    def overdue(self, at_us: int) -> bool:
        """Whether a key frame is late: none for twice the expected interval, and for no less than 10 s.

        False where none has come yet: without one there is nothing to expect.
        """
        if self._last_us is None:
            return False
        return at_us - self._last_us > max(2 * (self.expected_us or 0), LONG_GOP_US)
