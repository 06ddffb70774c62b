"""From cameras through recorder and veilers to a subscriber of the bus: flat pictures, and never a clear one."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import pytest
import uvloop
from recording.opening import check_statements
from recording.rig import Rig
from veiling.footage import is_flat
from veiling.viewer import PICTURES, Viewer

from custodes.adapters.bus.memory import MemoryBus
from custodes.adapters.bus.subjects import live, watch
from custodes.base.clock import HOUR_US, SystemClock
from custodes.base.errors import InvalidError
from custodes.custody.accounts import GapReason
from custodes.custody.renditions import MaskReason
from custodes.estate.model import Zone
from custodes.media.mp4.pieces import read_recording
from custodes.media.packets import AccessUnit, ParameterSets
from custodes.services.live import AWAY, LiveFlags, LiveKind, Reason, ViewState, masked
from custodes.services.recorder.health import health_document
from custodes.services.recorder.live import LiveDesk
from custodes.services.recorder.nursery import Nursery
from custodes.services.recorder.service import RecorderService
from custodes.services.recorder.settings import StreamAssignment
from custodes.services.recorder.veiling import VeilerLine
from custodes.services.recorder.veils import Veils, veiled_streams
from custodes.services.veiler.messages import Figures
from custodes.web.health import RecorderHealth, parse_health
from custodes_simulator import CameraSpec, Encoding, StreamSpec, VideoCodec, misbehave

pytestmark = pytest.mark.integration
HEALTHY_FENCES = {"no new privileges", "not dumpable", "no core file", "no calls outward"}


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    """A nursery of this test alone."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@dataclass
class Town:
    """A recorder with veils, and who watches it."""

    rig: Rig
    service: RecorderService
    veils: Veils
    nursery: Nursery
    viewer: Viewer
    bus: MemoryBus

    def pids(self) -> set[int]:
        """The veilers' processes."""
        parents = [self.nursery.pid]
        (warm,) = children(parents[0]) or (0,)
        return set(children(warm)) if warm else set()

    def health(self) -> RecorderHealth:
        """As web reads it."""
        document = parse_health("recorder", health_document(self.service))
        assert isinstance(document, RecorderHealth)
        return document


def children(pid: int) -> list[int]:
    """A process's children."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_dead(pid: int) -> bool:
    """Whether a process is gone, or waits to be buried by a parent that is not ours."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@asynccontextmanager
async def town_of(rig: Rig, nursery: Nursery, running: Any) -> AsyncIterator[Town]:
    """A recorder that runs, with a viewer who listens and watches nothing yet."""
    nursery.listen(asyncio.get_running_loop())
    bus = MemoryBus()

    async def publish(stream: bytes, message: bytes) -> None:
        await bus.publish(live(stream.hex()), message)

    desk = LiveDesk(rig.clock, publish)
    veils = Veils(nursery, desk, rig.clock)
    service = rig.service(veils=veils)
    web = MemoryBus(bus.broker)
    await bus.subscribe(watch(rig.recorder.hex()), desk.watch)
    viewer = await Viewer(web, rig.recorder).open()
    async with running(service):
        yield Town(rig, service, veils, nursery, viewer, bus)
    await web.close()
    await bus.close()


def all_flat(viewer: Viewer, stream: bytes) -> int:
    """How many pictures a viewer saw of a stream, all of them flat."""
    pictures = [picture for run in viewer.shown(stream) for picture in run]
    assert all(is_flat(picture) for picture in pictures)
    return len(pictures)


