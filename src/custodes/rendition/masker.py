"""The mask of each picture of a view: two layers joined by OR, held; whatever is unknown masks it whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from custodes.base.errors import BugError, CustodesError, InvalidError
from custodes.rendition.background import CommittedBackground
from custodes.rendition.detector import Finder, Found
from custodes.rendition.evidence import Evidence, differing, third_largest
from custodes.rendition.hold import Hold
from custodes.rendition.light import Likeness, Scene, faint, fit, votes
from custodes.rendition.model import Mask, ProtectedZone, Reason, box_blocks
from custodes.rendition.picture import Blocks, Grid, Picture, largest_channel
from custodes.rendition.settings import MaskSettings
from custodes.rendition.shift import Registered, rounded

GREY_LEVEL = 3.0


@dataclass(frozen=True, slots=True)
class Compared:
    """One background against one picture: the differing blocks, or why nothing is known; how many votes it had."""

    blocks: Blocks | None
    reason: Reason | None
    votes: int


class Masker:
    """Masks the pictures of one view, in the order they arrived: one by one, or those of a quarter together.

    Deterministic; not safe to share between threads.
    """

    def __init__(
        self,
        grid: Grid,
        backgrounds: Sequence[CommittedBackground],
        detector: Finder,
        zones: Sequence[ProtectedZone] = (),
        settings: MaskSettings | None = None,
    ) -> None:
        if any(background.grid != grid for background in backgrounds):
            raise InvalidError("a committed background is of another size than the rendition")
        if len({background.view for background in backgrounds}) > 1:
            raise InvalidError("the committed backgrounds are of more than one view")
        self._grid = grid
        self._settings = settings or MaskSettings()
        self._backgrounds = [Registered.of(background) for background in backgrounds]
        self._detector = detector
        self._always = np.zeros(grid.shape, dtype=np.bool_)
        for zone in zones:
            self._always |= zone.blocks(grid)
        self._hold = Hold(grid, self._settings.hold_us, self._settings.step_us)
        self._reason: Reason | None = Reason.STARTING
        self._active = 0
        self._switched_us: int | None = None
        self._last_us: int | None = None
        self._found: Found | None = None
        self._last: tuple[Picture, int] | None = None
        self._why: Reason | None = None
        # The last picture, and the one that the detector saw last, as they are analysed.
        self._now: Picture | None = None
        self._seen: Picture | None = None

    def mask(self, picture: Picture, arrived_us: int) -> Mask:
        """The mask of this picture alone; never an error for what a camera or a detector may do."""
        self.add(picture, arrived_us)
        return self.close()

    def add(self, picture: Picture, arrived_us: int) -> None:
        """One more of the pictures that are to have one mask; compared now, the detector sees the last of them."""
        blocks, reason = self._judge(picture, arrived_us)
        self._last_us = arrived_us if self._last_us is None else max(arrived_us, self._last_us)
        self._hold.over(blocks if blocks is not None else np.ones_like(self._always), self._last_us)
        self._why = self._why or reason
        self._last = picture, arrived_us

    def close(self) -> Mask:
        """The mask of the pictures added since the last one: what any of them must hide, as what is held.

        What is found in the last of them is masked in all, and held over those of a second after it: of who comes in
        between the boxes on both sides of the time are masked. Errors: BugError when none was added.
        """
        if self._last is None or self._last_us is None:
            raise BugError("a mask of no picture")
        picture, arrived_us = self._last
        boxes = self._always
        if self._why is None:
            self._why = self._find(picture, arrived_us)
            if self._found is not None:
                boxes = box_blocks(self._found.boxes, self._grid, self._settings.box_margin)
        held = self._hold.over(boxes if self._why is None else np.ones_like(self._always), self._last_us)
        self._reason = self._why or (self._reason if held.all() else None)
        self._last, self._why = None, None
        condition = self._backgrounds[self._active].background.condition if self._backgrounds else None
        return Mask(self._grid, np.asarray(held | self._always), arrived_us, self._reason, condition)

    def _judge(self, picture: Picture, arrived_us: int) -> tuple[Blocks | None, Reason | None]:
        """What differs in this picture; none, with the reason, when that is not known."""
        if not self._backgrounds:
            return None, Reason.NO_BACKGROUND
        try:
            if Grid.of(picture) != self._grid:
                return None, Reason.NOT_A_PICTURE
        except InvalidError:
            return None, Reason.NOT_A_PICTURE
        if self._last_us is not None and not 0 < arrived_us - self._last_us <= self._settings.gap_us:
            self._found = None
            return None, Reason.GAP
        return self._compare_all(picture, arrived_us)

    def _find(self, picture: Picture, arrived_us: int) -> Reason | None:
        """Where somebody is; why that is not known, if it is not. Of the same picture nothing is asked again."""
        if self._is_same(arrived_us):
            return None
        self._seen = self._now
        try:
            self._found = self._detector.find(picture, arrived_us)
        except (CustodesError, ValueError, RuntimeError, MemoryError):
            # A detector that fails, in whatever way its library says so, masks the picture and is tried again.
            self._found = None
            return Reason.DETECTOR_FAILED
        if not 0 <= arrived_us - self._found.picture_us <= self._settings.detector_late_us:
            self._found = None
            return Reason.DETECTOR_LATE
        return None

    def _is_same(self, arrived_us: int) -> bool:
        """Whether no block differs from the picture that the detector saw last, not long ago, by more than noise."""
        if self._found is None or self._seen is None or self._now is None:
            return False
        if not 0 <= arrived_us - self._found.picture_us < self._settings.same_us:
            return False
        apart = third_largest(largest_channel(cv2.absdiff(self._now, self._seen)))
        return int(apart.max()) <= self._settings.same_level

    def _compare_all(self, picture: Picture, arrived_us: int) -> tuple[Blocks | None, Reason | None]:
        self._now = self._grid.analyse(picture)
        now = Scene.of(self._now)
        if float(now.at.luma.max()) < self._settings.dark_level:
            return None, Reason.DARK
        near = self._near(arrived_us)
        compared = compare(self._backgrounds[self._active], now, near, self._settings)
        if compared.reason in (Reason.UNLIKE, Reason.LIGHT) and self._may_switch(arrived_us):
            others = [compare(background, now, near, self._settings) for background in self._backgrounds]
            best = max(
                range(len(others)), key=lambda index: (others[index].blocks is not None, others[index].votes)
            )
            if best != self._active and others[best].blocks is not None:
                self._active, self._switched_us = best, arrived_us
                return None, Reason.CHANGED
        return compared.blocks, compared.reason

    def _near(self, arrived_us: int) -> Blocks:
        """Where somebody was found last, so that they have no vote on the light."""
        if self._found is None or arrived_us - self._found.picture_us > self._settings.detector_late_us:
            return np.zeros_like(self._always)
        return box_blocks(self._found.boxes, self._grid, self._settings.vote_margin)

    def _may_switch(self, arrived_us: int) -> bool:
        recent = self._switched_us is not None and arrived_us - self._switched_us < self._settings.switch_us
        return len(self._backgrounds) > 1 and not recent


def compare(background: Registered, now: Scene, near: Blocks, settings: MaskSettings) -> Compared:
    """What of a picture differs from a background under today's light; `near` are blocks that may not vote."""
    if (
        abs(colour(now) - colour(background.scene)) > GREY_LEVEL
        and min(colour(now), colour(background.scene)) < 1
    ):
        return Compared(None, Reason.UNLIKE, 0)
    withheld = background.background.withheld
    allowed = background.voters & ~near
    scene = background.scene
    alike = Likeness.of(scene, now)
    across, down = background.measure(now, alike, allowed)
    scale = background.background.grid.scale
    if max(abs(across), abs(down)) * scale > settings.shift_limit_px:
        return Compared(None, Reason.SHAKING, 0)
    if max(abs(across), abs(down)) * scale > settings.shift_least_px:
        scene = background.shifted(rounded(across, down))
        alike = Likeness.of(scene, now)
    voting = votes(scene, now, alike, allowed)
    count = int(voting.sum())
    needed = max(settings.votes_least, settings.votes_least_share * int(allowed.sum()))
    if count < needed:
        return Compared(None, Reason.FAINT if faint(alike, allowed) >= needed else Reason.UNLIKE, count)
    light = fit(scene, now, alike, voting)
    if light is None:
        return Compared(None, Reason.LIGHT, count)
    return Compared(differing(Evidence.of(scene, now, light), withheld, settings), None, count)


def colour(scene: Scene) -> float:
    """How far a scene is from grey. Units: grey levels between its strongest and weakest channel."""
    channels = scene.at.own
    return float((largest_channel(channels) + largest_channel(-channels)).mean())
