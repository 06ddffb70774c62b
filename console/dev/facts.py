"""An invented town: its cameras, what is wrong with some, what was recorded. The same for the same numbers."""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass
from typing import Literal

from console.dev.models import Rendition

from custodes.web.wire import (
    Alarm,
    Camera,
    CameraStream,
    Commitment,
    CommittedView,
    Health,
    Index,
    MaskedShare,
    Mount,
    Process,
    ReasonedSpan,
    Recording,
    Span,
    Storage,
    Timeline,
    Trouble,
    View,
    ViewNow,
    ViewState,
    Zone,
)

S_US = 1_000_000
MINUTE_US = 60 * S_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
ZONE = "Europe/Berlin"
_SITES = (
    ("Harbour Square", 0.0, 0.0),
    ("Central Station", 0.006, 0.012),
    ("Town Hall", -0.004, 0.016),
    ("Riverside Walk", -0.009, -0.006),
    ("Ferry Terminal", 0.003, -0.014),
    ("Market Hall", 0.008, 0.003),
    ("North Bridge", 0.014, -0.004),
    ("Depot Street", -0.013, 0.008),
)
_PLACES = (
    "north stairs", "south stairs", "forecourt", "taxi stand", "bicycle racks", "underpass", "platform 2", "tram stop",
    "quay steps", "east corner", "west corner", "ticket hall", "goods entrance", "footbridge", "car park", "ramp",
)  # fmt: skip


# How far from the middle the first cameras of every site stand, at the most. Units: degrees.
SITES_REACH = 0.0156


@dataclass(frozen=True)
class Around:
    """Where the town lies, and how wide it is: 1 is some 3 km to each side. Units: degrees."""

    latitude: float = 53.5440
    longitude: float = 9.9700
    scale: float = 1.0


def town(count: int, now_us: int, around: Around | None = None) -> list[Camera]:
    """So many cameras; every seventh has something to tell."""
    return [_camera(number, now_us, around or Around()) for number in range(count)]


