"""Time in the mask: the hold, its steps, and the beat of the pictures."""

from __future__ import annotations

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


@given(times, st.data())
def test_in_a_beat_the_mask_changes_at_the_steps_alone_and_hides_all_that_any_mask_hid(
    gaps: list[int], data: st.DataObject
) -> None:
    beat: Beat[int] = Beat(STEP_US, items_limit=100)
    given_masks: dict[int, Mask] = {}
    released: list[tuple[int, Mask]] = []
    for at_us in map(int, np.cumsum(gaps)):
        blocks = (
            np.array(data.draw(st.lists(st.booleans(), min_size=256, max_size=256))).reshape(GRID.shape)
            if data.draw(st.booleans())
            else CLEAR
        )
        given_masks[at_us] = mask(blocks, at_us)
        released += beat.add(at_us, given_masks[at_us])
    released += beat.drain()
    assert [item for item, _ in released] == list(given_masks)
    steps: dict[int, bytes] = {}
    for at_us, joined in released:
        assert not (given_masks[at_us].blocks & ~joined.blocks).any()
        assert steps.setdefault(at_us // STEP_US, joined.blocks.tobytes()) == joined.blocks.tobytes()


def test_a_whole_mask_in_a_step_says_why_for_all_of_it() -> None:
    beat: Beat[str] = Beat(STEP_US)
    whole = Mask.whole(GRID, 10, Reason.SHAKING)
    assert beat.add("first", mask(CLEAR, 0)) == []
    assert beat.add("second", whole) == []
    assert [(item, m.reason) for item, m in beat.drain()] == [
        ("first", Reason.SHAKING),
        ("second", Reason.SHAKING),
    ]
    assert beat.drain() == []


def test_too_many_pictures_a_step_are_refused() -> None:
    beat: Beat[int] = Beat(STEP_US, items_limit=2)
    beat.add(1, mask(CLEAR, 1))
    beat.add(2, mask(CLEAR, 2))
    with pytest.raises(InvalidError, match="2 pictures"):
        beat.add(3, mask(CLEAR, 3))


@pytest.mark.parametrize(("hold_us", "step_us"), [(-1, 1), (60_000_001, 1), (0, 0), (0, 1_000_001)])
def test_times_outside_their_limits_are_refused(hold_us: int, step_us: int) -> None:
    with pytest.raises(InvalidError):
        Hold(GRID, hold_us, step_us)
