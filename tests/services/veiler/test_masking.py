"""The veil over a made-up street: what it shows, when, and that it shows nothing of what it does not know."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scenery import HEIGHT_PX, STEP_US, WIDTH_PX, Told, committed, street, with_person

from custodes.adapters.av.pictures import Picture
from custodes.base.clock import ManualClock
from custodes.base.errors import CorruptError, InvalidError
from custodes.rendition.background import CommittedBackground, encode
from custodes.rendition.detector import DetectorError, Found
from custodes.rendition.model import Reason as MaskReason
from custodes.rendition.settings import MaskSettings
from custodes.services.live import Reason
from custodes.services.veiler.masking import (
    REASONS,
    STALLED_US,
    MaskVeil,
    NoDetector,
    PatientFinder,
    load_detector,
)
from custodes.services.veiler.messages import Ground, Zone
from custodes.services.veiler.ports import Arrival, Veiled
from custodes.services.veiler.whole import FLAT_LEVEL

SCENE = street()
GROUND = Ground((encode(committed(SCENE)),))


def play(veil: MaskVeil, *pictures: Picture, start: int = 0) -> list[Veiled]:
    """What is shown of pictures, eight a second from the start-th on."""
    shown: list[Veiled] = []
    for number, picture in enumerate(pictures, start):
        at_us = number * STEP_US
        shown += veil.veil(picture.copy(), Arrival(at_us + 5_000_000, at_us), STEP_US)
    return shown


def reasons(shown: list[Veiled]) -> list[Reason]:
    return [one.reason for one in shown]


def begun(ground: Ground = GROUND, finder: object | None = None) -> MaskVeil:
    """A veil past its hold; the next picture is the 12th."""
    # The detector is asked about the same picture again.
    veil = MaskVeil(finder or Told(), MaskSettings(same_us=0))  # type: ignore[arg-type]
    veil.configure(ground)
    play(veil, *[SCENE] * 12)
    return veil


def test_every_reason_has_its_word() -> None:
    assert set(REASONS) == set(MaskReason)
    assert Reason.NONE not in REASONS.values()


def test_without_a_ground_nothing_is_shown() -> None:
    shown = play(MaskVeil(Told()), *[SCENE] * 12)
    assert reasons(shown) == [Reason.NO_BACKGROUND] * 12
    assert all((one.picture == FLAT_LEVEL).all() for one in shown)


def test_the_scene_is_shown_after_the_hold_and_who_stands_in_it_is_not() -> None:
    veil = MaskVeil(Told())
    veil.configure(GROUND)
    shown = play(veil, *[SCENE] * 12)
    assert reasons(shown) == [Reason.SETTLING] * 8 + [Reason.NONE] * 4
    assert np.array_equal(shown[-1].picture, SCENE)
    assert shown[-1].masked_permille == 0
    assert [one.arrival.utc_us - one.arrival.boot_us for one in shown] == [5_000_000] * 12
    (first, second) = play(veil, SCENE, with_person(SCENE, 320, 120), start=12)
    for one in (first, second):
        assert (one.picture[112:192, 312:352] == one.picture[112, 312]).all(), (
            "both of a quarter have one mask"
        )
        assert 0 < one.masked_permille < 60
        assert np.array_equal(one.picture[:100], SCENE[:100])


def test_the_mask_changes_at_quarters_alone() -> None:
    veil = begun()
    walking = [with_person(SCENE, 40 + 9 * number, 120) for number in range(60)]
    shown = play(veil, *walking, start=12)
    assert len(shown) == 60
    masks = [(one.picture == FLAT_LEVEL).all(axis=2) for one in shown]
    changes = [n for n, (one, next_one) in enumerate(pairwise(masks)) if not np.array_equal(one, next_one)]
    assert len(changes) > 20
    for n in changes:
        assert shown[n].arrival.boot_us // 250_000 != shown[n + 1].arrival.boot_us // 250_000
    for number, mask in enumerate(masks):
        assert mask[120:184, 40 + 9 * number : 64 + 9 * number].all()


def test_one_that_comes_for_a_quarter_that_was_sent_is_dropped() -> None:
    veil = begun()
    for boot_us in (1_500_000, 1_625_000):
        last = veil.veil(SCENE.copy(), Arrival(0, boot_us), STEP_US)
    assert len(last) == 2
    assert veil.veil(with_person(SCENE, 320, 120), Arrival(0, 1_700_000), STEP_US) == []
    (one,) = veil.veil(SCENE.copy(), Arrival(0, 1_880_000), STEP_US)
    assert one.picture.tobytes() == SCENE.tobytes()


def test_what_is_kept_back_is_masked_when_it_is_asked_for() -> None:
    veil = begun()
    assert veil.veil(with_person(SCENE, 320, 120), Arrival(0, 1_500_000), STEP_US) == []
    (one,) = veil.drain()
    assert (one.picture[120:184, 320:344] == one.picture[120, 320]).all()
    assert veil.drain() == []


def test_another_ground_masks_everything_until_the_hold_has_run_and_the_same_one_does_not() -> None:
    veil = begun()
    veil.configure(Ground(GROUND.files))
    assert reasons(play(veil, SCENE, SCENE, start=12)) == [Reason.NONE] * 2
    veil.configure(Ground(GROUND.files, (Zone(0, 0, 500, 1000),)))
    shown = play(veil, *[SCENE] * 10, start=14)
    assert reasons(shown)[:8] == [Reason.SETTLING] * 8
    assert shown[-1].reason is Reason.NONE
    assert (shown[-1].picture[:, :320] == shown[-1].picture[0, 0]).all()
    assert np.array_equal(shown[-1].picture[:, 336:], SCENE[:, 336:])
    assert 490 <= shown[-1].masked_permille <= 530
    veil.configure(Ground())
    assert reasons(play(veil, SCENE, SCENE, start=24)) == [Reason.NO_BACKGROUND] * 2


@pytest.mark.parametrize("place", [0, 5, 30, 200, 4000, -1])
def test_a_ground_that_cannot_be_read_is_refused_and_nothing_of_the_one_before_is_used(place: int) -> None:
    file = bytearray(GROUND.files[0])
    if place >= 0:
        file[place] ^= 0xFF
    else:
        del file[-1]
    veil = begun()
    if place in (200, 4000):
        # Another picture is a background too, of another hash; that it is the committed one the recorder checks.
        veil.configure(Ground((bytes(file),)))
    else:
        with pytest.raises((InvalidError, CorruptError)):
            veil.configure(Ground((bytes(file),)))
    shown = play(veil, *[SCENE] * 2, start=12)
    assert reasons(shown) == [Reason.SETTLING if place in (200, 4000) else Reason.NO_BACKGROUND] * 2


def test_backgrounds_of_more_than_one_view_are_refused() -> None:
    one = committed(SCENE)
    other = CommittedBackground("other", "day", one.grid, one.picture, one.withheld)
    with pytest.raises(InvalidError, match="more than one view"):
        MaskVeil(Told()).configure(Ground((encode(one), encode(other))))


def test_a_ground_of_another_size_masks_everything_and_says_so() -> None:
    veil = MaskVeil(Told())
    veil.configure(GROUND)
    small = np.ascontiguousarray(SCENE[:352, :632])
    assert reasons(play(veil, *[small] * 12)) == [Reason.OTHER_SIZE] * 12
    shown = play(veil, *[SCENE] * 12, start=12)
    assert reasons(shown) == [Reason.SETTLING] * 8 + [Reason.NONE] * 4


def test_a_picture_that_is_no_multiple_of_a_block_is_shown_but_for_its_edge() -> None:
    veil = MaskVeil(Told())
    veil.configure(GROUND)
    wide = np.full((HEIGHT_PX + 6, WIDTH_PX + 4, 3), 200, np.uint8)
    wide[:HEIGHT_PX, :WIDTH_PX] = SCENE
    last = play(veil, *[wide] * 12)[-1]
    assert np.array_equal(last.picture[:HEIGHT_PX, :WIDTH_PX], SCENE)
    assert (last.picture[HEIGHT_PX:] == FLAT_LEVEL).all()
    assert (last.picture[:, WIDTH_PX:] == FLAT_LEVEL).all()
    assert last.masked_permille == round(1000 * (1 - WIDTH_PX * HEIGHT_PX / (wide.shape[0] * wide.shape[1])))


def test_of_several_conditions_one_is_active_and_what_only_another_explains_is_masked() -> None:
    night = np.ascontiguousarray(SCENE[:, ::-1])
    ground = Ground((encode(committed(SCENE)), encode(committed(night, "night"))))
    veil = begun(ground)
    half = SCENE.copy()
    half[:, :160] = night[:, :160]
    shown = play(veil, half, half, start=12)
    assert (shown[-1].picture[8:-8, 8:144] == shown[-1].picture[8, 8]).all()
    # It turns to the other one when nothing of the active one is left, and is masked until the hold has run.
    shown = play(veil, *[night] * 12, start=14)
    assert reasons(shown)[:8] == [Reason.CONDITION_CHANGED] * 8
    assert np.array_equal(shown[-1].picture, night)


@pytest.mark.parametrize("error", [DetectorError("stalled"), RuntimeError("of the library"), MemoryError()])
def test_a_detector_that_fails_masks_everything(error: Exception) -> None:
    class Failing(Told):
        def find(self, picture: Picture, arrived_us: int) -> Found:
            if self.fails:
                raise error
            return super().find(picture, arrived_us)

    finder = Failing()
    veil = begun(finder=finder)
    finder.fails = True
    shown = play(veil, SCENE, SCENE, start=12)
    assert reasons(shown) == [Reason.DETECTOR] * 2
    assert all((one.picture == FLAT_LEVEL).all() for one in shown)
    finder.fails = False
    assert reasons(play(veil, *[SCENE] * 10, start=14)) == [Reason.DETECTOR] * 8 + [Reason.NONE] * 2


def test_a_detector_that_stalls_is_not_believed() -> None:
    clock = ManualClock()

    class Slow(Told):
        took_us = 0

        def find(self, picture: Picture, arrived_us: int) -> Found:
            clock.advance(self.took_us)
            return super().find(picture, arrived_us)

    slow = Slow()
    veil = begun(finder=PatientFinder(slow, clock))
    slow.took_us = STALLED_US + 1
    assert reasons(play(veil, SCENE, SCENE, start=12)) == [Reason.DETECTOR] * 2


@pytest.mark.parametrize("model", [None, b"", b"another model"])
def test_a_model_that_is_missing_or_another_masks_everything(model: bytes | None) -> None:
    finder = load_detector(model)
    assert isinstance(finder, NoDetector)
    assert finder.why
    veil = MaskVeil(finder)
    veil.configure(GROUND)
    assert reasons(play(veil, *[SCENE] * 12)) == [Reason.DETECTOR] * 12


def test_a_defect_loses_what_was_kept_back_and_begins_anew() -> None:
    class Defect(Told):
        def find(self, picture: Picture, arrived_us: int) -> Found:
            if self.fails:
                raise KeyError("a defect")
            return super().find(picture, arrived_us)

    finder = Defect()
    veil = begun(finder=finder)
    assert veil.veil(SCENE.copy(), Arrival(0, 12 * STEP_US), STEP_US) == []
    finder.fails = True
    with pytest.raises(KeyError):
        veil.veil(SCENE.copy(), Arrival(0, 13 * STEP_US), STEP_US)
    assert veil.drain() == []
    finder.fails = False
    assert reasons(play(veil, *[SCENE] * 8, start=14)) == [Reason.SETTLING] * 8
