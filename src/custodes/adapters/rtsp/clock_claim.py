"""What time it is according to the camera, from RTCP sender reports: a claim that orders nothing."""

from __future__ import annotations

from custodes.adapters.rtsp.notices import NoticeBoard, NoticeKind
from custodes.base.clock import DAY_US, SECOND_US, Clock

_NTP_TO_UNIX_S = 2_208_988_800
_NTP_ERA_S = 1 << 32
_EARLIEST_US = 1_262_304_000 * SECOND_US  # 2010: a camera that says less counts from its own start.
_MAX_AHEAD_US = 5 * 365 * DAY_US
_STEP_US = SECOND_US
_WRAP = 1 << 32
_HALF = 1 << 31


def ntp_to_utc_us(ntp: int) -> int:
    """UTC of a 64-bit NTP time stamp, microseconds since 1970.

    Seconds below 2**31 are taken for the era that begins in 2036. Source: RFC 4330 3.
    """
    seconds = ntp >> 32
    if seconds < 1 << 31:
        seconds += _NTP_ERA_S
    return (seconds - _NTP_TO_UNIX_S) * SECOND_US + ((ntp & 0xFFFF_FFFF) * SECOND_US >> 32)


class ClockClaim:
    """UTC of RTP time stamps as the camera claims it.

    Claims before 2010 or more than five years ahead of our own clock are not believed: they are reported once
    and count as none.
    """

    __slots__ = ("_clock", "_is_absurd", "_notices", "_timestamp", "_utc_us")

    def __init__(self, notices: NoticeBoard, clock: Clock) -> None:
        self._notices = notices
        self._clock = clock
        self._timestamp = 0
        self._utc_us = 0
        self._is_absurd = False

    def report(self, ntp: int, timestamp: int) -> None:
        """A sender report: this NTP time is that RTP time stamp."""
        utc_us = ntp_to_utc_us(ntp)
        if ntp == 0 or not _EARLIEST_US <= utc_us <= self._clock.utc_us() + _MAX_AHEAD_US:
            if not self._is_absurd:
                self._notices.post(NoticeKind.CLOCK_CLAIM, "the camera claims a time that cannot be")
            self._is_absurd, self._utc_us = True, 0
            return
        if self._utc_us == 0:
            self._notices.post(NoticeKind.CLOCK_CLAIM, "the camera claims to know the time")
        elif abs(step_us := utc_us - self.utc_us(timestamp)) > _STEP_US:
            self._notices.post(
                NoticeKind.CLOCK_CLAIM, f"the camera's clock stepped by {step_us / 1e6:+.3f} s"
            )
        self._is_absurd, self._utc_us, self._timestamp = False, utc_us, timestamp

    def utc_us(self, timestamp: int) -> int:
        """The camera's claim for an RTP time stamp, 0 where it makes none."""
        if self._utc_us == 0:
            return 0
        ticks = ((timestamp - self._timestamp + _HALF) & (_WRAP - 1)) - _HALF
        return self._utc_us + ticks * 100 // 9

    def forget(self) -> None:
        """The reports so far no longer fit the camera's media time."""
        self._utc_us = 0
