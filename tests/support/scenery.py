"""A synthetic street with texture, a person of flat colour to put in it, and detectors that do as told."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from custodes.base.errors import UnverifiedError
from custodes.rendition.background import CommittedBackground
from custodes.rendition.detector import Found
from custodes.rendition.picture import Grid, Picture

WIDTH_PX, HEIGHT_PX = 640, 360
GRID = Grid(WIDTH_PX, HEIGHT_PX)
STEP_US = 125_000
MODEL = Path(__file__).parents[2] / ".build" / "models" / "person-vehicle.tflite"


def street(seed: int = 1) -> Picture:
    """An empty scene: coloured patches with edges everywhere."""
    source = np.random.default_rng(seed)
    coarse = source.integers(40, 190, (HEIGHT_PX // 20, WIDTH_PX // 20, 3), dtype=np.uint8)
    fine = source.integers(0, 36, (HEIGHT_PX // 4, WIDTH_PX // 4, 3), dtype=np.uint8)
    size = (WIDTH_PX, HEIGHT_PX)
    big = cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST)
    small = cv2.resize(fine, size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.add(big, small), dtype=np.uint8)


def with_person(
    scene: Picture, left: int, top: int, width: int = 24, height: int = 64, level: int = 15
) -> Picture:
    """The scene with somebody in it."""
    picture = scene.copy()
    picture[top : top + height, left : left + width] = level
    return picture


def committed(scene: Picture, condition: str = "day") -> CommittedBackground:
    """The scene as a committed background."""
    grid = Grid.of(scene)
    return CommittedBackground(
        "gate", condition, grid, grid.analyse(scene), np.zeros(grid.shape, dtype=np.bool_)
    )


class Told:
    """A detector that finds the boxes it is told; fails or is late when told to."""

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = boxes
        self.fails = False
        self.late_us = 0
        self.asked = 0

    def find(self, picture: Picture, arrived_us: int) -> Found:
        """What it was told."""
        self.asked += 1
        if self.fails:
            raise UnverifiedError("the detector was told to fail")
        boxes = np.array(self.boxes, dtype=np.float32).reshape(-1, 4)
        return Found(boxes, np.full(len(boxes), 0.9, dtype=np.float32), arrived_us - self.late_us)


def square() -> Picture:
    """A paved square under a plain sky, in which the real detector doubts nothing."""
    horizon = HEIGHT_PX * 3 // 10
    picture = np.empty((HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    picture[:horizon] = np.linspace(215, 190, horizon)[:, None, None].astype(np.uint8)
    ground = np.linspace(90, 130, HEIGHT_PX - horizon)[:, None, None]
    rough = np.random.default_rng(1).normal(0, 9, (HEIGHT_PX - horizon, WIDTH_PX, 1))
    picture[horizon:] = np.clip(ground + rough, 0, 255).astype(np.uint8)
    for joint in range(14):
        row = horizon + int((joint / 14) ** 1.6 * (HEIGHT_PX - horizon))
        cv2.line(picture, (0, row), (WIDTH_PX, row), (60, 62, 64), 2)
    for joint in range(-40, 40):
        cv2.line(picture, (320 + joint * 12, horizon), (320 + joint * 70, HEIGHT_PX), (62, 64, 66), 2)
    return picture
