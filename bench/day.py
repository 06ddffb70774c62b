"""A whole day of one street under simulated light and weather: how much of it is masked as a whole, and who is shown.

Real pictures (PETS) with real walkers, changed by arithmetic for the time of day: auto exposure that reaches its limit,
dusk, clouds, rain, wind in leaves and mast, headlights, the camera's switch to infra-red. In every quarter of an hour a
few seconds are masked with the backgrounds that are committed, one for each condition. `python -m bench day`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from bench import clips
from bench.clips import Clip, Picture
from bench.masking import model_bytes
from bench.masking_score import Ground, Score, ground, pixels_elsewhere
from bench.rows import Row
from custodes.rendition.background import CommittedBackground
from custodes.rendition.detector import Detector, Finder
from custodes.rendition.learning import learn
from custodes.rendition.masker import Masker

HOUR_US = 3_600_000_000
SUNRISE_H, SUNSET_H = 6.0, 18.0
INFRARED_H = (5.3, 18.7)
CLOUD_H, WIND_H, RAIN_H = (10.0, 12.0), (12.0, 14.0), (14.0, 16.0)
EVERY_H = 0.25
WARM_S, SCORED_S = 2.5, 4.0
GUST_S, GUST_EVERY_S, GUST_PX, SWAY_PX = 1.0, 15.0, 3.0, 0.6
CAR_S, CAR_EVERY_S = 6.0, 30.0
LEARNT_EVERY = 4
# When each background is learnt. A person approves each: these are the approvals of this camera.
LEARNT_H = {"day": 9.0, "dusk": 18.1, "infra-red": 22.0, "rain": 15.0}
DRY_LIMIT, DAY_LIMIT, BACK_LIMIT_S = 5.0, 20.0, 2.0
SEASONS = 4


@dataclass
class Share:
    """Pictures, how many of them were masked as a whole, and why."""

    pictures: int = 0
    whole: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        """Of the time."""
        return 100 * self.whole / max(1, self.pictures)


def rows() -> list[Row]:
    """Shares of a day masked as a whole, who was shown, when a switch of light is over. Errors: RuntimeError."""
    cv2.setNumThreads(1)
    detector, clip = Detector(model_bytes()), clips.pets()
    street = Street(clip, ground(clip))
    backgrounds = [street.background(name, hour, detector) for name, hour in LEARNT_H.items()]
    dry, whole, score = masked(street, backgrounds, detector)
    _, alone, _ = masked(street, backgrounds[:1], detector, 4 * EVERY_H)
    back_s = switched(street, backgrounds, detector)
    missed = [
        *([f"{score.shown} person-frames shown"] if score.shown else []),
        *([f"by day and dry {dry.percent:.1f} % masked as a whole"] if dry.percent > DRY_LIMIT else []),
        *([f"of the day {whole.percent:.1f} % masked as a whole"] if whole.percent > DAY_LIMIT else []),
        *(
            [f"the view is back {back_s:.1f} s after the switch to infra-red"]
            if back_s > BACK_LIMIT_S
            else []
        ),
        *(["one background does for all 24 h, so the day is too kind"] if alone.percent < DAY_LIMIT else []),
    ]
    if missed:
        raise RuntimeError("; ".join(missed))
    return [
        Row("a day: masked as a whole, by day and dry", "% of time", dry.percent, "limit", DRY_LIMIT),
        Row(
            "a day: masked as a whole, all 24 h",
            "% of time",
            whole.percent,
            "one background alone",
            alone.percent,
        ),
        Row(f"a day: shown of {score.frames} (≤ {100 * score.bound:.2f} %)", "people", score.shown),
        Row("a day: other pixels masked", "%", score.other),
        Row("view back after the switch to infra-red", "s", back_s, "limit", BACK_LIMIT_S),
        Row("backgrounds to approve, learnt anew each season", "a year", SEASONS * len(backgrounds)),
    ]


def masked(
    street: Street, backgrounds: list[CommittedBackground], detector: Finder, every_h: float = EVERY_H
) -> tuple[Share, Share, Score]:
    """The day in samples: the share by day and dry, the share of all, and the people."""
    masker = Masker(backgrounds[0].grid, backgrounds, detector)
    dry, whole, score = Share(), Share(), Score()
    for moment in street.day(every_h):
        mask = masker.mask(moment.picture, moment.at_us)
        if not moment.is_scored:
            continue
        for share in (whole, dry) if is_dry_day(moment.hour) else (whole,):
            share.pictures += 1
            share.whole += bool(mask.blocks.all())
            if mask.reason is not None:
                share.reasons[mask.reason.name] = share.reasons.get(mask.reason.name, 0) + 1
        pixels = np.kron(mask.blocks, np.ones((mask.grid.block_px,) * 2, dtype=np.bool_))
        for person in street.ground.people.get(moment.number, []):
            score.person(person, pixels, moment.number, 1)
        score.elsewhere(pixels, *pixels_elsewhere(street.clip, moment.number, *pixels.shape))
    return dry, whole, score


def switched(street: Street, backgrounds: list[CommittedBackground], detector: Finder) -> float:
    """Seconds from the camera's switch to infra-red until something of the view is seen again."""
    masker = Masker(backgrounds[0].grid, backgrounds, detector)
    switch_h = INFRARED_H[1]
    begin_h = switch_h - 65 / 3600
    for step in range(math.ceil(100 * street.clip.rate)):
        hour = begin_h + step / street.clip.rate / 3600
        moment = street.at(hour, step)
        seen = not masker.mask(moment.picture, moment.at_us).blocks.all()
        if hour >= switch_h and seen:
            return (hour - switch_h) * 3600
    return math.inf


