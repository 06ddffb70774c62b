"""What a mask shows of labelled people and hides of the rest, counted, with bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from bench.clips import Change, Clip, Picture
from custodes.rendition.learning import median

Pixels = npt.NDArray[np.bool_]
# Masked blocks, or masked pixels, of the pictures that are finished with one at a time in microseconds, in order; of
# those that are left, for none.
Masks = Callable[[Picture | None, int], list[Pixels]]

SHOWN_SHARE = 0.05
# A person's core: the inner 40 % of the box's width, from 5 to 55 % of its height.
CORE_SIDE, CORE_TOP, CORE_BOTTOM = 0.3, 0.05, 0.55
DIFFERS_LEVEL = 40
CORE_LEAST_PX = 20
WARM_SECONDS = 1.6
FAR_BLOCKS = 4


@dataclass(frozen=True)
class Person:
    """A labelled person of a picture; `truth` says which pixels of the core are the person, where labels do not."""

    track: int
    rows: slice
    columns: slice
    truth: Pixels | None = None


@dataclass(frozen=True)
class Ground:
    """What is scored: people by picture, and where nobody is."""

    people: dict[int, list[Person]]
    background: Picture
    tracks: frozenset[int]


def ground(clip: Clip, without: tuple[int, ...] = ()) -> Ground:
    """The cores of all labelled people; tracks in `without` are not scored, but nobody's pixels either."""
    background = median(clip.pictures[: clip.learnt])
    people: dict[int, list[Person]] = {}
    for number in clip.tested:
        height, width = clip.pictures[number].shape[:2]
        for track, left, top, right, bottom in clip.people.get(number, []):
            wide, high = right - left, bottom - top
            columns = _within(left + CORE_SIDE * wide, right - CORE_SIDE * wide, width)
            rows = _within(top + CORE_TOP * high, top + CORE_BOTTOM * high, height)
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            if track in without or area < CORE_LEAST_PX:
                continue
            truth = None
            if clip.by_difference:
                apart = np.abs(clip.pictures[number][rows, columns].astype(int) - background[rows, columns])
                truth = apart.max(axis=2) > DIFFERS_LEVEL
                if int(truth.sum()) < CORE_LEAST_PX:
                    continue
            people.setdefault(number, []).append(Person(track, rows, columns, truth))
    tracks = frozenset(person.track for found in people.values() for person in found)
    return Ground(people, background, tracks)


def _within(first: float, last: float, limit: int) -> slice:
    start = min(max(0, round(first)), limit)
    return slice(start, max(start, min(round(last), limit)))


@dataclass
class Score:
    """Counts of a run. Units: person-frames, pixels, percent for shares; longest in pictures in a row of one person."""

    HEAD: ClassVar[str] = (
        "| condition | shown | longest | 95 % bound | worst core | other masked | far masked | whole masked |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    frames: int = 0
    shown: int = 0
    longest: int = 0
    worst: float = 0.0
    pictures: int = 0
    whole: int = 0
    _other: list[float] = field(default_factory=list)
    _far: list[float] = field(default_factory=list)
    _row: dict[int, tuple[int, int]] = field(default_factory=dict)

    def person(self, person: Person, masked: Pixels, number: int, step: int) -> None:
        """Counts one person of a picture."""
        seen = ~masked[person.rows, person.columns]
        share = float(seen.mean() if person.truth is None else seen[person.truth].mean())
        self.frames += 1
        self.worst = max(self.worst, share)
        if share <= SHOWN_SHARE:
            return
        self.shown += 1
        last, count = self._row.get(person.track, (-step, 0))
        count = count + 1 if number - last == step else 1
        self._row[person.track] = (number, count)
        self.longest = max(self.longest, count)

    def elsewhere(self, masked: Pixels, nobody: Pixels, far: Pixels) -> None:
        """Counts what is masked where nobody is."""
        self.pictures += 1
        self.whole += bool(masked.all())
        self._other.append(float(masked[nobody].mean()))
        self._far.append(float(masked[far].mean()) if far.any() else 0.0)

    @property
    def other(self) -> float:
        """Percent of the pixels outside all people's boxes that are masked."""
        return 100 * float(np.mean(self._other))

    @property
    def far(self) -> float:
        """The same for pixels at least four blocks from any box."""
        return 100 * float(np.mean(self._far))

    @property
    def bound(self) -> float:
        """Upper end of the two-sided 95 % interval of the share of person-frames shown, as if they were independent."""
        return upper(self.shown, self.frames)

    def line(self, condition: str) -> str:
        """A row of the table."""
        return (
            f"| {condition} | {self.shown} of {self.frames} | {self.longest} | {100 * self.bound:.2f} % "
            f"| {100 * self.worst:.0f} % | {self.other:.1f} % | {self.far:.1f} % | {self.whole} of {self.pictures} |"
        )


def score(clip: Clip, scored: Ground, change: Change, masks: Masks) -> Score:
    """Runs masks over a changed clip, first over the last learnt pictures until the hold has run."""
    found = Score()
    first = clip.learnt - min(clip.learnt, math.ceil(WARM_SECONDS * clip.rate))
    done = first
    for number in range(first, len(clip.pictures) + 1):
        picture = None
        if number < len(clip.pictures):
            picture = change(clip.pictures[number], number, clip, scored.background)
        for masked in masks(picture, round(number * 1_000_000 / clip.rate)):
            if done >= clip.learnt:
                _count(found, clip, scored, done, masked)
            done += 1
    if done != len(clip.pictures):
        raise RuntimeError(f"{clip.name}: {done - first} masks for {len(clip.pictures) - first} pictures")
    return found


def _count(found: Score, clip: Clip, scored: Ground, number: int, masked: Pixels) -> None:
    height, width = clip.pictures[number].shape[:2]
    if masked.shape != (height, width):
        block = height // masked.shape[0]
        masked = np.repeat(np.repeat(masked, block, axis=0), block, axis=1)
    for person in scored.people.get(number, []):
        found.person(person, masked, number, 1)
    found.elsewhere(masked, *_nobody(clip, number, height, width))


def _nobody(clip: Clip, number: int, height: int, width: int) -> tuple[Pixels, Pixels]:
    nobody = np.ones((height, width), dtype=np.bool_)
    far = np.ones((height, width), dtype=np.bool_)
    rim = FAR_BLOCKS * 8
    for _, left, top, right, bottom in clip.people.get(number, []):
        nobody[_within(top, bottom, height), _within(left, right, width)] = False
        far[_within(top - rim, bottom + rim, height), _within(left - rim, right + rim, width)] = False
    return nobody, far


def upper(hits: int, trials: int, confidence: float = 0.95) -> float:
    """Upper end of Clopper and Pearson's two-sided interval: the share at which so few hits have half the rest's odds.

    Source: C. Clopper, E. Pearson, Biometrika 26 (1934).
    """
    if hits >= trials:
        return 1.0
    tail = (1 - confidence) / 2
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(hits, trials, middle) > tail else (low, middle)
    return high


def _at_most(hits: int, trials: int, share: float) -> float:
    if share >= 1:
        return 0.0
    log, other = math.log(share), math.log1p(-share)
    terms = (
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * log
        + (trials - k) * other
        for k in range(hits + 1)
    )
    return math.fsum(math.exp(term) for term in terms)
