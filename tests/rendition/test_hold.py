"""Time in the mask: the hold, its steps, and the beat of the pictures."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.rendition.hold import Beat, Hold
from custodes.rendition.model import Mask, Reason
from custodes.rendition.picture import Grid

GRID = Grid(64, 64)
HOLD_US, STEP_US = 1_000_000, 250_000
CLEAR = np.zeros(GRID.shape, dtype=np.bool_)
times = st.lists(st.integers(1, 400_000), min_size=2, max_size=60)


def one_block() -> np.ndarray:
    blocks = CLEAR.copy()
    blocks[3, 4] = True
    return blocks


def mask(blocks: np.ndarray, arrived_us: int, reason: Reason | None = None) -> Mask:
    return Mask(GRID, blocks, arrived_us, reason)


def test_a_block_leaves_only_at_a_step_after_the_whole_hold() -> None:
    hold = Hold(GRID, HOLD_US, STEP_US)
    hold.over(CLEAR, 0)
    assert hold.over(one_block(), 2_130_000)[3, 4]
    assert hold.over(CLEAR, 3_249_999)[3, 4]
    assert not hold.over(CLEAR, 3_250_000)[3, 4]


@given(times, st.data())
def test_what_was_masked_within_the_hold_is_masked(gaps: list[int], data: st.DataObject) -> None:
    hold = Hold(GRID, HOLD_US, STEP_US)
    last_us: int | None = None
    before_us, before = 0, True
    for at_us in np.cumsum(gaps):
        differs = data.draw(st.booleans())
        shown = not hold.over(one_block() if differs else CLEAR, int(at_us))[3, 4]
        last_us = int(at_us) if differs or last_us is None else last_us
        if shown:
            assert not differs and at_us - last_us >= HOLD_US
        if shown and before:
            assert at_us // STEP_US != before_us // STEP_US, "it left within a step"
        before_us, before = int(at_us), not shown


@given(times, st.sampled_from([0, STEP_US // 4, STEP_US]))
def test_a_beat_gives_each_picture_once_in_order_and_those_of_a_step_together(
    gaps: list[int], interval_us: int
) -> None:
    beat: Beat[int] = Beat(STEP_US, items_limit=100)
    closed: list[list[int]] = []
    dropped: list[int] = []
    for at_us in map(int, np.cumsum(gaps)):
        if beat.is_over(at_us):
            closed.append(beat.close())
        if not beat.takes(at_us):
            dropped.append(at_us)
        elif beat.add(at_us, at_us, interval_us):
            closed.append(beat.close())
    closed.append(beat.close())
    steps = [{at_us // STEP_US for at_us in together} for together in closed if together]
    assert all(len(step) == 1 for step in steps), "pictures of more than one step are together"
    assert len(set.union(set(), *steps)) == len(steps), "a step was given twice"
    given_back = list(chain.from_iterable(closed))
    assert sorted([*given_back, *dropped]) == list(map(int, np.cumsum(gaps)))
    assert given_back == sorted(given_back)
    if not interval_us:
        assert not dropped


def test_a_beat_is_over_when_no_more_is_expected_and_what_comes_all_the_same_is_not_taken() -> None:
    beat: Beat[str] = Beat(STEP_US)
    assert not beat.add("first", 0, STEP_US // 2)
    assert beat.add("second", STEP_US // 2, STEP_US // 2)
    assert beat.close() == ["first", "second"]
    assert not beat.takes(STEP_US - 1)
    assert beat.takes(STEP_US)
    assert beat.close() == []


def test_too_many_pictures_a_step_are_refused() -> None:
    beat: Beat[int] = Beat(STEP_US, items_limit=2)
    for at_us in (1, 2):
        assert beat.takes(at_us)
        beat.add(at_us, at_us)
    with pytest.raises(InvalidError, match="2 pictures"):
        beat.takes(3)


@pytest.mark.parametrize(("hold_us", "step_us"), [(-1, 1), (60_000_001, 1), (0, 0), (0, 1_000_001)])
def test_times_outside_their_limits_are_refused(hold_us: int, step_us: int) -> None:
    with pytest.raises(InvalidError):
        Hold(GRID, hold_us, step_us)
