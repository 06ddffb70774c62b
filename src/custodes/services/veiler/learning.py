"""Learning a candidate for a background beside the view: pictures are gathered, then a step is done a picture."""

from __future__ import annotations

from collections.abc import Generator
from statistics import median_low

from custodes.adapters.av.pictures import Picture
from custodes.base.clock import SECOND_US
from custodes.base.errors import CustodesError, RefusedError
from custodes.rendition.background import encode
from custodes.rendition.detector import Finder
from custodes.rendition.learning import Candidate as LearntCandidate
from custodes.rendition.learning import learning
from custodes.rendition.picture import Grid
from custodes.rendition.quality import Quality
from custodes.services.live import WHOLE_PERMILLE
from custodes.services.veiler.messages import Candidate, Learn, Progress

PROGRESS_EVERY_US = SECOND_US


class Gathering:
    """Gathers pictures, evenly spread over the time asked for, and makes a candidate of them.

    The pictures are clear ones: they are kept in memory only, and forgotten with the answer.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._learn: Learn | None = None
        self._pictures: list[Picture] = []
        self._qualities: list[Quality] = []
        self._steps: Generator[None, None, LearntCandidate] | None = None
        self._next_us: int | None = None
        self._told_us: int | None = None

    def begin(self, learn: Learn) -> None:
        """See Learner."""
        self._forget()
        self._learn = learn

    def take(self, picture: Picture, boot_us: int) -> Candidate | Progress | None:
        """See Learner."""
        learn = self._learn
        if learn is None:
            return None
        if self._steps is not None:
            return self._step(learn) or self._progress(learn, boot_us)
        if self._next_us is None or boot_us >= self._next_us:
            self._next_us = boot_us + learn.least_us // learn.pictures
            self._keep(picture)
            if len(self._pictures) == learn.pictures:
                self._steps = learning(learn.view, learn.condition, self._pictures, self._finder)
        return self._progress(learn, boot_us)

    def _keep(self, picture: Picture) -> None:
        height_px, width_px = picture.shape[:2]
        grid = Grid.within(width_px, height_px)
        if self._pictures and self._pictures[0].shape[:2] != (grid.height_px, grid.width_px):
            # Another size: what was gathered is of no use any more.
            self._pictures, self._qualities = [], []
        self._pictures.append(picture[: grid.height_px, : grid.width_px].copy())
        self._qualities.append(Quality.of(picture))

    def _step(self, learn: Learn) -> Candidate | None:
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration as done:
            answer = self._answer(learn, done.value)
        except (CustodesError, ValueError, RuntimeError, MemoryError):
            # A detector that cannot look at it leaves everything to doubt.
            answer = self._refused(learn, 0, WHOLE_PERMILLE, 0)
        else:
            return None
        self._forget()
        return answer

    def _answer(self, learn: Learn, learnt: LearntCandidate) -> Candidate:
        alarms, doubt_permille = len(learnt.alarms), round(WHOLE_PERMILLE * learnt.doubt)
        try:
            background = learnt.commit(withhold=learn.withhold)
        except RefusedError:
            withheld = round(WHOLE_PERMILLE * float(learnt.withheld.mean()))
            return self._refused(learn, alarms, doubt_permille, withheld)
        quality = self._quality()
        return Candidate(
            learn.view,
            learn.condition,
            False,
            alarms,
            doubt_permille,
            round(WHOLE_PERMILLE * float(background.withheld.mean())),
            quality.exposure_permille,
            quality.sharpness_permille,
            len(self._pictures),
            encode(background),
        )

    def _refused(self, learn: Learn, alarms: int, doubt_permille: int, withheld_permille: int) -> Candidate:
        quality = self._quality()
        return Candidate(
            learn.view,
            learn.condition,
            True,
            alarms,
            doubt_permille,
            withheld_permille,
            quality.exposure_permille,
            quality.sharpness_permille,
            len(self._pictures),
        )

    def _quality(self) -> Quality:
        return Quality(
            median_low(one.sharpness_permille for one in self._qualities),
            median_low(one.exposure_permille for one in self._qualities),
        )

    def _progress(self, learn: Learn, boot_us: int) -> Progress | None:
        if self._told_us is not None and boot_us - self._told_us < PROGRESS_EVERY_US:
            return None
        self._told_us = boot_us
        return Progress(len(self._pictures), learn.pictures)

    def _forget(self) -> None:
        self._learn = self._steps = self._next_us = self._told_us = None
        self._pictures, self._qualities = [], []
