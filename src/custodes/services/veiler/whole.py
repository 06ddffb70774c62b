"""A picture in which nothing can be seen."""

from __future__ import annotations

import numpy as np

from custodes.adapters.av.pictures import Picture
from custodes.rendition.model import FILL

FLAT_LEVEL = FILL[0]


def flat(width_px: int, height_px: int) -> Picture:
    """A picture of one colour, in which nothing can be seen."""
    return np.full((height_px, width_px, 3), FLAT_LEVEL, np.uint8)
