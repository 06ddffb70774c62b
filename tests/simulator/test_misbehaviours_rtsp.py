"""Misbehaviours of RTSP, descriptions and connections."""

from __future__ import annotations

import asyncio
from typing import Any

import av
import pytest

from custodes_simulator import (
    AudioCodec,
    CameraSpec,
    FleetFileError,
    SceneSource,
    Scheme,
    SimulatedFleet,
    StreamSpec,
    misbehave,
)
from custodes_simulator.misbehaviours.base import Planned

SHORT = SceneSource(width=160, height=90, duration_s=1, rate_hz=50)
GONE = (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError)


def fleet_of(*plans: Planned, audio: AudioCodec | None = None, **members: Any) -> SimulatedFleet:
    stream = StreamSpec("main", SHORT, audio=audio)
    return SimulatedFleet([CameraSpec("cam1", (stream,), misbehaviours=plans, **members)])


async def connected(tools: Any, fleet: SimulatedFleet) -> Any:
    client = tools.client(fleet.url("cam1"))
    await client.connect()
    return client


async def described(tools: Any, name: str, **members: Any) -> list[str]:
    async with fleet_of(misbehave(name, **members), audio=AudioCodec.AAC) as fleet:
        client = await connected(tools, fleet)
        answer = await client.ask("DESCRIBE")
        await client.close()
    return [line.rstrip("\r") for line in answer.body.split("\n")]


async def test_descriptions_that_are_wrong(tools: Any) -> None:
    names = ("no-sprop", "garbage-sprop", "no-control", "no-origin", "empty-attribute", "empty-connection")
    results = await asyncio.gather(*(described(tools, f"sdp-{name}") for name in names))
    bare, garbage, control, origin, attribute, connection = results
    assert "a=fmtp:96 packetization-mode=1;profile-level-id" in "\n".join(bare)
    assert not any("sprop" in line for line in bare)
    assert any("sprop-parameter-sets=AAAAAQ==,!!" in line for line in garbage)
    assert not any("control" in line for line in control)
    assert not any(line.startswith("o=") for line in origin)
    assert "a=" in attribute and "c=IN" in connection


async def test_descriptions_of_other_kinds(tools: Any) -> None:
    absolute, lower, newline, mjpeg, av1, extra, none = await asyncio.gather(
        described(tools, "sdp-absolute-control"),
        described(tools, "sdp-lower-case-codec"),
        described(tools, "sdp-bare-newlines"),
        described(tools, "sdp-unknown-codec", codec="MJPEG"),
        described(tools, "sdp-unknown-codec", codec="AV1"),
        described(tools, "sdp-extra-track", place="first"),
        described(tools, "sdp-no-sprop", no_fmtp=True),
    )
    assert any(line.startswith("a=control:rtsp://") and line.endswith("?trackID=0") for line in absolute)
    assert "a=rtpmap:96 h264/90000" in lower
    assert newline[-1] == "a=control:trackID=1"
    assert "m=video 0 RTP/AVP 26" in mjpeg and "a=rtpmap:26 JPEG/90000" in mjpeg
    assert "a=rtpmap:96 AV1/90000" in av1
    assert [line[:6] for line in extra if line.startswith("m=")] == ["m=appl", "m=vide", "m=audi"]
    assert not any(line.startswith("a=fmtp:96") for line in none)


@pytest.mark.parametrize("name", ["sdp-absolute-control", "sdp-no-control", "no-content-base", "redirect"])
async def test_ffmpeg_plays_all_the_same(name: str) -> None:
    def packets(url: str) -> int:
        options = {"rtsp_transport": "tcp", "analyzeduration": "100000", "probesize": "20000"}
        with av.open(url, options=options, timeout=30) as container:
            return sum(1 for _, packet in zip(range(5), container.demux(), strict=False) if packet.size)

    async with fleet_of(misbehave(name)) as fleet:
        assert await asyncio.to_thread(packets, fleet.url("cam1")) == 5


