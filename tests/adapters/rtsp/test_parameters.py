from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.parameters import ParameterTracker
from custodes.base.errors import InvalidError
from custodes.media.packets import Codec


def test_sets_are_complete_when_every_kind_is_there(nals: Any) -> None:
    tracker = ParameterTracker(Codec.H264)
    assert tracker.observe(nals.sps) and tracker.current() is None
    assert tracker.observe(nals.pps)
    sets = tracker.current()
    assert sets is not None
    assert (sets.vps, sets.sps, sets.pps) == ((), (nals.sps,), (nals.pps,))
    assert not tracker.observe(nals.sps)


def test_a_set_replaces_the_one_of_its_number_and_no_other(nals: Any) -> None:
    tracker = ParameterTracker(Codec.H264)
    second_number, changed_first = b"\x68\x5e\x3c\x80", b"\x68\xce\x3c\x81"
    for nal in (nals.sps, nals.pps, second_number, changed_first):
        assert tracker.observe(nal)
    sets = tracker.current()
    assert sets is not None
    assert sets.pps == (changed_first, second_number)


def test_garbage_in_a_description_is_counted_and_left_out(nals: Any) -> None:
    tracker = ParameterTracker(Codec.H264)
    assert (
        tracker.observe_described((b"\0\0\0\1", b"\x67", b"\0\0\0\1" + nals.sps, nals.pps, b"\x41\x9a")) == 3
    )
    assert tracker.current() is not None


def test_a_huge_set_is_refused(nals: Any) -> None:
    with pytest.raises(InvalidError):
        ParameterTracker(Codec.H264).observe(nals.pps + bytes(5000))


@given(st.sampled_from([1, 2]), st.lists(st.binary(max_size=120), max_size=20), st.integers(0, 255))
def test_any_bytes_are_a_set_or_refused(codec: int, units: list[bytes], first: int) -> None:
    tracker = ParameterTracker(Codec(codec))
    tracker.observe_described(tuple(bytes((first,)) + unit for unit in units))
    tracker.current()
