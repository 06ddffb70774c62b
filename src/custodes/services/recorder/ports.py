"""What a stream needs of the recorder around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from custodes.base.clock import Clock
from custodes.custody.accounts import GapReason
from custodes.services.recorder.epochs import Epoch
from custodes.services.recorder.reels import ClosedEnvelope, OpenReel
from custodes.services.recorder.settings import StreamAssignment


class EpochSource(Protocol):
    """Makes epochs ready. `ready` is called on the loop, with None and why when none can be made now."""

    def prepare(
        self,
        assignment: StreamAssignment,
        boot0_us: int,
        first: bool,
        ready: Callable[[Epoch | None, str], None],
    ) -> None:
        """Make the epoch durable that begins at that boot time."""
        ...


class ReelSource(Protocol):
    """Opens reels in the spool and knows how much waits there."""

    def open_reel(self, epoch: Epoch, number: int, reel_us: int) -> OpenReel:
        """The reel of that number of an epoch."""
        ...

    def is_pressed(self, stream: bytes, priority: int) -> bool:
        """Whether so much of a stream waits for the disk that pictures must be left out."""
        ...

    def is_relieved(self, stream: bytes) -> bool:
        """Whether the disk has caught up with a stream."""
        ...

    @property
    def pressed_reason(self) -> GapReason:
        """Why pictures are left out."""
        ...


class Register(Protocol):
    """Who is told what accounts are to speak of."""

    def closed(self, envelope: ClosedEnvelope) -> None:
        """An envelope was closed."""
        ...

    def ended(self, epoch: Epoch) -> None:
        """Nothing more is sealed in an epoch."""
        ...


@dataclass(frozen=True, slots=True)
class StreamParts:
    """What the streams of a recorder share."""

    clock: Clock
    epochs: EpochSource
    reels: ReelSource
    register: Register
    slot_us: int
    reel_us: int