def is_dry_day(hour: float) -> bool:
    """Whether the sun is up and it does not rain."""
    return SUNRISE_H + 0.5 <= hour <= SUNSET_H - 0.5 and not RAIN_H[0] <= hour < RAIN_H[1]


@dataclass(frozen=True)
class Moment:
    """A picture at a time of day. `number`: that of the clip, whose people are in it."""

    hour: float
    number: int
    picture: Picture
    is_scored: bool

    @property
    def at_us(self) -> int:
        """Since midnight."""
        return round(self.hour * HOUR_US)


class Street:
    """A clip at any time of the day."""

    def __init__(self, clip: Clip, scored: Ground) -> None:
        self.clip = clip
        self.ground = scored
        self._leaves = _leaves(scored.background)

    def background(self, condition: str, hour: float, detector: Finder) -> CommittedBackground:
        """The background of this hour, learnt from pictures that are not scored, with the alarms' places withheld."""
        numbers = range(0, self.clip.learnt, LEARNT_EVERY)
        pictures = [self._lit(number, hour + number / self.clip.rate / 3600) for number in numbers]
        return learn("view", condition, pictures, detector).commit(withhold=True)

    def day(self, every_h: float) -> Iterator[Moment]:
        """A few seconds of each part of so many hours, from midnight on; the people go on where they were."""
        rate, chance = self.clip.rate, np.random.default_rng(24)
        warm, scored = math.ceil(WARM_S * rate), math.ceil(SCORED_S * rate)
        step = 0
        for sample in range(round(24 / every_h)):
            begin_h = (sample + chance.uniform(0, 0.9)) * every_h
            for count in range(warm + scored):
                hour = begin_h + count / rate / 3600
                yield self.at(hour, step, count >= warm)
                step += 1

    def at(self, hour: float, step: int, is_scored: bool = True) -> Moment:
        """The scored picture of this step, lit for this hour."""
        number = self.clip.tested[step % len(self.clip.tested)]
        return Moment(hour, number, self._lit(number, hour), is_scored)

    def _lit(self, number: int, hour: float) -> Picture:
        chance = np.random.default_rng(round(hour * 3600 * 100))
        levels = self._windy(self.clip.pictures[number], hour, chance).astype(np.float32)
        height, width = levels.shape[:2]
        if is_infrared(hour):
            levels = _infrared(levels)
        else:
            levels *= exposed(hour) * _tint(hour)
        if CLOUD_H[0] <= hour < CLOUD_H[1]:
            levels *= _cloud(height, width, hour)[..., None]
        if RAIN_H[0] <= hour < RAIN_H[1]:
            levels = _rain(levels, chance)
        if not SUNRISE_H <= hour < SUNSET_H:
            levels += _headlights(height, width, hour)[..., None]
        levels += noise_level(hour) * chance.standard_normal(levels.shape, dtype=np.float32)
        return np.asarray(np.clip(np.rint(levels), 0, 255), dtype=np.uint8)

    def _windy(self, picture: Picture, hour: float, chance: np.random.Generator) -> Picture:
        if not WIND_H[0] <= hour < WIND_H[1]:
            return picture
        # A gust moves the mast by more than the mask puts up with once in a while; leaves move all the time.
        reach_px = GUST_PX if hour * 3600 % GUST_EVERY_S < GUST_S else SWAY_PX
        moved = _shifted(picture, chance.uniform(-reach_px, reach_px, 2))
        leaves = _shifted(picture, chance.uniform(-4, 4, 2))
        return np.asarray(np.where(self._leaves[..., None], leaves, moved), dtype=np.uint8)


