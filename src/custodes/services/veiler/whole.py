"""The veil of a camera without a committed background: everything is masked."""

from __future__ import annotations

import numpy as np

from custodes.adapters.av.pictures import Picture
from custodes.base.errors import InvalidError
from custodes.services.live import WHOLE_PERMILLE, Reason
from custodes.services.veiler.ports import Veiled

FLAT_LEVEL = 72


def flat(width_px: int, height_px: int) -> Picture:
    """A picture of one colour, in which nothing can be seen."""
    return np.full((height_px, width_px, 3), FLAT_LEVEL, np.uint8)


class WholeVeil:
    """Masks everything, because nothing has been committed that a picture could be compared with."""

    def configure(self, data: bytes) -> None:
        """Errors: InvalidError, always: this veil knows no backgrounds, and what it is given is not ignored."""
        raise InvalidError(f"{len(data)} bytes of backgrounds for a veil that knows none")

    def veil(self, picture: Picture, arrived_us: int) -> Veiled:
        """A flat picture of the same size."""
        height_px, width_px = picture.shape[:2]
        return Veiled(flat(width_px, height_px), Reason.NO_BACKGROUND, WHOLE_PERMILLE)
