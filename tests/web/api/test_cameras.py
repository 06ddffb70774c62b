"""The register, states and recorded times as the API tells them."""

from typing import Any

from watching.network import ConsoleNetwork

from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US

CAMERAS = "/api/v1/cameras"


def _recorder(net: ConsoleNetwork, *streams: dict[str, Any]) -> dict[str, Any]:
    return {
        "alarms": [],
        "fences": [],
        "gaps": [],
        "outbox": 0,
        "process": "recorder",
        "renditions": [],
        "streams": list(streams),
        "time_us": net.clock.utc_us(),
    }


def _stream(net: ConsoleNetwork, camera: str, state: str = "recording", **changes: Any) -> dict[str, Any]:
    known = net.console.follower.register.camera(net.cameras[camera])
    return {
        "access_units": 1,
        "assurance": "full",
        "bitrate_bps": 4000,
        "camera": known.id.hex(),
        "dropped": 0,
        "kind": "main",
        "last_picture_us": net.clock.utc_us() - SECOND_US,
        "lost_packets": 0,
        "name": camera,
        "reason": "" if state == "recording" else "camera-unreachable",
        "state": state,
        "stream": next(one.id.hex() for one in known.streams if one.kind == changes.get("kind", "main")),
        **changes,
    }


def _rendition(
    net: ConsoleNetwork, camera: str, state: str = "live", reason: str = "", by: dict[str, int] | None = None
) -> dict[str, Any]:
    known = net.console.follower.register.camera(net.cameras[camera])
    return {
        "camera": known.id.hex(),
        "error": "",
        "exposure_permille": 970,
        "backgrounds": 0,
        "learning": {"pictures": 0, "wanted": 0},
        "learnt": "",
        "fences": [],
        "keys_only": True,
        "masked_by": by or {},
        "masked_permille": sum((by or {}).values()),
        "missing_fences": [],
        "observed_us": SECOND_US,
        "rate_millihertz": 1000,
        "reason": reason,
        "sharpness_permille": 640,
        "skipped": 0,
        "starts": 1,
        "state": state,
        "stream": known.streams[0].id.hex(),
    }


