"""When a stream's view showed nothing, and why. Source: docs/formats/recorded.md."""

from __future__ import annotations

from dataclasses import dataclass, field

from custodes.base.clock import SECOND_US
from custodes.custody.renditions import Masked, MaskReason

MERGED_US = 2 * SECOND_US
# A view that flickers is told of in so many rows an account; the last of them takes the rest.
MAX_ROWS = 30


@dataclass(slots=True)
class MaskTimes:
    """The masked times of one stream. `reason`: of now, None while something is seen. Units: UTC."""

    stream: bytes
    since_us: int
    reason: MaskReason | None = MaskReason.STARTING
    _ended: list[Masked] = field(default_factory=list)

    def become(self, reason: MaskReason | None, at_us: int) -> None:
        """The view shows nothing for this reason from then on, or something again."""
        if reason is self.reason:
            return
        self._end(at_us)
        self.reason = reason
        self.since_us = at_us

    def take(self, now_us: int) -> list[Masked]:
        """What is to be stated; a time still masked is told up to now and goes on."""
        self._end(now_us)
        # UTC may have been set back since it began.
        self.since_us = now_us
        rows, self._ended = self._ended, []
        return _bounded(rows)

    def _end(self, at_us: int) -> None:
        if self.reason is None or at_us <= self.since_us:
            return
        for place in range(len(self._ended) - 1, -1, -1):
            before = self._ended[place]
            if before.reason is self.reason and before.from_us <= self.since_us < before.to_us + MERGED_US:
                self._ended[place] = before._replace(to_us=max(before.to_us, at_us))
                return
        self._ended.append(Masked(self.stream, self.since_us, at_us, self.reason))


def _bounded(rows: list[Masked]) -> list[Masked]:
    if len(rows) <= MAX_ROWS:
        return rows
    kept, rest = rows[: MAX_ROWS - 1], rows[MAX_ROWS - 1 :]
    return [*kept, rest[0]._replace(to_us=max(row.to_us for row in rest))]
