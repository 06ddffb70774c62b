"""Time in the mask: a block stays masked for a while after it clears, and changes come in steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from custodes.base.errors import InvalidError
from custodes.rendition.picture import Blocks, Grid

Item = TypeVar("Item")


class Hold:
    """Blocks join at once and leave only at a step, when they have been clear for the whole hold before it."""

    def __init__(self, grid: Grid, hold_us: int, step_us: int) -> None:
        if not (0 <= hold_us <= 60_000_000 and 1 <= step_us <= 1_000_000):
            raise InvalidError(f"hold {hold_us} and step {step_us} us are outside 0 to 60 s and 1 us to 1 s")
        self._hold_us = hold_us
        self._step_us = step_us
        self._masked_us: npt.NDArray[np.int64] | None = None
        self._grid = grid

    def over(self, blocks: Blocks, arrived_us: int) -> Blocks:
        """The mask at this time, with all that is still held. The first picture of all is masked whole."""
        if self._masked_us is None:
            self._masked_us = np.full(self._grid.shape, arrived_us, dtype=np.int64)
        self._masked_us[blocks] = arrived_us
        step_start_us = arrived_us - arrived_us % self._step_us
        return np.asarray(blocks | (step_start_us - self._masked_us < self._hold_us))


@dataclass(slots=True)
class Beat(Generic[Item]):
    """Keeps the pictures of one step back until it is over, so that all of them get the mask of them all.

    The mask then changes at the steps alone, four a second, and begins up to a step before what it hides comes. A step
    is over when a picture of another one comes, or when none is expected any more; one that then comes all the same
    is dropped.
    """

    step_us: int
    items_limit: int = 64
    _waiting: list[Item] = field(default_factory=list)
    _step: int = -1
    _over: int = -1

    def is_over(self, at_us: int) -> bool:
        """Whether what waits is over, because something comes at that time."""
        return bool(self._waiting) and at_us // self.step_us != self._step

    def takes(self, at_us: int) -> bool:
        """Whether its step is not over yet. Errors: InvalidError for too many a step."""
        if len(self._waiting) >= self.items_limit:
            raise InvalidError(f"more than {self.items_limit} pictures in a step of {self.step_us} us")
        return at_us // self.step_us > self._over

    def add(self, item: Item, at_us: int, interval_us: int = 0) -> bool:
        """Whether the step is over with it: the next is expected after the interval, 0 where that is not known."""
        self._step = at_us // self.step_us
        self._waiting.append(item)
        return bool(interval_us) and at_us + interval_us >= (self._step + 1) * self.step_us

    def close(self) -> list[Item]:
        """What waits; its step is over."""
        waiting, self._waiting = self._waiting, []
        self._over = max(self._over, self._step)
        return waiting
