"""What a veiler is learning now, and what became of the last time. Used on the loop."""

from __future__ import annotations

from collections.abc import Callable

from custodes.base.errors import InvalidError
from custodes.services.live import WHOLE_PERMILLE
from custodes.services.veiler.messages import Candidate, Learn, Progress

Learnt = Callable[[Candidate], None]


class Lesson:
    """One learning at a time. `outcome`: why the last one came to nothing, empty where it did not."""

    def __init__(self) -> None:
        self._learn: Learn | None = None
        self._learnt: Learnt | None = None
        self.progress: Progress | None = None
        self.outcome = ""

    @property
    def is_under_way(self) -> bool:
        """Whether something is being learnt."""
        return self._learn is not None

    def begin(self, learn: Learn, learnt: Learnt) -> None:
        """A veiler was told to; what was under way is given up."""
        self._learn, self._learnt = learn, learnt
        self.progress, self.outcome = Progress(0, learn.pictures), ""

    def progressed(self, progress: Progress) -> None:
        """Errors: InvalidError for progress of nothing that was asked for."""
        # One that was given up may still have been on its way.
        if self._learn is None:
            raise InvalidError("a veiler tells of learning that nobody asked for")
        if progress.wanted == self._learn.pictures:
            self.progress = progress

    def take(self, candidate: Candidate) -> None:
        """End with what was learnt. Errors: InvalidError for a candidate that nobody asked for."""
        learn, learnt = self._learn, self._learnt
        if learn is None or learnt is None:
            raise InvalidError("a veiler sends a candidate that nobody asked for")
        if (candidate.view, candidate.condition) != (learn.view, learn.condition):
            return
        self._learn = self._learnt = self.progress = None
        if candidate.refused:
            doubt = candidate.doubt_permille / WHOLE_PERMILLE
            self.outcome = f"refused: {candidate.alarms} places where somebody may be, doubt {doubt:.2f}"
        learnt(candidate)

    def lost(self) -> None:
        """The veiler is gone."""
        if self._learn is not None:
            self._learn = self._learnt = self.progress = None
            self.outcome = "given up: the veiler ended"
