"""From a moment to the first bytes of its recorded view, over HTTP: 100 cameras, 30 days, rows of real size.

The index has every row. Objects are names of one real one, made by the veiler's own encoder, in a folder on the disk,
for the cameras that are asked for; what a request costs there depends on a day's folder alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from sqlalchemy import insert

from bench.rows import Row

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from recording.views import made_rendition
from watching.network import PASSWORD, ConsoleNetwork

from custodes.adapters.objects.local import LocalObjectStore
from custodes.adapters.sql.index.schema import RENDITIONS
from custodes.base.canon import b64u
from custodes.base.clock import DAY_US, HOUR_US, MINUTE_US
from custodes.custody.renditions import rendition_path

CAMERAS, DAYS, STORED = 100, 30, 5
REEL_US = 5 * MINUTE_US
PICTURES = 290
ASKED = 300
FIRST_BYTES = 256 << 10
GOAL_MS = 1000.0


def rows() -> list[Row]:
    """The 95th of a hundred waits, from question to first bytes."""
    took = asyncio.run(_measure())
    p95 = statistics.quantiles(took, n=20)[18]
    figure = f"first bytes of a moment, {CAMERAS} cameras, {DAYS} days, p95"
    return [Row(figure, "ms", p95, "goal", GOAL_MS, p95 / GOAL_MS)]


async def _measure() -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        net = ConsoleNetwork(Path(folder) / "net")
        try:
            store_root = Path(folder) / "store"
            store_root.mkdir()
            LocalObjectStore.create(store_root)
            start_us = _fill(net, store_root)
            net.add_user("otto")
            with _served(net) as address:
                return await _ask(net, address, start_us)
        finally:
            net.close()


def _fill(net: ConsoleNetwork, root: Path) -> int:
    """Rows and objects; when the first begins."""
    start_us = net.clock.utc_us() // DAY_US * DAY_US - DAYS * DAY_US
    row, data = made_rendition(bytes(16), start_us, PICTURES)
    (root / "object").write_bytes(data)
    # The ledger stays where it is; views are read from the disk.
    net.console._views._store = _Folder(root)  # type: ignore[assignment]
    for number in range(CAMERAS):
        camera, stream = _id(b"c", number), _id(b"s", number)
        streams = [{"assurance": "full", "kind": "main", "stream": b64u(stream)}]
        net.town.admit("camera", camera=b64u(camera), name=f"Bench {number}", revision=1, streams=streams)
        starts = range(start_us, start_us + DAYS * DAY_US, REEL_US)
        with net.index.writing() as connection:
            connection.execute(
                insert(RENDITIONS),
                [
                    {
                        "stream": stream,
                        "start_us": at_us,
                        "end_us": at_us + REEL_US,
                        "size_bytes": len(data),
                        "codec": row.codec,
                        "hash": hashlib.sha256(stream + at_us.to_bytes(8, "big")).digest(),
                    }
                    for at_us in starts
                ],
            )
        for at_us in starts if number < STORED else ():
            path = root / rendition_path(stream, at_us)
            path.parent.mkdir(parents=True, exist_ok=True)
            # One object of many names: ext4 allows 65,000 of them.
            path.symlink_to(root / "object")
    net.follow()
    print(f"  {CAMERAS * DAYS * DAY_US // REEL_US} rows of {len(data) >> 10} KiB", file=sys.stderr)
    return start_us


class _Folder:
    """The reading side of a store on the disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self, prefix: str) -> Iterator[str]:
        """Names in a folder."""
        folder = self._root / prefix
        return (
            iter(sorted(f"{prefix}/{path.name}" for path in folder.iterdir()))
            if folder.is_dir()
            else iter(())
        )

    def size(self, path: str) -> int:
        """Bytes of an object."""
        return (self._root / path).stat().st_size

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Bytes of a range."""
        with (self._root / path).open("rb") as file:
            file.seek(start)
            return file.read(length)


@contextmanager
def _served(net: ConsoleNetwork) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(net.app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


async def _ask(net: ConsoleNetwork, address: str, start_us: int) -> list[float]:
    dice = random.Random(16)
    took = []
    async with httpx.AsyncClient(base_url=address) as client:
        answer = await client.post(
            "/api/v1/session", json={"name": "otto", "password": PASSWORD}, headers={"origin": address}
        )
        answer.raise_for_status()
        for _ in range(ASKED):
            camera = _id(b"c", dice.randrange(STORED)).hex()
            at_us = start_us + dice.randrange(DAYS * DAY_US)
            page_us = at_us // HOUR_US * HOUR_US
            began_s = time.perf_counter()
            params = {"from_us": page_us, "to_us": page_us + HOUR_US}
            listed = await client.get(f"/api/v1/cameras/{camera}/renditions", params=params)
            found = next(r for r in listed.json()["renditions"] if r["start_us"] <= at_us < r["end_us"])
            path = f"/api/v1/renditions/{found['stream']}/{found['start_us']}"
            part = await client.get(path, headers={"range": f"bytes=0-{FIRST_BYTES - 1}"})
            assert part.status_code == 206 and part.content[4:8] == b"ftyp"
            took.append((time.perf_counter() - began_s) * 1000)
    return took


def _id(kind: bytes, number: int) -> bytes:
    return kind.ljust(8, b"\0") + number.to_bytes(8, "big")
