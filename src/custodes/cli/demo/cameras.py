"""Six simulated cameras in a thread of their own, with a truth log of all they sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from custodes_simulator.clips.demo import DemoClip, demo_clips
from custodes_simulator.fleet import SimulatedFleet
from custodes_simulator.rtsp.auth import Scheme
from custodes_simulator.spec import CameraSpec, StreamSpec

PLACES = ("Market Square", "Harbour Gate", "Station North", "Bridge Street", "Town Hall", "Ferry Pier")
# A town that is nowhere: its streets are invented and laid over open sea, so that no map shows somebody's home.
TOWN: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "Market Square": ("54.2000000,-10.5000000", "6.2", ("Stalls:140:70:45",)),
    "Harbour Gate": ("54.1978400,-10.4962100", "5.5", ("Gate:95:60:60",)),
    "Station North": ("54.2031700,-10.5027800", "7.0", ("Forecourt:20:80:50",)),
    "Bridge Street": ("54.1991900,-10.5041300", "6.0", ("Bridge:250:55:70",)),
    "Town Hall": ("54.2007200,-10.5012600", "8.4", ("Steps:200:65:40",)),
    "Ferry Pier": ("54.1969100,-10.4938500", "9.0", ("Pier:110:50:90",)),
}
# Where there is a map of the middle of Helsinki they stand on its squares, bridge and quay, which are nobody's home.
ON_THE_MAP = {
    "Market Square": "60.1709000,24.9437000",
    "Harbour Gate": "60.1762500,24.9462000",
    "Station North": "60.1716500,24.9398000",
    "Bridge Street": "60.1764000,24.9502000",
    "Town Hall": "60.1695000,24.9521000",
    "Ferry Pier": "60.1674000,24.9527000",
}
PASSWORD = "harbour-lantern-42"
PROBE_EVERY = 7
START_S = 180.0


class DemoCameras:
    """The fleet; its methods may be called from any thread."""

    def __init__(self, fleet: SimulatedFleet, loop: asyncio.AbstractEventLoop, clips: list[DemoClip]) -> None:
        self.fleet = fleet
        self.clips = clips
        self._loop = loop

    def streams(self, place: str) -> tuple[str, ...]:
        """The names of a camera's streams."""
        return tuple(self.fleet.camera(camera_name(place)).streams)

    def url(self, place: str, stream: str = "main") -> str:
        """Where a camera's stream is."""
        return self.fleet.url(camera_name(place), stream)

    def truth(self, place: str) -> list[tuple[int, str, bool]]:
        """What a camera sent: (UTC of sending, SHA-256 of the access unit, whether it was delivered)."""
        entries = self.fleet.truth(camera_name(place))
        return [(entry.utc_us, entry.sha256, entry.delivered) for entry in entries]

    def probes(self) -> list[bytes]:
        """Samples of payload bytes of every stream of every camera."""
        return [
            probe
            for place in PLACES
            for stream in self.streams(place)
            for probe in self.fleet.probes(camera_name(place), stream)
        ]


def camera_name(place: str) -> str:
    """The simulator's name of a camera."""
    return place.lower().replace(" ", "-")


@contextmanager
def running_cameras(footage: Path, cache: Path, say: Callable[[str], None]) -> Iterator[DemoCameras]:
    """The six cameras, until the block ends."""
    clips = demo_clips(footage if footage.is_dir() else None, cache)
    for reason in clips[0].passed_over:
        say(f"  {reason}")
    say(f"  footage: {clips[0].origin.value} ({', '.join(clip.name for clip in clips)})")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cameras", daemon=True)
    thread.start()
    fleet = SimulatedFleet(_specs(clips), cache=cache, probe_every=PROBE_EVERY)
    try:
        asyncio.run_coroutine_threadsafe(fleet.__aenter__(), loop).result(START_S)
        yield DemoCameras(fleet, loop, clips)
    finally:
        loop.call_soon_threadsafe(fleet.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _specs(clips: list[DemoClip]) -> list[CameraSpec]:
    specs = []
    for number, place in enumerate(PLACES):
        clip = clips[number % len(clips)]
        specs.append(
            CameraSpec(
                camera_name(place),
                tuple(StreamSpec(kind, clip.source, clip.encoding) for kind in ("main", "sub")),
                user="recorder",
                password=PASSWORD,
                schemes=(Scheme.DIGEST_SHA256, Scheme.DIGEST_MD5, Scheme.BASIC),
            )
        )
    return specs
