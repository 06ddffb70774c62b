"""Today's light on a committed background: a tone curve a channel and one smooth field of brightness.

Both are estimated only from blocks where the background's own structure is still to be seen, so that people, who hide
it, hardly vote.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from custodes.rendition.picture import CELL_PX, Blocks, Picture, largest_channel

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]

_PAIRS = 50
_VOTES_LIMIT = 600
_TEXTURE_LEVEL = 6.0
_CONTRAST_LEAST = 0.35


@dataclass(frozen=True, slots=True)
class Windows:
    """Means over a block and its neighbours. Shapes: rows x columns, means of channels rows x columns x 3."""

    luma: Floats
    deviation: Floats
    channels: Floats
    own: Floats

    @classmethod
    def of(cls, picture: Picture, luma: Floats) -> Windows:
        own = cells(picture.astype(np.float32))
        mean = windows(cells(luma))
        square = windows(cells(luma * luma))
        deviation = np.sqrt(np.maximum(square - mean * mean, 0))
        return cls(mean, deviation, windows(own), own)


def cells(pixels: Floats) -> Floats:
    """The mean of each block of analysed pixels."""
    height, width = pixels.shape[:2]
    size = (width // CELL_PX, height // CELL_PX)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def windows(blocks: Floats) -> Floats:
    """The mean of each block and its eight neighbours."""
    return np.asarray(cv2.blur(blocks, (3, 3), borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def luma_of(picture: Picture) -> Floats:
    """Brightness of each pixel."""
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Scene:
    """A background picture with what is compared of it."""

    picture: Picture
    luma: Floats
    at: Windows

    @classmethod
    def of(cls, picture: Picture) -> Scene:
        luma = luma_of(picture)
        return cls(picture, luma, Windows.of(picture, luma))

    @property
    def voters(self) -> Blocks:
        """Blocks with enough texture to be known again under another light."""
        return np.asarray(self.at.deviation > _TEXTURE_LEVEL)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far each window still shows the background's structure: correlation, and contrast to the background's."""

    correlation: Floats
    slope: Floats

    @classmethod
    def of(cls, scene: Scene, now: Scene) -> Likeness:
        both = windows(cells(scene.luma * now.luma)) - scene.at.luma * now.at.luma
        spread = np.maximum(scene.at.deviation, 1e-3)
        return cls(both / (spread * np.maximum(now.at.deviation, 1e-3)), both / (spread * spread))


@dataclass(frozen=True, slots=True)
class Light:
    """Today's light. Shapes: tones 256 x 3; luma_tone 256; field rows x columns."""

    tones: Floats
    luma_tone: Floats
    field: Floats

    def predict(self, scene: Scene) -> Picture:
        """The background as it must look under this light."""
        height, width = scene.luma.shape
        base = cv2.LUT(scene.picture, self.tones.reshape(1, 256, 3))
        field = cv2.resize(self.field, (width, height), interpolation=cv2.INTER_LINEAR)
        lit = cv2.multiply(base, cv2.merge((field, field, field)))
        return np.asarray(cv2.convertScaleAbs(lit), dtype=np.uint8)

    def contrast(self, scene: Scene) -> Floats:
        """How much of the background's contrast is left at each block."""
        level = np.clip(np.rint(scene.at.luma), 0, 255).astype(np.intp)
        return np.asarray(np.gradient(self.luma_tone)[level] * self.field, dtype=np.float32)


def votes(scene: Scene, now: Scene, alike: Likeness, allowed: Blocks) -> Blocks:
    """Blocks that say how the light has changed."""
    bright = largest_channel(now.at.channels) + 2 * now.at.deviation
    clear = (alike.correlation > 0.9) & (alike.slope > _CONTRAST_LEAST) & (alike.slope < 1.8) & (bright < 250)
    return np.asarray(allowed & clear)


def faint(alike: Likeness, allowed: Blocks) -> int:
    """How many blocks still show the background's structure, with too little contrast to say more."""
    return int((allowed & (alike.correlation > 0.9) & (alike.slope <= _CONTRAST_LEAST)).sum())


def fit(scene: Scene, now: Scene, alike: Likeness, voting: Blocks) -> Light | None:
    """The light that the voting blocks agree on; none when they do not."""
    rows, columns = np.nonzero(voting)
    if len(rows) > _VOTES_LIMIT:
        chosen = np.arange(_VOTES_LIMIT) * len(rows) // _VOTES_LIMIT
        rows, columns = rows[chosen], columns[chosen]
    before = scene.at.luma[rows, columns].astype(np.float64)
    after = now.at.luma[rows, columns].astype(np.float64)
    start = _line(before, after)
    if start is None:
        return None
    luma = _curve(before, after, np.array([start[0], 128 * start[1], 0.0]), 8.0, 4)
    tones = np.empty((256, 3), dtype=np.float32)
    for channel in range(3):
        of_before = scene.at.channels[rows, columns, channel].astype(np.float64)
        of_after = now.at.channels[rows, columns, channel].astype(np.float64)
        tones[:, channel] = _table(_curve(of_before, of_after, luma, 14.0, 5))
    luma_tone = _table(luma)
    return Light(tones, luma_tone, _field(scene, now, alike, voting, luma_tone))