async def test_a_viewer_gets_flat_pictures_and_nothing_else(
    fleet_of: Callable[..., Any],
    rig_of: Callable[..., Any],
    running: Any,
    until: Any,
    nursery: Nursery,
    tmp_path: Path,
) -> None:
    cameras = [
        CameraSpec("h264"),
        CameraSpec("h265", (StreamSpec(encoding=Encoding(codec=VideoCodec.H265)),)),
        CameraSpec("reordered", (StreamSpec(misbehaviours=(misbehave("b-frames"),)),)),
    ]
    async with fleet_of(cameras, probe_every=5) as fleet:
        rig = rig_of(fleet)
        streams = [rig.stream(camera.name) for camera in cameras]
        async with town_of(rig, nursery, running) as town:
            viewer, veils = town.viewer, town.veils
            # These are main streams without sub streams: their key frames alone go to the veiler.
            await until(lambda: all(v.health.figures.made for v in veils.veilings.values()), "pictures")
            assert viewer.got == {}, "something was sent that nobody watches"
            watching = asyncio.create_task(viewer.watch_on(*streams))
            await until(lambda: all(len(viewer.of(s, *PICTURES)) >= 4 for s in streams), "fragments")
            for stream in streams:
                first = viewer.of(stream)
                assert [one.kind for one in first[:2]] == [LiveKind.INIT, LiveKind.KEY]
                assert first[0].flags is first[1].flags is LiveFlags.AGAIN
                assert viewer.states(stream) == [masked(Reason.NO_BACKGROUND)]
                assert all_flat(viewer, stream) >= 4
            document = town.health()
            watching.cancel()
        probes = [probe for camera in cameras for probe in fleet.probes(camera.name)]
    assert len(probes) > 20
    messages = [one.body for stream in streams for one in viewer.of(stream)]
    assert not any(probe in body for body in messages for probe in probes)
    assert len(document.renditions) == 3
    for one in document.renditions:
        assert (one.state, one.reason, one.error) == ("masked", "no-background", "")
        assert one.keys_only
        assert set(one.fences) >= HEALTHY_FENCES
        assert set(one.fences).isdisjoint(one.missing_fences)
        assert one.masked_permille == 1000
        assert "no-background" in one.masked_by
    assert document.alarms == []
    store = rig.store()
    stated = check_statements(rig, store)
    views = [rendition for manifest in stated.manifests for rendition in manifest.renditions]
    assert {view.stream for view in views} == set(streams)
    for view in views:
        data = store.get(view.path)
        assert hashlib.sha256(data).digest() == view.hash
        assert read_recording(data).valid_bytes == len(data)
        with av.open(io.BytesIO(data)) as container:
            assert all(is_flat(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0))
    reasons = {time.reason for manifest in stated.manifests for time in manifest.masked}
    assert MaskReason.NO_BACKGROUND in reasons
    store.close()


async def test_a_sub_stream_is_veiled_at_eight_a_second_while_watched(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any, nursery: Nursery
) -> None:
    async with fleet_of([CameraSpec("sub")]) as fleet:
        rig = rig_of(fleet, kinds={"sub": "sub"})
        stream = rig.stream("sub")
        async with town_of(rig, nursery, running) as town:
            (veiling,) = town.veils.veilings.values()
            await until(lambda: veiling.health.figures.made >= 4, "pictures")
            assert veiling.health.figures.rate_hz == 1
            watching = asyncio.create_task(town.viewer.watch_on(stream))
            await until(lambda: veiling.health.rate_millihertz >= 6000, "eight a second")
            await until(lambda: len(town.viewer.of(stream, LiveKind.FRAGMENT)) >= 20, "fragments")
            assert all_flat(town.viewer, stream) >= 20
            (one,) = town.health().renditions
            assert not one.keys_only
            # Somebody else begins to watch: what was sent before comes again, to begin with.
            count = len(town.viewer.of(stream))
            await town.viewer.watch(stream, again=True)
            await until(
                lambda: any(m.flags for m in town.viewer.of(stream)[count:] if m.kind is LiveKind.KEY),
                "the repetition",
            )
            again = [m for m in town.viewer.of(stream)[count:] if m.flags]
            assert [m.kind for m in again[:2]] == [LiveKind.INIT, LiveKind.KEY]
            watching.cancel()
            await until(lambda: not town.veils.desk.is_watched(stream), "nobody to watch")
            await until(lambda: veiling.health.figures.rate_hz == 1, "one a second")
            count = len(town.viewer.of(stream))
            made = veiling.health.figures.made
            await until(lambda: veiling.health.figures.made > made + 2, "unwatched pictures")
            assert len(town.viewer.of(stream)) == count


