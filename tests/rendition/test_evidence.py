"""What a block's difference does to its neighbours, and what withholding does not."""

from __future__ import annotations

import numpy as np
import pytest

from custodes.rendition.evidence import Evidence, differing, third_largest
from custodes.rendition.picture import Blocks, largest_channel
from custodes.rendition.settings import MaskSettings

SHAPE = (20, 30)


def evidence(**levels: float) -> Evidence:
    """No difference but at the blocks named `row_column`."""
    pixel = np.zeros(SHAPE, dtype=np.float32)
    for name, level in levels.items():
        row, column = name.removeprefix("at_").split("_")
        pixel[int(row), int(column)] = level
    return Evidence(pixel, np.zeros(SHAPE, dtype=np.float32), np.zeros(SHAPE, dtype=np.bool_))


def none() -> Blocks:
    return np.zeros(SHAPE, dtype=np.bool_)


def masked(found: Evidence, withheld: Blocks) -> set[tuple[int, int]]:
    return {
        (int(row), int(column)) for row, column in np.argwhere(differing(found, withheld, MaskSettings()))
    }


def square(row: int, column: int, reach: int = 1) -> set[tuple[int, int]]:
    return {
        (r, c) for r in range(row - reach, row + reach + 1) for c in range(column - reach, column + reach + 1)
    }


def test_strong_evidence_has_a_rim_and_grows_into_weak_but_weak_alone_is_nothing() -> None:
    assert masked(evidence(at_5_5=21), none()) == square(5, 5)
    assert masked(evidence(at_5_5=11), none()) == set()
    assert masked(evidence(at_5_5=21, at_6_6=11), none()) == square(5, 5) | square(6, 6)


def test_a_withheld_block_is_masked_and_says_nothing_of_its_neighbours() -> None:
    withheld = none()
    withheld[5, 5] = True
    assert masked(evidence(at_5_6=11), withheld) == {(5, 5)}


def test_a_withheld_block_is_flat_in_the_background_so_it_is_no_evidence() -> None:
    withheld = none()
    withheld[5, 5] = True
    assert masked(evidence(at_5_5=200, at_5_6=11), withheld) == {(5, 5)}
    # Who differs strongly beside it may be in it too, so what is grown goes through it.
    assert masked(evidence(at_5_6=21), withheld) == square(5, 5) | square(5, 6)


@pytest.mark.parametrize(("specks", "level"), [(2, 0), (3, 200)])
def test_two_specks_in_a_block_are_noise_and_three_are_not(specks: int, level: int) -> None:
    pixels = np.zeros((8, 8), dtype=np.uint8)
    pixels[0, :specks] = 200
    assert third_largest(pixels)[0, 0] == level


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_the_largest_channel_is_numpys_maximum(kind: type[np.generic]) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (12, 20, 3)).astype(kind)
    assert np.array_equal(largest_channel(picture), picture.max(axis=2))
