"""A web process with thousands of cameras in its register, times in its index, recorders that tell of them."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from bench.timeline import fill_stream, stream_id
from custodes.adapters.bus.memory import MemoryBroker, MemoryBus
from custodes.adapters.objects.memory import MemoryObjectStore
from custodes.adapters.passwords import Passwords
from custodes.adapters.sql.index import open_index_database
from custodes.adapters.sql.web import open_web_database
from custodes.base.canon import b64u, canon
from custodes.base.clock import HOUR_US, SystemClock
from custodes.estate.rights import EVERYTHING
from custodes.estate.users import User
from custodes.web.app import create_app
from custodes.web.board import HealthBoard
from custodes.web.console import Console, ConsoleGround
from custodes.web.live.source import BusLiveSource
from custodes.web.server import serve
from custodes.web.volumes import Volume

PASSWORD = "correct horse battery"
DAYS = 8
# So many cameras a site; every tenth camera is away, every seventh masked.
SITE, AWAY, MASKED = 20, 10, 7
RECORDER = 200
_NOW_US = 1_234_567_890_123_456


class _NoOffice:
    async def ask(self, service: str, subject: str, question: bytes, timeout_s: float = 30.0) -> bytes:
        return b""


async def main(cameras: int, users: int) -> None:
    """Print the address, then serve until standard input ends."""
    with tempfile.TemporaryDirectory() as folder:
        clock = SystemClock()
        web, index = (
            open_web_database(Path(folder) / "web.sqlite"),
            open_index_database(Path(folder) / "i.sqlite"),
        )
        for number in range(cameras):
            fill_stream(index, number, DAYS)
        board, registry = HealthBoard(clock), CollectorRegistry()
        ground = ConsoleGround(
            bytes(32), web, index, _nothing, BusLiveSource(MemoryBus(MemoryBroker())),
            lambda: [Volume("store", 1 << 40, 1 << 39)], "UTC", Passwords(1, 8, 1),
        )  # fmt: skip
        console = Console(ground, board, clock, registry)
        for number in range(cameras):
            console.follower.register.put(_body(number))
        for number in range(users):
            console.users.add(User(f"user-{number}", "supervisor", EVERYTHING), PASSWORD)
        app = create_app(
            board,
            _NoOffice(),
            MemoryObjectStore(),
            bytes(32),
            {},
            clock=clock,
            registry=registry,
            console=console,
        )
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(_tell(board, clock, cameras))
            serving = group.create_task(serve(app, 0, lambda url: print(url, flush=True)))
            await asyncio.to_thread(sys.stdin.read)
            telling.cancel()
            serving.cancel()


async def _tell(board: HealthBoard, clock: SystemClock, cameras: int) -> None:
    """What each recorder says, every two seconds; what takes their time is made before."""
    said = [_document(range(first, min(cameras, first + RECORDER))) for first in range(0, cameras, RECORDER)]
    while True:
        for number, document in enumerate(said):
            now_us = str(clock.utc_us()).encode()
            await board.hear(f"health.recorder-{number:02x}", document.replace(str(_NOW_US).encode(), now_us))
            await asyncio.sleep(2.0 / len(said))


def _document(numbers: range) -> bytes:
    document = {
        "alarms": [], "fences": [], "gaps": [], "outbox": 0, "process": "recorder",
        "renditions": list(_renditions(numbers)), "streams": list(_streams(numbers, _NOW_US)), "time_us": _NOW_US,
    }  # fmt: skip
    return canon(document)


def _streams(numbers: range, now_us: int) -> Iterator[dict[str, Any]]:
    for number in numbers:
        away = number % AWAY == 0
        yield {
            "access_units": 1, "assurance": "full", "bitrate_bps": 0 if away else 4_000_000,
            "camera": _camera(number).hex(), "dropped": 0, "kind": "main",
            "last_picture_us": 0 if away else now_us, "lost_packets": 0, "name": f"Camera {number}",
            "reason": "camera-unreachable" if away else "", "state": "away" if away else "recording",
            "stream": stream_id(number).hex(),
        }  # fmt: skip


def _renditions(numbers: range) -> Iterator[dict[str, Any]]:
    for number in numbers:
        masked = number % MASKED == 0
        yield {
            "camera": _camera(number).hex(), "error": "", "fences": [], "keys_only": False,
            "masked_by": {"too-dark": 1000} if masked else {}, "masked_permille": 1000 if masked else 0,
            "missing_fences": [], "observed_us": HOUR_US, "rate_millihertz": 8000,
            "reason": "too-dark" if masked else "", "skipped": 0, "starts": 1,
            "state": "masked" if masked else "live", "stream": stream_id(number).hex(),
        }  # fmt: skip


def _body(number: int) -> dict[str, Any]:
    return {
        "camera": b64u(_camera(number)),
        "justification": "",
        "legal_basis": "Municipal Safety Act, section 12 (2)",
        "mounts": [{"height_cm": 450, "latitude_e7": 541234567 + number * 500, "longitude_e7": -71234567}],
        "name": f"Camera {number}",
        "network": b64u(bytes(32)),
        "purpose": "Safety of people on the steps and at the water's edge",
        "responsible_body": "Town of Example, Office for Public Order",
        "retention_us": 72 * HOUR_US,
        "review_date": "2028-01-01",
        "revision": 1,
        "site": f"Site {number // SITE}",
        "streams": [{"assurance": "full", "kind": "main", "stream": b64u(stream_id(number))}],
        "views": [{"angle_cdeg": 9000, "bearing_cdeg": 4550, "name": "crossing", "range_m": 40}],
    }


def _camera(number: int) -> bytes:
    return b"camera" + number.to_bytes(10, "big")


def _nothing(path: str) -> bytes:
    raise KeyError(path)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
