"""A camera that behaves."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import Any

import av
import pytest

from custodes_simulator import (
    AudioCodec,
    CameraSpec,
    Encoding,
    FleetFileError,
    SceneSource,
    SimulatedFleet,
    StreamSpec,
    VideoCodec,
)
from custodes_simulator.clips.nal import length_prefixed, split_byte_stream

SHORT = SceneSource(width=160, height=90, duration_s=1, rate_hz=50)
H265 = Encoding(codec=VideoCodec.H265)


def received(url: str, transport: str, count: int, kind: str = "video") -> list[tuple[str, bytes]]:
    """Packets of one kind as FFmpeg hands them out: hash of the length-prefixed NAL units, and bytes."""
    made: list[tuple[str, bytes]] = []
    with av.open(
        url,
        options={"rtsp_transport": transport, "analyzeduration": "100000", "probesize": "20000"},
        timeout=30,
    ) as container:
        for packet in container.demux():
            data = bytes(packet)
            if packet.stream.type == kind and data:
                sample = length_prefixed(split_byte_stream(data)) if kind == "video" else data
                made.append((hashlib.sha256(sample).hexdigest(), data))
            if len(made) >= count:
                return made
    return made


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("encoding", [Encoding(b_frames=2, preset="veryfast"), H265], ids=["h264", "h265"])
async def test_ffmpeg_gets_every_access_unit_as_the_truth_log_has_it(
    transport: str, encoding: Encoding
) -> None:
    async with SimulatedFleet([CameraSpec("cam1", (StreamSpec("main", SHORT, encoding),))]) as fleet:
        got = await asyncio.to_thread(received, fleet.url("cam1"), transport, 30)
        sent = [entry.sha256 for entry in fleet.truth("cam1")]
    hashes = [sha for sha, _ in got]
    # FFmpeg may put parameter sets of the SDP before the first key frame; all others are as sent.
    assert hashes[1:] == sent[1:30]


async def test_loop_seam_keeps_sequence_and_time(tools: Any) -> None:
    spec = StreamSpec("main", SHORT, first_rtp_time=2**32 - 1800, first_sequence=65530)
    async with SimulatedFleet([CameraSpec("cam1", (spec,))]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play()
        units = await client.units(55)
        await client.close()
        truth = fleet.truth("cam1")
    packets = [packet for unit in units for packet in unit]
    assert [p.sequence for p in packets] == [(65530 + i) % 65536 for i in range(len(packets))]
    assert [unit[0].time for unit in units] == [(2**32 - 1800 + 1800 * i) % 2**32 for i in range(55)]
    assert tools.hashes("h264", units) == [entry.sha256 for entry in truth[:55]]
    assert [entry.media for entry in truth[:55]] == [1800 * i for i in range(55)]
    assert truth[0].sha256 == truth[50].sha256 and truth[50].is_key
    assert all(entry.delivered for entry in truth[:55])


async def test_main_and_sub_differ_and_stray_paths_are_not_found(tools: Any) -> None:
    streams = (StreamSpec("main", SHORT), StreamSpec("sub", SHORT, Encoding(width=80, height=64)))
    async with SimulatedFleet([CameraSpec("cam1", streams)]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        main = await client.ask("DESCRIBE")
        sub = await client.ask("DESCRIBE", fleet.url("cam1", "sub"))
        stray = await client.ask("DESCRIBE", fleet.url("cam1") + "x")
        unknown = await client.ask("RECORD")
        await client.close()
    assert (main.status, sub.status, stray.status, unknown.status) == (200, 200, 404, 501)
    assert tools.lines(main, "a=fmtp") != tools.lines(sub, "a=fmtp")


@pytest.mark.parametrize("codec", list(AudioCodec))
async def test_audio_is_offered_and_sent(tools: Any, codec: AudioCodec) -> None:
    async with SimulatedFleet([CameraSpec("cam1", (StreamSpec("main", SHORT, audio=codec),))]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        described = await client.play(0, 1)
        await client.until(lambda c: len([p for p in c.rtp if p.channel == 2]) >= 10)
        await client.close()
        truth = fleet.truth("cam1", "main", "audio")
    assert len(tools.lines(described, "m=audio")) == 1
    sound = [p for p in client.rtp if p.channel == 2]
    skip = {AudioCodec.AAC: 4, AudioCodec.MP2: 4}.get(codec, 0)
    assert [hashlib.sha256(p.payload[skip:]).hexdigest() for p in sound[:10]] == [
        e.sha256 for e in truth[:10]
    ]
    steps = {(b.time - a.time) % 2**32 for a, b in itertools.pairwise(sound)}
    assert steps == {{"pcma": 160, "pcmu": 160, "aac": 1024, "mp2": 2160}[codec]}


async def test_ffmpeg_decodes_the_sound() -> None:
    spec = StreamSpec("main", SHORT, audio=AudioCodec.AAC)
    async with SimulatedFleet([CameraSpec("cam1", (spec,))]) as fleet:
        got = await asyncio.to_thread(received, fleet.url("cam1"), "tcp", 8, "audio")
        sent = {entry.sha256 for entry in fleet.truth("cam1", "main", "audio")}
    assert {sha for sha, _ in got} <= sent


async def test_sender_reports_tie_wall_time_to_rtp_time(tools: Any) -> None:
    spec = CameraSpec("cam1", (StreamSpec("main", SHORT),), rtcp_interval_s=0.1)
    async with SimulatedFleet([spec]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play()
        await client.until(lambda c: len(c.rtcp) >= 3)
        await client.close()
        first = fleet.truth("cam1")[0]
    for report in client.rtcp:
        assert report[1] == 200 and int.from_bytes(report[4:8], "big") == client.rtp[0].ssrc
        ntp = int.from_bytes(report[8:16], "big")
        utc_us = (ntp >> 32) * 1_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000 >> 32) - 2_208_988_800_000_000
        since = (int.from_bytes(report[16:20], "big") - first.rtp_time) % 2**32
        assert abs(utc_us - since * 100 // 9 - first.capture_utc_us) <= 20


async def test_stop_refuses_connections_and_start_takes_the_same_port(tools: Any) -> None:
    async with SimulatedFleet([CameraSpec("cam1", (StreamSpec("main", SHORT),))]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play()
        fleet.camera("cam1").stop()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await client.until(lambda c: False)
        with pytest.raises(ConnectionRefusedError):
            await tools.client(fleet.url("cam1")).connect()
        await fleet.camera("cam1").start()
        again = tools.client(fleet.url("cam1"))
        await again.connect()
        await again.play()
        await again.units(3)
        await again.close()
        assert {entry.session for entry in fleet.truth("cam1")} == {1, 2}


async def test_pause_and_teardown(tools: Any) -> None:
    async with SimulatedFleet([CameraSpec("cam1", (StreamSpec("main", SHORT),))]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play()
        await client.units(3)
        assert (await client.ask("PAUSE")).status == 200
        paused = len(fleet.truth("cam1"))
        assert (await client.ask("GET_PARAMETER")).status == 200
        assert len(fleet.truth("cam1")) == paused
        assert (await client.ask("PLAY")).status == 200
        units = await client.units(paused + 3)
        assert (await client.ask("TEARDOWN")).status == 200
        assert (await client.ask("PLAY")).status == 454
        assert fleet.camera("cam1").sessions == {}
        await client.close()
    times = [unit[0].time for unit in units]
    assert {(b - a) % 2**32 for a, b in itertools.pairwise(times)} == {1800}


async def test_silent_client_loses_its_session(tools: Any) -> None:
    spec = CameraSpec("cam1", (StreamSpec("main", SHORT),), session_timeout_s=1)
    async with SimulatedFleet([spec]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await client.until(lambda c: False)
        assert fleet.camera("cam1").sessions == {}


async def test_probes_are_bytes_that_were_sent(tools: Any) -> None:
    async with SimulatedFleet([CameraSpec("cam1", (StreamSpec("main", SHORT),))], probe_every=5) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play()
        units = await client.units(12)
        await client.close()
        probes = fleet.probes("cam1")
    whole = [b"".join(tools.depacketised("h264", (p.payload for p in unit))) for unit in units]
    assert len(probes) >= 3
    for index, probe in enumerate(probes[:3]):
        assert len(probe) == 24 and probe in whole[5 * index]


def test_two_cameras_of_one_name_are_refused() -> None:
    with pytest.raises(FleetFileError, match="cam1 is there twice"):
        SimulatedFleet([CameraSpec("cam1"), CameraSpec("cam1")])
