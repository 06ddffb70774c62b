"""How well and how fast the rendition masks people in labelled clips, beside OpenCV's MOG2 on the same test.

`python -m bench.masking [CLIP ...]` scores every condition and prints a table; `rows()` those that are promised.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench import clips
from bench.clips import CONDITIONS, Clip
from bench.masking_peer import NAME, faces_hidden
from bench.masking_score import Ground, Masks, Pixels, Score, ground, score
from bench.rows import Row
from custodes.adapters.av.pictures import PictureEncoder
from custodes.base.errors import RefusedError
from custodes.rendition.background import CommittedBackground
from custodes.rendition.detector import Detector, Finder, Found
from custodes.rendition.hold import Beat, Hold
from custodes.rendition.learning import Candidate, learn
from custodes.rendition.masker import Masker
from custodes.rendition.model import Canvas
from custodes.rendition.picture import Blocks, Grid, Picture
from custodes.rendition.settings import MaskSettings

MODEL = Path(__file__).parents[1] / ".build" / "models" / "person-vehicle.tflite"
PROMISED = ("clean", "gain +20 %", "gain -20 %", "cloud")
# `make bench` fails above these shares of other pixels of PETS masked, with hold (design note 0012).
# The goal for the clean clip is 22 % and is not reached. Units: percent.
OTHER_LIMITS = {"clean": 24.5, "gain +20 %": 30.0, "gain -20 %": 25.0, "cloud": 28.5}
STANDING_TRACK = 3
RATE = 8
# Pictures a quarter of a second, which have one mask.
BEAT = 2
TIMED = 160
PEER_TIMED = 20


class Nothing:
    """A detector that never finds anybody: what the background alone is worth."""

    def find(self, picture: Picture, arrived_us: int) -> Found:
        """No boxes."""
        empty = np.empty((0, 4), dtype=np.float32)
        return Found(empty, np.empty(0, dtype=np.float32), arrived_us)


def rows() -> list[Row]:
    """Person-frames shown and other pixels masked where promised, and streams a core. Errors: RuntimeError."""
    cv2.setNumThreads(1)
    detector = Detector(model_bytes())
    found: list[Row] = []
    missed: list[str] = []
    for make in (clips.pets, clips.tud):
        case = Case.of(make(), detector)
        if not case.refused:
            missed.append(f"{case.clip.name}: the gate lets its background pass")
        for condition in PROMISED:
            mine, peer = case.score(condition, detector), case.peer(condition)
            figure = f"{case.clip.name}, {condition}: shown of {mine.frames} (≤ {100 * mine.bound:.2f} %)"
            found.append(_row(figure, "people", mine.shown, "MOG2, defaults", peer.shown))
            figure = f"{case.clip.name}, {condition}: other pixels masked"
            found.append(_row(figure, "%", mine.other, "MOG2, defaults", peer.other))
            missed += _missed(case.clip.name, condition, mine, peer)
        if case.clip.name == "TUD":
            found += _faces(case, detector)
    found += speeds(detector)
    if missed:
        raise RuntimeError("; ".join(missed))
    return found


def _faces(case: Case, detector: Finder) -> list[Row]:
    hidden = faces_hidden()
    if hidden is None:
        return []
    mine, peer = case.score("clean", detector), case.faces(hidden)
    return [
        _row(f"{case.clip.name}, clean: shown of {mine.frames}", "people", mine.shown, NAME, peer.shown),
        _row(f"{case.clip.name}, clean: other pixels masked", "%", mine.other, NAME, peer.other),
    ]


def _row(figure: str, unit: str, value: float, peer: str, other: float) -> Row:
    return Row(figure, unit, value, peer, other, value / other if other else 0.0)


def _missed(name: str, condition: str, mine: Score, peer: Score) -> list[str]:
    said = [f"{name}, {condition}: {mine.shown} person-frames shown"] if mine.shown else []
    if name == "PETS" and mine.other > OTHER_LIMITS[condition]:
        said.append(f"{name}, {condition}: {mine.other:.1f} % masked, limit {OTHER_LIMITS[condition]:.0f} %")
    if not peer.shown:
        said.append(f"{name}, {condition}: MOG2 shows nobody either, so the test cannot fail")
    return said


class Case:
    """A clip with the background learnt from its first pictures, and what the gate said of it.

    TUD's background has a woman in it who stands still. Scored with the gate, what it withholds is masked for ever;
    scored without, every block counts as committed and she (track 3) is left out, so that the rest of the test bites.
    """

    def __init__(self, clip: Clip, candidate: Candidate, scored: Ground, gated: bool) -> None:
        self.clip = clip
        self.candidate = candidate
        self.ground = scored
        committed = candidate.commit(withhold=True)
        self.background = committed
        if not gated:
            nothing = np.zeros_like(committed.withheld)
            self.background = CommittedBackground(
                committed.view, committed.condition, committed.grid, candidate.picture, nothing
            )

    @classmethod
    def of(cls, clip: Clip, detector: Finder, gated: bool | None = None) -> Case:
        candidate = learn("view", "day", clip.pictures[: clip.learnt], detector)
        if gated is None:
            gated = clip.name != "TUD"
        apart = () if gated else (STANDING_TRACK,)
        return cls(clip, candidate, ground(clip, apart), gated)

    @property
    def refused(self) -> bool:
        """Whether the gate refuses the candidate."""
        try:
            self.candidate.commit()
        except RefusedError:
            return True
        return False

    def score(self, condition: str, detector: Finder, settings: MaskSettings | None = None) -> Score:
        """The rendition's score; the masker has run past its start before the first scored picture."""
        chosen = settings or MaskSettings()
        masker = Masker(self.background.grid, [self.background], detector, (), chosen)
        return self._score(condition, in_beats(masker, chosen.step_us))

    def peer(self, condition: str, rim_and_hold: bool = False) -> Score:
        """MOG2 with its defaults, taught by the same pictures; its own pixels, or blocks with our rim and hold."""
        model = cv2.createBackgroundSubtractorMOG2()
        for picture in self.clip.pictures[: self.clip.learnt]:
            model.apply(picture)
        if not rim_and_hold:
            return self._score(condition, _each(lambda picture, _: model.apply(picture) > 0))
        return self._score(condition, _each(_with_rim(model, self.background.grid)))

    def faces(self, hidden: Callable[[Picture, int], Pixels]) -> Score:
        """What hides faces alone."""
        return self._score("clean", _each(hidden))

    def _score(self, condition: str, masks: Masks) -> Score:
        return score(self.clip, self.ground, CONDITIONS[condition], masks)


