"""Which pictures are kept of what a veiler makes, and for how long each is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from veiling.footage import street

from custodes.adapters.av.pictures import PictureEncoder
from custodes.base.clock import MINUTE_US, SECOND_US
from custodes.base.errors import InvalidError
from custodes.custody.renditions import Masked, MaskReason
from custodes.media.mp4.fragments import codec_string, fragment, init_segment
from custodes.media.mp4.pieces import read_recording
from custodes.services.live import (
    AWAY,
    LiveKind,
    LiveMessage,
    LiveState,
    Reason,
    ViewState,
    join_init,
    masked,
)
from custodes.services.recorder.gathering import Gatherer
from custodes.services.veiler.whole import flat
from custodes_verify.manifests import MASK_REASONS

START_US = 1_800_000_000 * SECOND_US
STREAM = bytes(16)
LIVE = LiveState(ViewState.LIVE, Reason.NONE, 10)


@dataclass
class Reel:
    """What was written of a reel."""

    start_us: int
    codec: str
    data: bytearray
    duration_us: int | None = None
    refuses: bool = False

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    def append(self, data: bytes) -> bool:
        if not self.refuses:
            self.data += data
        return not self.refuses

    def finish(self, duration_us: int) -> None:
        self.duration_us = duration_us


@dataclass
class Reels:
    """Where a gatherer's reels go."""

    all: list[Reel] = field(default_factory=list)
    room: bool = True

    def has_room(self, stream: bytes) -> bool:
        return self.room

    def begin(self, stream: bytes, start_us: int, codec: str, init: bytes) -> Reel:
        self.all.append(Reel(start_us, codec, bytearray(init)))
        return self.all[-1]


class Fed:
    """A gatherer and the veiler that it is fed by, with a real encoder."""

    def __init__(self, reel_us: int = 5 * MINUTE_US) -> None:
        self.reels = Reels()
        self.gatherer = Gatherer(STREAM, reel_us, self.reels, START_US)
        self.now_us = START_US
        self.number = 0
        self.step_us = 0
        self.init()

    def init(self, size_px: tuple[int, int] = (320, 192)) -> None:
        self.size_px = size_px
        self.encoder = PictureEncoder(*size_px)
        self.began_us, self.number, self.key_us = self.now_us, 0, 0
        sets = self.encoder.sets
        self.say(LiveKind.INIT, join_init(codec_string(sets), init_segment(sets)))

    def say(self, kind: LiveKind, body: bytes) -> None:
        self.gatherer.take(LiveMessage(kind, self.now_us + self.step_us, body))

    def state(self, state: LiveState) -> None:
        self.say(LiveKind.STATE, state.encode())

    def picture(self, key: bool = False, whole: bool = False) -> None:
        self.number += 1
        at = (self.now_us - self.began_us) * 90_000 // SECOND_US
        picture = flat(*self.size_px) if whole else street(self.number, self.size_px)
        encoded = self.encoder.encode(picture, at, key or self.number == 1)
        data = fragment(self.number, at, 90_000, encoded.sample, encoded.is_key)
        self.say(LiveKind.KEY if encoded.is_key else LiveKind.FRAGMENT, data)

    def play(self, seconds: float, rate_hz: int = 1, whole: bool = False) -> None:
        gop_us = SECOND_US if rate_hz > 1 else 10 * SECOND_US
        for _ in range(int(seconds * rate_hz)):
            is_key = self.number == 0 or self.now_us - self.key_us >= gop_us
            if is_key:
                self.key_us = self.now_us
            self.picture(is_key, whole)
            self.now_us += SECOND_US // rate_hz

    def end(self) -> list[Reel]:
        self.gatherer.end(self.now_us)
        return self.reels.all


def counts(reels: list[Reel]) -> list[int]:
    for reel in reels:
        recorded = read_recording(bytes(reel.data))
        assert recorded.valid_bytes == len(reel.data)
        assert recorded.duration_us == reel.duration_us
        assert recorded.codec == reel.codec
    return [read_recording(bytes(reel.data)).pictures for reel in reels]


@pytest.mark.parametrize("rate_hz", [1, 2, 4, 8])
def test_a_picture_a_second_whether_watched_or_not(rate_hz: int) -> None:
    fed = Fed()
    fed.state(LIVE)
    fed.play(30, rate_hz)
    (reel,) = fed.end()
    assert counts([reel]) == [30]
    assert reel.start_us == START_US and reel.duration_us == 30 * SECOND_US


