"""When a session that seems to live is better begun anew."""

from __future__ import annotations

from custodes.base.clock import MINUTE_US, SECOND_US
from custodes.media.gop import GopStatistics
from custodes.services.recorder.standing import SessionTimes

# Connecting has time-outs of its own, ten seconds for each of its steps.
NO_FIRST_PICTURE_US = MINUTE_US
NO_PICTURE_US = 20 * SECOND_US
NO_FIRST_KEY_FRAME_US = 30 * SECOND_US
# A camera that never repeated a key frame in this time will not: a new session makes it send one.
NO_KEY_FRAME_US = 5 * MINUTE_US


def why_reconnect(session: SessionTimes, gops: GopStatistics, began_us: int, now_us: int) -> str:
    """The reason to begin the session anew, empty for none. Units: boot time; `began_us` 0: there is none."""
    if not began_us:
        return ""
    if not session.first_unit_us:
        return _after(now_us - began_us, NO_FIRST_PICTURE_US, "no whole picture came")
    if now_us - session.last_unit_us > NO_PICTURE_US:
        return _after(now_us - session.last_unit_us, NO_PICTURE_US, "packets but no whole picture came")
    expected_us = gops.expected_us
    if not session.key_us:
        limit_us = max(NO_FIRST_KEY_FRAME_US, 2 * (expected_us or 0))
        return _after(now_us - session.first_unit_us, limit_us, "no key frame came")
    if expected_us is None:
        return _after(now_us - session.key_us, NO_KEY_FRAME_US, "only one key frame came")
    return f"key frames ceased to come every {expected_us / SECOND_US:.1f} s" if gops.overdue(now_us) else ""


def _after(passed_us: int, limit_us: int, what: str) -> str:
    return f"{what} for {passed_us // SECOND_US} s" if passed_us > limit_us else ""
