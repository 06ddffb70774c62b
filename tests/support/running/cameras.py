"""Two simulated cameras with a truth log: one quiet, one that soon fills what may wait for a disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from custodes.cli.demo.cameras import PASSWORD, DemoCameras, camera_name
from custodes_simulator.clips.encode import Encoding
from custodes_simulator.clips.scene import Condition, SceneSource
from custodes_simulator.fleet import SimulatedFleet
from custodes_simulator.spec import CameraSpec, StreamSpec

QUIET, BUSY = "Market Square", "Harbour Gate"
_START_S = 60.0


@contextmanager
def two_cameras(cache: Path) -> Iterator[DemoCameras]:
    """They send until the block ends, about 0.06 and 1.5 MB a second."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cameras", daemon=True)
    thread.start()
    quiet = SceneSource(Condition.DAY, 320, 180, rate_hz=15, duration_s=10)
    busy = SceneSource(Condition.RAIN, 960, 540, rate_hz=20, duration_s=5)
    specs = [
        _spec(QUIET, quiet, Encoding(bitrate_bps=500_000, key_every=15)),
        _spec(BUSY, busy, Encoding(bitrate_bps=12_000_000, key_every=20)),
    ]
    fleet = SimulatedFleet(specs, cache=cache)
    try:
        asyncio.run_coroutine_threadsafe(fleet.__aenter__(), loop).result(_START_S)
        yield DemoCameras(fleet, loop, [])
    finally:
        loop.call_soon_threadsafe(fleet.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _spec(place: str, scene: SceneSource, encoding: Encoding) -> CameraSpec:
    stream = StreamSpec("main", scene, encoding)
    return CameraSpec(camera_name(place), (stream,), user="recorder", password=PASSWORD)
