"""The veiler's loop, fed by hand with real pictures by a clock that moves by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from veiling.footage import Camera, is_flat, pictures_of, street, unit_frame

from custodes.adapters.av.pictures import Picture
from custodes.base.clock import SECOND_US, ManualClock
from custodes.base.errors import InvalidError
from custodes.media.mp4.fragments import check_boxes
from custodes.services.live import LiveState, Reason, ViewState, masked, parse_state
from custodes.services.veiler.messages import Figures, Frame, FrameKind, pace_frame, parse_figures
from custodes.services.veiler.ports import Veil, Veiled
from custodes.services.veiler.veiler import Veiler
from custodes.services.veiler.whole import WholeVeil


class HalfVeil:
    """Shows the left half: a veil with something to see."""

    def configure(self, data: bytes) -> None:
        if data != b"known":
            raise InvalidError("unknown")

    def veil(self, picture: Picture, arrived_us: int) -> Veiled:
        picture[:, picture.shape[1] // 2 :] = 72
        return Veiled(picture, Reason.NONE, 500)


class BrokenVeil(HalfVeil):
    """Fails, or gives what is no picture."""

    def __init__(self, result: object) -> None:
        self.result = result

    def veil(self, picture: Picture, arrived_us: int) -> Veiled:
        if isinstance(self.result, Exception):
            raise self.result
        return Veiled(self.result, Reason.NONE, 0)  # type: ignore[arg-type]


class Telltale(HalfVeil):
    """Says that all is masked and hands over the clear picture."""

    def veil(self, picture: Picture, arrived_us: int) -> Veiled:
        return Veiled(picture, Reason.TOO_DARK, 3)


@dataclass
class Fed:
    """A veiler, its camera, and what it sent."""

    veil: Veil = field(default_factory=WholeVeil)
    camera: Camera = field(default_factory=Camera)
    clock: ManualClock = field(default_factory=ManualClock)
    sent: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.veiler = Veiler(self.veil, self.clock, self.sent.append)
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
        assert np.abs(picture[:, 176:].astype(int) - 72).max() <= 6
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
    fed.veiler.take(Frame(FrameKind.GROUND, 0, b"known"))
    fed.play(2)
    assert [state.reason for state in fed.states()] == [Reason.NONE, Reason.FAULT, Reason.NONE]
    assert [is_flat(picture) for picture in fed.shown()] == [False, False, True, True, False, False]


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
        assert np.abs(picture[:, 176:].astype(int) - 72).max() <= 6


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
        assert np.abs(picture[:, 176:].astype(int) - 72).max() <= 6
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
    fed.veiler = Veiler(WholeVeil(), fed.clock, fed.sent.append)
    fed.give()
    assert fed.states() == [masked(Reason.STARTING)]
    with pytest.raises(InvalidError):
        fed.veiler.take(Frame(FrameKind.SETS, 0, b"\1\1"))
    assert fed.of(FrameKind.INIT) == []