async def test_transport_answer_has_other_channels_and_order(tools: Any) -> None:
    async with fleet_of(misbehave("transport-order")) as fleet:
        client = await connected(tools, fleet)
        setup = await client.ask("SETUP", f"{client.url}/trackID=0", Transport="RTP/AVP/TCP;interleaved=0-1")
        assert setup.get("transport").startswith("RTP/AVP/TCP;ssrc=")
        assert "interleaved=4-5" in setup.get("transport")
        client.session = setup.get("session").partition(";")[0]
        await client.ask("PLAY")
        await client.until(lambda c: c.rtp and c.rtcp)
        await client.close()
    assert {packet.channel for packet in client.rtp} == {4}


@pytest.mark.parametrize("method", ["GET_PARAMETER", "OPTIONS"])
async def test_one_method_alone_keeps_alive(tools: Any, method: str) -> None:
    other = "OPTIONS" if method == "GET_PARAMETER" else "GET_PARAMETER"
    plan = misbehave("keep-alive-only", method=method)
    async with fleet_of(plan, session_timeout_s=1) as fleet:
        good, bad = await connected(tools, fleet), await connected(tools, fleet)
        assert method in (await good.ask("OPTIONS")).get("public")
        await good.play()
        await bad.play()
        camera = fleet.camera("cam1")
        async with asyncio.timeout(30):
            while bad.session in camera.sessions:
                assert (await good.ask(method)).status == 200
                bad.send(other)
                await asyncio.sleep(0.05)
        assert (await good.ask(method)).status == 200
        assert good.session in camera.sessions
        with pytest.raises(GONE):
            await bad.until(lambda c: False)
        await good.close()


async def test_nonces_for_one_connection_and_for_one_request(tools: Any) -> None:
    guard = {"schemes": (Scheme.DIGEST_MD5,), "password": "word"}
    async with fleet_of(misbehave("nonce-one-time"), **guard) as fleet:
        first, second = await connected(tools, fleet), await connected(tools, fleet)
        offered = (await first.ask("DESCRIBE")).get("www-authenticate")
        proof = tools.digest(offered, "DESCRIBE", first.url, "word")
        assert [(await first.ask("DESCRIBE", Authorization=proof)).status for _ in "12"] == [200, 200]
        refused = await second.ask("DESCRIBE", Authorization=proof)
        assert refused.status == 401 and "stale=true" in refused.get("www-authenticate")
        await first.close()
        await second.close()
    async with fleet_of(misbehave("nonce-one-time", per="request"), **guard) as fleet:
        client = await connected(tools, fleet)
        offered = (await client.ask("DESCRIBE")).get("www-authenticate")
        proof = tools.digest(offered, "DESCRIBE", client.url, "word")
        assert [(await client.ask("DESCRIBE", Authorization=proof)).status for _ in "12"] == [200, 401]
        await client.close()


async def test_nonces_go_stale_when_triggered(tools: Any) -> None:
    async with fleet_of(schemes=(Scheme.DIGEST_MD5,), password="word") as fleet:
        client = await connected(tools, fleet)
        proof = tools.digest(
            (await client.ask("DESCRIBE")).get("www-authenticate"), "DESCRIBE", client.url, "word"
        )
        assert (await client.ask("DESCRIBE", Authorization=proof)).status == 200
        assert fleet.camera("cam1").trigger("nonce-stale") == 1
        stale = await client.ask("DESCRIBE", Authorization=proof)
        assert stale.status == 401 and "stale=true" in stale.get("www-authenticate")
        await client.close()


async def test_odd_answers(tools: Any) -> None:
    plans = (misbehave("odd-headers"), misbehave("wrong-cseq", by=7), misbehave("session-timeout-hidden"))
    async with fleet_of(*plans, misbehave("no-content-base"), misbehave("no-rtp-info")) as fleet:
        client = await connected(tools, fleet)
        answer = await client.play()
        raw = (await client.ask("OPTIONS")).raw_head
        setup = await client.ask("SETUP", f"{client.url}/trackID=0", Transport="RTP/AVP/TCP")
        played = await client.ask("PLAY")
        await client.close()
    assert answer.get("content-base") == "" and played.get("rtp-info") == ""
    assert b"\r\ncseq:" in raw or b"\r\ncSEQ:" in raw
    assert int(setup.get("cseq")) == client.cseq - 1 + 7
    assert "timeout" not in setup.get("session")


