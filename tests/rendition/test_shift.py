"""A background with withheld blocks, shifted: nothing of their flat colour comes into the blocks beside them."""

from __future__ import annotations

import numpy as np
from scenery import GRID, street

from custodes.rendition.learning import flattened
from custodes.rendition.picture import CELL_PX
from custodes.rendition.shift import filled


def test_withheld_pixels_become_like_the_nearest_and_no_other_changes() -> None:
    picture = GRID.analyse(street())
    withheld = np.zeros(GRID.shape, dtype=np.bool_)
    withheld[5:9, 5:20] = True
    hidden = np.kron(withheld, np.ones((CELL_PX, CELL_PX), dtype=np.bool_))
    found = filled(flattened(picture, withheld), withheld)
    assert np.array_equal(found[~hidden], picture[~hidden])
    top, left = 5 * CELL_PX, 5 * CELL_PX
    assert np.array_equal(found[top, left + 8 : left + 20], picture[top - 1, left + 8 : left + 20])


def test_with_nothing_or_all_withheld_it_is_the_picture() -> None:
    picture = GRID.analyse(street())
    for withheld in (np.zeros(GRID.shape, dtype=np.bool_), np.ones(GRID.shape, dtype=np.bool_)):
        assert np.array_equal(filled(picture, withheld), picture)
