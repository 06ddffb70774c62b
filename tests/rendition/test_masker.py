"""The mask of each picture: what is unknown masks it whole, and why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenery import GRID, HEIGHT_PX, STEP_US, WIDTH_PX, Told, committed, street, with_person

from custodes.base.errors import InvalidError
from custodes.rendition.masker import Masker
from custodes.rendition.model import FILL, Mask, ProtectedZone, Reason, render
from custodes.rendition.picture import Grid, Picture
from custodes.rendition.settings import MaskSettings

SCENE = street()


def masks(masker: Masker, *pictures: Picture, start_us: int = 0) -> list[Mask]:
    return [masker.mask(picture, start_us + number * STEP_US) for number, picture in enumerate(pictures)]


def begun(masker: Masker) -> int:
    """Runs a masker past the hold on the empty scene; returns when the next picture is due."""
    masks(masker, *[SCENE] * 12)
    return 12 * STEP_US


def test_the_empty_scene_is_shown_after_the_hold_and_not_before() -> None:
    found = masks(Masker(GRID, [committed(SCENE)], Told()), *[SCENE] * 10)
    assert [mask.reason for mask in found[:8]] == [Reason.STARTING] * 8
    assert all(mask.blocks.all() for mask in found[:8])
    assert not found[8].blocks.any() and found[8].reason is None
    assert found[8].condition == "day"


def test_a_person_is_masked_with_a_rim_and_little_else() -> None:
    masker = Masker(GRID, [committed(SCENE)], Told())
    start_us = begun(masker)
    mask = masker.mask(with_person(SCENE, 320, 120), start_us)
    block = GRID.block_px
    assert mask.blocks[120 // block - 1 : 184 // block + 1, 320 // block - 1 : 344 // block + 1].all()
    assert mask.share < 0.05 and mask.reason is None


def test_someone_who_stands_still_stays_masked() -> None:
    masker = Masker(GRID, [committed(SCENE)], Told())
    start_us = begun(masker)
    shown = [
        mask.blocks[16, 41]
        for mask in masks(masker, *[with_person(SCENE, 320, 120)] * 400, start_us=start_us)
    ]
    assert all(shown)


@pytest.mark.parametrize("factor", [0.7, 0.8, 1.2, 1.3])
def test_another_light_alone_masks_nothing_and_a_person_in_it_is_masked(factor: float) -> None:
    masker = Masker(GRID, [committed(SCENE)], Told())
    start_us = begun(masker)

    def lit(picture: Picture) -> Picture:
        return np.clip(np.rint(picture * factor), 0, 255).astype(np.uint8)

    empty, person = masks(masker, lit(SCENE), lit(with_person(SCENE, 320, 120)), start_us=start_us)
    assert empty.share < 0.02
    assert person.blocks[15:23, 40:43].all()


def test_the_detector_is_joined_by_or() -> None:
    masker = Masker(GRID, [committed(SCENE)], Told((0.5, 0.4, 0.6, 0.6)))
    mask = masks(masker, *[SCENE] * 12)[-1]
    assert mask.blocks[18:27, 40:48].all()
    assert 0 < mask.share < 0.1


def test_of_a_picture_that_is_the_same_the_detector_is_asked_once_a_second_and_of_a_change_at_once() -> None:
    told = Told()
    masker = Masker(GRID, [committed(SCENE)], told)
    start_us = begun(masker)
    before = told.asked
    masks(masker, *[SCENE] * 40, start_us=start_us)
    assert 4 <= told.asked - before <= 6
    before = told.asked
    changed = SCENE.copy()
    for number in range(6):
        changed = changed.copy()
        changed[200:208, 16 * number : 16 * number + 8] ^= 16
        masker.mask(changed, start_us + (40 + number) * STEP_US)
    assert told.asked - before == 6


def test_what_was_found_in_a_picture_that_is_the_same_stays_masked() -> None:
    told = Told((0.5, 0.4, 0.6, 0.6))
    masker = Masker(GRID, [committed(SCENE)], told)
    start_us = begun(masker)
    for mask in masks(masker, *[SCENE] * 40, start_us=start_us):
        assert mask.blocks[18:27, 40:48].all()


def test_without_a_committed_background_nothing_is_shown() -> None:
    for mask in masks(Masker(GRID, [], Told()), *[SCENE] * 12):
        assert mask.blocks.all() and mask.reason is Reason.NO_BACKGROUND


def test_a_detector_that_fails_masks_everything_until_the_hold_has_run_again() -> None:
    detector = Told()
    masker = Masker(GRID, [committed(SCENE)], detector, (), MaskSettings(same_us=0))
    start_us = begun(masker)
    detector.fails = True
    assert masker.mask(SCENE, start_us).reason is Reason.DETECTOR_FAILED
    detector.fails = False
    after = masks(masker, *[SCENE] * 12, start_us=start_us + STEP_US)
    assert after[0].blocks.all() and after[0].reason is Reason.DETECTOR_FAILED
    assert not after[-1].blocks.any()


def test_a_late_detector_masks_everything() -> None:
    detector = Told()
    masker = Masker(GRID, [committed(SCENE)], detector, (), MaskSettings(same_us=0))
    start_us = begun(masker)
    detector.late_us = MaskSettings().detector_late_us + 1
    assert masker.mask(SCENE, start_us).reason is Reason.DETECTOR_LATE


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.zeros((HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8), Reason.DARK),
        (np.full((HEIGHT_PX, WIDTH_PX, 3), 128, dtype=np.uint8), Reason.UNLIKE),
        (street(2), Reason.UNLIKE),
        (np.roll(SCENE, 16, axis=1), Reason.UNLIKE),
        (np.roll(SCENE, 2, axis=1), Reason.SHAKING),
        ((120 + (SCENE.astype(np.float32) - 120) * 0.2).astype(np.uint8), Reason.FAINT),
        (np.zeros((HEIGHT_PX, WIDTH_PX), dtype=np.uint8), Reason.NOT_A_PICTURE),
        (np.zeros((HEIGHT_PX + 8, WIDTH_PX, 3), dtype=np.uint8), Reason.NOT_A_PICTURE),
        (np.zeros((HEIGHT_PX + 1, WIDTH_PX, 3), dtype=np.uint8), Reason.NOT_A_PICTURE),
        (np.full((HEIGHT_PX, WIDTH_PX, 3), np.nan), Reason.NOT_A_PICTURE),
        (b"garbage", Reason.NOT_A_PICTURE),
    ],
)
def test_what_is_unknown_masks_everything_and_says_why(picture: Picture, reason: Reason) -> None:
    masker = Masker(GRID, [committed(SCENE)], Told())
    start_us = begun(masker)
    mask = masker.mask(picture, start_us)
    assert mask.reason is reason
    assert mask.blocks.all()
    assert (render(picture, mask) == FILL).all()


def test_a_gap_and_time_that_goes_back_mask_everything() -> None:
    for next_us in (12 * STEP_US + MaskSettings().gap_us, 5 * STEP_US):
        masker = Masker(GRID, [committed(SCENE)], Told())
        begun(masker)
        assert masker.mask(SCENE, next_us).reason is Reason.GAP
        assert masker.mask(SCENE, 13 * STEP_US + MaskSettings().gap_us).blocks.all()


def test_another_background_is_chosen_when_the_picture_is_that_one_and_not_twice_a_minute() -> None:
    night = street(3)
    masker = Masker(GRID, [committed(SCENE), committed(night, "night")], Told())
    start_us = begun(masker)
    found = masks(masker, *[night] * 12, start_us=start_us)
    assert found[0].reason is Reason.CHANGED and found[0].condition == "night"
    assert found[-1].reason is None and not found[-1].blocks.any()
    back = masks(masker, *[SCENE] * 12, start_us=start_us + 12 * STEP_US)
    assert {mask.reason for mask in back} == {Reason.UNLIKE}


def test_backgrounds_of_another_size_or_view_are_refused() -> None:
    with pytest.raises(InvalidError, match="another size"):
        Masker(Grid(320, 240), [committed(SCENE)], Told())


def test_the_same_pictures_give_the_same_masks() -> None:
    pictures = [with_person(street(), 40 * number, 100) for number in range(14)]
    runs = [masks(Masker(GRID, [committed(SCENE)], Told()), *pictures) for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        assert np.array_equal(one.blocks, other.blocks) and one.reason is other.reason


corner = st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2))
pictures_of_any_kind = st.one_of(
    st.just(SCENE),
    st.integers(0, 255).map(lambda level: np.full((HEIGHT_PX, WIDTH_PX, 3), level, dtype=np.uint8)),
    st.integers(0, 9).map(street),
    st.integers(0, 600).map(lambda left: with_person(SCENE, left, 100)),
    st.floats(0.3, 1.7).map(lambda gain: np.clip(SCENE * gain, 0, 255).astype(np.uint8)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(corner, min_size=3, max_size=6), st.lists(pictures_of_any_kind, min_size=1, max_size=6))
def test_a_protected_zone_is_never_shown_and_masked_pixels_are_exactly_the_fill(
    corners: list[tuple[float, float]], pictures: list[Picture]
) -> None:
    zone = ProtectedZone("windows", tuple(corners))
    masker = Masker(GRID, [committed(SCENE)], Told(), [zone], MaskSettings(hold_us=0))
    inside = zone.blocks(GRID)
    for number, picture in enumerate([SCENE, *pictures]):
        mask = masker.mask(picture, number * STEP_US)
        shown = render(picture, mask)
        hidden = np.kron(mask.blocks, np.ones((GRID.block_px, GRID.block_px), dtype=np.bool_))
        assert mask.blocks[inside].all()
        assert (shown[hidden] == FILL).all()
        assert np.array_equal(shown[~hidden], picture[~hidden])
