"""Camera to screen: a network of eight cameras as `custodes demo` founds it, looked at over its WebSocket.

What is between is all there is: simulated cameras, a recorder that seals, a veiler a camera, the bus, web.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.rows import Row
from custodes.cli.demo.cameras import PLACES, TOWN, DemoCameras, running_cameras
from custodes.cli.demo.network import START_S, DemoNetwork, custodes
from custodes.cli.demo.watching import Tile, watch

REPOSITORY = Path(__file__).resolve().parents[1]
FOOTAGE = REPOSITORY.parent / "shared" / "data" / "video"
STREAMS = 8
SETTLED_S, LOOK_S = 15.0, 20.0
LATENCY_S, FIRST_S = 1.5, 1.0


@dataclass
class LiveNetwork(DemoNetwork):
    """The demo's network with more cameras: some of the simulated ones are entered twice."""

    def add_cameras(self, cameras: DemoCameras) -> None:
        """All of the demo's, and so many more."""
        super().add_cameras(cameras)
        review = (datetime.now(UTC).date() + timedelta(days=365)).isoformat()
        for place in PLACES[: STREAMS - len(PLACES)]:
            at, height_m, _ = TOWN[place]
            custodes(
                "camera", "add", self.folder.root, "--name", f"{place}, again", "--site", place,
                "--purpose", "Safety of a busy public place", "--legal-basis", "Municipal act on public order",
                "--responsible-body", "Harbour Town", "--review-date", review, "--at", at,
                "--height-m", height_m, "--retention", "24h", "--main", cameras.url(place),
                "--username", "recorder", "--password-file", self.root / "camera-password",
            )  # fmt: skip

    def all_recording(self) -> bool:
        """Whether all of them are recorded now."""
        cameras = self.status()["cameras"]
        streams = [stream for camera in cameras for stream in camera["streams"]]
        return len(cameras) == STREAMS and all(stream["state"] == "recording" for stream in streams)


def rows() -> list[Row]:
    """95th percentile and median from capture to the message at the socket; the first picture after the wish."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        network = LiveNetwork(root / "town", _free_port())
        network.root.mkdir()
        with running_cameras(FOOTAGE, REPOSITORY / ".build" / "clips", _say) as cameras:
            network.found()
            network.add_cameras(cameras)
            network.add_users()
            network.start()
            try:
                network.wait_for("all cameras recorded", network.all_recording, 2 * START_S)
                time.sleep(SETTLED_S)
                password = network.console_password.read_text("utf-8").strip()
                tiles = watch(network.http_port, "operator", password, LOOK_S)
            finally:
                network.stop()
    return _rows(tiles)


def _rows(tiles: list[Tile]) -> list[Row]:
    assert len(tiles) == STREAMS, f"{len(tiles)} of {STREAMS} cameras are there"
    latencies = sorted(one for tile in tiles for one in tile.latencies_s)
    firsts = [tile.first_picture_s for tile in tiles if tile.first_picture_s is not None]
    assert latencies and len(firsts) == STREAMS
    p95 = latencies[int(0.95 * (len(latencies) - 1))]
    states = sorted({state for tile in tiles for state in tile.states})
    print(
        f"  {len(latencies)} pictures of {STREAMS} streams, views: {', '.join(states)}; load {os.getloadavg()[0]:.1f}",
        file=sys.stderr,
    )
    if states == ["masked"]:
        print(
            "  all views are flat: decoding and encoding are in the figures, the mask has no work",
            file=sys.stderr,
        )
    for words, value, limit in (("p95", p95, LATENCY_S), ("first picture", max(firsts), FIRST_S)):
        verdict = "held" if value <= limit else "MISSED"
        print(f"  {words}: {value:.2f} s, wanted {limit:g} s: {verdict}", file=sys.stderr)
    return [
        Row(f"camera to screen, {STREAMS} streams, p95", "s", p95, "median", statistics.median(latencies)),
        Row(
            f"first picture after the wish, worst of {STREAMS}",
            "s",
            max(firsts),
            "median",
            statistics.median(firsts),
        ),
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
