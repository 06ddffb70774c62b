"""The grid of a picture of any size: the largest in its left top, and what it leaves out is less than a block."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.errors import InvalidError
from custodes.rendition.picture import Grid


@given(st.integers(72, 4096), st.integers(72, 4096))
def test_within(width_px: int, height_px: int) -> None:
    grid = Grid.within(width_px, height_px)
    assert 0 <= width_px - grid.width_px < 2 * grid.block_px
    assert 0 <= height_px - grid.height_px < 2 * grid.block_px


@pytest.mark.parametrize(
    ("size", "fitting"), [((640, 360), (640, 360)), ((704, 396), (704, 392)), ((704, 576), (704, 576))]
)
def test_sizes_that_cameras_have(size: tuple[int, int], fitting: tuple[int, int]) -> None:
    grid = Grid.within(*size)
    assert (grid.width_px, grid.height_px) == fitting


@pytest.mark.parametrize("size", [(60, 360), (640, 40), (5000, 3000)])
def test_sizes_out_of_bounds(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidError):
        Grid.within(*size)
