"""Learning beside the view: what is gathered and when, what is said of it, and what never leaves."""

from __future__ import annotations

import numpy as np
import pytest
from scenery import HEIGHT_PX, STEP_US, WIDTH_PX, Told, square, with_person

from custodes.adapters.av.pictures import Picture
from custodes.base.errors import UnverifiedError
from custodes.rendition.background import decode
from custodes.rendition.detector import Found
from custodes.services.veiler.learning import Gathering
from custodes.services.veiler.messages import Candidate, Learn, Progress

SCENE = square()
FLAT = 96
STEPS = -(-HEIGHT_PX // 16) + 1


def play(gathering: Gathering, pictures: int, scene: Picture = SCENE, start: int = 0) -> list[object]:
    """What is told, at eight pictures a second."""
    told = [gathering.take(scene, number * STEP_US) for number in range(start, start + pictures)]
    return [one for one in told if one is not None]


def begun(learn: Learn, finder: object | None = None) -> Gathering:
    gathering = Gathering(finder or Told())  # type: ignore[arg-type]
    gathering.begin(learn)
    return gathering


def test_nothing_is_kept_or_told_unless_it_is_to_learn() -> None:
    assert play(Gathering(Told()), 40) == []


def test_a_candidate_after_as_many_pictures_and_steps_and_progress_once_a_second() -> None:
    gathering = begun(Learn("gate", "day", 24, 0))
    told = play(gathering, 24 + STEPS)
    *progress, candidate = told
    assert [one.pictures for one in progress if isinstance(one, Progress)] == [1, 9, 17, 24, 24, 24]
    assert isinstance(candidate, Candidate)
    assert (candidate.view, candidate.condition, candidate.pictures) == ("gate", "day", 24)
    assert (candidate.refused, candidate.alarms, candidate.doubt_permille) == (False, 0, 0)
    assert candidate.withheld_permille == 0
    background = decode(candidate.file)
    assert np.array_equal(background.picture, background.grid.analyse(SCENE))
    assert play(gathering, 40) == [], "it goes on after its answer"


def test_pictures_are_spread_over_the_time_that_is_asked_for() -> None:
    gathering = begun(Learn("gate", "day", 20, 20_000_000))
    told = play(gathering, 20 * 8)
    assert [one.pictures for one in told if isinstance(one, Progress)] == list(range(1, 21))


def test_where_the_detector_doubts_it_is_refused_and_nothing_of_it_leaves() -> None:
    gathering = begun(Learn("gate", "day", 20, 0), Told((0.4, 0.4, 0.5, 0.7)))
    candidate = play(gathering, 20 + STEPS)[-1]
    assert isinstance(candidate, Candidate)
    assert candidate.refused
    assert (candidate.alarms, candidate.doubt_permille, candidate.file) == (1, 900, b"")
    assert 30 < candidate.withheld_permille < 80


def test_withheld_places_are_flat_in_the_file() -> None:
    person = with_person(SCENE, 256, 144, 64, 100)
    box = (256 / WIDTH_PX, 144 / HEIGHT_PX, 320 / WIDTH_PX, 244 / HEIGHT_PX)
    gathering = begun(Learn("gate", "day", 20, 0, withhold=True), Told(box))
    candidate = play(gathering, 20 + STEPS, person)[-1]
    assert isinstance(candidate, Candidate)
    assert not candidate.refused
    background = decode(candidate.file)
    assert (background.picture[72:122, 128:160] == FLAT).all()
    withheld = np.kron(background.withheld, np.ones((4, 4), dtype=np.bool_))
    assert (background.picture[withheld] == FLAT).all()
    assert (background.picture[~withheld].min(axis=1) > 30).all(), "somebody's dark pixels are left"


def test_another_one_takes_the_place_of_the_one_under_way() -> None:
    gathering = begun(Learn("gate", "day", 20, 0))
    play(gathering, 21)
    gathering.begin(Learn("gate", "night", 20, 0))
    candidate = play(gathering, 20 + STEPS, start=30)[-1]
    assert isinstance(candidate, Candidate)
    assert candidate.condition == "night"


def test_another_size_begins_anew() -> None:
    gathering = begun(Learn("gate", "day", 20, 0))
    play(gathering, 15)
    small = np.ascontiguousarray(SCENE[:181, :321])
    told = play(gathering, 20 + STEPS, small, start=15)
    candidate = told[-1]
    assert isinstance(candidate, Candidate)
    assert decode(candidate.file).grid.width_px == 320
    assert decode(candidate.file).grid.height_px == 180


@pytest.mark.parametrize("error", [UnverifiedError("the model is another"), RuntimeError("of the library")])
def test_a_detector_that_cannot_look_leaves_all_to_doubt(error: Exception) -> None:
    class Failing(Told):
        def find(self, picture: Picture, arrived_us: int) -> Found:
            raise error

    candidate = play(begun(Learn("gate", "day", 20, 0, True), Failing()), 20 + STEPS)[-1]
    assert isinstance(candidate, Candidate)
    assert (candidate.refused, candidate.doubt_permille, candidate.file) == (True, 1000, b"")
