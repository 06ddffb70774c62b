"""Misbehaviours of RTP: each is seen on the wire, and the truth log says what a client can have."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from typing import Any

import pytest

from custodes_simulator import (
    AudioCodec,
    CameraSpec,
    FleetFileError,
    SceneSource,
    SimulatedFleet,
    StreamSpec,
    TruthEntry,
    misbehave,
)

SHORT = SceneSource(width=160, height=90, duration_s=1, rate_hz=50)
TICKS = 1800
PATIENCE_S = 30.0


async def watch(
    tools: Any, name: str, units: int = 30, audio: bool = False, **members: Any
) -> tuple[Any, list[TruthEntry]]:
    """A client that received so many access units of a stream that misbehaves, and the truth."""
    sound = AudioCodec.PCMA if audio else None
    stream = StreamSpec("main", SHORT, audio=sound, misbehaviours=(misbehave(name, **members),))
    spec = CameraSpec("cam1", (stream,), rtcp_interval_s=0.2)
    async with SimulatedFleet([spec]) as fleet:
        client = tools.client(fleet.url("cam1"))
        await client.connect()
        await client.play(*((0, 1) if audio else (0,)))
        await client.until(lambda c: len({p.time for p in c.rtp if p.channel == 0}) > units)
        await client.close()
        return client, fleet.truth("cam1", "main", "audio" if audio else "video")


def differences(values: list[int], bits: int) -> list[int]:
    """Steps between neighbours, signed, modulo 2^bits."""
    half = 1 << (bits - 1)
    return [(b - a + half) % (1 << bits) - half for a, b in itertools.pairwise(values)]


def steps_of_time(client: Any, channel: int = 0) -> list[int]:
    times = [p.time for p in client.rtp if p.channel == channel]
    return [step for step in differences(times, 32) if step]


def steps_of_sequence(client: Any, channel: int = 0) -> list[int]:
    return differences([p.sequence for p in client.rtp if p.channel == channel], 16)


async def test_rtp_time_steps_back_once_and_reports_follow(tools: Any) -> None:
    client, truth = await watch(tools, "rtp-time-step", units=45, by_s=-18_000, after_s=0.3)
    steps = steps_of_time(client)
    assert [step for step in steps if step != TICKS] == [TICKS - 18_000 * 90_000]
    assert min(b.media - a.media for a, b in itertools.pairwise(truth)) == TICKS - 18_000 * 90_000
    reports = [int.from_bytes(r[16:20], "big") for r in client.rtcp if r[1] == 200]
    assert sum(step < -1_000_000_000 for step in differences(reports, 32)) == 1


async def test_rtp_time_begins_at_zero_on_each_connection_that_is_closed(tools: Any) -> None:
    plans = (misbehave("rtp-time-from-zero"), misbehave("close-connection", after_s=0.4))
    async with SimulatedFleet(
        [CameraSpec("cam1", (StreamSpec("main", SHORT, misbehaviours=plans),))]
    ) as fleet:
        for _ in range(2):
            client = tools.client(fleet.url("cam1"))
            await client.connect()
            await client.play()
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await client.until(lambda c: False)
            assert client.rtp[0].time == 0
        assert {entry.session for entry in fleet.truth("cam1")} == {1, 2}


async def test_rtp_time_restarts_at_zero_mid_stream(tools: Any) -> None:
    client, _ = await watch(tools, "rtp-time-from-zero", after_s=0.5)
    assert 0 in [p.time for p in client.rtp[5:]]


async def test_audio_time_jitters(tools: Any) -> None:
    client, truth = await watch(tools, "rtp-time-jitter", audio=True, share=0.3)
    assert {160, 160 - 480, 160 + 480} <= set(steps_of_time(client, 2))
    assert set(steps_of_time(client, 0)) == {TICKS}
    assert all(entry.delivered for entry in truth)


async def test_rtp_time_drifts_is_coarse_or_stuck(tools: Any) -> None:
    drift, coarse, stuck = await asyncio.gather(
        watch(tools, "rtp-time-drift", parts_per_million=100_000),
        watch(tools, "rtp-time-coarse", step_ms=100, units=8),
        watch(tools, "rtp-time-stuck", units=12, after_s=0.2, for_s=0.4),
    )
    assert set(steps_of_time(drift[0])) == {TICKS * 11 // 10}
    assert {p.time % 9000 for p in coarse[0].rtp} == {0}
    assert max(steps_of_time(stuck[0])) >= 5 * TICKS


async def test_frame_rate_changes_at_a_key_frame(tools: Any) -> None:
    client, truth = await watch(tools, "frame-rate-change", units=29, factor=2.0, after_s=0.2)
    steps = steps_of_time(client)
    assert steps[:25] == [TICKS] * 25 and set(steps[25:29]) == {2 * TICKS}
    assert truth[25].is_key


async def test_packets_swap_without_loss(tools: Any) -> None:
    client, truth = await watch(tools, "swap-packets", share=0.3)
    sequences = [p.sequence for p in client.rtp]
    assert {2, -1} & set(steps_of_sequence(client))
    first = min(sequences, key=lambda s: (s - sequences[0] + 32768) % 65536)
    assert {(first + i) % 65536 for i in range(len(sequences) - 5)} <= set(sequences)
    assert all(entry.delivered for entry in truth)


async def test_packets_double(tools: Any) -> None:
    client, truth = await watch(tools, "duplicate-packets", share=0.3)
    assert set(steps_of_sequence(client)) == {0, 1}
    assert all(entry.delivered for entry in truth)


async def test_dropped_packets_spoil_their_access_units_alone(tools: Any) -> None:
    client, truth = await watch(tools, "drop-packets", share=0.2)
    assert max(steps_of_sequence(client)) > 1
    groups: dict[int, list[Any]] = {}
    for packet in client.rtp:
        groups.setdefault(packet.time, []).append(packet)
    whole = set(tools.hashes("h264", groups.values()))
    for entry in truth[:25]:
        if entry.delivered:
            assert entry.sha256 in whole
        else:
            assert entry.spoilt_by == "drop-packets"
    assert 0 < sum(entry.delivered for entry in truth) < len(truth)


async def test_one_audio_packet_is_lost(tools: Any) -> None:
    client, truth = await watch(tools, "lose-packet", audio=True, after_s=0.3)
    steps = steps_of_sequence(client, 2)
    assert sorted(steps)[-2:] == [1, 2]
    assert sum(not entry.delivered for entry in truth) == 1


async def test_sequence_has_a_hole_over_tcp(tools: Any) -> None:
    lossy, harmless = await asyncio.gather(
        watch(tools, "sequence-hole", after_s=0.3),
        watch(tools, "sequence-hole", after_s=0.3, lost_units=0, skip=3),
    )
    assert sum(step > 1 for step in steps_of_sequence(lossy[0])) == 1
    assert sum(not entry.delivered for entry in lossy[1]) == 1
    assert sorted(steps_of_sequence(harmless[0]))[-2:] == [1, 4]
    assert all(entry.delivered for entry in harmless[1])


async def test_ssrc_changes_mid_stream(tools: Any) -> None:
    client, _ = await watch(tools, "ssrc-change", after_s=0.3)
    assert len({p.ssrc for p in client.rtp}) == 2
    assert set(steps_of_time(client)) == {TICKS}


async def test_foreign_packets_lie_between(tools: Any) -> None:
    client, _ = await watch(tools, "foreign-packets", share=0.3)
    right = client.rtp[-1].ssrc ^ client.rtp[0].ssrc
    assert len({p.ssrc for p in client.rtp}) == 2 and right in (0, 0x5A5A5A5A)


async def test_foreign_packets_come_from_another_port_over_udp(tools: Any) -> None:
    plan = misbehave("foreign-packets", share=0.5, same_ssrc=True)
    async with SimulatedFleet(
        [CameraSpec("c", (StreamSpec("main", SHORT, misbehaviours=(plan,)),))]
    ) as fleet:
        client = tools.client(fleet.url("c"))
        await client.connect()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp:
            rtp.bind(("127.0.0.1", 0))
            rtp.setblocking(False)
            port = rtp.getsockname()[1]
            setup = await client.ask(
                "SETUP", f"{client.url}/trackID=0", Transport=f"RTP/AVP;unicast;client_port={port}-{port + 1}"
            )
            client.session = setup.get("session").partition(";")[0]
            await client.ask("PLAY")
            ports = set()
            loop = asyncio.get_running_loop()
            while len(ports) < 2:
                _, address = await asyncio.wait_for(loop.sock_recvfrom(rtp, 65536), PATIENCE_S)
                ports.add(address[1])
        await client.ask("TEARDOWN")
        await client.close()
    server = int(setup.get("transport").split("server_port=")[1].split("-")[0])
    assert server in ports


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("marker-missing", lambda c: not any(p.marker for p in c.rtp)),
        ("marker-always", lambda c: all(p.marker for p in c.rtp)),
        ("empty-packets", lambda c: any(not p.payload for p in c.rtp)),
        ("junk-between-frames", lambda c: len(c.junk) >= 16),
    ],
)
async def test_odd_packets(tools: Any, name: str, holds: Callable[[Any], bool]) -> None:
    members = {} if name.startswith("marker") else {"share": 0.3}
    client, truth = await watch(tools, name, units=20, **members)
    assert holds(client)
    assert set(steps_of_sequence(client)) == {1}
    assert all(entry.delivered for entry in truth)


async def test_header_extension_and_padding_hide_no_byte(tools: Any) -> None:
    plan = misbehave("header-extension", words=2, padding=5)
    async with SimulatedFleet(
        [CameraSpec("c", (StreamSpec("main", SHORT, misbehaviours=(plan,)),))]
    ) as fleet:
        client = tools.client(fleet.url("c"))
        await client.connect()
        client.send("SETUP", f"{client.url}/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        setup = await client.receive()
        client.session = setup.get("session").partition(";")[0]
        client.send("PLAY")
        await client.receive()
        assert await client.reader.readexactly(2) == b"$\x00"
        length = int.from_bytes(await client.reader.readexactly(2), "big")
        packet = await client.reader.readexactly(length)
        await client.close()
    assert packet[0] == 0xB0 and packet[12:16] == b"\xab\xac\x00\x02" and packet[-5:] == b"\0\0\0\0\5"


async def test_only_one_key_frame(tools: Any) -> None:
    client, truth = await watch(tools, "one-key-frame", units=28)
    assert [entry.delivered for entry in truth if entry.is_key][:2] == [True, False]
    assert set(steps_of_sequence(client)) == {1}


async def test_burst_is_faster_than_time_and_reports_tell_the_truth(tools: Any) -> None:
    _, truth = await watch(tools, "burst", units=105, media_s=2.0, within_s=0.1)
    lead = truth[99].utc_us - truth[0].utc_us
    assert truth[99].media - truth[0].media == 99 * TICKS
    assert lead < 1_500_000
    # The last of the burst is of now; the first was taken two seconds before.
    assert truth[0].utc_us - truth[0].capture_utc_us >= 2_000_000
    assert truth[104].utc_us - truth[104].capture_utc_us < 1_500_000


@pytest.mark.parametrize("then", ["late", "lost", "shift"])
async def test_stall(tools: Any, then: str) -> None:
    client, truth = await watch(tools, "stall", units=20, then=then, after_s=0.3, for_s=0.4)
    gap = max(b.utc_us - a.utc_us for a, b in itertools.pairwise([t for t in truth if t.delivered]))
    assert gap >= 350_000
    assert set(steps_of_sequence(client)) == {1}
    assert any(not entry.delivered for entry in truth) == (then == "lost")
    if then == "lost":
        assert max(steps_of_time(client)) >= 15 * TICKS
    else:
        assert set(steps_of_time(client)) == {TICKS}


async def test_no_reports(tools: Any) -> None:
    client, _ = await watch(tools, "no-rtcp", units=20)
    assert client.rtcp == []


async def test_reports_with_wrong_frozen_or_unset_time(tools: Any) -> None:
    results = await asyncio.gather(
        watch(tools, "rtcp-time-wrong", units=45, by_s=3600, after_s=0.3),
        watch(tools, "rtcp-time-frozen"),
        watch(tools, "rtcp-time-unset", utc_s=0),
        watch(tools, "rtcp-wrong-ssrc"),
        watch(tools, "rtcp-bye", after_s=0.3),
    )
    stepped, frozen, unset, strange, bye = (client for client, _ in results)

    def seconds(client: Any) -> list[int]:
        return [int.from_bytes(r[8:12], "big") - 2_208_988_800 for r in client.rtcp]

    assert 3590 < max(b - a for a, b in itertools.pairwise(seconds(stepped))) < 3610
    assert len({r[8:16] for r in frozen.rtcp}) == 1 and len({r[16:20] for r in frozen.rtcp}) > 1
    assert max(seconds(unset)) < 60
    assert {r[4:8] for r in strange.rtcp}.isdisjoint({p.ssrc.to_bytes(4, "big") for p in strange.rtp})
    assert [r[1] for r in bye.rtcp].count(203) == 1


def test_unknown_names_members_and_values_are_refused() -> None:
    with pytest.raises(FleetFileError, match=r"nonsense.* is unknown"):
        misbehave("nonsense")
    with pytest.raises(FleetFileError, match="'speed' is unknown"):
        misbehave("stall", speed=3)
    with pytest.raises(FleetFileError, match="share is 2"):
        misbehave("drop-packets", share=2.0)
    with pytest.raises(FleetFileError, match="by_s is 'far'; it must be float"):
        misbehave("rtp-time-step", by_s="far")
    with pytest.raises(FleetFileError, match="for_s 5 must be less than every_s 5"):
        misbehave("stall", every_s=5, for_s=5)