async def test_a_view_that_is_masked_is_a_trouble(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    masked = _rendition(net, "Pier", "masked", "too-dark")
    document = {**_recorder(net, _stream(net, "Pier"), _stream(net, "Gate")), "renditions": [masked]}
    await net.tell("recorder-0a", document)
    health = (await visit.ask("GET", "/api/v1/health")).json()
    began_us = document["time_us"]
    net.clock.advance(SECOND_US)
    await net.tell("recorder-0a", {**document, "time_us": net.clock.utc_us()})
    health = (await visit.ask("GET", "/api/v1/health")).json()
    troubles = {trouble["name"]: trouble for trouble in health["troubles"]}
    assert health["recording"] == 2
    assert troubles["Pier"]["view"] == {"state": "masked", "reason": "too-dark", "since_us": began_us}
    # Of Gate's view nobody speaks: that is no reason to think that it shows.
    assert troubles["Gate"]["view"] is None and troubles["Gate"]["state"] == "recording"


async def test_a_camera_as_the_register_has_it(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    listed = (await visit.ask("GET", CAMERAS)).json()
    assert listed["time_us"] == net.clock.utc_us()
    assert [camera["name"] for camera in listed["cameras"]] == ["Forecourt", "Gate", "Market", "Pier"]
    market = next(camera for camera in listed["cameras"] if camera["name"] == "Market")
    assert (await visit.ask("GET", f"{CAMERAS}/{market['id']}")).json() == market
    assert market["site"] == "Market square" and market["purpose"] == "Accidents at the crossing"
    assert market["legal_basis"] == "Town by-law 12" and market["responsible_body"] == "Town of Example"
    assert market["retention_us"] == 72 * HOUR_US and market["review_date"] == "2028-01-01"
    assert market["mount"] == {"latitude_e7": 541234567, "longitude_e7": -71234567, "height_cm": 450}
    assert market["views"] == [{"name": "crossing", "bearing_cdeg": 4550, "angle_cdeg": 9000, "range_m": 40}]
    sides = {"x0_permille": 0, "y0_permille": 100, "x1_permille": 250, "y1_permille": 400}
    assert market["zones"] == [{"name": "windows", "kind": "view", **sides}]
    assert market["zone"] == "Europe/Dublin" and market["view"] is None
    assert (market["state"], market["reason"]) == ("unknown", "no recorder has been heard of")


async def test_states_follow_recorders_and_say_since_when(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")

    async def gate() -> tuple[str, str, int | None]:
        net.clock.advance(SECOND_US)
        camera = (await visit.ask("GET", f"{CAMERAS}/{net.cameras['Gate'].hex()}")).json()
        return camera["state"], camera["reason"], camera["since_us"]

    await net.tell("recorder-0a", _recorder(net, _stream(net, "Market")))
    assert await gate() == ("not-assigned", "no recorder has this stream", None)
    await net.tell("recorder-0a", _recorder(net, _stream(net, "Gate")))
    assert await gate() == ("recording", "", None)
    last_us = net.clock.utc_us()
    await net.tell("recorder-0a", _recorder(net, _stream(net, "Gate", "away", last_picture_us=last_us)))
    assert await gate() == ("away", "camera-unreachable", last_us)
    net.clock.advance(SECOND_US)
    await net.tell("recorder-0a", _recorder(net, _stream(net, "Gate", "away", last_picture_us=last_us)))
    assert (await gate())[2] == last_us
    back_us = net.clock.utc_us()
    await net.tell("recorder-0a", _recorder(net, _stream(net, "Gate")))
    assert await gate() == ("recording", "", back_us)
    net.clock.advance(10 * SECOND_US)
    state, reason, since_us = await gate()
    assert state == "unknown" and "has not been heard of for 12 s" in reason and since_us == back_us


async def test_a_camera_is_as_its_worst_stream(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    await net.tell(
        "recorder-0a",
        _recorder(net, _stream(net, "Market"), _stream(net, "Market", "away", kind="sub", last_picture_us=0)),
    )
    camera = (await visit.ask("GET", f"{CAMERAS}/{net.cameras['Market'].hex()}")).json()
    assert camera["state"] == "away" and camera["reason"] == "camera-unreachable"
    assert {stream["kind"]: stream["state"] for stream in camera["streams"]} == {
        "main": "recording",
        "sub": "away",
    }


async def test_a_revision_shows_once_it_is_in_the_ledger(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    net.town.admit("camera", name="Crossing", mounts=[], views=[])
    net.follow()
    camera = (await visit.ask("GET", f"{CAMERAS}/{net.cameras['Market'].hex()}")).json()
    assert camera["name"] == "Crossing" and camera["mount"] is None and camera["views"] == []


async def test_five_thousand_cameras_are_listed(net: ConsoleNetwork) -> None:
    # Straight into the register: what is tried is the way from it, not the ledger.
    known = net.town.state.camera(net.town.camera)
    from custodes.ledger.entries.builders import camera_body

    body = camera_body(net.town.network, known.described)
    from custodes.base.canon import b64u

    for number in range(5000):
        id_ = number.to_bytes(16, "big")
        net.console.follower.register.put({**body, "camera": b64u(id_), "name": f"Camera {number}"})
    net.add_user("otto")
    visit = await net.sign_in("otto")
    assert len((await visit.ask("GET", CAMERAS)).json()["cameras"]) == 5004


async def test_a_timeline(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    recorded = net.keeper.record(close=False, announce=False)
    start_us = recorded.footage.header.utc0_us
    net.keeper.advance(2 * MINUTE_US)
    net.keeper.account(recorded.footage)
    net.follow()
    path = f"{CAMERAS}/{net.cameras['Market'].hex()}/timeline"
    from_us, to_us = start_us - HOUR_US, start_us + HOUR_US
    answer = (await visit.ask("GET", path, params={"from_us": from_us, "to_us": to_us})).json()
    assert answer == {
        "from_us": from_us,
        "to_us": to_us,
        "stream": net.town.stream.hex(),
        "known_until_us": start_us + 2 * MINUTE_US,
        "recorded": [{"from_us": start_us, "to_us": start_us + 2 * MINUTE_US}],
        "gaps": [],
        "masked": None,
    }
    sub = {"from_us": from_us, "to_us": to_us, "stream": net.town.sub_stream.hex()}
    answer = (await visit.ask("GET", path, params=sub)).json()
    assert answer["stream"] == net.town.sub_stream.hex() and answer["recorded"] == []
    assert answer["known_until_us"] is None
    other = {**sub, "stream": "ab" * 16}
    assert (await visit.ask("GET", path, params=other)).status_code == 404


async def test_times_that_cannot_be_asked_for(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    path = f"{CAMERAS}/{net.cameras['Market'].hex()}/timeline"
    for from_us, to_us in ((5, 5), (6, 5), (-1, 5), (0, 7 * DAY_US + 1), (0, 2**63), ("a", "b")):
        answer = await visit.ask("GET", path, params={"from_us": from_us, "to_us": to_us})
        assert answer.status_code == 422, (from_us, to_us)
    assert (await visit.ask("GET", path)).status_code == 422
    assert (await visit.ask("GET", path, params={"from_us": 0, "to_us": 7 * DAY_US})).status_code == 200


async def test_health(net: ConsoleNetwork) -> None:
    net.add_user("otto")
    visit = await net.sign_in("otto")
    away = _stream(net, "Gate", "away", last_picture_us=7)
    views = [
        _rendition(net, "Pier"),
        _rendition(net, "Gate", "masked", "no-background", {"no-background": 1000}),
    ]
    document = {
        **_recorder(net, _stream(net, "Pier"), away),
        "alarms": ["the spool fills"],
        "renditions": views,
    }
    await net.tell("recorder-0a", document)
    health = (await visit.ask("GET", "/api/v1/health")).json()
    assert (health["cameras"], health["recording"]) == (4, 1)
    troubles = {trouble["name"]: (trouble["state"], trouble["since_us"]) for trouble in health["troubles"]}
    assert troubles["Gate"] == ("away", 7) and "Pier" not in troubles and len(troubles) == 3
    assert health["storage"] == [{"name": "store", "used_bytes": 600, "total_bytes": 1000, "days_left": 0.0}]
    first = {alarm["text"]: alarm for alarm in health["alarms"]}["the spool fills"]
    assert first["process"] == "recorder-0a" and first["since_us"] == net.clock.utc_us()
    processes = {process["name"]: process["state"] for process in health["processes"]}
    assert processes == {"discloser": "silent", "keeper": "silent", "recorder-0a": "alarm"}
    assert health["index"] == {"entries": net.town.state.size, "behind": 0, "missing_manifests": 0}
    assert health["masked"] == [
        {
            "camera": net.cameras["Gate"].hex(),
            "name": "Gate",
            "permille": 1000,
            "reason": "no-background",
            "site": next(one["site"] for one in health["troubles"] if one["name"] == "Gate"),
        }
    ]
    assert health["masked_from_us"] == document["time_us"] - SECOND_US
    net.clock.advance(3 * SECOND_US)
    later = (await visit.ask("GET", "/api/v1/health")).json()
    assert {alarm["text"]: alarm for alarm in later["alarms"]}["the spool fills"] == first


async def test_days_left_follow_from_what_comes_in(net: ConsoleNetwork) -> None:
    from custodes.web.volumes import Volume, storage_wire

    volume = Volume("store", 10_000_000_000, 5_000_000_000)
    # 8,000 bit/s are 86.4 MB a day.
    assert storage_wire(volume, 8000).days_left == 57.87
    assert storage_wire(volume, 0).days_left is None