def in_beats(masker: Masker, step_us: int) -> Masks:
    """As the veiler does it: the pictures of a quarter of a second have one mask."""
    beat: Beat[int] = Beat(step_us)

    def close() -> list[Blocks]:
        waiting = beat.close()
        return [masker.close().blocks] * len(waiting) if waiting else []

    def masks(picture: Picture | None, at_us: int) -> list[Blocks]:
        done = close() if picture is None or beat.is_over(at_us) else []
        if picture is not None:
            masker.add(picture, at_us)
            beat.add(at_us, at_us)
        return done

    return masks


def _each(mask: Callable[[Picture, int], Pixels]) -> Masks:
    return lambda picture, at_us: [] if picture is None else [mask(picture, at_us)]


def _with_rim(model: cv2.BackgroundSubtractorMOG2, grid: Grid) -> Callable[[Picture, int], Blocks]:
    settings = MaskSettings()
    hold = Hold(grid, settings.hold_us, settings.step_us)
    rows_, columns = grid.shape

    def masks(picture: Picture, at_us: int) -> Blocks:
        tiles = (model.apply(picture) > 0).reshape(rows_, grid.block_px, columns, grid.block_px)
        blocks = (tiles.sum(axis=(1, 3)) >= 3).astype(np.uint8)
        return hold.over(cv2.dilate(blocks, np.ones((3, 3), dtype=np.uint8)).astype(np.bool_), at_us)

    return masks


