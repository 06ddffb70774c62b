"""The veiler's loop, fed by hand with real pictures by a clock that moves by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from scenery import Told, committed, square, with_person
from veiling.footage import Camera, is_flat, pictures_of, street, unit_frame

from custodes.adapters.av.pictures import Picture
from custodes.base.clock import SECOND_US, ManualClock
from custodes.base.errors import InvalidError
from custodes.media.mp4.fragments import check_boxes
from custodes.rendition.background import decode, encode
from custodes.services.live import LiveState, Reason, ViewState, masked, parse_state
from custodes.services.veiler.frames import Frame, FrameKind
from custodes.services.veiler.learning import Gathering
from custodes.services.veiler.masking import MaskVeil
from custodes.services.veiler.messages import (
    Figures,
    Ground,
    Learn,
    Zone,
    ground_frame,
    learn_frame,
    pace_frame,
    parse_candidate,
    parse_figures,
)
from custodes.services.veiler.ports import Arrival, Veil, Veiled
from custodes.services.veiler.veiler import Veiler
from custodes.services.veiler.whole import FLAT_LEVEL


class HalfVeil:
    """Shows the left half: a veil with something to see."""

    def configure(self, ground: Ground) -> None:
        if ground.files != (b"known",):
            raise InvalidError("unknown")

    def veil(self, picture: Picture, arrival: Arrival, interval_us: int) -> list[Veiled]:
        picture[:, picture.shape[1] // 2 :] = FLAT_LEVEL
        return [Veiled(arrival, picture, Reason.NONE, 500)]

    def drain(self) -> list[Veiled]:
        return []


class BrokenVeil(HalfVeil):
    """Fails, or gives what is no picture."""

    def __init__(self, result: object) -> None:
        self.result = result

    def veil(self, picture: Picture, arrival: Arrival, interval_us: int) -> list[Veiled]:
        if isinstance(self.result, Exception):
            raise self.result
        return [Veiled(arrival, self.result, Reason.NONE, 0)]  # type: ignore[arg-type]


class Telltale(HalfVeil):
    """Says that all is masked and hands over the clear picture."""

    def veil(self, picture: Picture, arrival: Arrival, interval_us: int) -> list[Veiled]:
        return [Veiled(arrival, picture, Reason.TOO_DARK, 3)]


class LateVeil(HalfVeil):
    """Keeps each picture back until the next one."""

    def __init__(self) -> None:
        self.kept: list[Veiled] = []

    def veil(self, picture: Picture, arrival: Arrival, interval_us: int) -> list[Veiled]:
        done, self.kept = self.kept, super().veil(picture, arrival, interval_us)
        return done

    def drain(self) -> list[Veiled]:
        done, self.kept = self.kept, []
        return done


@dataclass
class Fed:
    """A veiler, its camera, and what it sent."""

    veil: Veil = field(default_factory=lambda: MaskVeil(Told()))
    camera: Camera = field(default_factory=Camera)
    clock: ManualClock = field(default_factory=ManualClock)
    sent: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.veiler = Veiler(self.veil, Gathering(Told()), self.clock, self.sent.append)
        self.veiler.take(self.camera.sets())

    def give(self, late_us: int = 0, **flags: bool) -> None:
        """The next picture, which waits so long before it is taken."""
        unit = self.camera.unit(self.clock.boot_us(), **flags)
        utc_us = self.clock.utc_us()
        self.clock.advance(late_us)
        self.veiler.take(unit_frame(unit, utc_us))

    def play(self, seconds: float, late_us: int = 0) -> None:
        """Pictures at the camera's rate."""
        for _ in range(round(seconds * self.camera.rate_hz)):
            self.give(late_us)
            self.clock.advance(max(0, SECOND_US // self.camera.rate_hz - late_us))

    def of(self, *kinds: FrameKind) -> list[Frame]:
        """What was sent of these kinds."""
        return [frame for frame in self.sent if frame.kind in kinds]

    def shown(self) -> list[Picture]:
        """What a viewer sees, from the last initialisation segment on."""
        last = max(i for i, frame in enumerate(self.sent) if frame.kind is FrameKind.INIT)
        bodies = [f.body for f in self.sent[last:] if f.kind in (FrameKind.KEY, FrameKind.FRAGMENT)]
        return pictures_of(self.sent[last].body, bodies)

    def states(self) -> list[LiveState]:
        """The states, each once in a row."""
        states = [parse_state(frame.body) for frame in self.of(FrameKind.STATE)]
        return [s for i, s in enumerate(states) if not i or s != states[i - 1]]

    def figures(self) -> Figures:
        """The last."""
        return parse_figures(self.of(FrameKind.FIGURES)[-1].body)


def test_without_a_background_everything_is_flat() -> None:
    fed = Fed()
    fed.veiler.take(pace_frame(8))
    fed.play(3)
    shown = fed.shown()
    assert len(shown) >= 22
    assert all(is_flat(picture) for picture in shown)
    assert not is_flat(street(0))
    assert fed.states() == [masked(Reason.NO_BACKGROUND)]
    for frame in fed.of(FrameKind.KEY, FrameKind.FRAGMENT):
        check_boxes(frame.body, b"moof", b"mdat")
    figures = fed.figures()
    assert figures.whole == figures.made > 0
    assert figures.decoded > figures.made


def test_what_may_be_seen_is_seen() -> None:
    fed = Fed(HalfVeil())
    fed.veiler.take(pace_frame(8))
    fed.play(2)
    for picture in fed.shown():
        assert not is_flat(picture[:, :150])
        assert np.abs(picture[:, 176:].astype(int) - FLAT_LEVEL).max() <= 6
    assert fed.states() == [LiveState(ViewState.LIVE, Reason.NONE, 500)]


@pytest.mark.parametrize(
    "veil",
    [
        BrokenVeil(ValueError("of a defect")),
        BrokenVeil(street(0)[:100]),
        BrokenVeil(street(0).astype(np.uint16)),
        Telltale(),
    ],
)
def test_a_veil_that_is_not_to_be_trusted_shows_nothing(veil: Veil) -> None:
    fed = Fed(veil)
    fed.play(3)
    assert len(fed.shown()) >= 3
    assert all(is_flat(picture) for picture in fed.shown())
    (state,) = fed.states()
    assert state == masked(Reason.TOO_DARK if isinstance(veil, Telltale) else Reason.FAULT)


def test_backgrounds_that_are_not_understood_mask_everything() -> None:
    fed = Fed(HalfVeil())
    fed.play(2)
    fed.veiler.take(Frame(FrameKind.GROUND, 0, b"of another version"))
    fed.play(2)
    fed.veiler.take(ground_frame((b"known",), ()))
    fed.play(2)
    assert [state.reason for state in fed.states()] == [Reason.NONE, Reason.FAULT, Reason.NONE]
    assert [is_flat(picture) for picture in fed.shown()] == [False, False, True, True, False, False]


def test_after_a_ground_that_was_none_the_one_before_holds_first() -> None:
    scene = square()
    ground = ground_frame((encode(committed(scene)),), ())
    fed = Fed(MaskVeil(Told()), Camera((640, 360), 10, scene=lambda _: scene))
    fed.veiler.take(pace_frame(8))
    for frame in (ground, Frame(FrameKind.GROUND, 0, b"nonsense"), ground):
        fed.veiler.take(frame)
        fed.play(2)
    assert [state.reason for state in fed.states() if state.reason is not Reason.NONE] == [
        Reason.SETTLING,
        Reason.FAULT,
        Reason.SETTLING,
    ]
    assert fed.states()[-1].state is ViewState.LIVE


def test_the_rate_that_is_wanted() -> None:
    fed = Fed(camera=Camera(rate_hz=25))
    fed.play(22)
    keys = fed.of(FrameKind.KEY)
    assert 22 <= len(keys) + len(fed.of(FrameKind.FRAGMENT)) <= 23
    assert [round((key.at_us - keys[0].at_us) / SECOND_US) for key in keys] == [0, 10, 20]
    fed.veiler.take(pace_frame(8))
    fed.sent.clear()
    fed.play(4)
    keys, others = fed.of(FrameKind.KEY), fed.of(FrameKind.FRAGMENT)
    assert 31 <= len(keys) + len(others) <= 33
    gaps = np.diff([frame.at_us for frame in keys])
    assert all(0.8 * SECOND_US <= gap <= 1.2 * SECOND_US for gap in gaps)
    assert fed.figures().rate_hz == 8


def test_overload_lowers_the_rate_and_never_the_mask() -> None:
    fed = Fed(HalfVeil(), Camera(rate_hz=10))
    fed.veiler.take(pace_frame(8))
    fed.play(2)
    rates = []
    for _ in range(4):
        fed.play(2, late_us=700_000)
        rates.append(fed.figures().rate_hz)
    assert rates[0] < 8
    assert rates[-1] == 1
    assert sorted(rates, reverse=True) == rates
    fed.play(40)
    assert fed.figures().rate_hz == 8
    for picture in fed.shown():
        assert np.abs(picture[:, 176:].astype(int) - FLAT_LEVEL).max() <= 6


def test_overload_with_people_in_the_picture_shows_nobody_at_any_rate() -> None:
    scene = square()
    people = [with_person(scene, 40 + 30 * number % 500, 180, 40, 110, 5) for number in range(20)]
    veil = MaskVeil(Told())
    veil.configure(Ground((encode(committed(scene)),)))
    fed = Fed(
        veil, Camera((640, 360), 10, scene=lambda number: people[number % 20] if number > 40 else scene)
    )
    fed.veiler.take(pace_frame(8))
    fed.play(4.5)
    rates = set()
    for late_us in (0, 700_000, 700_000, 700_000, 700_000, 900_000):
        fed.play(2, late_us)
        rates.add(fed.figures().rate_hz)
    assert (max(rates), min(rates)) == (8, 1)
    shown = fed.shown()
    assert sum(not is_flat(picture) for picture in shown) > 30
    assert all(int(picture.max(axis=2).min()) > 25 for picture in shown), "somebody's black is seen"
    assert int(people[0].max(axis=2).min()) == 5


def test_what_is_late_is_dropped_to_a_key_frame_and_said() -> None:
    fed = Fed(HalfVeil())
    fed.veiler.take(pace_frame(8))
    fed.play(2.5)
    fed.give(late_us=1_200_000)
    before = len(fed.of(FrameKind.KEY, FrameKind.FRAGMENT))
    fed.play(0.4)
    assert len(fed.of(FrameKind.KEY, FrameKind.FRAGMENT)) == before + 1
    assert fed.states()[-1] == masked(Reason.LATE)
    fed.play(1)
    assert fed.states()[-1].state is ViewState.LIVE
    assert [is_flat(picture) for picture in fed.shown()].count(True) == 2


@pytest.mark.parametrize(
    ("flag", "reason"), [("skipped_before", Reason.LATE), ("loss_before", Reason.DAMAGED)]
)
def test_after_a_hole_nothing_is_shown_until_a_key_frame(flag: str, reason: Reason) -> None:
    fed = Fed(HalfVeil())
    fed.veiler.take(pace_frame(8))
    fed.play(2.3)
    fed.give(**{flag: True})
    assert fed.states()[-1] == masked(reason)
    fed.play(0.6)
    assert fed.states()[-1] == masked(reason)
    fed.play(0.2)
    assert fed.states()[-1].state is ViewState.LIVE


def test_pictures_that_were_kept_back_come_in_order_before_what_is_missing() -> None:
    fed = Fed(LateVeil())
    fed.veiler.take(pace_frame(8))
    fed.play(2.3)
    fed.give(loss_before=True)
    assert fed.states()[-1] == masked(Reason.DAMAGED)
    times = [frame.at_us for frame in fed.of(FrameKind.KEY, FrameKind.FRAGMENT)]
    assert times == sorted(times)
    assert [is_flat(picture) for picture in fed.shown()][-2:] == [False, True]


def test_it_says_how_sharp_and_well_exposed_the_picture_is() -> None:
    fed = Fed()
    fed.play(2)
    sharp = fed.figures()
    assert 100 < sharp.sharpness_permille <= 1000
    assert 900 < sharp.exposure_permille <= 1000


def test_it_begins_at_a_key_frame() -> None:
    fed = Fed(HalfVeil())
    fed.camera.unit(0)
    fed.play(0.8)
    assert fed.states() == [masked(Reason.STARTING)]
    assert [is_flat(picture) for picture in fed.shown()] == [True]
    fed.play(1)
    assert fed.states()[-1].state is ViewState.LIVE


def test_garbage_is_never_shown() -> None:
    fed = Fed(HalfVeil())
    fed.veiler.take(pace_frame(8))
    fed.play(1.5)
    chance = np.random.default_rng(7)
    for number in range(40):
        unit = fed.camera.unit(fed.clock.boot_us())
        data = bytearray(unit.data)
        for at in chance.integers(0, len(data), 60):
            data[at] = int(chance.integers(256))
        if number % 5 == 0:
            data = bytearray(chance.bytes(300))
        broken = type(unit)(bytes(data), unit.boot_us, unit.is_key)
        fed.veiler.take(unit_frame(broken, fed.clock.utc_us()))
        fed.clock.advance(100_000)
    assert masked(Reason.DAMAGED) in fed.states()
    for picture in fed.shown():
        assert np.abs(picture[:, 176:].astype(int) - FLAT_LEVEL).max() <= 6
    fed.play(2.5)
    assert fed.states()[-1].state is ViewState.LIVE


def test_another_size_begins_anew() -> None:
    fed = Fed()
    fed.play(2)
    fed.camera = Camera((1280, 720))
    fed.veiler.take(fed.camera.sets())
    fed.play(2)
    assert len(fed.of(FrameKind.INIT)) == 2
    assert {picture.shape for picture in fed.shown()} == {(396, 704, 3)}
    assert all(is_flat(picture) for picture in fed.shown())


def test_key_frames_that_stand_alone() -> None:
    """Of a main stream only key frames come, each far from the next."""
    fed = Fed(HalfVeil())
    for number in range(60):
        unit = fed.camera.unit(fed.clock.boot_us(), is_alone=True)
        if number % 10 == 0:
            fed.veiler.take(unit_frame(unit, fed.clock.utc_us()))
            assert len(fed.of(FrameKind.KEY, FrameKind.FRAGMENT)) == number // 10 + 1
        fed.clock.advance(400_000)
    assert len(fed.shown()) == 6
    assert fed.states() == [LiveState(ViewState.LIVE, Reason.NONE, 500)]


def test_sets_that_cannot_be_read() -> None:
    fed = Fed()
    fed.veiler = Veiler(fed.veil, Gathering(Told()), fed.clock, fed.sent.append)
    fed.give()
    assert fed.states() == [masked(Reason.STARTING)]
    with pytest.raises(InvalidError):
        fed.veiler.take(Frame(FrameKind.SETS, 0, b"\1\1"))
    assert fed.of(FrameKind.INIT) == []


def test_it_says_whether_the_camera_masks_what_it_must() -> None:
    def scene(number: int) -> Picture:
        picture = street(number)
        if number >= 40:
            picture[48:144, 80:240] = 30
        return picture

    fed = Fed(camera=Camera(scene=scene))
    must, may = Zone(250, 250, 750, 750, original=True), Zone(0, 0, 100, 100)
    fed.play(2)
    assert fed.figures().uncovered == 0
    fed.veiler.take(ground_frame((), (must, may)))
    fed.play(2)
    assert fed.figures().uncovered == 1
    fed.play(2)
    assert fed.figures().uncovered == 0


def test_what_is_learnt_has_zones_flat() -> None:
    fed = Fed()
    fed.veiler.take(pace_frame(8))
    fed.veiler.take(ground_frame((), (Zone(0, 0, 500, 1000),)))
    fed.veiler.take(learn_frame(Learn("home", "day", 20, 0, True)))
    fed.play(12)
    (answer,) = fed.of(FrameKind.CANDIDATE)
    picture = decode(parse_candidate(answer.body).file).picture
    half = picture.shape[1] // 2
    assert is_flat(picture[:, : half - 2]) and not is_flat(picture[:, half + 2 :])
