"""What a mask is: its blocks, and why the whole picture is masked when it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import cv2
import numpy as np
import numpy.typing as npt

from custodes.base.errors import InvalidError
from custodes.rendition.picture import Blocks, Grid, Picture

Polygon = tuple[tuple[float, float], ...]

FILL = (96, 96, 96)


class Reason(Enum):
    """Why a whole picture is masked; a closed list. Everything unknown is one of these."""

    NO_BACKGROUND = "no background is committed"
    STARTING = "the hold has not run since the start"
    NOT_A_PICTURE = "the picture is damaged or of another size"
    GAP = "pictures were missing or out of order"
    DARK = "too dark"
    SHAKING = "the camera moves"
    UNLIKE = "the picture is not that of a committed background"
    LIGHT = "the light has switched"
    FAINT = "too little contrast"
    CHANGED = "another background was chosen"
    DETECTOR_FAILED = "the detector failed"
    DETECTOR_LATE = "the detector is late"


@dataclass(frozen=True, slots=True)
class ProtectedZone:
    """A part of the picture that is never shown. Units: fractions of width and height, at least three corners."""

    name: str
    corners: Polygon

    def __post_init__(self) -> None:
        if len(self.corners) < 3:
            raise InvalidError(f"zone {self.name} has {len(self.corners)} corners, needs at least 3")
        if not all(-1 <= value <= 2 for corner in self.corners for value in corner):
            raise InvalidError(f"zone {self.name} has a corner that is no fraction of the picture")

    def blocks(self, grid: Grid) -> Blocks:
        """Every block that the zone touches."""
        size = np.array((grid.width_px, grid.height_px), dtype=np.float64)
        corners = np.rint(np.array(self.corners, dtype=np.float64) * size).astype(np.int32)
        inside = np.zeros((grid.height_px, grid.width_px), dtype=np.uint8)
        cv2.fillPoly(inside, [corners], 1)
        cv2.polylines(inside, [corners], True, 1, thickness=3)
        rows, columns = grid.shape
        tiles = inside.reshape(rows, grid.block_px, columns, grid.block_px)
        return np.asarray(tiles.any(axis=(1, 3)))


@dataclass(frozen=True, slots=True)
class Mask:
    """The blocks of one picture that are not shown, and the reason when that is all of them for want of knowledge.

    Shapes: blocks rows x columns, true where masked. Units: microseconds of the caller's clock.
    """

    grid: Grid
    blocks: Blocks
    arrived_us: int
    reason: Reason | None = None
    condition: str | None = None

    def __post_init__(self) -> None:
        if self.blocks.shape != self.grid.shape or self.blocks.dtype != np.bool_:
            raise InvalidError(f"a mask of {self.blocks.shape} does not fit a grid of {self.grid.shape}")
        if self.reason is not None and not self.blocks.all():
            raise InvalidError("a mask with a reason covers the whole picture")

    @property
    def share(self) -> float:
        """The part of the picture that is masked."""
        return float(self.blocks.mean())

    @classmethod
    def whole(cls, grid: Grid, arrived_us: int, reason: Reason, condition: str | None = None) -> Mask:
        """Nothing is shown."""
        return cls(grid, np.ones(grid.shape, dtype=np.bool_), arrived_us, reason, condition)

    def joined(self, other: Mask) -> Mask:
        """What either masks."""
        blocks = np.asarray(self.blocks | other.blocks)
        return Mask(self.grid, blocks, self.arrived_us, self.reason or other.reason, self.condition)


@dataclass(slots=True)
class Canvas:
    """Renders pictures of one size; keeps the flat fill ready."""

    grid: Grid
    flat: npt.NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        self.flat = np.full((self.grid.height_px, self.grid.width_px, 3), FILL, dtype=np.uint8)

    def render(self, picture: Picture, mask: Mask) -> Picture:
        """The picture with every masked block filled flat; where all is masked, the picture is not looked at.

        Errors: InvalidError when picture or mask is of another size.
        """
        if mask.grid != self.grid:
            raise InvalidError("the mask is of another grid")
        if mask.blocks.all():
            return self.flat.copy()
        if Grid.of(picture) != self.grid:
            raise InvalidError("the picture is of another size than its mask")
        size = (self.grid.width_px, self.grid.height_px)
        hidden = cv2.resize(mask.blocks.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        return np.asarray(cv2.copyTo(self.flat, hidden, picture.copy()), dtype=np.uint8)


def render(picture: Picture, mask: Mask) -> Picture:
    """One picture, masked. Errors: InvalidError when picture and mask do not fit."""
    return Canvas(mask.grid).render(picture, mask)


def box_blocks(boxes: npt.NDArray[np.float32], grid: Grid, margin: float) -> Blocks:
    """Every block that a box touches, each box grown by a share of its width and height on each side."""
    rows, columns = grid.shape
    masked = np.zeros(grid.shape, dtype=np.bool_)
    if not len(boxes):
        return masked
    wide = margin * (boxes[:, 2] - boxes[:, 0])
    high = margin * (boxes[:, 3] - boxes[:, 1])
    left = np.clip(np.floor((boxes[:, 0] - wide) * columns), 0, columns).astype(int)
    right = np.clip(np.ceil((boxes[:, 2] + wide) * columns), 0, columns).astype(int)
    top = np.clip(np.floor((boxes[:, 1] - high) * rows), 0, rows).astype(int)
    bottom = np.clip(np.ceil((boxes[:, 3] + high) * rows), 0, rows).astype(int)
    for index in range(len(boxes)):
        masked[top[index] : bottom[index], left[index] : right[index]] = True
    return masked