def speeds(detector: Finder) -> list[Row]:
    """Streams a core at 640x360 and 8 pictures a second, by processor time: mask, detector, render and encode."""
    clip = clips.one_by_one(640, 4)
    case = Case.of(clip, detector)
    pictures = [clip.pictures[number] for number in list(clip.tested)[:TIMED]]
    faces_ms = _faces_ms(pictures[:: TIMED // PEER_TIMED])
    mask_ms, encode_ms = _each_ms(case, detector, pictures)
    # The empty room: the camera's own noise, and nobody, as most cameras see most of the time.
    empty = [clip.pictures[number % clip.learnt] for number in range(TIMED)]
    empty_ms = sum(_each_ms(case, detector, empty))
    beside = (f"{NAME}, without encoding", faces_ms, mask_ms / faces_ms) if faces_ms else ("", 0.0, 0.0)
    return [
        Row("640x360, a picture: mask and detector", "ms", mask_ms, *beside),
        Row("640x360, a picture: render and encode", "ms", encode_ms),
        Row(f"640x360, {RATE} pictures a second: streams", "a core", 1_000 / (mask_ms + encode_ms) / RATE),
        Row(
            f"640x360, {RATE} pictures a second of an empty room: streams", "a core", 1_000 / empty_ms / RATE
        ),
    ]


def _each_ms(case: Case, detector: Finder, pictures: list[Picture]) -> tuple[float, float]:
    """Milliseconds a picture: mask and detector; render and encode."""
    masker = Masker(case.background.grid, [case.background], detector)
    canvas = Canvas(case.background.grid)
    encoder = PictureEncoder(case.background.grid.width_px, case.background.grid.height_px)
    masking_s = encoding_s = 0.0
    for first in range(0, len(pictures), BEAT):
        beat = range(first, min(first + BEAT, len(pictures)))
        began = time.process_time()
        for number in beat:
            masker.add(pictures[number], number * 1_000_000 // RATE)
        mask = masker.close()
        between = time.process_time()
        for number in beat:
            encoder.encode(canvas.render(pictures[number], mask), number * 90_000 // RATE, number % RATE == 0)
        masking_s += between - began
        encoding_s += time.process_time() - between
    return 1_000 * masking_s / len(pictures), 1_000 * encoding_s / len(pictures)


def _faces_ms(pictures: list[Picture]) -> float:
    hidden = faces_hidden()
    if hidden is None:
        return 0.0
    began = time.process_time()
    for picture in pictures:
        hidden(picture, 0)
    return 1_000 * (time.process_time() - began) / len(pictures)


def model_bytes() -> bytes:
    if not MODEL.exists():
        raise OSError(f"{MODEL.name} is not there; `make model` fetches it")
    return MODEL.read_bytes()


MAKERS: dict[str, tuple[Callable[[], Clip], bool | None]] = {
    "PETS": (clips.pets, None),
    "TUD": (clips.tud, None),
    "TUD with gate": (clips.tud, True),
    "one-by-one": (lambda: clips.one_by_one(step=4), None),
}


def main(words: list[str]) -> int:
    """Every condition of the clips named, as a table of Markdown."""
    parser = argparse.ArgumentParser(prog="bench.masking")
    parser.add_argument("clips", nargs="*", metavar="CLIP", default=list(MAKERS), help=", ".join(MAKERS))
    parser.add_argument("--alone", action="store_true", help="without the detector")
    parser.add_argument("--peer", action="store_true", help="MOG2 instead")
    parser.add_argument("--conditions", nargs="*", default=list(CONDITIONS))
    chosen = parser.parse_args(words)
    cv2.setNumThreads(1)
    detector = Detector(model_bytes())
    for name in chosen.clips:
        make, gated = MAKERS[name]
        case = Case.of(make(), detector, gated)
        withheld = 100 * float(case.background.withheld.mean())
        print(f"\n{name}: gate refuses {case.refused}, doubt {case.candidate.doubt:.2f}, "
              f"withheld {withheld:.0f} %, {len(case.ground.tracks)} tracks\n")  # fmt: skip
        print(Score.HEAD)
        for condition in chosen.conditions:
            began = time.perf_counter()
            if chosen.peer:
                for rim in (False, True):
                    print(case.peer(condition, rim).line(condition + (", rim and hold" if rim else "")))
                continue
            found = case.score(condition, Nothing() if chosen.alone else detector)
            print(found.line(condition), flush=True)
            print(f"{name}, {condition}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main(sys.argv[1:]))
