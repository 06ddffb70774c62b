"""A camera without purpose, legal basis, responsible body and review date is refused."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from custodes.base.clock import DAY_US, HOUR_US, SECOND_US
from custodes.base.errors import InvalidError
from custodes.estate import rules
from custodes.estate.model import NORMAL_PERIODS, Assignment, Camera, Mount, Network, Stream, View, Zone

NOW_US = 1_800_000_000 * SECOND_US  # 2027-01-15
MAIN, SUB = Stream(b"m" * 16, "main", "full"), Stream(b"s" * 16, "sub", "lower")
CAMERA = Camera(
    id=b"c" * 16,
    revision=1,
    name="Market",
    site="Market square",
    purpose="Accidents at the crossing",
    legal_basis="By-law 12",
    responsible_body="Town of Example",
    review_date=date(2028, 1, 1),
    retention_us=72 * HOUR_US,
    streams=(MAIN, SUB),
)
ZONE = Zone("windows", "view", 0, 100, 250, 400)
MOUNT, VIEW = Mount(0, 0, 0), View("gate", 0, 36_000, 10_000)
ASSIGNMENT = Assignment(CAMERA.id, MAIN.id, b"r" * 16, "rtsp://192.0.2.7:554/main", username="u")


def test_a_lawful_camera() -> None:
    rules.check_camera(CAMERA, NOW_US)
    rules.check_camera(replace(CAMERA, retention_us=30 * DAY_US, justification="Court order 7"), NOW_US)
    rules.check_revision(None, CAMERA, {MAIN.id: CAMERA.id})
    rules.check_revision(CAMERA, replace(CAMERA, revision=2), {})
    rules.check_assignment(ASSIGNMENT, CAMERA)
    for url in ("http://192.0.2.7/live.ts?pwd={password}", "https://cam/x.flv", "rtmp://cam/live/{password}"):
        rules.check_assignment(replace(ASSIGNMENT, stream=SUB.id, url=url), CAMERA)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", ""),
        ("site", " "),
        ("purpose", ""),
        ("purpose", "x" * 501),
        ("legal_basis", "\t"),
        ("responsible_body", ""),
        ("responsible_body", "a\x00b"),
        ("review_date", date(2027, 1, 15)),
        ("review_date", date(2027, 1, 15) + timedelta(days=1831)),
        ("views", (View("a", 0, 1, 1), View("a", 1, 1, 1))),
        ("views", (View("a\x1f", 0, 1, 1),)),
        ("zones", (Zone("a", "view", 0, 0, 1, 1), Zone("a", "original", 0, 0, 1, 1))),
        ("zones", (Zone("a\x1f", "view", 0, 0, 1, 1),)),
        ("retention_us", HOUR_US - 1),
        ("retention_us", 366 * DAY_US + 1),
    ],
)
def test_the_member_is_named(member: str, value: Any) -> None:
    with pytest.raises(InvalidError, match=f"^{member}: "):
        rules.check_camera(replace(CAMERA, **{member: value}), NOW_US)


def test_over_72_hours_needs_a_justification() -> None:
    with pytest.raises(InvalidError, match=r"^justification: "):
        rules.check_camera(replace(CAMERA, retention_us=72 * HOUR_US + 1, justification=""), NOW_US)


@pytest.mark.parametrize(
    ("before", "camera", "owners", "member"),
    [
        (None, replace(CAMERA, revision=2), {}, "revision"),
        (CAMERA, CAMERA, {}, "revision"),
        (CAMERA, replace(CAMERA, revision=2, streams=(MAIN,)), {}, "streams"),
        (CAMERA, replace(CAMERA, revision=2, streams=(MAIN, replace(SUB, assurance="full"))), {}, "streams"),
        (None, CAMERA, {MAIN.id: b"x" * 16}, "streams"),
    ],
)
def test_revisions(before: Camera | None, camera: Camera, owners: dict[bytes, bytes], member: str) -> None:
    with pytest.raises(InvalidError, match=f"^{member}: "):
        rules.check_revision(before, camera, owners)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"stream": b"x" * 16}, "stream"),
        ({"url": "http://192.0.2.7/"}, "url"),
        ({"url": "rtsps://192.0.2.7/"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"stream": SUB.id}, "url"),
        ({"stream": SUB.id, "url": "http://u:p@192.0.2.7/"}, "url"),
        ({"stream": SUB.id, "url": "http://192.0.2.7/live?user=u&PWD=canary"}, "url"),
        ({"stream": SUB.id, "url": "rtmp://192.0.2.7/live?key="}, "url"),
        ({"url": "rtsp:///main"}, "url"),
        ({"url": "rtsp://u:p@192.0.2.7/"}, "url"),
        ({"url": "rtsp://192.0.2.7:port/"}, "url"),
        ({"url": "rtsp://[::1/"}, "url"),
        ({"url": "rtsp://192.0.2.7/\n"}, "url"),
        ({"username": "a\r\nb"}, "username"),
    ],
)
def test_assignments(change: dict[str, Any], member: str) -> None:
    with pytest.raises(InvalidError, match=f"^{member}: "):
        rules.check_assignment(replace(ASSIGNMENT, **change), CAMERA)


def test_what_cannot_be_built() -> None:
    wrong: list[tuple[type, dict[str, Any], Any]] = [
        (Camera, {"id": b""}, CAMERA),
        (Camera, {"revision": 0}, CAMERA),
        (Camera, {"streams": ()}, CAMERA),
        (Camera, {"streams": (MAIN, MAIN)}, CAMERA),
        (Zone, {"name": ""}, ZONE),
        (Zone, {"kind": "sound"}, ZONE),
        (Zone, {"x0_permille": -1}, ZONE),
        (Zone, {"x1_permille": 1001}, ZONE),
        (Zone, {"y0_permille": 400}, ZONE),
        (Camera, {"zones": tuple(Zone(str(number), "view", 0, 0, 1, 1) for number in range(33))}, CAMERA),
        (Camera, {"views": tuple(View(str(number), 0, 1, 1) for number in range(17))}, CAMERA),
        (Mount, {"latitude_e7": 900_000_001}, MOUNT),
        (Mount, {"longitude_e7": -1_800_000_001}, MOUNT),
        (Mount, {"height_cm": -1}, MOUNT),
        (View, {"name": ""}, VIEW),
        (View, {"name": "x" * 101}, VIEW),
        (View, {"bearing_cdeg": 36_000}, VIEW),
        (View, {"angle_cdeg": 0}, VIEW),
        (View, {"range_m": 10_001}, VIEW),
        (Stream, {"kind": "third"}, MAIN),
        (Stream, {"assurance": "none"}, MAIN),
        (Assignment, {"transport": "sctp"}, ASSIGNMENT),
        (Assignment, {"priority": 10}, ASSIGNMENT),
        (Assignment, {"recorder": b""}, ASSIGNMENT),
    ]
    for _, change, whole in wrong:
        with pytest.raises(InvalidError):
            replace(whole, **change)
    with pytest.raises(InvalidError):
        Network(b"", "Town", "town.example", NOW_US, NORMAL_PERIODS)


def test_a_shorter_period_makes_a_rehearsal() -> None:
    assert not NORMAL_PERIODS.rehearsal
    assert replace(NORMAL_PERIODS, slot_us=SECOND_US).rehearsal
    assert NORMAL_PERIODS.epoch_us == HOUR_US


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(replace(ASSIGNMENT, password={b"k": b"secret"}))
