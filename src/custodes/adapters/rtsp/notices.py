"""What a session has to say about a camera beside its pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from custodes.base.clock import SECOND_US, Clock

MAX_DETAIL_CHARACTERS = 200


class NoticeKind(Enum):
    """What sort of thing happened; a closed list."""

    LOSS = "packets missing"
    REORDERED = "packets put back in order"
    DUPLICATE = "packets that had already come or came too late"
    FOREIGN_SOURCE = "packets of another source rejected"
    SOURCE_CHANGED = "the camera changed its source identifier or restarted its numbering"
    TIME_STEP = "the camera's media time stepped"
    CLOCK_CLAIM = "the camera's claim of the time began, stepped or cannot be believed"
    GOODBYE = "the camera announced the end of its stream"
    MALFORMED = "packets or units that break their format"
    JUNK = "bytes between messages that belong to none"
    START_CODES = "several units where one was announced"
    MARKER_UNRELIABLE = "the marker bit does not end pictures"
    PARAMETER_SETS_IGNORED = "parameter sets that do not parse"
    DAMAGED_PICTURE = "pictures with a part missing"
    KEEP_ALIVE_REFUSED = "a keep-alive refused"


@dataclass(frozen=True, slots=True)
class Notice:
    """One or several happenings of one kind.

    `count`: how many since the notice of this kind before; for LOSS packets, for JUNK bytes.
    `boot_us`: when the latest of them was seen (CLOCK_BOOTTIME).
    """

    kind: NoticeKind
    count: int
    detail: str
    boot_us: int


class NoticeBoard:
    """Passes the first notice of a kind on at once, and those that follow at most once a second, summed.

    Nothing is dropped: the counts of all notices of a kind add up to what was posted, once flushed.
    """

    def __init__(self, publish: Callable[[Notice], None], clock: Clock) -> None:
        self._publish = publish
        self._clock = clock
        self._quiet_until_us: dict[NoticeKind, int] = {}
        self._waiting: dict[NoticeKind, Notice] = {}

    def post(self, kind: NoticeKind, detail: str, count: int = 1) -> None:
        """Report `count` happenings of a kind."""
        now_us = self._clock.boot_us()
        before = self._waiting.pop(kind, None)
        total = count + (before.count if before else 0)
        notice = Notice(kind, total, detail[:MAX_DETAIL_CHARACTERS], now_us)
        if now_us < self._quiet_until_us.get(kind, 0):
            self._waiting[kind] = notice
        else:
            self._quiet_until_us[kind] = now_us + SECOND_US
            self._publish(notice)

    def flush(self, *, everything: bool = False) -> None:
        """Pass on what waits and is due; `everything` at a session's end."""
        if not self._waiting:
            return
        now_us = self._clock.boot_us()
        for kind in list(self._waiting):
            if everything or now_us >= self._quiet_until_us[kind]:
                self._quiet_until_us[kind] = now_us + SECOND_US
                self._publish(self._waiting.pop(kind))
