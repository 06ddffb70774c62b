"""The score itself: it counts who is shown, in a row and as a bound, and cannot say zero of a mask that shows all."""

from __future__ import annotations

import numpy as np
import pytest
from bench.clips import Clip, clean
from bench.masking_score import Pixels, Score, ground, score, upper

HEIGHT, WIDTH, LEARNT, COUNT = 96, 128, 10, 16


def clip() -> Clip:
    """Six scored pictures, a person of track 1 in all of them and of track 2 in one."""
    pictures = [np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8) for _ in range(COUNT)]
    people = {number: [(1, 16.0, 8.0, 56.0, 88.0)] for number in range(LEARNT, COUNT)}
    people[12].append((2, 80.0, 8.0, 120.0, 88.0))
    return Clip("made", pictures, people, LEARNT, 5.0)


def counted(masked: Pixels) -> Score:
    return score(clip(), ground(clip()), clean, lambda picture, at_us: [] if picture is None else [masked])


def test_nothing_masked_shows_everybody_and_all_masked_nobody() -> None:
    none = counted(np.zeros((HEIGHT, WIDTH), dtype=np.bool_))
    assert (none.shown, none.frames, none.longest, none.worst, none.other) == (7, 7, 6, 1.0, 0.0)
    whole = counted(np.ones((HEIGHT // 8, WIDTH // 8), dtype=np.bool_))
    assert (whole.shown, whole.frames, whole.longest, whole.other, whole.whole) == (0, 7, 0, 100.0, 6)


@pytest.mark.parametrize(("rows", "shown"), [(2, 0), (3, 1)])
def test_five_percent_of_the_core_may_be_seen_and_no_more(rows: int, shown: int) -> None:
    masked = np.ones((HEIGHT, WIDTH), dtype=np.bool_)
    # Track 2's core is 16 columns and 40 rows from row 12.
    masked[12 : 12 + rows, 80:120] = False
    assert counted(masked).shown == shown


def test_an_exposure_that_is_broken_off_counts_from_one_again() -> None:
    numbers = iter(range(LEARNT - 8, COUNT))

    def masks(picture: object, at_us: int) -> list[Pixels]:
        if picture is None:
            return []
        return [np.full((HEIGHT, WIDTH), next(numbers) == 12)]

    found = score(clip(), ground(clip()), clean, masks)
    assert (found.shown, found.longest) == (5, 3)


@pytest.mark.parametrize(
    ("hits", "trials", "bound"), [(0, 10, 0.3085), (1, 10, 0.4450), (5, 10, 0.8129), (10, 10, 1.0)]
)
def test_the_bound_is_clopper_and_pearsons(hits: int, trials: int, bound: float) -> None:
    assert upper(hits, trials) == pytest.approx(bound, abs=1e-4)
