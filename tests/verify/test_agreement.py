"""What the product writes beside the vectors, the verifier reads as meant: times and export files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custodes.media.mp4.table import tabulate
from custodes.media.mp4.write import write_mp4
from custodes.media.packets import Codec, ParameterSets
from custodes.media.timeline import UnitTime, presentation_90k
from custodes_verify.mp4 import read_track
from custodes_verify.records import Unit
from custodes_verify.timeline import Timed, file_times, shown_90k

H264 = ParameterSets(
    Codec.H264,
    (),
    (bytes.fromhex("6742c01ed900a02ff97016a020202800000300080000030190478b1724"),),
    (bytes.fromhex("68cb83cb20"),),
)
STEPS = st.tuples(
    st.sampled_from([-900_000, -360_000, -9_000, -3_600, 0, 1, 3_600, 7_200, 360_001, 900_001, 10**9]),
    st.sampled_from([-5, 0, 1, 999, 40_000, 4_000_000, 11_000_000]),
    st.booleans(),
)


def timed_of(steps: list[tuple[int, int, bool]]) -> list[Timed]:
    media, arrival, units = 7_000, 1_800_000_000_000_000, []
    for media_step, arrival_step, is_key in steps:
        media, arrival = media + media_step, arrival + arrival_step
        units.append((arrival, Unit(int(is_key), 0, media, bytes([len(units) % 251]) * 9)))
    return units


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_both_place_pictures_at_the_same_times(steps: list[tuple[int, int, bool]]) -> None:
    timed = timed_of(steps)
    times = [UnitTime(unit.media_90k, arrival, bool(unit.flags & 1)) for arrival, unit in timed]
    assert shown_90k(timed) == presentation_90k(times)


@given(st.lists(STEPS, min_size=1, max_size=200))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_an_export_file_is_read_as_it_was_meant(steps: list[tuple[int, int, bool]]) -> None:
    timed = timed_of(steps)
    table = tabulate(
        [len(unit.payload) for _, unit in timed],
        shown_90k(timed),
        [bool(unit.flags & 1) for _, unit in timed],
    )
    data = b"".join(write_mp4(table, H264, (unit.payload for _, unit in timed)))
    track = read_track(memoryview(data))
    assert (track.coding, track.parameter_sets) == ("avc3", (*H264.sps, *H264.pps))
    assert [data[at : at + size] for at, size in track.samples] == [unit.payload for _, unit in timed]
    assert (track.decoded_90k, track.shown_90k) == file_times(timed)


@pytest.mark.parametrize("count", [1, 64, 65, 1_000])
def test_chunks_of_any_number_are_read(count: int) -> None:
    timed = timed_of([(3_600, 40_000, at == 0) for at in range(count)])
    table = tabulate([9] * count, shown_90k(timed), [at == 0 for at in range(count)])
    data = b"".join(write_mp4(table, H264, (unit.payload for _, unit in timed)))
    assert len(read_track(memoryview(data)).samples) == count
