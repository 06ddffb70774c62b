"""Presentation and decoding times."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from custodes.media.timeline import CLOCK_HZ, UnitTime, decode_90k, presentation_90k

FRAME = CLOCK_HZ // 25
FRAME_US = 40_000


def steady(count: int, media_90k: int = 0, arrival_us: int = 0) -> list[UnitTime]:
    return [UnitTime(media_90k + n * FRAME, arrival_us + n * FRAME_US, n == 0) for n in range(count)]


def test_stamps_rule_and_a_gap_keeps_its_length() -> None:
    units = steady(3, 10**12) + steady(2, 10**12 + 60 * CLOCK_HZ, 60_000_000)
    assert presentation_90k(units) == [0, FRAME, 2 * FRAME, 60 * CLOCK_HZ, 60 * CLOCK_HZ + FRAME]


def test_a_step_back_of_five_hours_goes_on_by_arrival() -> None:
    units = steady(50, 10**12) + steady(50, 10**12 - 5 * 3600 * CLOCK_HZ, 50 * FRAME_US)
    assert presentation_90k(units) == [n * FRAME for n in range(100)]


def test_a_camera_that_starts_again_at_zero_is_placed_by_arrival() -> None:
    units = steady(25, 7000) + steady(25, 0, 20_000_000)
    shown = presentation_90k(units)
    assert shown[25] == 24 * FRAME + (20_000_000 - 24 * FRAME_US) * 9 // 100
    assert shown[26] - shown[25] == FRAME


def test_a_small_step_back_is_found_at_the_key_frame() -> None:
    units = steady(50, CLOCK_HZ) + steady(50, CLOCK_HZ + 49 * FRAME, 50 * FRAME_US)
    assert presentation_90k(units) == [n * FRAME for n in range(100)]


def test_bursts_and_stalls_are_no_steps() -> None:
    burst = [UnitTime(n * FRAME, n * 1600, n == 0) for n in range(125)]
    stalled = [UnitTime((125 + n) * FRAME, 5_000_000 + 200_000, False) for n in range(50)]
    assert presentation_90k(burst + stalled) == [n * FRAME for n in range(175)]


def test_b_frames_move_decoding_by_the_least_delay() -> None:
    shown = [n * FRAME for n in (0, 3, 1, 2, 6, 4, 5)]
    assert decode_90k(shown) == [(n - 1) * FRAME for n in range(7)]
    pyramid = [n * FRAME for n in (0, 4, 2, 1, 3, 8, 6, 5, 7)]
    assert decode_90k(pyramid) == [(n - 2) * FRAME for n in range(9)]


def test_without_reordering_nothing_moves() -> None:
    shown = [0, 3600, 7201, 900_000]
    assert decode_90k(shown) == shown
    assert decode_90k([]) == []


@given(st.lists(st.integers(-(2**40), 2**40), max_size=60))
def test_decoding_times_rise_and_come_in_time(shown: list[int]) -> None:
    decode = decode_90k(shown)
    assert len(decode) == len(shown)
    assert all(after > at for at, after in pairwise(decode))
    assert all(at <= shown_at for at, shown_at in zip(decode, shown, strict=True))
    # The delay is the least: some unit is decoded exactly when shown.
    assert not shown or any(at == shown_at for at, shown_at in zip(decode, shown, strict=True))


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 10**12), st.booleans()), max_size=60))
def test_hostile_stamps_give_a_bounded_timeline(rows: list[tuple[int, int, bool]]) -> None:
    arrival_us, units = 0, []
    for media, delta_us, key in rows:
        arrival_us += delta_us % 30_000_000
        units.append(UnitTime(media, arrival_us, key))
    shown = presentation_90k(units)
    highest = 0
    for unit, at in zip(units, shown, strict=True):
        assert at >= highest - 4 * CLOCK_HZ
        assert not unit.is_key or at > highest or not units.index(unit)
        highest = max(highest, at)
    # Stamps never add more than STEP_90K a unit to what the arrival clock saw.
    assert highest <= (units[-1].arrival_us if units else 0) * 9 // 100 + len(units) * 10 * CLOCK_HZ
