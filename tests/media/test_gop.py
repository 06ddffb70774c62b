"""Which pictures count as key frames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from custodes.base.clock import SECOND_US
from custodes.media.gop import GopStatistics, KeyPolicy


def counted(rows: list[tuple[float, str]]) -> list[float]:
    """Seconds of the pictures that count; each row is a time and "c" closed, "o" open or "-" neither."""
    policy = KeyPolicy()
    return [at_s for at_s, kind in rows if policy.counts(int(at_s * SECOND_US), kind == "c", kind == "o")]


def test_open_key_frames_between_closed_ones_do_not_count() -> None:
    rows = [(float(n), "c" if n % 4 == 0 else "o") for n in range(40)]
    assert counted(rows) == [float(n) for n in range(0, 40, 4)]


def test_a_stream_of_open_key_frames_is_recorded_from_the_second_on() -> None:
    assert counted([(0, "-"), (1, "o"), (2, "-"), (3, "o"), (5, "o")]) == [3, 5]


def test_a_single_open_key_frame_counts_when_it_comes_late() -> None:
    assert counted([(0, "-"), (9.9, "-"), (12, "o")]) == [12]


def test_open_ones_count_once_closed_ones_stay_away() -> None:
    assert counted([(0, "c"), (2, "o"), (8, "o"), (10, "o"), (12, "o"), (13, "c"), (14, "o")]) == [
        0,
        10,
        12,
        13,
    ]


def test_one_marked_both_is_open() -> None:
    policy = KeyPolicy()
    assert not policy.counts(0, True, True)
    assert policy.counts(SECOND_US, True, True)


def test_restart_forgets() -> None:
    policy = KeyPolicy()
    assert policy.counts(0, True, False)
    policy.restart()
    assert not policy.counts(60 * SECOND_US, False, True)
    assert policy.counts(61 * SECOND_US, False, True)


@given(st.lists(st.tuples(st.integers(1, 3 * SECOND_US), st.sampled_from("co-")), max_size=80))
def test_no_more_than_two_open_ones_in_ten_seconds_are_passed_over(rows: list[tuple[int, str]]) -> None:
    policy, at_us = KeyPolicy(), 0
    closed_us: int | None = None
    for delta_us, kind in rows:
        at_us += delta_us
        counts = policy.counts(at_us, kind == "c", kind == "o")
        if kind == "c":
            closed_us = at_us
        assert counts or kind != "c"
        assert not counts or kind != "-"
        if kind == "o" and closed_us is not None:
            assert counts == (at_us - closed_us >= 10 * SECOND_US)


def test_statistics_know_the_interval_and_what_is_late() -> None:
    statistics = GopStatistics()
    assert statistics.expected_us is None
    assert not statistics.overdue(100 * SECOND_US)
    for at_s in (0, 2, 4, 8):
        statistics.key_frame(at_s * SECOND_US)
    assert statistics.expected_us == 4 * SECOND_US
    assert not statistics.is_long
    assert not statistics.overdue(18 * SECOND_US)
    assert statistics.overdue(18 * SECOND_US + 1)


def test_statistics_know_long_intervals_and_forget_old_ones() -> None:
    statistics = GopStatistics()
    statistics.key_frame(0)
    statistics.key_frame(60 * SECOND_US)
    assert statistics.is_long
    assert not statistics.overdue(180 * SECOND_US)
    assert statistics.overdue(181 * SECOND_US)
    for n in range(16):
        statistics.key_frame((61 + n) * SECOND_US)
    assert statistics.expected_us == SECOND_US


def test_an_interruption_is_no_interval() -> None:
    statistics = GopStatistics()
    statistics.key_frame(0)
    statistics.key_frame(SECOND_US)
    statistics.interrupted()
    assert not statistics.overdue(900 * SECOND_US)
    statistics.key_frame(900 * SECOND_US)
    assert statistics.expected_us == SECOND_US
