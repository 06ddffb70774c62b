"""A decoded picture and the grid of blocks it is masked by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from custodes.base.errors import InvalidError

Picture = npt.NDArray[np.uint8]
Blocks = npt.NDArray[np.bool_]

CELL_PX = 4
ANALYSED_PX = 320
SIDE_LIMIT_PX = 4096
SIDE_LEAST_PX = 64


def checked_picture(picture: Picture) -> Picture:
    """The picture itself, when it is one: height x width x 3 (blue, green, red) of uint8. Errors: InvalidError."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3:
        raise InvalidError("a picture is a height x width x 3 array of uint8")
    height, width, channels = picture.shape
    if channels != 3 or not (min(height, width) >= SIDE_LEAST_PX and max(height, width) <= SIDE_LIMIT_PX):
        raise InvalidError(
            f"a picture of {width}x{height}x{channels} is not {SIDE_LEAST_PX} to {SIDE_LIMIT_PX} pixels a side by 3"
        )
    return picture


def largest_channel(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The largest channel of each pixel; some twenty times as fast as numpy's maximum over the last axis."""
    blue, green, red = cv2.split(picture)
    return np.asarray(cv2.max(cv2.max(blue, green), red))


@dataclass(frozen=True, slots=True)
class Grid:
    """How a picture of a size is analysed small and masked in blocks.

    Units: pixels of the rendition; `scale` pixels make one analysed pixel, four analysed pixels a block.
    """

    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        for side in (self.width_px, self.height_px):
            if not SIDE_LEAST_PX <= side <= SIDE_LIMIT_PX:
                raise InvalidError(f"side {side} is outside {SIDE_LEAST_PX} to {SIDE_LIMIT_PX} pixels")
            if side % self.block_px:
                raise InvalidError(f"side {side} is not a multiple of the block of {self.block_px} pixels")

    @property
    def scale(self) -> int:
        """Pixels of the rendition along one analysed pixel."""
        return max(1, round(self.width_px / ANALYSED_PX))

    @property
    def block_px(self) -> int:
        """The side of a block."""
        return CELL_PX * self.scale

    @property
    def analysed(self) -> tuple[int, int]:
        """Width and height of the analysed picture."""
        return self.width_px // self.scale, self.height_px // self.scale

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        return self.height_px // self.block_px, self.width_px // self.block_px

    @classmethod
    def of(cls, picture: Picture) -> Grid:
        """The grid of a picture. Errors: InvalidError when it is none or its sides do not fit."""
        height, width = checked_picture(picture).shape[:2]
        return cls(width, height)

    @classmethod
    def within(cls, width_px: int, height_px: int) -> Grid:
        """The largest grid in the left top of a picture of any size; what lies beyond it is never shown.

        Errors: InvalidError for a picture that is too small or too large.
        """
        width, height = width_px, height_px
        while True:
            block = CELL_PX * max(1, round(width / ANALYSED_PX))
            fitting = width - width % block, height - height % block
            if fitting == (width, height):
                return cls(width, height)
            width, height = fitting

    def analyse(self, picture: Picture) -> Picture:
        """The picture small and smooth, as backgrounds are kept and compared."""
        small = (
            picture if self.scale == 1 else cv2.resize(picture, self.analysed, interpolation=cv2.INTER_AREA)
        )
        return np.asarray(cv2.GaussianBlur(small, (3, 3), 0), dtype=np.uint8)