def _line(before: Reals, after: Reals) -> tuple[float, float] | None:
    """Offset and gain that most votes fit, from a fixed choice of pairs."""
    order = np.argsort(before, kind="stable")
    count = len(order)
    step = np.arange(_PAIRS)
    low = order[(step * 37 + 11) % max(1, count // 2)]
    high = order[count // 2 + (step * 53 + 29) % max(1, count - count // 2)]
    width = before[high] - before[low]
    usable = width > 8
    gain = (after[high] - after[low])[usable] / width[usable]
    offset = after[low][usable] - gain * before[low][usable]
    valid = (gain > 0.35) & (gain < 1.8) & (np.abs(offset) < 45)
    gain, offset = gain[valid], offset[valid]
    if not len(gain):
        return None
    wrong = np.abs(after[None, :] - offset[:, None] - gain[:, None] * before[None, :])
    best = int(np.argmin(np.minimum(wrong, 8).sum(axis=1)))
    return float(offset[best]), float(gain[best])


def _curve(before: Reals, after: Reals, start: Reals, width: float, rounds: int) -> Reals:
    """A quadratic through the votes, those far from it left out."""
    x = before / 128
    terms = np.stack((np.ones_like(x), x, x * x))
    curve: Reals = start
    for _ in range(rounds):
        weight = np.clip(1 - ((after - curve @ terms) / width) ** 2, 0, None) ** 2
        weighted = terms * weight
        system = weighted @ terms.T + np.diag((1e-6, 1e-6, 0.05))
        curve = np.linalg.solve(system, weighted @ after).astype(np.float64)
    return curve


def _table(curve: Reals) -> Floats:
    x = np.arange(256) / 128
    values = np.maximum.accumulate(curve[0] + curve[1] * x + curve[2] * x * x)
    return np.clip(values, 0, 255).astype(np.float32)


def _field(scene: Scene, now: Scene, alike: Likeness, voting: Blocks, tone: Floats) -> Floats:
    """Smooth brightness against the tone curve, by block: cells of 8 x 8 blocks, each by its median vote."""
    level = np.clip(np.rint(scene.at.luma), 0, 255).astype(np.intp)
    expected = tone[level]
    change = np.log(np.maximum(now.at.luma, 1) / np.maximum(expected, 1))
    contrast = np.gradient(tone)[level] * np.exp(change)
    same = np.abs(np.log(np.maximum(alike.slope, 1e-3) / np.maximum(contrast, 1e-3))) < 0.3
    sure = voting & (expected > 16) & (expected < 245) & (now.at.luma < 245) & (np.abs(change) < 0.9) & same
    rows, columns = change.shape
    high, wide = -(-rows // 8), -(-columns // 8)
    padded = np.full((high * 8, wide * 8), np.inf, dtype=np.float32)
    padded[:rows, :columns] = np.where(sure, change, np.inf)
    ranked = np.sort(padded.reshape(high, 8, wide, 8).transpose(0, 2, 1, 3).reshape(high, wide, 64), axis=2)
    count = np.isfinite(ranked).sum(axis=2)
    low = np.take_along_axis(ranked, np.maximum(count - 1, 0)[..., None] // 2, axis=2)[..., 0]
    top = np.take_along_axis(ranked, count[..., None] // 2, axis=2)[..., 0]
    trusted = count >= 4
    middle = np.where(trusted, np.where(trusted, low, 0) / 2 + np.where(trusted, top, 0) / 2, 0).astype(
        np.float32
    )
    number = np.where(trusted, np.minimum(count, 12), 0).astype(np.float32)
    above = cv2.GaussianBlur(number * middle, (0, 0), 1.0, borderType=cv2.BORDER_CONSTANT)
    below = cv2.GaussianBlur(number, (0, 0), 1.0, borderType=cv2.BORDER_CONSTANT)
    log = np.clip(above / (below + 0.15), -0.7, 0.5).astype(np.float32)
    # The grid is cut off where the last cells reach beyond it.
    whole = cv2.resize(log, (wide * 8, high * 8), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.exp(whole[:rows, :columns]), dtype=np.float32)