def test_on_the_loop_of_the_recorders_process(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any, nursery: Nursery
) -> None:
    """Its transports are none of asyncio's classes."""

    async def main() -> None:
        async with fleet_of([CameraSpec("a")]) as fleet:
            rig = rig_of(fleet, kinds={"a": "sub"})
            stream = rig.stream("a")
            async with town_of(rig, nursery, running) as town:
                watching = asyncio.create_task(town.viewer.watch_on(stream))
                await until(lambda: len(town.viewer.of(stream, LiveKind.FRAGMENT)) >= 10, "fragments")
                assert all_flat(town.viewer, stream) >= 10
                (one,) = town.health().renditions
                assert (one.starts, one.error) == (1, "")
                watching.cancel()

    uvloop.run(main())


async def test_a_killed_veiler_masks_its_camera_and_no_other(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any, nursery: Nursery
) -> None:
    async with fleet_of([CameraSpec("a"), CameraSpec("b")]) as fleet:
        rig = rig_of(fleet, kinds={"a": "sub", "b": "sub"})
        a, b = rig.stream("a"), rig.stream("b")
        async with town_of(rig, nursery, running) as town:
            viewer, veilings = town.viewer, town.veils.veilings
            watching = asyncio.create_task(viewer.watch_on(a, b))
            await until(lambda: viewer.of(a, *PICTURES) and viewer.of(b, *PICTURES), "both")
            before = town.pids()
            assert len(before) == 2
            # Killed from outside; which camera's it was shows.
            os.kill(min(before), signal.SIGKILL)
            await until(lambda: any(v.health.starts == 2 for v in veilings.values()), "another veiler")
            (hit,) = [stream for stream, v in veilings.items() if v.health.starts == 2]
            other = b if hit == a else a
            await until(
                lambda: veilings[hit].state == masked(Reason.NO_BACKGROUND) and len(viewer.shown(hit)) == 2,
                "its pictures again",
            )
            states = viewer.states(hit)
            assert masked(Reason.VEILER_ENDED) in states
            assert states[-1] == masked(Reason.NO_BACKGROUND)
            assert viewer.states(other)[-1] == masked(Reason.NO_BACKGROUND)
            assert masked(Reason.VEILER_ENDED) not in viewer.states(other)
            assert veilings[other].health.starts == 1
            assert len(town.pids() - before) == 1
            assert all_flat(viewer, hit) and all_flat(viewer, other)
            assert town.service.is_recording()
            watching.cancel()
        await until(lambda: not town.pids(), "the end of all veilers")


async def test_a_warm_parent_that_dies_is_replaced(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any, nursery: Nursery
) -> None:
    async with fleet_of([CameraSpec("a")]) as fleet:
        rig = rig_of(fleet, kinds={"a": "sub"})
        async with town_of(rig, nursery, running) as town:
            (veiling,) = town.veils.veilings.values()
            await until(lambda: veiling.health.figures.made, "pictures")
            (veiler,) = town.pids()
            (warm,) = children(nursery.pid)
            os.kill(warm, signal.SIGKILL)
            await until(lambda: nursery.generation == 2 and veiling.health.starts == 2, "another")
            await until(lambda: is_dead(veiler), "the death of its child")
            await until(lambda: veiling.state == masked(Reason.NO_BACKGROUND), "pictures")
            os.kill(nursery.pid, signal.SIGKILL)
            await until(lambda: veiling.state == masked(Reason.NO_NURSERY), "the state")
            await until(lambda: town.health().alarms, "the alarm")
            assert "nursery" in town.health().alarms[0]
            assert town.service.is_recording()


