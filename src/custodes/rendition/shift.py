"""A camera that trembles: how far a picture is shifted against the background, and the background shifted to it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from custodes.rendition.background import CommittedBackground
from custodes.rendition.light import Floats, Likeness, Scene
from custodes.rendition.picture import CELL_PX, Blocks, Picture

Shift = tuple[int, int]

# Shifts are counted in eighths of an analysed pixel, so that a shifted background is made once and used again.
STEPS_PER_PX = 8
STILL: Shift = (0, 0)
_KEPT = 48
_POINTS_LIMIT = 4_000
# The smoothing of the analysed picture makes a shift look smaller than it is.
_SMOOTHING = 1.15


@dataclass(frozen=True, slots=True)
class Points:
    """Pixels of the background by which a shift is measured. Shapes: all n; Units: analysed pixels, grey levels."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    across: Floats
    down: Floats

    @classmethod
    def of(cls, scene: Scene, voters: Blocks) -> Points:
        across = cv2.Sobel(scene.luma, cv2.CV_32F, 1, 0, ksize=3) / 8
        down = cv2.Sobel(scene.luma, cv2.CV_32F, 0, 1, ksize=3) / 8
        steep = across * across + down * down
        steep[:2] = steep[-2:] = 0
        steep[:, :2] = steep[:, -2:] = 0
        steep[~np.kron(voters, np.ones((CELL_PX, CELL_PX), dtype=np.bool_))] = 0
        order = np.argsort(-steep.reshape(-1), kind="stable")[:_POINTS_LIMIT]
        rows, columns = np.unravel_index(order[steep.reshape(-1)[order] > 0], steep.shape)
        return cls(
            rows, columns, across[rows, columns].astype(np.float32), down[rows, columns].astype(np.float32)
        )


@dataclass(slots=True)
class Registered:
    """A committed background with the scenes it makes when shifted."""

    background: CommittedBackground
    scene: Scene
    voters: Blocks
    points: Points
    _shifted: OrderedDict[Shift, Scene] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, background: CommittedBackground) -> Registered:
        scene = Scene.of(filled(background.picture, background.withheld))
        # Beside a withheld block a window holds some of its flat colour, which says nothing of the light.
        beside = cv2.dilate(background.withheld.astype(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0
        voters = np.asarray(scene.voters & ~beside)
        return cls(background, scene, voters, Points.of(scene, voters))

    def measure(self, now: Scene, alike: Likeness, allowed: Blocks) -> tuple[float, float]:
        """How far right and down the picture lies of the background. Units: analysed pixels."""
        points = self.points
        block_rows, block_columns = points.rows // CELL_PX, points.columns // CELL_PX
        used = (allowed & (alike.correlation > 0.7))[block_rows, block_columns]
        if not used.any():
            return 0.0, 0.0
        rows, columns = points.rows[used], points.columns[used]
        at = (block_rows[used], block_columns[used])
        slope = np.clip(alike.slope[at], 0.4, 2)
        before = self.scene.luma[rows, columns] - self.scene.at.luma[at]
        apart = ((now.luma[rows, columns] - now.at.luma[at]) / slope - before).astype(np.float64)
        weight = 1 / (1 + (apart / 10) ** 2)
        across, down = points.across[used].astype(np.float64), points.down[used].astype(np.float64)
        mixed = float((weight * across * down).sum())
        system = np.array([[(weight * across**2).sum() + 1, mixed], [mixed, (weight * down**2).sum() + 1]])
        right = np.array([(weight * apart * across).sum(), (weight * apart * down).sum()])
        x, y = np.linalg.solve(system, right)
        return float(-_SMOOTHING * x), float(-_SMOOTHING * y)

    def shifted(self, shift: Shift) -> Scene:
        """The background's scene moved right and down."""
        if shift == STILL:
            return self.scene
        scene = self._shifted.pop(shift, None)
        if scene is None:
            scene = Scene.of(moved(self.scene.picture, shift))
        self._shifted[shift] = scene
        if len(self._shifted) > _KEPT:
            self._shifted.popitem(last=False)
        return scene


def filled(picture: Picture, withheld: Blocks) -> Picture:
    """A background with each withheld pixel like the nearest one that is not: its flat colour is nothing of the scene.

    Else a background that is shifted would carry some of that colour into the blocks beside.
    """
    if not withheld.any() or withheld.all():
        return picture
    hidden = np.kron(withheld, np.ones((CELL_PX, CELL_PX), dtype=np.bool_))
    _, nearest = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros(int(nearest.max()) + 1, dtype=np.intp)
    source[nearest[~hidden]] = np.flatnonzero(~hidden)
    return np.asarray(picture.reshape(-1, 3)[source[nearest]])


def moved(picture: Picture, shift: Shift) -> Picture:
    """A picture moved right and down, its edge repeated."""
    matrix = np.array([[1, 0, shift[0] / STEPS_PER_PX], [0, 1, shift[1] / STEPS_PER_PX]], dtype=np.float64)
    height, width = picture.shape[:2]
    out = cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, dtype=np.uint8)


def rounded(across: float, down: float) -> Shift:
    """A shift in whole steps."""
    return round(across * STEPS_PER_PX), round(down * STEPS_PER_PX)
