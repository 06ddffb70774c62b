"""Zones that a camera is to mask itself: painted over, and told from what it shows."""

import numpy as np
import pytest

from custodes.rendition.cover import RIM_PX, is_covered, painted
from custodes.rendition.model import FILL
from custodes.rendition.picture import Picture

ZONE = (0.25, 0.1, 0.5, 0.6)


@pytest.fixture
def street() -> Picture:
    """Something everywhere."""
    dice = np.random.default_rng(5)
    return dice.integers(0, 256, (360, 640, 3), dtype=np.uint8)


def test_a_zone_is_painted_and_nothing_else(street: Picture) -> None:
    before = street.copy()
    kept = painted(street, (ZONE,))
    assert (street == before).all()
    assert (kept[36:216, 160:320] == FILL).all()
    kept[36:216, 160:320] = before[36:216, 160:320]
    assert (kept == before).all()
    assert painted(street, ()) is street


@pytest.mark.parametrize("colour", [(0, 0, 0), (250, 10, 128)])
def test_one_colour_is_a_cameras_mask_in_spite_of_compression(
    street: Picture, colour: tuple[int, int, int]
) -> None:
    assert not is_covered(street, ZONE)
    street[36:216, 160:320] = colour
    assert is_covered(street, ZONE)
    noise = np.random.default_rng(6).normal(0, 2, (180, 160, 3))
    street[36:216, 160:320] = np.clip(street[36:216, 160:320] + noise, 0, 255).astype(np.uint8)
    street[36 : 36 + RIM_PX, 160:320] = 255
    assert is_covered(street, ZONE)


def test_a_window_through_the_mask_is_seen(street: Picture) -> None:
    window = street[100:130, 200:240].copy()
    street[36:216, 160:320] = 40
    street[100:130, 200:240] = window
    assert not is_covered(street, ZONE)


def test_a_mask_that_has_moved_is_seen(street: Picture) -> None:
    street[36:216, 180:340] = 40
    assert not is_covered(street, ZONE)


def test_a_zone_smaller_than_its_rim(street: Picture) -> None:
    small = (0.5, 0.5, 0.505, 0.505)
    street[179:183, 319:324] = 40
    assert is_covered(street, small)
    street[180, 321] = 255
    assert not is_covered(street, small)