def timeline(camera: Camera, from_us: int, to_us: int, now_us: int) -> Timeline:
    """What was recorded within the time: gaps at fixed hours of the camera's own, none in the future."""
    start = max(from_us, now_us - camera.retention_us)
    end = min(to_us, now_us)
    gaps, masked = [], []
    for hour in range(start // HOUR_US, max(start, end) // HOUR_US + 1):
        dice = random.Random(f"{camera.id}{hour}")
        at = hour * HOUR_US
        if dice.random() < 0.06:
            begin = at + dice.randrange(40) * MINUTE_US
            reason = dice.choice(("camera-unreachable", "loss", "restart", "overload"))
            gaps.append((begin, begin + dice.randrange(1, 15) * MINUTE_US, reason))
        if dice.random() < 0.1:
            begin = at + dice.randrange(30) * MINUTE_US
            reason = dice.choice(("too-dark", "light-switched", "shaking"))
            masked.append((begin, begin + dice.randrange(2, 25) * MINUTE_US, reason))
    if camera.state != "recording" and camera.since_us is not None:
        gaps = [gap for gap in gaps if gap[1] < camera.since_us]
        gaps.append((camera.since_us, now_us, camera.reason or "camera-unreachable"))
    kept = [ReasonedSpan(from_us=a, to_us=b, reason=r) for a, b, r in _within(gaps, start, end)]
    return Timeline(
        from_us=from_us,
        to_us=to_us,
        stream=camera.streams[-1].stream,
        known_until_us=now_us,
        recorded=_between(kept, start, end),
        gaps=kept,
        masked=[ReasonedSpan(from_us=a, to_us=b, reason=r) for a, b, r in _within(masked, start, end)],
    )


def renditions(
    camera: Camera, from_us: int, to_us: int, now_us: int, size: int, codec: str
) -> list[Rendition]:
    """A minute an object, where something was recorded."""
    stream = camera.streams[-1].stream
    found = []
    for span in timeline(camera, from_us, to_us, now_us).recorded:
        for start in range(span.from_us // MINUTE_US * MINUTE_US, span.to_us, MINUTE_US):
            if start + MINUTE_US <= now_us:
                found.append(
                    Rendition(
                        stream=stream, start_us=start, end_us=start + MINUTE_US, bytes=size, codec=codec
                    )
                )
    return found


def health(cameras: list[Camera], now_us: int) -> Health:
    """How the invented network is."""
    troubles = [
        Trouble(
            camera=one.id,
            name=one.name,
            site=one.site,
            state=one.state,
            reason=one.reason,
            since_us=one.since_us,
            view=one.view,
        )
        for one in cameras
        if one.state != "recording" or (one.view is not None and one.view.state != "live")
    ]
    shares = []
    for number, one in enumerate(cameras[:60]):
        dice = random.Random(f"share{number}")
        if dice.random() < 0.4:
            reason = dice.choice(("too-dark", "shaking", "light-switched", "no-background"))
            is_whole = one.view is not None and one.view.reason == "no-background"
            share = 1000 if is_whole else int(dice.paretovariate(1.1) * 8)
            shares.append(
                MaskedShare(
                    camera=one.id, name=one.name, site=one.site, reason=reason, permille=min(1000, share)
                )
            )
    return Health(
        time_us=now_us,
        cameras=len(cameras),
        recording=sum(one.state == "recording" for one in cameras),
        troubles=troubles,
        masked=sorted(shares, key=lambda one: -one.permille),
        masked_from_us=now_us - DAY_US,
        storage=[
            Storage(
                name="reels", used_bytes=61_300_000_000_000, total_bytes=80_000_000_000_000, days_left=11.4
            ),
            Storage(
                name="renditions", used_bytes=2_900_000_000_000, total_bytes=8_000_000_000_000, days_left=48.0
            ),
        ],
        processes=[
            Process(name="recorder 1", state="well", heard_us=now_us - 600_000),
            Process(name="recorder 2", state="alarm", heard_us=now_us - 900_000),
            Process(name="keeper", state="well", heard_us=now_us - 300_000),
            Process(name="discloser", state="silent", heard_us=now_us - 14 * MINUTE_US),
        ],
        alarms=[
            Alarm(
                process="discloser", text="has not been heard of for 840 s", since_us=now_us - 14 * MINUTE_US
            ),
            Alarm(process="recorder 2", text="outbox holds 412 statements", since_us=now_us - 3 * MINUTE_US),
        ],
        index=Index(entries=18_204, behind=0, missing_manifests=0),
    )


def _camera(number: int, now_us: int, around: Around) -> Camera:
    dice = random.Random(number)
    site, north, east = _SITES[number % len(_SITES)]
    round_ = number // len(_SITES)
    angle, away = dice.uniform(0, 2 * math.pi), dice.uniform(0.0003, 0.0016) * (1 + round_ / 40)
    state, reason, view, why = _trouble(number)
    since = now_us - dice.randrange(2, 400) * MINUTE_US
    long = number % 9 == 4
    return Camera(
        id=_id("camera", number),
        name=f"{site}, {_PLACES[(number // len(_SITES)) % len(_PLACES)]} {number + 1:04d}",
        site=site,
        zone=ZONE,
        purpose="Safety of people on the steps and at the water's edge"
        if number % 2
        else "Protection against violence and damage",
        legal_basis="Municipal Safety Act, section 12 (2)",
        responsible_body="Town of Sundhaven, Office for Public Order",
        review_date=f"2027-{1 + number % 12:02d}-15",
        retention_us=(168 if long else 72) * HOUR_US,
        justification="Reports of damage come in after the weekend" if long else "",
        streams=[
            _stream("main", number, state, reason, since),
            _stream("sub", number, state, reason, since),
        ],
        mount=None
        if number % 31 == 30
        else Mount(
            latitude_e7=round((around.latitude + around.scale * (north + away * math.sin(angle))) * 1e7),
            longitude_e7=round(
                (around.longitude + around.scale * (east + away * math.cos(angle) * 1.7)) * 1e7
            ),
            height_cm=dice.randrange(300, 900),
        ),
        views=[
            View(
                name="street",
                bearing_cdeg=dice.randrange(36000),
                angle_cdeg=dice.choice((4200, 6500, 9000)),
                range_m=dice.choice((25, 40, 60)),
            )
        ],
        zones=[
            Zone(name="windows", kind="view", x0_permille=0, y0_permille=80, x1_permille=300, y1_permille=260)
        ]
        if number % 3 == 0
        else [],
        state=state,
        reason=reason,
        since_us=since,
        view=ViewNow(state=view, reason=why, since_us=since),
        backgrounds=[
            CommittedView(
                view="street",
                committed=[]
                if why == "no-background"
                else [
                    Commitment(
                        condition="day", background=f"{number:064x}", entry=100 + number, since_us=since
                    )
                ],
            )
        ],
    )


def _trouble(number: int) -> tuple[Recording, str, ViewState, str]:
    table: dict[int, tuple[Recording, str, ViewState, str]] = {
        3: ("recording", "", "masked", "too-dark"),
        7: ("recording", "", "masked", "no-background"),
        5: ("away", "camera-unreachable", "away", "no-pictures"),
        18: ("recording", "", "masked", "shaking"),
        26: ("cannot-seal", "cannot-seal", "away", "no-pictures"),
        34: ("not-assigned", "not-assigned", "away", "no-pictures"),
    }
    return table.get(number % 40, ("recording", "", "live", ""))


def _stream(
    kind: Literal["main", "sub"], number: int, state: Recording, reason: str, since_us: int
) -> CameraStream:
    return CameraStream(
        stream=_id(kind, number), kind=kind, assurance="full", state=state, reason=reason, since_us=since_us
    )


def _id(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()[:32]


def _within(spans: list[tuple[int, int, str]], start: int, end: int) -> list[tuple[int, int, str]]:
    return [(max(a, start), min(b, end), r) for a, b, r in sorted(spans) if a < end and b > start]


def _between(gaps: list[ReasonedSpan], start: int, end: int) -> list[Span]:
    spans, at = [], start
    for gap in gaps:
        if gap.from_us > at:
            spans.append(Span(from_us=at, to_us=gap.from_us))
        at = max(at, gap.to_us)
    return [*spans, Span(from_us=at, to_us=end)] if at < end else spans