def test_reels_of_five_minutes_that_meet() -> None:
    fed = Fed()
    fed.state(LIVE)
    fed.play(700)
    reels = fed.end()
    assert sum(counts(reels)) == 700
    assert len(reels) == 3
    for before, after in pairwise(reels):
        assert before.start_us + (before.duration_us or 0) == after.start_us
        assert 280 * SECOND_US <= (before.duration_us or 0) <= 300 * SECOND_US


def test_masked_time_has_hardly_a_byte_and_its_reason() -> None:
    fed = Fed()
    fed.state(LIVE)
    fed.play(10)
    fed.picture(key=True, whole=True)
    fed.state(masked(Reason.TOO_DARK))
    fed.now_us += SECOND_US
    fed.play(120, whole=True)
    fed.picture(key=True)
    fed.state(LIVE)
    fed.now_us += SECOND_US
    fed.play(8)
    (reel,) = fed.end()
    # Ten pictures, a flat one at once and one every half minute, the first that is seen again, and eight or so.
    assert 18 + 4 <= counts([reel])[0] <= 26
    masked_us = (START_US + 10 * SECOND_US, START_US + 131 * SECOND_US)
    assert fed.gatherer.times.take(fed.now_us) == [Masked(STREAM, *masked_us, MaskReason.TOO_DARK)]


def test_masked_times_are_told() -> None:
    fed = Fed()
    fed.now_us += 3 * SECOND_US
    fed.state(LIVE)
    fed.now_us += 10 * SECOND_US
    fed.state(masked(Reason.SHAKING))
    fed.now_us += 5 * SECOND_US
    fed.state(AWAY)
    fed.now_us += 5 * SECOND_US
    at = [START_US + seconds * SECOND_US for seconds in (0, 3, 13, 18, 23)]
    assert fed.gatherer.times.take(fed.now_us) == [
        Masked(STREAM, at[0], at[1], MaskReason.STARTING),
        Masked(STREAM, at[2], at[3], MaskReason.SHAKING),
        Masked(STREAM, at[3], at[4], MaskReason.NO_PICTURES),
    ]
    fed.now_us += SECOND_US
    assert fed.gatherer.times.take(fed.now_us) == [Masked(STREAM, at[4], fed.now_us, MaskReason.NO_PICTURES)]


def test_a_new_init_a_hole_and_a_step_of_the_clock_end_a_reel() -> None:
    fed = Fed()
    fed.state(LIVE)
    fed.play(5)
    fed.init((320, 176))
    fed.play(5)
    fed.now_us += 20 * SECOND_US
    fed.play(5)
    fed.step_us = 3_600 * SECOND_US
    fed.key_us = 0
    fed.play(5)
    reels = fed.end()
    assert counts(reels) == [5, 5, 5, 5]
    assert reels[3].start_us == reels[2].start_us + 3_605 * SECOND_US
    # The last picture before a hole is shown for a second.
    assert reels[1].duration_us == 5 * SECOND_US


def test_a_disk_that_has_no_room_costs_pictures_and_is_said() -> None:
    fed = Fed()
    fed.state(LIVE)
    fed.gatherer.times.take(fed.now_us)
    fed.play(10)
    fed.reels.room = False
    from_us = fed.now_us
    fed.play(30)
    fed.reels.room = True
    to_us = fed.now_us
    fed.play(10)
    reels = fed.end()
    assert counts(reels) == [10, 10]
    assert fed.gatherer.dropped > 0
    assert fed.gatherer.times.take(fed.now_us) == [Masked(STREAM, from_us, to_us, MaskReason.STORAGE)]


def test_a_reel_that_takes_nothing_more_is_given_up_and_another_begun() -> None:
    fed = Fed()
    fed.state(LIVE)
    fed.play(5)
    fed.reels.all[0].refuses = True
    fed.play(20)
    first, *rest = fed.end()
    assert first.duration_us is None
    assert sum(counts(rest)) >= 10


def test_what_is_no_picture_of_ours_is_refused() -> None:
    fed = Fed()
    good = fragment(1, 0, 90_000, b"\x00\x00\x00\x01\x65", True)
    for at in (9, 37, 97):
        bad = bytearray(good)
        bad[at] ^= 0x40
        with pytest.raises(InvalidError):
            fed.say(LiveKind.KEY, bytes(bad))
    with pytest.raises(InvalidError):
        fed.say(LiveKind.KEY, good + b"\x00")


def test_every_reason_that_a_view_can_have_can_be_stated() -> None:
    """What web says of a recorder that is silent, and that nothing is wrong, no recorder states."""
    said = {reason.value for reason in Reason} - {Reason.NONE.value, Reason.NO_CONNECTION.value}
    assert said == {reason.value for reason in MaskReason} - {MaskReason.STORAGE.value}
    assert {reason.value for reason in MaskReason} == set(MASK_REASONS)
