"""From cameras to sealed reels and back: every picture, bit for bit, and nothing in the clear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from recording.opening import check_closed, check_statements, compare, open_epochs

from custodes.services.recorder.health import health_document
from custodes.services.recorder.standing import StreamState
from custodes.web.health import RecorderHealth, parse_health
from custodes_simulator import CameraSpec, Encoding, StreamSpec, VideoCodec, misbehave

pytestmark = pytest.mark.integration

CAMERAS = [
    CameraSpec("plain"),
    CameraSpec("h265", (StreamSpec(encoding=Encoding(codec=VideoCodec.H265)),)),
    CameraSpec("open", (StreamSpec(misbehaviours=(misbehave("open-gop"),)),)),
    CameraSpec("reordered", (StreamSpec(misbehaviours=(misbehave("b-frames"),)),)),
]


async def test_every_picture_is_sealed_and_none_is_in_the_clear(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any
) -> None:
    async with fleet_of(CAMERAS, probe_every=5) as fleet:
        rig = rig_of(fleet, first={"plain": 1, "h265": 2})
        service = rig.service()
        cells = service.arena.free_cells
        async with running(service):
            await until(lambda: service.book.state.number >= 4, "the fourth account")
            used = cells - service.arena.free_cells
            document = parse_health("recorder", health_document(service))
        truth = {camera.name: fleet.truth(camera.name) for camera in CAMERAS}
        probes = [probe for camera in CAMERAS for probe in fleet.probes(camera.name)]

    store = rig.store()
    stated = check_statements(rig, store)
    opened = {camera.name: open_epochs(rig, store, rig.stream(camera.name)) for camera in CAMERAS}
    for name, epochs in opened.items():
        units = [unit for epoch in epochs for unit in epoch.units]
        found = compare(units, truth[name])
        assert (found.missing, found.foreign) == ((), ()), name
        # Of a camera without closed key frames the first open one is waited past.
        first = [entry.is_open_key for entry in truth[name]].index(True, 1) if name == "open" else 0
        assert found.matched[0] == first
        assert len(truth[name]) - found.matched[-1] < 25, "the end was not recorded"
        assert [unit.record.is_key for unit in units] == [truth[name][i].is_key for i in found.matched]
        assert len(epochs) >= 2
        assert stated.reasons(rig.stream(name)) <= {"restart", "waiting-for-key-frame"}
    check_closed(stated, [epoch for epochs in opened.values() for epoch in epochs])
    assert {closed.envelopes > 0 for a in stated.accounts for closed in a.closed} <= {True, False}

    assert 0 < used <= 4 * 2 * rig.periods.slots_per_epoch
    assert all(
        recording.stream.state is not StreamState.RECORDING for recording in service.recordings.values()
    )
    assert isinstance(document, RecorderHealth)
    assert {(s.name, s.state) for s in document.streams} == {(c.name, "recording") for c in CAMERAS}
    assert document.alarms == []

    assert len(probes) > 50
    for file in rig.folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert not any(probe in data for probe in probes), file
    assert not list(rig.spool_root.rglob("*.open"))
    assert [path.name for path in rig.spool_root.iterdir()] == [".volume"]


async def test_slots_are_wiped_when_they_are_over(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any
) -> None:
    async with fleet_of([CameraSpec("plain")]) as fleet:
        rig = rig_of(fleet)
        service = rig.service()
        cells = service.arena.free_cells
        async with running(service):
            (recording,) = service.recordings.values()
            stream = recording.stream
            await until(lambda: stream._writer is not None and stream._writer._slot == 2, "the third slot")
            epoch = stream._writer.epoch
            assert epoch.wiped == 2
            held = cells - service.arena.free_cells
            # Its own slot's key, and those of the epoch that is made ready, or just being made.
            assert held in (1, 1 + rig.periods.slots_per_epoch)
            recording.task.cancel()
            stream.stop(stream._gaps.reason)
            # One that is just being made is wiped as soon as it is.
            await until(lambda: service.arena.free_cells == cells, "the wiping of all keys")
