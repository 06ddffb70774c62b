"""A street that the simulator draws itself, with the true place of everyone in it.

People are simple figures, vehicles are boxes on wheels; every path closes after the clip's duration, so
that the loop has no seam. The same settings draw the same pictures.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import pi, sin
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from custodes_simulator.errors import ClipError

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
MAXIMUM_FRAMES = 20_000


class Condition(StrEnum):
    """Light and weather of a scene; `shake` is a day with wind at the mast."""

    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"
    RAIN = "rain"
    SHAKE = "shake"


@dataclass(frozen=True, slots=True)
class SceneSource:
    """What to draw.

    Errors: ClipError where a size, rate or duration is out of range.
    """

    condition: Condition = Condition.DAY
    width: int = 640
    height: int = 360
    rate_hz: int = 25
    duration_s: int = 20
    walking: int = 4
    standing: int = 1
    vehicles: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        if not (64 <= self.width <= 4096 and 64 <= self.height <= 4096) or self.width % 2 or self.height % 2:
            raise ClipError(f"scene: {self.width}x{self.height} is not an even size of 64 to 4096")
        if not 1 <= self.rate_hz <= 60:
            raise ClipError(f"scene: rate_hz {self.rate_hz} is not 1 to 60")
        if not 1 <= self.frames <= MAXIMUM_FRAMES:
            raise ClipError(f"scene: {self.frames} frames are not 1 to {MAXIMUM_FRAMES}")
        if min(self.walking, self.standing, self.vehicles) < 0 or self.walking + self.standing > 200:
            raise ClipError("scene: walking and standing together are not 0 to 200")

    @property
    def frames(self) -> int:
        """How many pictures one loop has."""
        return self.rate_hz * self.duration_s

    @property
    def name(self) -> str:
        """A name that tells this scene from others in lists and messages."""
        return f"scene-{self.condition}-{self.width}x{self.height}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Box:
    """Where a figure or vehicle is in one picture; `frame` counts from 1; pixels, cut to the picture."""

    frame: int
    kind: str
    who: int
    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class _Mover:
    """A figure or vehicle; `laps` full crossings in a loop, negative to the left, 0 stands still."""

    kind: str
    who: int
    size: tuple[int, int]
    foot_y: int
    phase: float
    laps: int
    colours: tuple[Colour, Colour]


def draw(scene: SceneSource) -> Iterator[av.VideoFrame]:
    """The pictures of one loop, as RGB frames."""
    painter = ScenePainter(scene)
    for frame in range(scene.frames):
        yield av.VideoFrame.from_ndarray(painter.picture(frame), format="rgb24")


def boxes(scene: SceneSource) -> list[Box]:
    """Every visible figure and vehicle of one loop, in order of pictures."""
    painter = ScenePainter(scene)
    return [box for frame in range(scene.frames) for box in painter.boxes(frame)]


def boxes_csv(scene: SceneSource) -> str:
    """The same as text: a head line, then frame, kind, who, x, y, w, h."""
    rows = (f"{b.frame},{b.kind},{b.who},{b.x},{b.y},{b.w},{b.h}" for b in boxes(scene))
    return "\n".join(["frame,kind,who,x,y,w,h", *rows]) + "\n"


class ScenePainter:
    """Draws any picture of a scene."""

    def __init__(self, scene: SceneSource) -> None:
        self._scene = scene
        self._backdrop = _backdrop(scene)
        self._movers = _movers(scene)

    def picture(self, frame: int) -> Picture:
        """Picture number `frame`, from 0; an array of height, width, RGB."""
        scene = self._scene
        picture = self._backdrop.copy()
        for mover in self._movers:
            _draw_mover(picture, mover, self._place(mover, frame), frame / scene.rate_hz)
        lit = _light(picture, scene, frame)
        x, y = self._shift(frame)
        return np.roll(lit, (y, x), axis=(0, 1)) if x or y else lit

    def boxes(self, frame: int) -> list[Box]:
        """The true boxes of picture number `frame`, from 0."""
        found = []
        shift_x, shift_y = self._shift(frame)
        for mover in self._movers:
            x, y = self._place(mover, frame)
            left, top = max(0, x + shift_x), max(0, y + shift_y)
            right = min(self._scene.width, x + shift_x + mover.size[0])
            bottom = min(self._scene.height, y + shift_y + mover.size[1])
            if right > left and bottom > top:
                found.append(Box(frame + 1, mover.kind, mover.who, left, top, right - left, bottom - top))
        return found

    def _place(self, mover: _Mover, frame: int) -> tuple[int, int]:
        """Left and top of a mover."""
        width, height = mover.size
        if mover.laps == 0:
            return int(mover.phase * (self._scene.width - width)), mover.foot_y - height
        run = self._scene.width + 2 * width
        along = (mover.phase + mover.laps * frame / self._scene.frames) % 1.0
        return int(along * run) - width, mover.foot_y - height

    def _shift(self, frame: int) -> tuple[int, int]:
        """How far wind moves the camera in this picture, in pixels."""
        if self._scene.condition is not Condition.SHAKE:
            return 0, 0
        turn = 2 * pi * frame / self._scene.frames
        reach = max(1, self._scene.height // 90)
        return round(reach * sin(turn * 17)), round(reach * sin(turn * 23 + 1))


def _movers(scene: SceneSource) -> list[_Mover]:
    chance = random.Random(scene.seed)
    person_height, car_height = scene.height // 4, scene.height // 5
    made = []
    for who in range(scene.vehicles):
        laps = max(1, scene.duration_s // 7) * (1 if who % 2 else -1)
        foot = int(scene.height * (0.97 if who % 2 else 0.86))
        paint = tuple(chance.randrange(40, 220) for _ in range(3))
        colours = ((paint[0], paint[1], paint[2]), (25, 30, 35))
        made.append(
            _Mover("vehicle", who, (car_height * 2, car_height), foot, chance.random(), laps, colours)
        )
    for who in range(scene.walking + scene.standing):
        tall = int(person_height * chance.uniform(0.85, 1.1))
        laps = max(1, scene.duration_s // 18) * chance.choice((1, -1)) if who < scene.walking else 0
        foot = int(scene.height * chance.uniform(0.64, 0.74))
        top = (chance.randrange(30, 230), chance.randrange(30, 230), chance.randrange(30, 230))
        legs = (chance.randrange(20, 90), chance.randrange(20, 90), chance.randrange(30, 120))
        size = (max(4, tall * 2 // 5), tall)
        made.append(_Mover("person", 1000 + who, size, foot, chance.random(), laps, (top, legs)))
    return sorted(made, key=lambda mover: mover.foot_y)


def _fill(picture: Picture, x: int, y: int, w: int, h: int, colour: Colour) -> None:
    picture[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)] = colour


def _backdrop(scene: SceneSource) -> Picture:
    """Sky, facade with windows and doors, pavement and road."""
    width, height = scene.width, scene.height
    picture: Picture = np.empty((height, width, 3), np.uint8)
    sky, facade, kerb = height // 8, height * 55 // 100, height * 76 // 100
    picture[:sky] = (150, 185, 220)
    picture[sky:facade] = (176, 148, 122)
    picture[facade:kerb] = (150, 150, 146)
    picture[kerb:] = (82, 84, 86)
    step = max(8, height // 9)
    for x in range(step // 2, width - step // 2, step):
        for y in range(sky + step // 3, facade - step, step):
            _fill(picture, x, y, step // 2, step * 2 // 3, (70, 92, 112))
        if (x // step) % 4 == 1:
            _fill(picture, x, facade - step, step // 2, step, (92, 58, 40))
    for x in range(0, width, step * 2):
        _fill(picture, x, height * 88 // 100, step, max(2, height // 120), (225, 225, 215))
    grain = np.random.default_rng(scene.seed).integers(-6, 7, (height, width, 1), np.int16)
    return _cut(picture.astype(np.float64) + grain)


def _draw_mover(picture: Picture, mover: _Mover, place: tuple[int, int], time_s: float) -> None:
    x, y = place
    w, h = mover.size
    if mover.kind == "vehicle":
        _fill(picture, x + w // 5, y, w * 3 // 5, h // 2, mover.colours[1])
        _fill(picture, x, y + h // 3, w, h * 45 // 100, mover.colours[0])
        for wheel in (w // 6, w * 4 // 6):
            _fill(picture, x + wheel, y + h * 3 // 4, w // 6, h // 4, (15, 15, 15))
        return
    head = max(2, h // 7)
    stride = int(w * 0.3 * sin(2 * pi * 1.8 * time_s + mover.phase * 6)) if mover.laps else w // 6
    middle = x + w // 2
    _fill(picture, middle - head // 2, y, head, head, (205, 165, 135))
    _fill(picture, middle - w // 4, y + head, w // 2, h * 45 // 100, mover.colours[0])
    legs = y + head + h * 45 // 100
    for side in (stride, -stride):
        _fill(picture, middle + side // 2 - w // 10, legs, max(2, w // 5), y + h - legs, mover.colours[1])


def _light(picture: Picture, scene: SceneSource, frame: int) -> Picture:
    """The picture under the scene's light and weather."""
    if scene.condition in (Condition.DAY, Condition.SHAKE):
        return picture
    grain = np.random.default_rng((scene.seed, frame))
    if scene.condition is Condition.DUSK:
        return _cut(picture * np.array([0.62, 0.5, 0.48]))
    if scene.condition is Condition.NIGHT:
        dark = picture * np.array([0.16, 0.17, 0.22])
        dark += grain.normal(6, 5, (scene.height, scene.width, 1))
        for lamp in range(scene.width // 8, scene.width, scene.width // 4):
            reach = scene.width // 16
            dark[scene.height // 3 : scene.height * 3 // 4, max(0, lamp - reach) : lamp + reach] *= 2.4
        return _cut(dark)
    wet = picture * 0.72 + 30
    length = max(4, scene.height // 24)
    for _ in range(scene.width * scene.height // 1500):
        x, y = int(grain.integers(scene.width)), int(grain.integers(scene.height))
        wet[y : y + length, x] += 45
    return _cut(wet)


def _cut(picture: NDArray[np.floating[Any]]) -> Picture:
    cut: Picture = np.clip(picture, 0, 255).astype(np.uint8)
    return cut
