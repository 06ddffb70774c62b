"""Grounds, and what learning says of itself: there and back, damaged, out of bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.base.canon import canon
from custodes.base.errors import InvalidError
from custodes.services.veiler.frames import FrameKind
from custodes.services.veiler.messages import (
    LEARN_LONGEST_US,
    LEARN_PICTURES_LEAST,
    LEARN_PICTURES_LIMIT,
    MAX_BACKGROUNDS,
    MAX_ZONES,
    Candidate,
    Ground,
    Learn,
    Progress,
    Zone,
    candidate_frame,
    ground_frame,
    learn_frame,
    parse_candidate,
    parse_ground,
    parse_learn,
    parse_progress,
    progress_frame,
)

NAMES = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
PERMILLES = st.integers(0, 1000)
SIDES = st.tuples(st.integers(0, 999), st.integers(1, 1000)).filter(lambda pair: pair[0] < pair[1])
ZONES = st.builds(lambda x, y, original: Zone(x[0], y[0], x[1], y[1], original), SIDES, SIDES, st.booleans())
CORNERS = {"x0_permille": 0, "x1_permille": 1, "y0_permille": 0, "y1_permille": 1}
LEARN = Learn("home", "day", 60, 1, True)
CANDIDATE = Candidate("home", "day", False, 0, 0, 1, 2, 3, 60, b"file")


@given(
    st.lists(st.binary(min_size=1, max_size=50), max_size=4).map(tuple),
    st.lists(ZONES, max_size=4).map(tuple),
)
def test_grounds(files: tuple[bytes, ...], zones: tuple[Zone, ...]) -> None:
    frame = ground_frame(files, zones)
    assert (frame.kind, parse_ground(frame.body)) == (FrameKind.GROUND, Ground(files, zones))


def test_a_ground_byte_by_byte() -> None:
    head = (
        b'{"backgrounds":[2,1],"zones":'
        b'[{"original":false,"x0_permille":0,"x1_permille":500,"y0_permille":1,"y1_permille":2}]}'
    )
    frame = ground_frame((b"ab", b"c"), (Zone(0, 1, 500, 2),))
    assert frame.body == len(head).to_bytes(4, "big") + head + b"abc"
    assert parse_ground(ground_frame((), ()).body) == Ground()


@given(st.binary(max_size=80))
def test_garbage_is_refused_or_spelt_the_same(body: bytes) -> None:
    for parse in (parse_learn, parse_candidate, parse_progress):
        with pytest.raises(InvalidError):
            parse(body)
    with pytest.raises(InvalidError):
        parse_ground(body)


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        ({"backgrounds": [3], "zones": []}, b"ab"),
        ({"backgrounds": [1], "zones": []}, b"ab"),
        ({"backgrounds": [0], "zones": []}, b""),
        ({"backgrounds": [-1, 1], "zones": []}, b""),
        ({"backgrounds": [True], "zones": []}, b"a"),
        ({"backgrounds": {}, "zones": []}, b""),
        ({"backgrounds": [], "zones": {}}, b""),
        ({"backgrounds": [], "zones": [{}]}, b""),
        ({"backgrounds": [], "zones": [{"original": 1, **CORNERS}]}, b""),
        ({"backgrounds": [], "zones": [{"original": True, **CORNERS, "name": 1}]}, b""),
        ({"backgrounds": [], "zones": [CORNERS]}, b""),
        ({"backgrounds": []}, b""),
        ({"backgrounds": [1] * (MAX_BACKGROUNDS + 1), "zones": []}, b"a" * (MAX_BACKGROUNDS + 1)),
    ],
)
def test_grounds_that_are_none(head: dict[str, object], rest: bytes) -> None:
    spelt = canon(head)
    with pytest.raises(InvalidError):
        parse_ground(len(spelt).to_bytes(4, "big") + spelt + rest)


@pytest.mark.parametrize(
    "corners", [(0, 0, 0, 1), (5, 0, 4, 1), (0, 0, 1001, 1), (-1, 0, 1, 1), (0, 7, 1, 7)]
)
def test_zones_that_are_none(corners: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidError):
        Zone(*corners)


def test_too_many_of_a_ground() -> None:
    with pytest.raises(InvalidError, match=str(MAX_BACKGROUNDS)):
        ground_frame((b"a",) * (MAX_BACKGROUNDS + 1), ())
    with pytest.raises(InvalidError, match=str(MAX_ZONES)):
        ground_frame((), (Zone(0, 0, 1, 1),) * (MAX_ZONES + 1))


@given(
    st.builds(
        Learn,
        NAMES,
        NAMES,
        st.integers(LEARN_PICTURES_LEAST, LEARN_PICTURES_LIMIT),
        st.integers(0, LEARN_LONGEST_US),
        st.booleans(),
    )
)
def test_learning(learn: Learn) -> None:
    frame = learn_frame(learn)
    assert (frame.kind, parse_learn(frame.body)) == (FrameKind.LEARN, learn)


@pytest.mark.parametrize(
    "change",
    [
        {"view": ""},
        {"view": "a\nb"},
        {"condition": "x" * 65},
        {"condition": 1},
        {"pictures": 19},
        {"pictures": 241},
        {"pictures": True},
        {"least_us": -1},
        {"least_us": LEARN_LONGEST_US + 1},
        {"withhold": 1},
        {"more": 1},
    ],
)
def test_learning_that_is_none(change: dict[str, object]) -> None:
    whole = {"condition": "day", "least_us": 1, "pictures": 60, "view": "home", "withhold": True}
    assert parse_learn(canon(whole)) == LEARN
    with pytest.raises(InvalidError):
        parse_learn(canon(whole | change))


@given(
    st.builds(
        lambda names, counts, shares, file: Candidate(*names, not file, *counts, *shares, 60, file),
        st.tuples(NAMES, NAMES),
        st.tuples(st.integers(0, 200), PERMILLES),
        st.tuples(PERMILLES, PERMILLES, PERMILLES),
        st.binary(max_size=50),
    )
)
def test_candidates(candidate: Candidate) -> None:
    frame = candidate_frame(candidate)
    assert (frame.kind, parse_candidate(frame.body)) == (FrameKind.CANDIDATE, candidate)


@pytest.mark.parametrize(
    "change",
    [
        {"refused": True},
        {"refused": 0},
        {"doubt_permille": 1001},
        {"alarms": -1},
        {"view": ""},
        {"pictures": "1"},
    ],
)
def test_candidates_that_are_none(change: dict[str, object]) -> None:
    body = candidate_frame(CANDIDATE).body
    end = 4 + int.from_bytes(body[:4], "big")
    whole = {name: getattr(CANDIDATE, name) for name in CANDIDATE.__dataclass_fields__ if name != "file"}
    assert body[4:end] == canon(whole)
    head = canon(whole | change)
    with pytest.raises(InvalidError):
        parse_candidate(len(head).to_bytes(4, "big") + head + b"file")


def test_a_refused_candidate_has_no_file() -> None:
    refused = Candidate("home", "day", True, 3, 480, 90, 2, 3, 60)
    assert parse_candidate(candidate_frame(refused).body) == refused
    with pytest.raises(InvalidError, match="file"):
        Candidate("home", "day", True, 3, 480, 90, 2, 3, 60, b"file")


def test_progress() -> None:
    assert parse_progress(progress_frame(Progress(3, 60)).body) == Progress(3, 60)
    for body in (b"{}", b'{"pictures":-1,"wanted":2}', b'{"pictures":1.5,"wanted":2}'):
        with pytest.raises(InvalidError):
            parse_progress(body)
