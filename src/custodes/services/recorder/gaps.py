"""When a stream was not recorded, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from custodes.base.clock import SECOND_US
from custodes.custody.accounts import Gap, GapReason

# Losses closer together than this are told as one, so that a bad line does not fill the manifests.
MERGED_US = 2 * SECOND_US


@dataclass(slots=True)
class GapKeeper:
    """The gaps of one stream. `from_us`: since when it is not recorded, None while it is. Units: UTC."""

    stream: bytes
    from_us: int | None
    reason: GapReason
    _ended: list[Gap] = field(default_factory=list)
    _holes: dict[GapReason, Gap] = field(default_factory=dict)

    def recorded(self, at_us: int) -> None:
        """A picture was recorded: an open gap ends."""
        self._end(at_us)
        self.from_us = None

    def missing(self, since_us: int, now_us: int, reason: GapReason) -> None:
        """Nothing is recorded. While it was until now the gap begins at `since_us`, the last picture's time.

        An open gap keeps its start; another reason ends it and begins another.
        """
        if self.from_us is None:
            self.from_us = since_us
            self.reason = reason
        elif reason is not self.reason:
            self._end(now_us)
            self.from_us = max(now_us, self.from_us)
            self.reason = reason

    def hole(self, from_us: int, to_us: int, reason: GapReason) -> None:
        """Something is missing between two recorded pictures."""
        before = self._holes.get(reason)
        if before is not None and before.from_us <= from_us < before.to_us + MERGED_US:
            from_us, to_us = before.from_us, max(to_us, before.to_us)
        elif before is not None:
            self._ended.append(before)
        self._holes[reason] = Gap(self.stream, from_us, max(from_us, to_us), reason)

    def take(self, now_us: int) -> list[Gap]:
        """The gaps to be accounted for; one still open is told up to now and goes on."""
        if self.from_us is not None:
            self._end(now_us)
            # UTC may have been set back since it began.
            self.from_us = now_us
        gaps = [*self._ended, *self._holes.values()]
        self._ended, self._holes = [], {}
        return gaps

    def _end(self, at_us: int) -> None:
        if self.from_us is not None and at_us > self.from_us:
            self._ended.append(Gap(self.stream, self.from_us, at_us, self.reason))
