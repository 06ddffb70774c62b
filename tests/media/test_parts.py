"""Parts: which segments share a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import av

from custodes.base.clock import HOUR_US, SECOND_US
from custodes.media.mp4.table import tabulate
from custodes.media.mp4.write import write_mp4
from custodes.media.nal import join_nals, split_nals
from custodes.media.packets import Codec, ParameterSets
from custodes.media.parts import SegmentHead, carries_parameter_sets, group_into_parts

SPS = bytes.fromhex("6742c01ed900a02ff97016a020202800000300080000030190478b1724")
SETS = ParameterSets(Codec.H264, (), (SPS,), (b"\x68\xcb\x83\xcb\x20",))
OTHER_PPS = replace(SETS, pps=(b"\x68\xcb\x83\xcb\x21",))


def heads(*rows: tuple[ParameterSets, bool], step_us: int = 5 * SECOND_US) -> list[SegmentHead]:
    return [
        SegmentHead(sets, carried, n * step_us, (n + 1) * step_us - 40_000)
        for n, (sets, carried) in enumerate(rows)
    ]


def parts(rows: list[SegmentHead]) -> list[list[int]]:
    return [list(part) for part in group_into_parts(rows)]


def test_equal_sets_share_a_file() -> None:
    assert parts(heads((SETS, False), (SETS, True), (SETS, False))) == [[0, 1, 2]]
    assert parts([]) == []


def test_other_sets_of_the_same_shape_share_it_only_where_they_are_in_band() -> None:
    assert parts(heads((SETS, True), (OTHER_PPS, True), (OTHER_PPS, False))) == [[0, 1, 2]]
    assert parts(heads((SETS, True), (OTHER_PPS, False))) == [[0], [1]]
    # The decoder holds the other sets by then, so the first ones are new again.
    assert parts(heads((SETS, False), (OTHER_PPS, True), (SETS, False))) == [[0, 1], [2]]


def test_another_codec_or_profile_begins_a_file() -> None:
    high = replace(SETS, sps=(SPS[:1] + b"\x4d" + SPS[2:],))
    assert parts(heads((SETS, True), (high, True), (SETS, True))) == [[0], [1], [2]]


def test_a_long_gap_begins_a_file() -> None:
    assert parts(heads((SETS, True), (SETS, True), step_us=6 * HOUR_US + 40_000)) == [[0, 1]]
    late = replace(heads((SETS, True))[0], first_us=12 * HOUR_US)
    assert parts([*heads((SETS, True)), late]) == [[0], [1]]


def test_parameter_sets_in_band(encode: Callable[..., Any]) -> None:
    for codec in Codec:
        _, units = encode(codec)
        assert carries_parameter_sets(codec, units[0].data)
        assert not carries_parameter_sets(codec, units[1].data)
        assert not carries_parameter_sets(codec, join_nals(list(split_nals(units[0].data))[-1:]))


def test_a_change_of_resolution_gives_two_files_that_both_play(encode: Callable[..., Any]) -> None:
    clips = [encode(Codec.H264, 320, 180), encode(Codec.H264, 160, 90), encode(Codec.H264, 160, 90, 30)]
    rows = [SegmentHead(sets, True, n * SECOND_US, (n + 1) * SECOND_US) for n, (sets, _) in enumerate(clips)]
    groups = parts(rows)
    assert groups == [[0], [1, 2]]
    sizes = []
    for group in groups:
        units = [unit for n in group for unit in clips[n][1]]
        shown = [number * 3600 for number in range(len(units))]
        table = tabulate([len(u.data) for u in units], shown, [u.is_key for u in units])
        data = b"".join(write_mp4(table, clips[group[0]][0], [u.data for u in units]))
        with av.open(io.BytesIO(data)) as container:
            frames = list(container.decode(video=0))
        assert len(frames) == len(units)
        sizes.append({(frame.width, frame.height) for frame in frames})
    assert sizes == [{(320, 180)}, {(160, 90)}]
