"""Cameras that misbehave, many at once: each costs its own pictures and no other's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from recording.opening import check_closed, check_statements, compare, open_epochs
from recording.rig import SHORT_PERIODS
from structlog.testing import capture_logs

from custodes.adapters.rtsp.client import SessionLimits
from custodes.custody.records import parse_parameter_sets
from custodes.media.sps import sequence_info
from custodes_simulator import CameraSpec, SceneSource, Scheme, StreamSpec, misbehave

pytestmark = pytest.mark.integration

LONG = SceneSource(width=320, height=180, duration_s=12)
AFTER_S = 3.0
REFUSED = 24


def one(name: str, *faults: Any, **options: Any) -> CameraSpec:
    return CameraSpec(name, (StreamSpec(misbehaviours=faults),), **options)


CAMERAS = [
    CameraSpec("good"),
    one("time-step", misbehave("rtp-time-step", after_s=AFTER_S)),
    one("size", misbehave("size-change", after_s=AFTER_S)),
    one("sets", misbehave("parameter-sets-change", after_s=AFTER_S)),
    one("loss", misbehave("sequence-hole", after_s=AFTER_S)),
    one("stalls", misbehave("stall", after_s=AFTER_S, for_s=4.0, then="lost")),
    one("late", misbehave("stall", after_s=AFTER_S, for_s=4.0, then="late")),
    CameraSpec("reboots", misbehaviours=(misbehave("reboot", after_s=AFTER_S, for_s=2.0),)),
    one("silent", misbehave("stall", after_s=AFTER_S, then="lost")),
    CameraSpec("long", (StreamSpec(source=LONG, misbehaviours=(misbehave("long-gop"),)),)),
    CameraSpec("deaf", misbehaviours=(misbehave("accept-then-silence"),)),
    CameraSpec("gone", misbehaviours=(misbehave("refuse-connections"),)),
    *(
        CameraSpec(f"refused-{n}", user="someone", password="else", schemes=(Scheme.DIGEST_SHA256,))
        for n in range(REFUSED)
    ),
]


async def test_each_misbehaviour_costs_its_own_pictures_alone(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any
) -> None:
    with capture_logs() as logs:
        async with fleet_of(CAMERAS) as fleet:
            rig = rig_of(fleet, periods=replace(SHORT_PERIODS, slots_per_epoch=20), pool_keys=60)
            service = rig.service(limits=SessionLimits(silence_s=3.0, response_s=3.0))
            async with running(service):
                await until(lambda: len(fleet.truth("long")) > 12.5 * 25, "the second key frame")
                states = {r.assignment.name: r.stream.state.value for r in service.recordings.values()}
                attempts = {
                    r.assignment.name: r.connection.health.sessions for r in service.recordings.values()
                }
            truth = {spec.name: fleet.truth(spec.name) for spec in CAMERAS}

    store = rig.store()
    stated = check_statements(rig, store)
    opened = {spec.name: open_epochs(rig, store, rig.stream(spec.name)) for spec in CAMERAS}
    check_closed(stated, [epoch for epochs in opened.values() for epoch in epochs])
    units = {name: [unit for epoch in epochs for unit in epoch.units] for name, epochs in opened.items()}
    found = {name: compare(units[name], truth[name], late_us=8_000_000) for name in units if units[name]}

    def gaps(name: str) -> dict[str, float]:
        """Seconds by reason, after the first picture."""
        seconds: dict[str, float] = {}
        for gap in stated.gaps(rig.stream(name)):
            seconds[gap.reason.value] = seconds.get(gap.reason.value, 0) + (gap.to_us - gap.from_us) / 1e6
        return seconds

    for name, one_found in found.items():
        # All that was delivered and could be decoded; what a broken session cut short is between sessions.
        assert one_found.foreign == (), name
        if name not in ("reboots", "silent", "loss"):
            assert one_found.missing == (), name
            assert one_found.matched[0] == 0, name
    assert found["good"].ratio == 1.0
    assert gaps("good").keys() == {"restart"}

    # A step of media time and new parameter sets cost nothing.
    media = [unit.record.media_90k for unit in units["time-step"]]
    assert min(b - a for a, b in pairwise(media)) < -90_000 * 17_000 or len(media) > 200
    assert {u.sequence for u in units["size"]} != {0}
    sizes = set()
    for epoch in opened["size"]:
        for sets in epoch.sets:
            info = sequence_info(parse_parameter_sets(sets))
            sizes.add((info.width_px, info.height_px))
    assert sizes == {(320, 180), (640, 360)}
    assert len({sets for epoch in opened["sets"] for sets in epoch.sets}) == 2

    # What was lost is marked in the record and named as a gap.
    assert sum(unit.record.loss_before for unit in units["loss"]) == 1
    assert 0 < gaps("loss")["loss"] < 1
    assert len(truth["loss"]) - len(found["loss"].matched) <= 30
    assert gaps("stalls").get("camera-silent", 0) > 1
    assert gaps("silent")["camera-silent"] > 5
    assert states["silent"] in ("away", "recording")
    assert gaps("reboots")["camera-unreachable"] > 1.5
    assert found["reboots"].missing == ()

    # Beyond ten seconds a segment continues without a key frame and names the one that holds it.
    continued = [unit for unit in units["long"] if unit.key_sequence != unit.sequence]
    assert continued
    assert {unit.key_sequence for unit in continued} == {0}
    assert {unit.slot for unit in continued} >= {0}

    # Cameras that cannot be had: a reason each, a line a minute, none the worse for the others.
    assert gaps("gone").keys() <= {"restart", "camera-unreachable"}
    assert gaps("gone")["camera-unreachable"] > 5
    assert gaps("deaf")["camera-silent"] > 4
    for n in range(REFUSED):
        assert gaps(f"refused-{n}")["camera-refused"] > 5
        assert states[f"refused-{n}"] == "away"
    lines: dict[str, int] = {}
    for line in logs:
        if line["event"] == "camera away":
            lines[line["camera"]] = lines.get(line["camera"], 0) + 1
    assert set(lines) >= {"gone", *(f"refused-{n}" for n in range(REFUSED))}
    assert max(lines.values()) == 1
    assert min(attempts[f"refused-{n}"] for n in range(REFUSED)) > 2
