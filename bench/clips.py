"""Labelled clips and what is done to them: light, clouds, noise, shake, camouflage."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Box = tuple[int, float, float, float, float]


def folder() -> Path:
    """Where the clips are: CUSTODES_VIDEO, or `shared/data/video` beside a folder above this one."""
    named = os.environ.get("CUSTODES_VIDEO")
    if named:
        return Path(named)
    above = (parent / "shared" / "data" / "video" for parent in Path(__file__).resolve().parents)
    return next((path for path in above if path.is_dir()), Path("shared/data/video"))


@dataclass(frozen=True)
class Clip:
    """Pictures, labelled people (track, left, top, right, bottom), how many pictures teach the background."""

    name: str
    pictures: list[Picture]
    people: dict[int, list[Box]]
    learnt: int
    rate: float
    by_difference: bool = False

    @property
    def tested(self) -> range:
        """Numbers (from 0) of the pictures that are scored."""
        return range(self.learnt, len(self.pictures))


def pets(width: int = 768) -> Clip:
    """Outdoor, eight walkers; learnt from pictures 1 to 200, scored on 201 to 795."""
    root = folder() / "pets09-s2l1"
    return _labelled("PETS", root / "vtest.avi", root / "gt.txt", 200, 7.0, width, 768)


def tud(width: int = 640) -> Clip:
    """A shopping street; learnt from 1 to 90, scored on 91 to 179; the woman at the window (track 3) apart."""
    root = folder() / "tud-stadtmitte"
    return _labelled("TUD", root / "TUD-Stadtmitte.mp4", root / "gt.txt", 90, 25.0, width, 640)


def one_by_one(width: int = 768, step: int = 1) -> Clip:
    """Volunteers who come in and stand still; learnt from 1 to 20, labels made by differencing.

    Of the pictures after the learnt ones each `step`-th is taken.
    """
    root = folder() / "intel-samples"
    learnt = 20
    taken = [
        (number, picture)
        for number, picture in enumerate(_read(root / "one-by-one-person-detection.mp4", width))
        if number < learnt or (number - learnt) % step == 0
    ]
    place = {number: index for index, (number, _) in enumerate(taken)}
    people: dict[int, list[Box]] = {}
    scale = width / 768
    with (root / "one-by-one-person-detection.boxes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            index = place.get(int(row["frame_1based"]) - 1)
            if index is not None:
                left, top, wide, high = (scale * float(row[key]) for key in ("x", "y", "w", "h"))
                people.setdefault(index, []).append((1, left, top, left + wide, top + high))
    pictures = [picture for _, picture in taken]
    return Clip("one-by-one", pictures, people, learnt, 10.0 / step, by_difference=True)


def _labelled(
    name: str, video: Path, labels: Path, learnt: int, rate: float, width: int, native: int
) -> Clip:
    scale = width / native
    people: dict[int, list[Box]] = {}
    for row in labels.read_text("utf-8").split():
        frame, track, left, top, wide, high = (float(field) for field in row.split(",")[:6])
        box = (int(track), scale * left, scale * top, scale * (left + wide), scale * (top + high))
        people.setdefault(int(frame) - 1, []).append(box)
    return Clip(name, list(_read(video, width)), people, learnt, rate)


def _read(video: Path, width: int) -> Iterator[Picture]:
    film = cv2.VideoCapture(str(video))
    while True:
        good, picture = film.read()
        if not good:
            return
        if picture.shape[1] != width:
            height = picture.shape[0] * width // picture.shape[1]
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        yield np.asarray(picture, dtype=np.uint8)


Change = Callable[[Picture, int, "Clip", Picture], Picture]


def _round(values: npt.NDArray[np.floating]) -> Picture:
    levels: Picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def clean(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
    """As it is."""
    return picture


def gain(factor: float) -> Change:
    """Every level times a factor."""

    def change(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
        return _round(picture.astype(np.float32) * factor)

    return change


def offset(level: float) -> Change:
    """Every level plus a level."""

    def change(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
        return _round(picture.astype(np.float32) + level)

    return change


def gamma(power: float) -> Change:
    """Every level to a power."""

    def change(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
        return _round(255 * (picture.astype(np.float32) / 255) ** power)

    return change


def ramp(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
    """Gain 1 + 0.3 sin, once over the clip."""
    turn = (number - clip.learnt) / max(1, len(clip.tested))
    return _round(picture.astype(np.float32) * (1 + 0.3 * np.sin(2 * np.pi * turn)))


def cloud(width_px: float, base: float = 1.0) -> Change:
    """An edge from 0.6 to 1.0 crosses the picture slantwise; `width_px` from 10 to 90 %."""

    def change(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
        height, width = picture.shape[:2]
        turn = (number - clip.learnt) / max(1, len(clip.tested))
        along = np.add.outer(
            np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
        ) / np.sqrt(2)
        reach = (height + width) / np.sqrt(2)
        edge = -0.1 * reach + 1.2 * reach * turn
        shade = 0.6 + 0.4 / (1 + np.exp(np.clip((along - edge) * 4.394 / width_px, -50, 50)))
        return _round(picture.astype(np.float32) * (base * shade)[..., None])

    return change


def noise(sigma: float) -> Change:
    """Fresh noise on every pixel and channel."""

    def change(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
        source = np.random.default_rng(1000 + number)
        return _round(picture + sigma * source.standard_normal(picture.shape, dtype=np.float32))

    return change


def jitter(reach_px: float) -> Change:
    """Each picture shifted at random by a part of a pixel."""

    def change(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
        shift = np.random.default_rng(2000 + number).uniform(-reach_px, reach_px, 2)
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], dtype=np.float64)
        size = (picture.shape[1], picture.shape[0])
        moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, dtype=np.uint8)

    return change


def camouflage(share: float, factor: float = 1.0) -> Change:
    """People keep only a share of their contrast to the background."""

    def change(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
        out = picture.astype(np.float32)
        height, width = picture.shape[:2]
        inside = np.zeros((height, width), dtype=bool)
        for _, left, top, right, bottom in clip.people.get(number, []):
            wide, high = 0.25 * (right - left), 0.05 * (bottom - top)
            rows = slice(max(0, int(top - high)), max(0, int(bottom + high)))
            inside[rows, max(0, int(left - wide)) : max(0, int(right + wide))] = True
        base = background.astype(np.float32)
        out[inside] = base[inside] + share * (out[inside] - base[inside])
        return _round(out * factor)

    return change


def jpeg(quality: int) -> Change:
    """Coded as a still picture and decoded again."""

    def change(picture: Picture, number: int, clip: Clip, background: Picture) -> Picture:
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)

    return change


CONDITIONS: dict[str, Change] = {
    "clean": clean,
    "gain +10 %": gain(1.1),
    "gain -10 %": gain(0.9),
    "gain +20 %": gain(1.2),
    "gain -20 %": gain(0.8),
    "offset +20": offset(20),
    "offset -20": offset(-20),
    "cloud soft": cloud(320),
    "cloud": cloud(160),
    "cloud hard": cloud(40),
    "ramp": ramp,
    "noise 12": noise(12),
    "jitter 1 px": jitter(1.0),
    "gamma 0.8": gamma(0.8),
    "gamma 1.25": gamma(1.25),
    "camouflage 50 %": camouflage(0.5),
    "camouflage 25 %": camouflage(0.25),
    "JPEG 30": jpeg(30),
}
