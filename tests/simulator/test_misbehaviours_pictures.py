"""Misbehaviours of what is coded: the clip itself, and how it changes at a key frame."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from custodes_simulator import (
    CameraSpec,
    Encoding,
    SceneSource,
    SimulatedFleet,
    StreamSpec,
    VideoCodec,
    misbehave,
)
from custodes_simulator.clips.library import ClipLibrary
from custodes_simulator.clips.model import Clip
from custodes_simulator.clips.nal import is_parameter_set, is_slice, nal_type
from custodes_simulator.misbehaviours.base import ClipMisbehaviour, Planned
from custodes_simulator.play.shelf import ClipShelf

SHORT = SceneSource(width=160, height=90, duration_s=1, rate_hz=50)
CODECS = list(VideoCodec)


def shaped(name: str, codec: VideoCodec = VideoCodec.H264, **members: Any) -> Clip:
    fault = misbehave(name, **members).misbehaviour
    assert isinstance(fault, ClipMisbehaviour)
    spec = StreamSpec("main", SHORT, Encoding(codec=codec))
    return ClipShelf(ClipLibrary()).get(spec, (fault,))[0]


@pytest.mark.parametrize("codec", CODECS)
def test_b_frames_are_shown_in_another_order_than_sent(codec: VideoCodec) -> None:
    clip = shaped("b-frames", codec)
    shown = [unit.show_90k for unit in clip.units]
    assert shown != sorted(shown) and sorted(shown) == [1800 * i for i in range(50)]


@pytest.mark.parametrize("codec", CODECS)
def test_open_gop_has_no_idr(codec: VideoCodec) -> None:
    clip = shaped("open-gop", codec)
    assert not any(unit.is_key for unit in clip.units) and clip.units[0].is_open_key


@pytest.mark.parametrize("codec", CODECS)
def test_long_gop_slices_and_delimiters(codec: VideoCodec) -> None:
    assert [unit.is_key for unit in shaped("long-gop", codec).units].count(True) == 1
    if codec is VideoCodec.H264:
        clip = shaped("slices", codec, count=4)
        assert {sum(is_slice(codec, nal) for nal in unit.nals) for unit in clip.units} == {4}
    delimiter = 9 if codec is VideoCodec.H264 else 35
    clip = shaped("access-unit-delimiters", codec)
    assert {nal_type(codec, unit.nals[0]) for unit in clip.units} == {delimiter}


@pytest.mark.parametrize("codec", CODECS)
def test_giant_key_frame_is_that_big_and_holds_no_start_code(codec: VideoCodec) -> None:
    clip = shaped("giant-key-frame", codec)
    key = max(clip.units[0].nals, key=len)
    assert 2 * 1024 * 1024 < len(key) < 2.1 * 1024 * 1024
    assert b"\x00\x00" not in key


def test_variable_frame_rate_keeps_order_and_duration() -> None:
    clip = shaped("variable-frame-rate", swing=0.8)
    sent = [unit.send_90k for unit in clip.units] + [clip.duration_90k]
    gaps = [b - a for a, b in itertools.pairwise(sent)]
    assert min(gaps) > 0 and max(gaps) > 2 * min(gaps)


def test_parameter_sets_change_at_one_size_and_can_be_out_of_band() -> None:
    plain = ClipLibrary().get(SHORT)
    other = shaped("parameter-sets-change")
    assert (plain.width, plain.height) == (other.width, other.height) and plain.sets != other.sets
    bare = shaped("sets-out-of-band")
    assert not any(is_parameter_set(bare.codec, nal) for unit in bare.units for nal in unit.nals)
    assert bare.sets == plain.sets


def stream_of(*plans: Planned, encoding: Encoding | None = None) -> CameraSpec:
    return CameraSpec("cam1", (StreamSpec("main", SHORT, encoding, misbehaviours=plans),))


async def test_size_changes_at_key_frames_and_back(tools: Any) -> None:
    plan = misbehave("size-change", width=320, height=180, after_s=0.2, for_s=0.6)
    async with SimulatedFleet([stream_of(plan)]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play()
        sets: list[bytes] = []
        units: list[Any] = []
        while len(sets) < 3:
            units = await client.units(len(units) + 1)
            for nal in tools.depacketised("h264", (p.payload for p in units[-1])):
                if nal[0] & 0x1F == 7 and (not sets or sets[-1] != nal):
                    sets.append(nal)
        await client.close()
        truth = fleet.truth("cam1")
    assert sets[0] == sets[2] != sets[1]
    assert tools.hashes("h264", units) == [entry.sha256 for entry in truth[: len(units)]]
    times = [unit[0].time for unit in units]
    assert {(b - a) % 2**32 for a, b in itertools.pairwise(times)} == {1800}


@pytest.mark.parametrize("how", ["joined", "trailing"])
async def test_start_codes_are_on_the_wire_and_not_in_the_truth(tools: Any, how: str) -> None:
    async with SimulatedFleet([stream_of(misbehave("start-codes", how=how))]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play()
        units = await client.units(3)
        await client.close()
        truth = fleet.truth("cam1")
    for unit, entry in zip(units, truth, strict=False):
        wire = tools.depacketised("h264", (p.payload for p in unit))
        if how == "joined":
            assert len(wire) == 1
            clean = wire[0].split(b"\x00\x00\x00\x01")
        else:
            assert all(nal.endswith(b"\x00\x00\x00") for nal in wire)
            clean = [nal.rstrip(b"\x00") for nal in wire]
        assert tools.sample_sha256(clean) == entry.sha256


async def test_misbehaviours_compose(tools: Any) -> None:
    plans = (
        misbehave("b-frames"),
        misbehave("start-codes"),
        misbehave("marker-missing"),
        misbehave("no-rtcp"),
        misbehave("sdp-no-sprop"),
        misbehave("rtp-time-from-zero"),
    )
    async with SimulatedFleet([stream_of(*plans)]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        described = await client.play()
        await client.until(lambda c: len({p.time for p in c.rtp}) > 20)
        await client.close()
    assert "sprop" not in described.body and not client.rtcp
    assert client.rtp[0].time == 0 and not any(p.marker for p in client.rtp)
    times = list(dict.fromkeys(p.time for p in client.rtp))
    assert times != sorted(times)
