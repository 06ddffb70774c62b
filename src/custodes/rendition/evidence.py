"""Where a picture differs from the background under today's light: strong evidence, grown into weak."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from custodes.rendition.light import Floats, Light, Scene, cells
from custodes.rendition.picture import CELL_PX, Blocks, Picture, largest_channel
from custodes.rendition.settings import MaskSettings

_SQUARE = np.ones((3, 3), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Difference of each block to the background, in units of the contrast that is left. Shapes: rows x columns."""

    pixel: Floats
    mean: Floats
    blind: Blocks

    @classmethod
    def of(cls, scene: Scene, now: Scene, light: Light) -> Evidence:
        predicted = light.predict(scene)
        contrast = light.contrast(scene)
        scale = np.clip(contrast, 0.35, 1)
        apart = cv2.absdiff(now.picture, predicted)
        third = third_largest(largest_channel(apart)).astype(np.float32)
        mean: Floats = largest_channel(np.abs(now.at.own - cells(predicted.astype(np.float32))))
        return cls(third / scale, mean / scale, np.asarray(contrast < 0.3))


def third_largest(pixels: Picture) -> npt.NDArray[np.uint8]:
    """The third-largest pixel of each block: two specks of noise do not make it."""
    height, width = pixels.shape
    tiles = pixels.reshape(height // CELL_PX, CELL_PX, width // CELL_PX, CELL_PX)
    planes = np.ascontiguousarray(tiles.transpose(1, 3, 0, 2)).reshape(CELL_PX * CELL_PX, -1)
    first, second, third = (np.zeros(planes.shape[1], dtype=np.uint8) for _ in range(3))
    for plane in planes:
        third = np.maximum(third, np.minimum(second, plane))
        second = np.maximum(second, np.minimum(first, plane))
        first = np.maximum(first, plane)
    return third.reshape(height // CELL_PX, width // CELL_PX)


def differing(evidence: Evidence, withheld: Blocks, settings: MaskSettings) -> Blocks:
    """Blocks to mask: strong or unknown, what is weak beside them, what they enclose, a rim; and what is withheld.

    A withheld block is flat in the background, so it is no evidence of anybody: by itself it neither grows nor has a
    rim. Who differs strongly beside it may be in it too, so what is grown goes into it.
    """
    strong = ((evidence.pixel > settings.strong_level) | evidence.blind) & ~withheld
    weak = (evidence.pixel > settings.weak_level) | (evidence.mean > settings.weak_mean_level) | withheld
    seed = strong.astype(np.uint8)
    for _ in range(settings.grow_steps):
        seed |= cv2.dilate(seed, _SQUARE) & weak.astype(np.uint8)
    seed = np.asarray(cv2.morphologyEx(seed, cv2.MORPH_CLOSE, _SQUARE), dtype=np.uint8)
    seed |= holes(seed)
    for _ in range(settings.rim_blocks):
        seed = np.asarray(cv2.dilate(seed, _SQUARE), dtype=np.uint8)
    return np.asarray(seed.astype(np.bool_) | withheld)


def holes(seed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What is enclosed and does not touch the picture's edge."""
    around = cv2.copyMakeBorder(seed, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(around, None, (0, 0), 1)
    return np.asarray(1 - around[1:-1, 1:-1], dtype=np.uint8)
