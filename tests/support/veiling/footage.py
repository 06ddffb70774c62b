"""A camera's pictures as a recorder would pass them on, and what a viewer sees of what comes back."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import av
import numpy as np

from custodes.adapters.av.pictures import Picture, PictureEncoder
from custodes.services.live import split_init
from custodes.services.veiler.frames import Frame, FrameKind
from custodes.services.veiler.messages import (
    VeilUnit,
    join_sets,
)

SIZE_PX = (320, 192)


def street(number: int, size_px: tuple[int, int] = SIZE_PX) -> Picture:
    """A picture in which much can be seen, and something moves."""
    width, height = size_px
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([(columns * 2) % 256, (rows * 3) % 256, (rows + columns) % 256], axis=2)
    left = 7 * number % (width - 40)
    picture[40:120, left : left + 40] = (20, 20, 230)
    return picture.astype(np.uint8)


@dataclass
class Camera:
    """Encodes a street, or whatever scene it is given by number; a key frame a second."""

    size_px: tuple[int, int] = SIZE_PX
    rate_hz: int = 10
    sent: int = 0
    scene: Callable[[int], Picture] | None = None
    encoder: PictureEncoder = field(init=False)

    def __post_init__(self) -> None:
        self.encoder = PictureEncoder(*self.size_px)

    def sets(self) -> Frame:
        """Its parameter sets."""
        return Frame(FrameKind.SETS, 0, join_sets(self.encoder.sets))

    def unit(self, boot_us: int, **flags: bool) -> VeilUnit:
        """The next picture, which arrives then."""
        number = self.sent
        self.sent += 1
        picture = self.scene(number) if self.scene else street(number, self.size_px)
        encoded = self.encoder.encode(picture, number * 90_000 // self.rate_hz, number % self.rate_hz == 0)
        return VeilUnit(encoded.sample, boot_us, encoded.is_key, **flags)


def unit_frame(unit: VeilUnit, utc_us: int) -> Frame:
    """As the veiler takes it."""
    return Frame(FrameKind.UNIT, utc_us, unit.head(utc_us)[13:] + unit.data)


def pictures_of(init: bytes, fragments: Sequence[bytes]) -> list[Picture]:
    """What a player shows."""
    _, segment = split_init(init)
    with av.open(io.BytesIO(segment + b"".join(fragments))) as container:
        return [np.asarray(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


def is_flat(picture: Picture) -> bool:
    """Whether nothing can be seen in it."""
    return int(np.ptp(picture, axis=(0, 1)).max()) <= 2
