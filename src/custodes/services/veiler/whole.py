"""A picture in which nothing can be seen."""

from __future__ import annotations

import numpy as np

from custodes.adapters.av.pictures import Picture

FLAT_LEVEL = 72


def flat(width_px: int, height_px: int) -> Picture:
    """A picture of one colour, in which nothing can be seen."""
    return np.full((height_px, width_px, 3), FLAT_LEVEL, np.uint8)
