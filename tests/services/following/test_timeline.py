"""Spans and holes, against a list of single moments."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from custodes.services.following.timeline import joined, without

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def _moments(parts: list[tuple[int, int]]) -> set[int]:
    return {moment for start, end in parts for moment in range(start, end)}


@given(spans)
def test_joining_changes_no_moment(parts: list[tuple[int, int]]) -> None:
    found = joined(parts)
    assert _moments(found) == _moments(parts)
    assert all(before[1] < after[0] for before, after in pairwise(found))


@given(spans, spans)
def test_what_is_in_a_hole_is_out(parts: list[tuple[int, int]], holes: list[tuple[int, int]]) -> None:
    found = without(joined(parts), holes)
    assert _moments(found) == _moments(parts) - _moments(holes)
    assert all(start < end for start, end in found)


def test_spans_a_little_apart_are_one() -> None:
    assert joined([(0, 10), (12, 20)], 2) == [(0, 20)]
    assert joined([(0, 10), (12, 20)], 1) == [(0, 10), (12, 20)]