async def test_a_veiler_that_stands_still_is_not_waited_for(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any, nursery: Nursery
) -> None:
    async with fleet_of([CameraSpec("a"), CameraSpec("b")]) as fleet:
        rig = rig_of(fleet, kinds={"a": "sub", "b": "sub"})
        async with town_of(rig, nursery, running) as town:
            veilings = town.veils.veilings
            await until(lambda: all(v.health.figures.made for v in veilings.values()), "pictures")
            still = min(town.pids())
            os.kill(still, signal.SIGSTOP)
            await until(lambda: any(v.state == masked(Reason.LATE) for v in veilings.values()), "the state")
            (hit,) = [v for v in veilings.values() if v.state == masked(Reason.LATE)]
            (other,) = [v for v in veilings.values() if v is not hit]
            assert town.service.is_recording()
            # It is killed in the end, and another begins.
            await until(lambda: hit.health.starts == 2, "another veiler")
            await until(lambda: is_dead(still), "its death")
            await until(lambda: hit.state == masked(Reason.NO_BACKGROUND), "its pictures again")
            assert (other.health.starts, other.state) == (1, masked(Reason.NO_BACKGROUND))


async def test_cameras_that_misbehave(
    fleet_of: Callable[..., Any], rig_of: Callable[..., Any], running: Any, until: Any, nursery: Nursery
) -> None:
    plans = {
        "size": misbehave("size-change", width=160, height=96, after_s=1.0, for_s=2.0),
        "sets": misbehave("parameter-sets-change", after_s=1.0),
        "loss": misbehave("drop-packets", share=0.05),
        "slices": misbehave("slices"),
    }
    faults = list(plans)
    cameras = [CameraSpec(name, (StreamSpec(misbehaviours=(plan,)),)) for name, plan in plans.items()]
    async with fleet_of(cameras) as fleet:
        rig = rig_of(fleet, kinds=dict.fromkeys(faults, "sub"))
        streams = {name: rig.stream(name) for name in faults}
        async with town_of(rig, nursery, running) as town:
            watching = asyncio.create_task(town.viewer.watch_on(*streams.values()))
            await until(
                lambda: all(len(town.viewer.of(s, *PICTURES)) >= 20 for s in streams.values()),
                "pictures of all",
            )
            await until(lambda: len(town.viewer.of(streams["size"], LiveKind.INIT)) >= 2, "sizes")
            await until(
                lambda: masked(Reason.DAMAGED) in town.viewer.states(streams["loss"]), "damage that is said"
            )
            watching.cancel()
            for stream in streams.values():
                all_flat(town.viewer, stream)
                for state in town.viewer.states(stream):
                    assert state.state is not ViewState.LIVE
            assert {v.health.starts for v in town.veils.veilings.values()} == {1}


async def test_a_camera_that_is_away(
    rig_of: Callable[..., Any], running: Any, until: Any, nursery: Nursery, tmp_path: Path
) -> None:
    rig = Rig(tmp_path / "network", urls={"gone": "rtsp://127.0.0.1:9/gone"})
    async with town_of(rig, nursery, running) as town:
        (veiling,) = town.veils.veilings.values()
        await until(lambda: veiling.state == AWAY, "the state")
        await town.viewer.watch(rig.stream("gone"))
        await until(lambda: town.viewer.states(rig.stream("gone")) == [AWAY], "the state on the bus")
        assert town.viewer.of(rig.stream("gone"), *PICTURES) == []
        (one,) = town.health().renditions
        assert (one.state, one.reason) == ("away", "no-pictures")


def test_which_stream_is_veiled(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "network")
    main, other = rig.assignment("a", ""), rig.assignment("b", "")
    sub = Rig(tmp_path / "sub", kinds={"a": "sub"}, name="rig").assignment("a", "")
    sub = type(sub)(**{**{f: getattr(sub, f) for f in sub.__slots__}, "stream": b"s" * 16})
    for order in ([main, sub, other], [sub, main, other]):
        assert veiled_streams(order) == {sub.stream: sub, other.stream: other}
    assert veiled_streams([main]) == {main.stream: main}


