"""Presentation and decoding times by the rules of the format page."""

from __future__ import annotations

from custodes_verify.records import KEY_FRAME, Unit
from custodes_verify.timeline import Timed, file_times, shown_90k


def units(*rows: tuple[int, int, int]) -> list[Timed]:
    """From (arrival in ms, media time, flags)."""
    return [(arrival * 1000, Unit(flags, arrival * 1000, media, b"")) for arrival, media, flags in rows]


def test_distances_are_those_of_the_camera() -> None:
    timed = units((0, 7_000, 1), (41, 10_600, 0), (79, 14_200, 0))
    assert shown_90k(timed) == [0, 3_600, 7_200]
    assert file_times(timed) == ([0, 3_600, 7_200], [0, 3_600, 7_200])


def test_reordered_pictures_are_decoded_before_they_are_shown() -> None:
    timed = units((0, 3_600, 1), (40, 14_400, 0), (80, 7_200, 0), (120, 10_800, 0))
    assert shown_90k(timed) == [0, 10_800, 3_600, 7_200]
    decoded, shown = file_times(timed)
    assert decoded == [0, 3_600, 7_200, 10_800]
    assert shown == [3_600, 14_400, 7_200, 10_800]
    assert all(early <= late for early, late in zip(decoded, shown, strict=True))


def test_a_stepped_camera_clock_begins_a_new_span() -> None:
    timed = units((0, 0, 1), (40, 3_600, 0), (80, 5_000_000, 1), (120, 5_003_600, 0))
    assert shown_90k(timed) == [0, 3_600, 7_200, 10_800]


def test_a_key_frame_never_goes_back() -> None:
    timed = units((0, 0, KEY_FRAME), (40, 3_600, 0), (80, 3_600, KEY_FRAME), (120, 7_200, 0))
    assert shown_90k(timed) == [0, 3_600, 7_200, 10_800]


def test_a_gap_is_kept_and_a_burst_gives_none() -> None:
    assert shown_90k(units((0, 0, 1), (5_000, 450_000, 0), (5_001, 453_600, 0))) == [0, 450_000, 453_600]


def test_equal_times_are_decoded_one_after_the_other() -> None:
    assert file_times(units((0, 0, 1), (0, 0, 0), (0, 0, 0))) == ([0, 1, 2], [2, 2, 2])


def test_nothing_has_no_times() -> None:
    assert file_times([]) == ([], [])
