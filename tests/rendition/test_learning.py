"""The gate: a background in which the detector sees somebody is not committed by default."""

from __future__ import annotations

import numpy as np
import pytest
from scenery import Told, street, with_person

from custodes.base.errors import InvalidError, RefusedError
from custodes.rendition.learning import PICTURES_LEAST, learn

SCENE = street()


def test_an_empty_scene_passes_and_somebody_who_walks_through_is_not_in_it() -> None:
    pictures = [with_person(SCENE, 20 * number, 120) for number in range(30)]
    background = learn("gate", "day", pictures, Told()).commit()
    assert np.array_equal(background.picture, background.grid.analyse(SCENE))
    assert not background.withheld.any()


def test_the_gate_refuses_what_the_detector_doubts() -> None:
    candidate = learn("gate", "day", [SCENE] * 20, Told((0.5, 0.4, 0.6, 0.6)))
    with pytest.raises(RefusedError, match=r"view gate, day"):
        candidate.commit()


def test_who_has_seen_the_alarms_may_commit_with_their_places_withheld() -> None:
    withheld = learn("gate", "day", [SCENE] * 20, Told((0.5, 0.4, 0.6, 0.6))).commit(withhold=True).withheld
    assert withheld[18:27, 40:48].all() and withheld.mean() < 0.1


def test_where_somebody_stood_half_the_time_is_withheld() -> None:
    pictures = [with_person(SCENE, 320, 120) if number % 2 else SCENE for number in range(30)]
    withheld = learn("gate", "day", pictures, Told()).commit().withheld
    assert withheld[15:23, 40:43].all() and withheld.mean() < 0.05


def test_too_few_pictures_and_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(InvalidError, match="needs 20"):
        learn("gate", "day", [SCENE] * (PICTURES_LEAST - 1), Told())
    with pytest.raises(InvalidError, match="one size"):
        learn("gate", "day", [SCENE] * 20 + [SCENE[:-8]], Told())
