"""Where segments are cut and which slot they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from custodes.base.clock import SECOND_US
from custodes.media.segmenter import Cut, Kind, Segmenter, Step

MINUTE = 60


@dataclass
class Recorded:
    """A segment as a recorder would keep it; times in seconds."""

    cut: Cut
    times: list[float] = field(default_factory=list)

    @property
    def row(self) -> tuple[int, Kind, int, float, float]:
        return self.cut.slot, self.cut.kind, self.cut.key_sequence, self.times[0], self.times[-1]


def record(segmenter: Segmenter, units: list[tuple[float, bool]]) -> list[Recorded]:
    segments: list[Recorded] = []
    for at_s, is_key in units:
        decision = segmenter.decide(round(at_s * SECOND_US), is_key)
        if isinstance(decision, Cut):
            segments.append(Recorded(decision))
        if isinstance(decision, Cut) or decision is Step.APPEND:
            segments[-1].times.append(at_s)
    return segments


def steady(first_s: float, last_s: float, gop_s: float, per_second: int = 1) -> list[tuple[float, bool]]:
    """Units from first to last with key frames every `gop_s` from the first on."""
    count = int((last_s - first_s) * per_second) + 1
    return [(first_s + n / per_second, (n % (gop_s * per_second)) == 0) for n in range(count)]


def test_short_gops_are_gathered_to_four_seconds() -> None:
    segments = record(Segmenter(MINUTE * SECOND_US), steady(0, 15, 1))
    assert [s.row[3:] for s in segments] == [(0, 3), (4, 7), (8, 11), (12, 15)]
    assert all(s.cut.kind is Kind.KEY and s.cut.key_sequence == s.cut.sequence for s in segments)


def test_a_key_frame_behind_the_slot_closes_a_segment_of_any_age() -> None:
    segments = record(Segmenter(MINUTE * SECOND_US), steady(57, 64, 3))
    assert [s.row for s in segments] == [(0, Kind.KEY, 0, 57, 59), (1, Kind.KEY, 1, 60, 64)]


def test_pictures_stay_in_the_slot_of_their_key_frame() -> None:
    segments = record(Segmenter(MINUTE * SECOND_US), steady(58, 73, 5))
    assert [s.row for s in segments] == [
        (0, Kind.KEY, 0, 58, 62),
        (1, Kind.KEY, 1, 63, 67),
        (1, Kind.KEY, 2, 68, 72),
        (1, Kind.KEY, 3, 73, 73),
    ]


def test_a_long_gop_goes_on_in_continuations_and_leaves_the_slot_after_ten_seconds() -> None:
    segments = record(Segmenter(MINUTE * SECOND_US), steady(55, 135, 1000))
    assert [s.row for s in segments] == [
        (0, Kind.KEY, 0, 55, 64),
        (0, Kind.CONTINUATION, 0, 65, 69),
        (1, Kind.CONTINUATION, 0, 70, 79),
        (1, Kind.CONTINUATION, 0, 80, 89),
        (1, Kind.CONTINUATION, 0, 90, 99),
        (1, Kind.CONTINUATION, 0, 100, 109),
        (1, Kind.CONTINUATION, 0, 110, 119),
        (2, Kind.CONTINUATION, 0, 120, 129),
        (2, Kind.CONTINUATION, 0, 130, 135),
    ]


def test_a_key_frame_ends_a_continuation() -> None:
    units = [*steady(0, 11, 1000), (12.0, True), (13.0, False)]
    segments = record(Segmenter(MINUTE * SECOND_US), units)
    assert [s.row for s in segments] == [
        (0, Kind.KEY, 0, 0, 9),
        (0, Kind.CONTINUATION, 0, 10, 11),
        (0, Kind.KEY, 2, 12, 13),
    ]


def test_nothing_is_kept_before_the_first_key_frame() -> None:
    segmenter = Segmenter(MINUTE * SECOND_US)
    segments = record(segmenter, [(1.0, False), (2.0, False), (3.0, True), (4.0, False)])
    assert segmenter.dropped == 2
    assert [s.times for s in segments] == [[3.0, 4.0]]
    assert segmenter.interrupt()
    assert not segmenter.interrupt()
    assert segmenter.decide(5 * SECOND_US, False) is Step.DROP
    assert segmenter.decide(6 * SECOND_US, True) == Cut(1, 0, Kind.KEY, 1)


def test_new_parameter_sets_begin_a_segment() -> None:
    segmenter = Segmenter(MINUTE * SECOND_US)
    assert segmenter.decide(0, True, True) == Cut(0, 0, Kind.KEY, 0)
    assert segmenter.decide(SECOND_US, True, True) == Cut(1, 0, Kind.KEY, 1)
    assert segmenter.decide(2 * SECOND_US, False, True) == Cut(2, 0, Kind.CONTINUATION, 1)
    assert segmenter.decide(3 * SECOND_US, False) is Step.APPEND


def test_a_silent_stream_is_closed_by_time_and_goes_on_in_a_continuation() -> None:
    segmenter = Segmenter(MINUTE * SECOND_US)
    segmenter.decide(55 * SECOND_US, True)
    assert not segmenter.close_if_due(65 * SECOND_US - 1)
    assert segmenter.close_if_due(65 * SECOND_US)
    assert not segmenter.close_if_due(66 * SECOND_US)
    assert segmenter.decide(67 * SECOND_US, False) == Cut(1, 0, Kind.CONTINUATION, 0)
    assert segmenter.close_if_due(70 * SECOND_US)
    assert segmenter.decide(71 * SECOND_US, False) == Cut(2, 1, Kind.CONTINUATION, 0)


def test_the_last_slot_hands_over_to_the_next_epoch() -> None:
    by_key = Segmenter(MINUTE * SECOND_US, slots=1)
    by_key.decide(58 * SECOND_US, True)
    assert by_key.decide(61 * SECOND_US, False) is Step.APPEND
    assert by_key.decide(62 * SECOND_US, True) is Step.NEXT_EPOCH
    assert not by_key.is_open
    by_time = Segmenter(MINUTE * SECOND_US, slots=1)
    by_time.decide(58 * SECOND_US, True)
    assert by_time.decide(69 * SECOND_US, False) == Cut(1, 0, Kind.CONTINUATION, 0)
    assert by_time.decide(70 * SECOND_US, False) is Step.NEXT_EPOCH
    assert by_time.decide(71 * SECOND_US, False) is Step.DROP


UNITS = st.lists(
    st.tuples(st.integers(0, 9_000_000), st.sampled_from([False, False, False, True]), st.booleans()),
    max_size=120,
)


@given(UNITS, st.sampled_from([5, 30, 60]), st.booleans())
def test_every_unit_is_in_one_segment_of_the_right_slot(
    rows: list[tuple[int, bool, bool]], slot_s: int, ticking: bool
) -> None:
    slot_us = slot_s * SECOND_US
    segmenter = Segmenter(slot_us)
    at_us, key_us, sequence = 0, -1, -1
    open_cut: Cut | None = None
    start_us = last_us = keys = 0
    for delta_us, is_key, tick in rows:
        tick_us = at_us + delta_us // 2
        if ticking and tick and segmenter.close_if_due(tick_us):
            assert open_cut is not None
            assert tick_us - start_us >= 10 * SECOND_US or tick_us >= (open_cut.slot + 1) * slot_us
        at_us += delta_us
        decision = segmenter.decide(at_us, is_key, False)
        if key_us < 0 and not is_key:
            assert decision is Step.DROP
            continue
        previous_key_slot = key_us // slot_us if key_us >= 0 else -1
        key_us = at_us if is_key else key_us
        if isinstance(decision, Cut):
            sequence += 1
            assert decision.sequence == sequence
            assert (decision.kind is Kind.KEY) == is_key
            keys = sequence if is_key else keys
            assert decision.key_sequence == keys
            open_cut, start_us = decision, at_us
        else:
            assert decision is Step.APPEND
            assert open_cut is not None
            # An appended key frame never makes its segment span two slots' key frames or exceed 4 s.
            assert not is_key or (at_us - start_us < 4 * SECOND_US and open_cut.kind is Kind.KEY)
            assert at_us - start_us < 10 * SECOND_US
            assert not is_key or previous_key_slot == at_us // slot_us
        key_slot = key_us // slot_us
        grace_end_us = (key_slot + 1) * slot_us + 10 * SECOND_US
        assert open_cut.slot == (key_slot if at_us < grace_end_us else at_us // slot_us)
        assert at_us >= last_us
        last_us = at_us
    assert segmenter.next_sequence == sequence + 1


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.booleans(), st.booleans()), max_size=60))
def test_times_that_go_back_are_taken_as_standing_still(rows: list[tuple[int, bool, bool]]) -> None:
    wild, tame = Segmenter(MINUTE * SECOND_US, 60), Segmenter(MINUTE * SECOND_US, 60)
    latest = 0
    for at_us, is_key, changed in rows:
        latest = max(latest, at_us)
        assert wild.decide(at_us, is_key, changed) == tame.decide(latest, is_key, changed)
