"""Zones that a camera is to mask itself: painted over where a picture is kept, and looked at whether it does."""

from __future__ import annotations

import numpy as np

from custodes.rendition.model import FILL
from custodes.rendition.picture import Picture

Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom. Units: fractions of width and height."""

# A camera's own mask is one colour; what compression leaves around its rim is not looked at.
SPREAD_LEVEL = 16.0
RIM_PX = 8
_LOW, _HIGH = 1, 99


def painted(picture: Picture, zones: tuple[Rectangle, ...]) -> Picture:
    """The picture with these rectangles flat; the same array where there are none."""
    if not zones:
        return picture
    kept = picture.copy()
    for rows, columns in (_slices(picture, zone) for zone in zones):
        kept[rows, columns] = FILL
    return kept


def is_covered(picture: Picture, zone: Rectangle) -> bool:
    """Whether a rectangle is of one colour. A zone too small to have an inside is looked at as a whole."""
    rows, columns = _slices(picture, zone)
    inside = picture[
        rows.start + RIM_PX : max(rows.start + RIM_PX, rows.stop - RIM_PX),
        columns.start + RIM_PX : max(columns.start + RIM_PX, columns.stop - RIM_PX),
    ]
    if inside.shape[0] < 1 or inside.shape[1] < 1:
        inside = picture[rows, columns]
    low, high = np.percentile(inside.reshape(-1, inside.shape[2]), (_LOW, _HIGH), axis=0)
    return bool(np.max(high - low) <= SPREAD_LEVEL)


def _slices(picture: Picture, zone: Rectangle) -> tuple[slice, slice]:
    """Every pixel that the rectangle touches."""
    height, width = picture.shape[:2]
    left, top, right, bottom = zone
    return (
        slice(int(top * height), max(int(top * height) + 1, int(np.ceil(bottom * height)))),
        slice(int(left * width), max(int(left * width) + 1, int(np.ceil(right * width)))),
    )
