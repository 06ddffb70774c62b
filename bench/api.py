"""The console's API with thousands of cameras and fifty clients at once, a real web process with a real index.

Two figures: as consoles ask, each client once a second (five times as often as the console does), and all of them
without a pause, where the process is the limit and each waits for the others.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.api_process import DAYS, PASSWORD
from bench.rows import Row
from custodes.base.clock import DAY_US

CAMERAS, CLIENTS = 2000, 50
PACED_S, PRESSED_S = 20.0, 8.0
PAUSE_S = 1.0
LIMIT_MS = 100.0
USERS = 10
# What a console asks, and how often beside the others.
KINDS = ("health", "cameras", "same", "timeline", "camera")
WEIGHTS = (5, 1, 2, 3, 2)
_API = "/api/v1"


@dataclass
class Client:
    """A browser's one connection."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    cookie: str = ""
    tag: str = ""
    took_ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    sent_bytes: dict[str, int] = field(default_factory=dict)

    async def ask(self, path: str, body: bytes = b"", headers: str = "") -> tuple[int, dict[str, str], bytes]:
        """A request and its answer."""
        host = f"Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nAccept-Encoding: gzip\r\n{headers}"
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        method = "POST" if body else "GET"
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{host}{kind}\r\n".encode() + body)
        await self.writer.drain()
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        told = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        data = await self.reader.readexactly(int(told.get("content-length", "0")))
        return int(head[0].split()[1]), told, data

    async def sign_in(self) -> None:
        """As one of a few users."""
        wish = json.dumps({"name": f"user-{self.number % USERS}", "password": PASSWORD}).encode()
        status, told, data = await self.ask(f"{_API}/session", wish)
        assert status == 200, data
        self.cookie = f"Cookie: {told['set-cookie'].partition(';')[0]}\r\n"

    async def once(self, dice: random.Random, ids: list[str]) -> None:
        """One request of a kind by chance; its time is noted."""
        kind = dice.choices(KINDS, WEIGHTS)[0]
        path, headers = f"{_API}/{kind}", self.cookie
        if kind == "camera":
            path = f"{_API}/cameras/{dice.choice(ids)}"
        elif kind == "timeline":
            path = f"{_API}/cameras/{dice.choice(ids)}/timeline?from_us=0&to_us={(DAYS - 1) * DAY_US}"
        elif kind == "same":
            path, headers = (
                f"{_API}/cameras",
                headers + (f"If-None-Match: {self.tag}\r\n" if self.tag else ""),
            )
        began_s = time.perf_counter()
        status, told, data = await self.ask(path, headers=headers)
        self.took_ms[kind].append((time.perf_counter() - began_s) * 1000)
        self.sent_bytes[kind] = max(self.sent_bytes.get(kind, 0), len(data))
        assert status in (200, 304), data[:300]
        if kind in ("cameras", "same"):
            self.tag = told.get("etag", "")


def rows() -> list[Row]:
    """95th percentiles in milliseconds."""
    with _process() as (url, pid):
        few = asyncio.run(_measure(url, 1, 5.0, 0.05))
        paced = asyncio.run(_measure(url, CLIENTS, PACED_S, PAUSE_S))
        before_s = _cpu_s(pid)
        pressed = asyncio.run(_measure(url, CLIENTS, PRESSED_S, 0.0))
        worked_ms = (_cpu_s(pid) - before_s) * 1000 / sum(len(each) for each in pressed.values())
    # What a busy machine does not change.
    found = [Row(f"API, {CAMERAS} cameras: the process's own work a request", "ms", worked_ms, "", 0.0, 0.0)]
    print(f"  own work a request: {worked_ms:.1f} ms; load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    for words, times in (("once a second", paced), ("without pause", pressed)):
        for kind, value in {**times, "all": [one for each in times.values() for one in each]}.items():
            alone = few.get(kind) or [one for each in few.values() for one in each]
            peer, p95 = _p95(alone), _p95(value)
            figure = f"API, {CAMERAS} cameras, {CLIENTS} clients {words}: {kind}, p95"
            found.append(Row(figure, "ms", p95, "one client", peer, p95 / peer))
            print(
                f"  {figure}: {p95:.1f} ms of {len(value)}, median {statistics.median(value):.1f}",
                file=sys.stderr,
            )
    whole = _p95([one for each in paced.values() for one in each])
    print(
        f"  wanted {LIMIT_MS:g} ms: {'held' if whole <= LIMIT_MS else 'MISSED'} ({whole:.1f})",
        file=sys.stderr,
    )
    return found


async def _measure(url: str, clients: int, seconds: float, pause_s: float) -> dict[str, list[float]]:
    host, _, port = url.removeprefix("http://").partition(":")
    everyone = []
    for number in range(clients):
        client = Client(number, *await asyncio.open_connection(host, int(port), limit=1 << 24))
        await client.sign_in()
        everyone.append(client)
    _, _, data = await everyone[0].ask(f"{_API}/cameras", headers=everyone[0].cookie.replace("gzip", ""))
    ids = _ids(data)
    until_s = time.monotonic() + seconds

    async def keep_asking(client: Client) -> None:
        dice = random.Random(client.number)
        await asyncio.sleep(dice.random() * pause_s)
        while time.monotonic() < until_s:
            began_s = time.monotonic()
            await client.once(dice, ids)
            await asyncio.sleep(max(0.0, began_s + pause_s - time.monotonic()))

    await asyncio.gather(*(keep_asking(client) for client in everyone))
    for client in everyone:
        client.writer.close()
    sizes = {kind: max(client.sent_bytes.get(kind, 0) for client in everyone) for kind in KINDS}
    print(f"  bytes of an answer: {sizes}", file=sys.stderr)
    return {kind: [one for client in everyone for one in client.took_ms[kind]] for kind in KINDS}


def _ids(data: bytes) -> list[str]:
    text = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return [one["id"] for one in json.loads(text)["cameras"]]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


@contextmanager
def _process() -> Iterator[tuple[str, int]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.api_process", str(CAMERAS), str(USERS)],
        cwd=Path(__file__).resolve().parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        url = process.stdout.readline().decode().strip()
        if not url:
            raise RuntimeError("the web process did not start")
        yield url, process.pid
    finally:
        process.stdin.close()
        process.wait(20)
