"""Learning a candidate for a background from pictures, and the gate it passes before it may be committed."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from custodes.base.errors import InvalidError, RefusedError
from custodes.rendition.background import CommittedBackground
from custodes.rendition.detector import DOUBT, Finder
from custodes.rendition.evidence import third_largest
from custodes.rendition.model import FILL, box_blocks
from custodes.rendition.picture import CELL_PX, Blocks, Grid, Picture

Result = TypeVar("Result")

PICTURES_LEAST = 20
PICTURES_LIMIT = 2_000
COMPARED = 30
_STRIP_PX = 16
_UNSTEADY_SHARE = 0.35
_UNSTEADY_LEVEL = 20
_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Alarm:
    """Where in a candidate the detector sees a person or vehicle. Units: fractions of the picture."""

    box: tuple[float, float, float, float]
    doubt: float


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A background that nobody has approved yet: its picture, what moved while it was learnt, the detector's alarms."""

    view: str
    condition: str
    grid: Grid
    picture: Picture = field(repr=False)
    unsteady: Blocks = field(repr=False)
    alarms: tuple[Alarm, ...]

    @property
    def doubt(self) -> float:
        """The detector's greatest doubt over the candidate."""
        return max((alarm.doubt for alarm in self.alarms), default=0.0)

    @property
    def withheld(self) -> Blocks:
        """What is never shown when it is committed with what the alarms cover withheld."""
        boxes = np.array([alarm.box for alarm in self.alarms], dtype=np.float32).reshape(-1, 4)
        return np.asarray(self.unsteady | box_blocks(boxes, self.grid, _MARGIN))

    def commit(self, *, withhold: bool = False) -> CommittedBackground:
        """The background, where the gate lets it pass.

        With `withhold`, what the alarms cover is never shown. All withheld blocks are flat in its picture, so nothing
        that was doubted is in it. Errors: RefusedError when the detector doubts and nothing was said of it.
        """
        if self.alarms and not withhold:
            raise RefusedError(
                f"the detector sees a person or vehicle in the background of view {self.view}, {self.condition}: "
                f"doubt {self.doubt:.2f}, {len(self.alarms)} places, limit {DOUBT}"
            )
        withheld = self.withheld
        picture = flattened(self.picture, withheld)
        return CommittedBackground(self.view, self.condition, self.grid, picture, withheld)


def flattened(picture: Picture, withheld: Blocks) -> Picture:
    """An analysed picture with the withheld blocks of one colour."""
    flat = picture.copy()
    flat[np.kron(withheld, np.ones((CELL_PX, CELL_PX), dtype=np.bool_))] = FILL
    return flat


def learn(view: str, condition: str, pictures: Sequence[Picture], detector: Finder) -> Candidate:
    """All of `learning` at once. Errors: as there."""
    return _finished(learning(view, condition, pictures, detector))


def learning(
    view: str, condition: str, pictures: Sequence[Picture], detector: Finder
) -> Generator[None, None, Candidate]:
    """A candidate from pictures of the stream that will be analysed, best spread over minutes.

    Its picture is their median; blocks that differ from it in a third of the pictures are unsteady. Each step takes
    some milliseconds, so that a view goes on beside it. Errors: InvalidError for too few or too many pictures or more
    than one size; DetectorError.
    """
    if not PICTURES_LEAST <= len(pictures) <= PICTURES_LIMIT:
        raise InvalidError(
            f"{len(pictures)} pictures; a background needs {PICTURES_LEAST} to {PICTURES_LIMIT}"
        )
    grid = Grid.of(pictures[0])
    if any(Grid.of(picture) != grid for picture in pictures):
        raise InvalidError("the pictures are not of one size")
    middle = yield from _median(pictures)
    picture = grid.analyse(middle)
    return Candidate(
        view, condition, grid, picture, _unsteady(picture, pictures, grid), _alarms(middle, detector)
    )


def median(pictures: Sequence[Picture]) -> Picture:
    """The median of each pixel and channel."""
    return _finished(_median(pictures))


def _finished(steps: Generator[None, None, Result]) -> Result:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: Result = done.value
            return result


def _median(pictures: Sequence[Picture]) -> Generator[None, None, Picture]:
    """The median of each pixel and channel, in strips: memory stays small, and other work goes on between them."""
    strips = []
    for row in range(0, pictures[0].shape[0], _STRIP_PX):
        strips.append(np.median(np.stack([picture[row : row + _STRIP_PX] for picture in pictures]), axis=0))
        yield
    return np.concatenate(strips).astype(np.uint8)


def _unsteady(background: Picture, pictures: Sequence[Picture], grid: Grid) -> Blocks:
    count = min(COMPARED, len(pictures))
    chosen = [pictures[index * (len(pictures) - 1) // (count - 1)] for index in range(count)]
    differing: npt.NDArray[np.int64] = np.zeros(grid.shape, dtype=np.int64)
    for picture in chosen:
        apart = cv2.absdiff(grid.analyse(picture), background).max(axis=2)
        differing += third_largest(apart) > _UNSTEADY_LEVEL
    return np.asarray(differing >= _UNSTEADY_SHARE * count)


def _alarms(picture: Picture, detector: Finder) -> tuple[Alarm, ...]:
    found = detector.find(picture, 0)
    return tuple(
        Alarm((float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(doubt))
        for box, doubt in zip(found.boxes, found.doubts, strict=True)
        if doubt >= DOUBT
    )