async def test_errors_silence_and_late_answers(tools: Any) -> None:
    async with fleet_of(misbehave("error-answer", method="SETUP", status=500)) as fleet:
        client = await connected(tools, fleet)
        assert (await client.ask("SETUP", f"{client.url}/trackID=0", Transport="RTP/AVP/TCP")).status == 500
        await client.close()
    async with fleet_of(misbehave("no-answer", method="DESCRIBE")) as fleet:
        client = await connected(tools, fleet)
        client.send("DESCRIBE")
        assert (await client.ask("OPTIONS")).get("cseq") == "2"
        await client.close()
    async with fleet_of(misbehave("late-answer", by_s=0.3)) as fleet:
        client = await connected(tools, fleet)
        await client.play()
        assert len(client.rtp) > 3
        await client.close()


async def test_session_limit_and_requests_of_the_server(tools: Any) -> None:
    async with fleet_of(misbehave("session-limit")) as fleet:
        first, second = await connected(tools, fleet), await connected(tools, fleet)
        await first.play()
        asked = await second.ask("SETUP", f"{second.url}/trackID=0", Transport="RTP/AVP/TCP")
        assert asked.status == 453
        fleet.camera("cam1").trigger("server-request", method="OPTIONS")
        await first.until(lambda c: c.junk.startswith(b"OPTIONS * RTSP/1.0"))
        await first.close()
        await second.close()


async def test_refused_deaf_and_rebooting_cameras(tools: Any) -> None:
    async with fleet_of() as fleet:
        camera = fleet.camera("cam1")
        client = await connected(tools, fleet)
        await client.play()
        assert camera.trigger("accept-then-silence", for_s=0.2) == 1
        deaf = await connected(tools, fleet)
        deaf.send("OPTIONS")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(deaf.reader.read(1), 0.3)
        camera.trigger("refuse-connections")
        with pytest.raises(ConnectionRefusedError):
            await connected(tools, fleet)
        await client.units(len(client.rtp) + 3)
        camera.cease("refuse-connections")
        await reached(tools, fleet)
        camera.trigger("reboot", for_s=0.3)
        with pytest.raises(GONE):
            await client.until(lambda c: False)
        with pytest.raises(ConnectionRefusedError):
            await connected(tools, fleet)
        again = await reached(tools, fleet)
        await again.play()
        await again.units(3)
        await again.close()
        await deaf.close()


async def reached(tools: Any, fleet: SimulatedFleet) -> Any:
    """A client's connection to a camera that is coming back."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await connected(tools, fleet)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("then", ["silent", "reset", "close"])
async def test_connection_ends_in_the_middle_of_a_frame(tools: Any, then: str) -> None:
    async with fleet_of(audio=AudioCodec.PCMA) as fleet:
        client = await connected(tools, fleet)
        await client.play(0, 1)
        await client.units(5)
        assert fleet.camera("cam1").trigger("half-frame", then=then) == 1
        if then == "silent":
            async with asyncio.timeout(30):
                while fleet.truth("cam1")[-1].delivered:
                    await asyncio.sleep(0.01)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.until(lambda c: False), 0.3)
        else:
            with pytest.raises(GONE):
                await client.until(lambda c: False)
        spoilt = [entry for entry in fleet.truth("cam1") if not entry.delivered]
        assert then != "silent" or spoilt[0].spoilt_by == "half-frame"
        await client.close()


def test_a_misbehaviour_of_the_whole_camera_is_refused_on_a_stream() -> None:
    with pytest.raises(FleetFileError, match="reboot acts on a whole camera"):
        StreamSpec("main", misbehaviours=(misbehave("reboot"),))