def test_the_line_works_on_the_loop_that_the_process_has() -> None:
    async def exchange() -> None:
        ours, theirs = socket.socketpair()
        broken: list[InvalidError] = []
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: VeilerLine(lambda _: None, broken.append), sock=ours)
        assert not line.is_full
        line.write(b"pictures")
        assert await loop.run_in_executor(None, theirs.recv, 100) == b"pictures"
        line.abort()
        await line.closed
        assert not broken
        theirs.close()

    uvloop.run(exchange())


class Recording:
    """What is recorded of a stream, and for which reasons it was interrupted."""

    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.interrupted: list[GapReason] = []

    def on_parameter_sets(self, sets: ParameterSets) -> None:
        """Not looked at."""

    def on_access_unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)

    def on_notice(self, notice: object) -> None:
        """Not looked at."""

    def session_ended(self, reason: GapReason) -> None:
        self.interrupted.append(reason)


async def test_a_camera_that_does_not_mask_what_it_must_is_not_recorded_until_it_does(
    rig_of: Callable[..., Any], nursery: Nursery
) -> None:
    zone = Zone("door", "original", 0, 0, 100, 100)
    main = StreamAssignment(
        b"c" * 16,
        b"m" * 16,
        "Gate",
        "main",
        "full",
        "rtsp://192.0.2.7/",
        "tcp",
        "",
        HOUR_US,
        5,
        zones=(zone,),
    )
    sub = replace(main, stream=b"s" * 16, kind="sub")
    other = replace(main, camera=b"d" * 16, stream=b"o" * 16, name="Pier", zones=())
    veils = Veils(nursery, LiveDesk(SystemClock(), _nowhere), SystemClock())
    veils.assign([main, sub, other])
    recorded = {one.stream: Recording() for one in (main, sub, other)}
    sinks = {stream: veils.sink(stream, first) for stream, first in recorded.items()}
    unit = AccessUnit(b"\0\0\0\1\x65", 1, 0, 0, True)

    def second(uncovered: int | None) -> list[int]:
        veiling = veils.veilings[sub.stream]
        veiling.health.figures = Figures(decoded=0 if uncovered is None else 1, uncovered=uncovered or 0)
        veiling._line = None if uncovered is None else _Line()  # type: ignore[assignment]
        veils.tick()
        for sink in sinks.values():
            sink.on_access_unit(unit)
        return [len(recorded[one.stream].units) for one in (main, sub, other)]

    try:
        assert second(0) == [1, 1, 1]
        # One picture that says otherwise may be a fault of that picture.
        assert second(1) == [2, 2, 2]
        assert second(0) == [3, 3, 3]
        second(2)
        assert second(1) == [4, 4, 5]
        assert [recorded[one.stream].interrupted for one in (main, sub, other)] == [
            [GapReason.CAMERA_MISBEHAVED],
            [GapReason.CAMERA_MISBEHAVED],
            [],
        ]
        assert veils.withheld == ["Gate"]
        # Nobody looks: it stays as it was, also for a stream that begins anew.
        assert second(None) == [4, 4, 6]
        again = Recording()
        veils.sink(main.stream, again).on_access_unit(unit)
        assert again.units == []
        second(0)
        assert second(0) == [4, 5, 8]
        assert veils.withheld == []
        # A zone that is no longer asked for holds nothing up.
        second(1), second(1)
        assert veils.withheld == ["Gate"]
        veils.assign([replace(main, zones=()), replace(sub, zones=()), other])
        second(1)
        assert veils.withheld == []
    finally:
        veils.veilings[sub.stream]._line = None
        await veils.close()


class _Line:
    """A veiler's line that takes everything."""

    is_full = False

    def write(self, data: bytes) -> None:
        """To nowhere."""

    def abort(self) -> None:
        """Nothing to close."""


async def _nowhere(_stream: bytes, _message: bytes) -> None:
    return None
