"""What the page is told, by what is known."""

from collections.abc import Callable
from typing import Any

import pytest

from custodes.base.clock import HOUR_US, SECOND_US

Documents = dict[str, Callable[..., dict[str, Any]]]


async def _status(web: Any) -> dict[str, Any]:
    web.clock.advance(SECOND_US)
    response = await web.client.get("/api/status")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    found: dict[str, Any] = response.json()
    return found


async def test_nothing_is_known_at_first(web: Any) -> None:
    status = await _status(web)
    assert status["network"] == {
        "id": bytes(range(32)).hex(),
        "name": None,
        "custodians": None,
        "quorum": None,
        "rehearsal": None,
        "slot_s": None,
    }
    assert status["cameras"] == [] and status["ledger"] is None and status["openings"] is None
    assert [step["command"] for step in status["next"]] == ["custodes serve NETWORK"]


async def test_cameras_streams_and_gaps_are_joined(web: Any) -> None:
    await web.tell_all()
    status = await _status(web)
    (camera,) = status["cameras"]
    assert (camera["name"], camera["state"], camera["retention_hours"]) == ("Market", "away", 72.0)
    main, sub = camera["streams"]
    assert (main["state"], main["bitrate_bps"], main["last_picture_s"]) == ("recording", 4_200_000, 1.5)
    assert (main["assurance"], main["lost_packets"]) == ("full", 2)
    assert (sub["assurance"], sub["lost_packets"]) == ("lower", None)
    assert (sub["state"], sub["reason"], sub["last_picture_s"]) == ("away", "camera-unreachable", None)
    (gap,) = status["gaps"]
    assert (gap["camera"], gap["kind"], gap["to_us"] - gap["from_us"]) == ("Market", "sub", HOUR_US)
    assert status["network"]["slot_s"] == 60 and status["ledger"]["size"] == 42
    assert status["openings"] == {"disclosed": 1, "refused": 0, "requests": 2, "slots": 5}


async def test_streams_of_a_silent_recorder_are_not_known(web: Any, documents: Documents) -> None:
    await web.tell_all()
    web.clock.advance(10 * SECOND_US)
    await web.tell("keeper", documents["keeper"](web.clock.utc_us()))
    status = await _status(web)
    (camera,) = status["cameras"]
    assert camera["state"] == "unknown"
    assert {stream["state"] for stream in camera["streams"]} == {"unknown"}
    assert camera["streams"][0]["bitrate_bps"] == 0
    assert "has not been heard of for 11 s" in camera["streams"][0]["reason"]


async def test_a_registered_camera_without_a_recorder_says_so(web: Any, documents: Documents) -> None:
    await web.tell("keeper", documents["keeper"](web.clock.utc_us()))
    status = await _status(web)
    (camera,) = status["cameras"]
    assert camera["state"] == "unknown" and camera["registered"] and status["gaps"] is None
    assert camera["streams"][0]["reason"] == "no recorder has been heard of"
    assert [stream["assurance"] for stream in camera["streams"]] == ["full", "lower"]
    await web.tell("recorder-0a", documents["recorder"](web.clock.utc_us(), streams=[]))
    (camera,) = (await _status(web))["cameras"]
    assert camera["state"] == "not-assigned"
    assert camera["streams"][0]["reason"] == "no recorder has this stream"


async def test_without_the_keeper_the_recorders_cameras_are_shown(web: Any, documents: Documents) -> None:
    await web.tell("recorder-0a", documents["recorder"](web.clock.utc_us()))
    (camera,) = (await _status(web))["cameras"]
    assert (camera["name"], camera["registered"], camera["purpose"]) == ("Market", False, None)
    assert len(camera["streams"]) == 2


async def test_gaps_of_all_recorders_are_newest_first_and_bounded(web: Any, documents: Documents) -> None:
    now_us = web.clock.utc_us()
    for recorder in range(2):
        gaps = [
            {"from_us": now_us - 2 * n - recorder, "reason": "loss", "stream": "ee" * 16, "to_us": now_us}
            for n in range(50)
        ]
        await web.tell(f"recorder-{recorder}", documents["recorder"](now_us, gaps=gaps))
    gaps = (await _status(web))["gaps"]
    assert [now_us - gap["from_us"] for gap in gaps] == list(range(50))
    assert gaps[0]["camera"] == "stream eeeeeeee" and gaps[0]["kind"] is None


@pytest.mark.parametrize("state", ["recording", "away", "cannot-seal"])
async def test_the_next_steps_depend_on_the_state(state: str, web: Any, documents: Documents) -> None:
    now_us = web.clock.utc_us()
    await web.tell("keeper", documents["keeper"](now_us, cameras=[]))
    first = (await _status(web))["next"][0]
    assert first["command"].startswith("custodes camera add NETWORK")
    await web.tell("keeper", documents["keeper"](now_us))
    recorder = documents["recorder"](now_us)
    recorder["streams"] = [{**stream, "state": state} for stream in recorder["streams"]]
    await web.tell("recorder-0a", recorder)
    steps = (await _status(web))["next"]
    commands = [step["command"].split(" NETWORK")[0] for step in steps]
    assert ("custodes check" in commands) == (state != "recording")
    assert f"custodes verify {{origin}} --network {bytes(range(32)).hex()}" in commands
    assert "Stop" in steps[-1]["text"]


async def test_many_lookers_are_told_the_same_for_half_a_second(web: Any) -> None:
    first = (await web.client.get("/api/status")).content
    await web.tell_all()
    assert (await web.client.get("/api/status")).content == first
    web.clock.advance(SECOND_US)
    assert (await web.client.get("/api/status")).content != first