def is_infrared(hour: float) -> bool:
    """Whether the camera has switched its filter away."""
    return not INFRARED_H[0] <= hour < INFRARED_H[1]


def exposed(hour: float) -> float:
    """Brightness of the picture: auto exposure holds it until the sun is low, and then gives in."""
    sun = math.sin(math.pi * (hour - SUNRISE_H) / (SUNSET_H - SUNRISE_H))
    by_sun = 1.0 if sun >= 0.2 else 0.25 + 0.75 * max(0.0, (sun + 0.2) / 0.4)
    return by_sun * (1 + 0.06 * math.sin(2 * math.pi * hour * 60 / 7))


def noise_level(hour: float) -> float:
    """Of the sensor, in grey levels: amplified when it is dark."""
    return 5.0 if is_infrared(hour) else 1.0 + 3.0 * (1 - min(1.0, exposed(hour)))


def _tint(hour: float) -> npt.NDArray[np.float32]:
    low = 1 - min(1.0, exposed(hour))
    return np.array([1 - 0.25 * low, 1 - 0.1 * low, 1.0], dtype=np.float32)


def _infrared(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Grey, and lit from the camera: bright in the middle, dark at the corners."""
    height, width = levels.shape[:2]
    grey = levels @ np.array([0.2, 0.3, 0.5], dtype=np.float32)
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lamp = (1.0 - 0.55 * np.minimum(1.0, across**2 + down**2)).astype(np.float32)
    return np.repeat((20 + 0.75 * grey * lamp)[..., None], 3, axis=2)


def _cloud(height: int, width: int, hour: float) -> npt.NDArray[np.float32]:
    """The edge of a cloud's shadow, that crosses the picture in a minute and goes back."""
    across = np.add.outer(np.arange(height), np.arange(width)) / (height + width)
    turn = abs((hour * 60) % 2 - 1) * 1.4 - 0.2
    return (0.6 + 0.4 / (1 + np.exp(np.clip((across - turn) * 20, -50, 50)))).astype(np.float32)


def _rain(levels: npt.NDArray[np.float32], chance: np.random.Generator) -> npt.NDArray[np.float32]:
    """Haze, a wet and darker ground, and streaks."""
    height, width = levels.shape[:2]
    levels = levels * 0.75 + 25
    levels[height // 2 :] *= 0.85
    for _ in range(width * height // 2500):
        down, across = int(chance.integers(height)), int(chance.integers(width))
        levels[down : down + height // 30, across] += 40
    return levels


def _headlights(height: int, width: int, hour: float) -> npt.NDArray[np.float32]:
    """A car crosses now and then: a pool of light on the ground and a glare over all."""
    seconds = hour * 3600 % CAR_EVERY_S
    if seconds >= CAR_S:
        return np.zeros((height, width), dtype=np.float32)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    middle = width * (seconds / CAR_S)
    pool = ((across - middle) / (width / 8)) ** 2 + ((down - 0.7 * height) / (height / 8)) ** 2
    return (8 + 90 * np.exp(-pool)).astype(np.float32)


def _leaves(background: Picture) -> npt.NDArray[np.bool_]:
    """Where trees are taken to be: what is green, dark and in the upper third."""
    blue, green, red = (background[..., channel].astype(int) for channel in range(3))
    trees = (green >= blue) & (green >= red) & (green < 110)
    trees[background.shape[0] // 3 :] = False
    return np.asarray(trees)


def _shifted(picture: Picture, shift: npt.NDArray[np.float64]) -> Picture:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], dtype=np.float64)
    size = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)
