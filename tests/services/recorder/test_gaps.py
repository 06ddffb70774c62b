"""Gaps: where they begin, how reasons follow each other, what a clock set back does."""

from __future__ import annotations

from custodes.base.clock import SECOND_US
from custodes.custody.accounts import GapReason
from custodes.services.recorder.gaps import GapKeeper
from custodes.services.recorder.shelf import STREAM_PRESSED_BYTES, TOTAL_PRESSED_BYTES, Pressure

A, B, C = GapReason.RESTART, GapReason.CAMERA_UNREACHABLE, GapReason.OVERLOAD
S = SECOND_US


def spans(keeper: GapKeeper, now_us: int) -> list[tuple[int, int, GapReason]]:
    return [(gap.from_us // S, gap.to_us // S, gap.reason) for gap in keeper.take(now_us)]


def test_one_reason_follows_the_other() -> None:
    keeper = GapKeeper(b"s" * 16, 100 * S, A)
    keeper.missing(90 * S, 105 * S, B)
    keeper.missing(90 * S, 106 * S, B)
    assert spans(keeper, 110 * S) == [(100, 105, A), (105, 110, B)]
    keeper.recorded(112 * S)
    assert spans(keeper, 120 * S) == [(110, 112, B)]
    # A gap begins with the last picture, not when it was noticed.
    keeper.missing(118 * S, 128 * S, C)
    assert spans(keeper, 130 * S) == [(118, 130, C)]


def test_holes_close_together_are_one() -> None:
    keeper = GapKeeper(b"s" * 16, None, A)
    for at in (10, 11, 12, 20):
        keeper.hole(at * S, at * S + S // 2, GapReason.LOSS)
    keeper.hole(5 * S, 6 * S, GapReason.CLOCK)
    assert sorted(spans(keeper, 30 * S)) == [
        (5, 6, GapReason.CLOCK),
        (10, 12, GapReason.LOSS),
        (20, 20, GapReason.LOSS),
    ]
    assert spans(keeper, 40 * S) == []


def test_time_set_back_makes_no_gap_that_ends_before_it_begins() -> None:
    keeper = GapKeeper(b"s" * 16, 100 * S, A)
    assert spans(keeper, 50 * S) == []
    assert spans(keeper, 60 * S) == [(50, 60, A)]
    keeper.recorded(40 * S)
    keeper.hole(40 * S, 30 * S, GapReason.CLOCK)
    assert spans(keeper, 70 * S) == [(40, 40, GapReason.CLOCK)]


def test_when_memory_gets_short_what_matters_less_gives_way_first() -> None:
    assert {Pressure(0).limit_bytes(p) for p in range(10)} == {STREAM_PRESSED_BYTES}
    tight = Pressure(TOTAL_PRESSED_BYTES * 3 // 4)
    limits = [tight.limit_bytes(priority) for priority in range(10)]
    assert limits == sorted(limits)
    assert limits[0] == STREAM_PRESSED_BYTES // 2
    assert limits[9] == STREAM_PRESSED_BYTES
    assert {Pressure(TOTAL_PRESSED_BYTES).limit_bytes(p) for p in range(10)} == {0}
