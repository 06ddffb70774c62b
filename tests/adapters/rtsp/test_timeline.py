from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from custodes.adapters.rtsp.timeline import Timeline

FRAME_90K, FRAME_US = 3600, 40_000
WRAP = 1 << 32


def place_all(timestamps: list[int], *, start_us: int = 10**9, key: int = -1) -> tuple[list[int], list[int]]:
    timeline = Timeline()
    placed = [
        timeline.place(timestamp % WRAP, start_us + index * FRAME_US, index == key)
        for index, timestamp in enumerate(timestamps)
    ]
    return [media for media, _ in placed], [index for index, (_, step) in enumerate(placed) if step]


def steps(media: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(media)]


def test_unwraps_past_32_bits() -> None:
    media, stepped = place_all([WRAP - 5 * FRAME_90K + index * FRAME_90K for index in range(10)])
    assert steps(media) == [FRAME_90K] * 9
    assert stepped == []
    assert [place % WRAP for place in media[:2]] == [WRAP - 5 * FRAME_90K, WRAP - 4 * FRAME_90K]


def test_pictures_before_the_first_stay_positive() -> None:
    media, stepped = place_all([0, -FRAME_90K, FRAME_90K])
    assert media == [WRAP, WRAP - FRAME_90K, WRAP + FRAME_90K]
    assert stepped == []


def test_b_frames_are_no_step() -> None:
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    media, stepped = place_all([index * FRAME_90K for index in order])
    assert [(place - media[0]) // FRAME_90K for place in media] == order
    assert stepped == []


def test_field_case_01_five_hours_back_go_on_where_time_was() -> None:
    timestamps = [10**9 + index * FRAME_90K for index in range(10)]
    timestamps[5:] = [timestamp - 5 * 3600 * 90_000 for timestamp in timestamps[5:]]
    media, stepped = place_all(timestamps)
    assert stepped == [5]
    assert steps(media) == [FRAME_90K] * 9


def test_a_leap_ahead_of_arrival_is_a_step_and_a_pause_is_none() -> None:
    media, stepped = place_all([0, FRAME_90K, 3600 * 90_000, 3600 * 90_000 + FRAME_90K])
    assert stepped == [2]
    assert steps(media) == [FRAME_90K] * 3
    timeline = Timeline()
    timeline.place(0, 0, False)
    assert timeline.place(60 * 90_000, 60_000_000, False) == (WRAP + 60 * 90_000, 0)


def test_field_case_18_a_burst_faster_than_real_time_is_no_step() -> None:
    timeline = Timeline()
    placed = [timeline.place(index * FRAME_90K, index * 1600, index % 25 == 0) for index in range(125)]
    assert all(step == 0 for _, step in placed)
    assert steps([media for media, _ in placed]) == [FRAME_90K] * 124


def test_a_key_picture_is_never_before_its_predecessors() -> None:
    timestamps = [90_000 + index * FRAME_90K for index in range(8)]
    timestamps[4:] = [timestamp - 90_000 for timestamp in timestamps[4:]]
    media, stepped = place_all(timestamps, key=4)
    assert stepped == [4]
    assert steps(media) == [FRAME_90K] * 7


def test_a_step_leaves_room_for_the_b_frames_that_follow() -> None:
    before = [index * FRAME_90K for index in (0, 3, 1, 2, 6, 4, 5)]
    after = [10**9 + index * FRAME_90K for index in (9, 7, 8)]
    media, stepped = place_all(before + after)
    assert stepped == [7]
    assert min(media[7:]) > max(media[:7])


def test_stuck_time_goes_on_by_arrival_after_a_second() -> None:
    media, stepped = place_all([77] * 60)
    assert stepped == list(range(26, 60))
    assert steps(media)[26:] == [FRAME_90K] * 33


@given(
    st.lists(
        st.tuples(st.integers(0, WRAP - 1), st.integers(0, 10**8), st.booleans()), min_size=1, max_size=60
    )
)
def test_whatever_comes_time_never_falls_back_further_than_pictures_are_reordered(
    pictures: list[tuple[int, int, bool]],
) -> None:
    timeline, boot_us, latest = Timeline(), 0, -1
    for timestamp, wait_us, is_key in pictures:
        boot_us += wait_us
        media, _ = timeline.place(timestamp, boot_us, is_key)
        assert media > 0
        if latest >= 0:
            assert media >= latest - 2 * 90_000
            assert media <= latest + 2 * 90_000 + wait_us * 9 // 100 + 10 * 90_000 + 2 * 90_000
            if is_key:
                assert media >= latest
        latest = max(latest, media)
