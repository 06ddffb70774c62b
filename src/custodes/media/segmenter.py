"""Cuts a stream of access units into segments, each of one slot.

Rules. A segment begins with a key frame. It closes at the first key frame that arrives after the end of its
slot, else at the first one 4 s or more after its start, else at 10 s; what follows without a key frame is a
continuation, which any key frame closes. A picture belongs to the slot in which its key frame arrived, for at
most 10 s past that slot's end, then to the running slot. New parameter sets begin a new segment.

Units: microseconds since the epoch opened. Source: docs/formats/seal.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from custodes.base.clock import SECOND_US

SHORTEST_US = 4 * SECOND_US
LONGEST_US = 10 * SECOND_US
GRACE_US = 10 * SECOND_US


class Kind(Enum):
    """How a segment begins."""

    KEY = auto()
    CONTINUATION = auto()


@dataclass(frozen=True, slots=True)
class Cut:
    """The access unit begins a new segment; the one before, if still open, is closed.

    `key_sequence`: the sequence number of the segment that holds its key frame, its own for Kind.KEY.
    """

    sequence: int
    slot: int
    kind: Kind
    key_sequence: int


class Step(Enum):
    """What else can become of an access unit.

    APPEND: it goes into the open segment. DROP: no key frame has come yet. NEXT_EPOCH: it belongs to no slot
    of this epoch; the open segment closes, and the next epoch's segmenter decides about the access unit.
    """

    APPEND = auto()
    DROP = auto()
    NEXT_EPOCH = auto()


Decision: TypeAlias = Cut | Step


class Segmenter:
    """Decides for one stream and one epoch of `slots` slots; 0 means without end.

    `next_sequence`: what the next segment is numbered. `dropped`: access units that waited for a key frame in
    vain.
    """

    __slots__ = (
        "_end_us", "_is_open", "_key_sequence", "_key_slot", "_kind", "_last_us", "_slot", "_slot_us",
        "_start_us", "dropped", "next_sequence",
    )  # fmt: skip

    def __init__(self, slot_us: int, slots: int = 0) -> None:
        self._slot_us = slot_us
        self._end_us = slot_us * slots if slots else None
        self._is_open = False
        self._kind = Kind.KEY
        self._slot = self._start_us = self._last_us = 0
        self._key_slot = self._key_sequence = -1
        self.next_sequence = 0
        self.dropped = 0

    @property
    def is_open(self) -> bool:
        """Whether a segment is open."""
        return self._is_open

    def decide(self, elapsed_us: int, is_key: bool, parameters_changed: bool = False) -> Decision:
        """What becomes of the next access unit in decoding order.

        `parameters_changed`: new parameter sets came since the unit before. A time before the last one seen
        counts as that one.
        """
        at_us = self._last_us = max(elapsed_us, self._last_us)
        if is_key:
            slot = at_us // self._slot_us
            starts = not self._is_open or parameters_changed or self._key_closes(at_us, slot)
        elif self._key_sequence < 0:
            self.dropped += 1
            return Step.DROP
        else:
            slot = self._slot_without_key(at_us)
            starts = not self._is_open or parameters_changed or self._time_closes(at_us, slot)
        if not starts:
            return Step.APPEND
        if self._end_us is not None and slot * self._slot_us >= self._end_us:
            self.interrupt()
            return Step.NEXT_EPOCH
        return self._cut(at_us, slot, is_key)

    def close_if_due(self, elapsed_us: int) -> bool:
        """Close the open segment of a stream that sends nothing, when time alone does; True when it did.

        What follows without a key frame is then a continuation.
        """
        at_us = self._last_us = max(elapsed_us, self._last_us)
        if not self._is_open or not self._time_closes(at_us, self._slot_without_key(at_us)):
            return False
        self._is_open = False
        return True

    def interrupt(self) -> bool:
        """The stream was cut off: the open segment closes and a key frame must come first.

        True if a segment was open.
        """
        was_open = self._is_open
        self._is_open = False
        self._key_sequence = -1
        return was_open

    def _slot_without_key(self, at_us: int) -> int:
        grace_end_us = (self._key_slot + 1) * self._slot_us + GRACE_US
        return self._key_slot if at_us < grace_end_us else at_us // self._slot_us

    def _key_closes(self, at_us: int, slot: int) -> bool:
        return slot != self._slot or at_us - self._start_us >= SHORTEST_US or self._kind is Kind.CONTINUATION

    def _time_closes(self, at_us: int, slot: int) -> bool:
        return slot != self._slot or at_us - self._start_us >= LONGEST_US

    def _cut(self, at_us: int, slot: int, is_key: bool) -> Cut:
        sequence = self.next_sequence
        self.next_sequence += 1
        self._is_open = True
        self._start_us, self._slot = at_us, slot
        self._kind = Kind.KEY if is_key else Kind.CONTINUATION
        if is_key:
            self._key_slot, self._key_sequence = slot, sequence
        return Cut(sequence, slot, self._kind, self._key_sequence)
