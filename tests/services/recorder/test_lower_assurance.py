"""Streams over HTTP: sealed as any other, said to be of lower assurance, and no harm to the cameras beside them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recording.opening import check_closed, check_statements, compare, open_epochs
from recording.rig import Rig
from streaming.live import LiveServer, live_server, make_clip
from streaming.rtmp import RtmpServer
from structlog.testing import capture_logs

from custodes.adapters.rtsp.client import SessionLimits
from custodes.services.recorder.health import health_document
from custodes.web.health import RecorderHealth, parse_health
from custodes_simulator import CameraSpec

pytestmark = pytest.mark.integration

SHORT = SessionLimits(connect_s=3.0, silence_s=3.0)
FAULTY = ("stall", "drop", "garbage", "silent", "text", "mpeg4")
# What each comes to be called in the accounts, beside the start and waits for key frames.
REASONS = {
    "stall": "camera-silent",
    "drop": "camera-unreachable",
    "garbage": "camera-",
    "silent": "camera-unreachable",
    "text": "camera-misbehaved",
    "mpeg4": "camera-misbehaved",
}


@pytest.fixture
def live() -> Iterator[LiveServer]:
    make_clip()
    with live_server() as server:
        yield server


def reader_of(live: LiveServer) -> int:
    """The process that runs FFmpeg for this one's only stream."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    (found,) = [pid for pid in pids if b"av.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


async def test_every_picture_is_sealed_and_marked(
    live: LiveServer, fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any
) -> None:
    live.password = "canary"
    with capture_logs() as logs:
        async with fleet_of([CameraSpec("plain")]) as fleet:
            rig = rig_of(fleet)
            urls = {**rig.urls, "web": live.url("live"), "query": live.url("live?pwd={password}")}
            rig = replace(rig, urls=urls, passwords={"web": "canary", "query": "canary"})
            service = rig.service(limits=SHORT)
            async with running(service):
                await until(lambda: service.book.state.number >= 4, "the fourth account")
                document = parse_health("recorder", health_document(service))
            truth = fleet.truth("plain")

    store = rig.store()
    stated = check_statements(rig, store)
    opened = {name: open_epochs(rig, store, rig.stream(name)) for name in ("plain", "web", "query")}
    check_closed(stated, [epoch for epochs in opened.values() for epoch in epochs])
    pictures = [picture.hex() for picture in make_clip().pictures]
    for name in ("web", "query"):
        hashes = [unit.sha256 for epoch in opened[name] for unit in epoch.units]
        assert len(hashes) > 100
        first = pictures.index(hashes[0])
        assert hashes == pictures[first : first + len(hashes)]
    units = [unit for epoch in opened["plain"] for unit in epoch.units]
    assert compare(units, truth).missing == ()

    said = {header.stream: header.assurance for header in stated.epochs}
    assert said == {
        rig.stream("plain"): "full",
        rig.stream("web"): "lower",
        rig.stream("query"): "lower",
    }
    assert isinstance(document, RecorderHealth)
    assert {(s.name, s.assurance, s.state) for s in document.streams} == {
        ("plain", "full", "recording"),
        ("web", "lower", "recording"),
        ("query", "lower", "recording"),
    }
    assert "canary" not in repr(logs)
    assert "canary" not in health_document(service).decode()


async def test_a_file_looped_over_rtmp(tmp_path: Path, running: Any, until: Any) -> None:
    clip = make_clip("flv", seconds=4)
    server = RtmpServer(b"".join(clip.pieces), laps=10)
    rig = Rig(tmp_path / "network", urls={"push": f"rtmp://127.0.0.1:{server.port}/live/camera"})
    try:
        service = rig.service(limits=SHORT)
        async with running(service):
            (recording,) = service.recordings.values()
            await until(lambda: recording.stream.counts.access_units > 150, "the second lap")
            assert recording.connection.health.sessions == 1
    finally:
        server.close()
    store = rig.store()
    stated = check_statements(rig, store)
    epochs = open_epochs(rig, store, rig.stream("push"))
    check_closed(stated, epochs)
    assert {header.assurance for header in stated.epochs} == {"lower"}
    hashes = [unit.sha256 for epoch in epochs for unit in epoch.units]
    laps = [picture.hex() for picture in clip.pictures] * 11
    first = laps.index(hashes[0])
    assert len(hashes) > 150
    assert hashes == laps[first : first + len(hashes)]


async def test_what_goes_wrong_costs_the_own_pictures_alone(
    live: LiveServer, fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any
) -> None:
    async with fleet_of([CameraSpec("plain")]) as fleet:
        rig = rig_of(fleet)
        rig = rig.with_urls({**rig.urls, **{name: live.url(name) for name in FAULTY}})
        service = rig.service(limits=SHORT)
        async with running(service):
            sessions = {r.assignment.name: r.connection.health for r in service.recordings.values()}
            await until(
                lambda: all(sessions[name].sessions >= 2 for name in FAULTY if name != "garbage"),
                "the second session of each",
            )
            await until(lambda: live.paths.get("/garbage", 0) >= 2, "the second session of noise", 90)
            assert sessions["plain"].sessions == 1
        truth = fleet.truth("plain")
    store = rig.store()
    stated = check_statements(rig, store)
    opened = {name: open_epochs(rig, store, rig.stream(name)) for name in ("plain", *FAULTY)}
    check_closed(stated, [epoch for epochs in opened.values() for epoch in epochs])
    units = [unit for epoch in opened["plain"] for unit in epoch.units]
    found = compare(units, truth)
    assert (found.missing, found.foreign) == ((), ())
    for name, reason in REASONS.items():
        assert any(one.startswith(reason) for one in stated.reasons(rig.stream(name))), name
    for name in ("stall", "drop"):
        hashes = [unit.sha256 for epoch in opened[name] for unit in epoch.units]
        assert len(hashes) > 40
        assert set(hashes) <= {picture.hex() for picture in make_clip().pictures[:50]}
    for name in ("silent", "text", "mpeg4"):
        assert opened[name] == []


async def test_a_crash_of_ffmpeg_is_a_gap(live: LiveServer, tmp_path: Path, running: Any, until: Any) -> None:
    rig = Rig(tmp_path / "network", urls={"web": live.url("live")})
    service = rig.service(limits=SHORT)
    async with running(service):
        (recording,) = service.recordings.values()
        await until(lambda: recording.stream.counts.access_units > 60, "sixty pictures")
        os.kill(reader_of(live), signal.SIGSEGV)
        await until(lambda: recording.connection.health.sessions == 2, "the second session")
        before = recording.stream.counts.access_units
        assert "signal 11" in recording.connection.health.last_error
        await until(lambda: recording.stream.counts.access_units > before + 30, "more pictures")
    store = rig.store()
    stated = check_statements(rig, store)
    epochs = open_epochs(rig, store, rig.stream("web"))
    check_closed(stated, epochs)
    assert "camera-misbehaved" in stated.reasons(rig.stream("web"))
    with pytest.raises(ValueError, match="not enough values"):
        reader_of(live)
