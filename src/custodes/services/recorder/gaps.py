"""When a stream was not recorded, and why."""

from __future__ import annotations

from dataclasses import dataclass

from custodes.custody.accounts import Gap, GapReason


@dataclass(slots=True)
class GapKeeper:
    """The gaps of one stream. `from_us`: since when it is not recorded, None while it is. Units: UTC."""

    stream: bytes
    from_us: int | None
    reason: GapReason
    _ended: list[Gap]

    def __init__(self, stream: bytes, now_us: int, reason: GapReason) -> None:
        self.stream = stream
        self.from_us = now_us
        self.reason = reason
        self._ended = []

    def recorded(self, at_us: int) -> None:
        """A picture was recorded: an open gap ends."""
        if self.from_us is not None:
            self._end(at_us)
            self.from_us = None

    def missing(self, since_us: int, reason: GapReason) -> None:
        """From then on nothing is recorded. An open gap keeps its start; another reason begins another."""
        if self.from_us is None:
            self.from_us = since_us
            self.reason = reason
        elif reason is not self.reason:
            self._end(max(since_us, self.from_us))
            self.from_us = max(since_us, self.from_us)
            self.reason = reason

    def hole(self, from_us: int, to_us: int, reason: GapReason) -> None:
        """Something is missing between two recorded pictures."""
        self._ended.append(Gap(self.stream, from_us, max(from_us, to_us), reason))

    def take(self, now_us: int) -> list[Gap]:
        """The gaps to be accounted for; one still open is told up to now and goes on."""
        if self.from_us is not None and now_us > self.from_us:
            self._end(now_us)
            self.from_us = now_us
        gaps, self._ended = self._ended, []
        return gaps

    def _end(self, at_us: int) -> None:
        if self.from_us is not None and at_us > self.from_us:
            self._ended.append(Gap(self.stream, self.from_us, at_us, self.reason))
