"""What a fleet costs: processor time and memory of one simulator process, while a reader drains it.

Run: python simulator/bench/fleet_cost.py [--streams 200] [--bitrate 1000000] [--seconds 20]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import selectors
import socket
import sys
import time
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

import uvloop

from custodes_simulator import CameraSpec, Encoding, SceneSource, SimulatedFleet, StreamSpec


def simulate(pipe: Connection, streams: int, bitrate_bps: int) -> None:
    """The measured process: announce URLs, then answer each message with its own usage so far."""

    async def run() -> None:
        scene = SceneSource(width=1280, height=720, duration_s=4)
        stream = StreamSpec("main", scene, Encoding(bitrate_bps=bitrate_bps))
        specs = [CameraSpec(f"cam{number}", (stream,)) for number in range(streams)]
        async with SimulatedFleet(specs, truth_limit=0) as fleet:
            pipe.send([fleet.url(spec.name) for spec in specs])
            while await asyncio.to_thread(pipe.recv):
                usage = resource.getrusage(resource.RUSAGE_SELF)
                pipe.send((usage.ru_utime, usage.ru_stime, usage.ru_maxrss))

    uvloop.run(run())


def play(url: str) -> socket.socket:
    """A socket on which the stream comes in; answers are read but not judged."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 554), 30)
    session = ""
    steps = (
        ("DESCRIBE", url, ""),
        ("SETUP", f"{url}/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"),
        ("PLAY", url, ""),
    )
    for number, (method, target, extra) in enumerate(steps, start=1):
        head = f"{method} {target} RTSP/1.0\r\nCSeq: {number}\r\n{session}{extra}\r\n"
        connection.sendall(head.encode())
        answer = connection.recv(65536).decode("latin-1")
        if method == "SETUP":
            session = "Session: " + answer.split("Session: ")[1].split(";")[0] + "\r\n"
    connection.setblocking(False)
    return connection


def drain(sockets: list[socket.socket], seconds: float) -> int:
    """Read everything for this long; how many bytes came."""
    selector = selectors.DefaultSelector()
    for connection in sockets:
        selector.register(connection, selectors.EVENT_READ)
    scratch = bytearray(1 << 20)
    total, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for key, _ in selector.select(0.1):
            if isinstance(key.fileobj, socket.socket):
                total += key.fileobj.recv_into(scratch)
    return total


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--bitrate", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=simulate, args=(there, asked.streams, asked.bitrate), daemon=True
    )
    process.start()
    urls = here.recv()
    sockets = []
    for url in urls:
        sockets.append(play(url))
        drain(sockets, 0.01)
    drain(sockets, 2)
    here.send(True)
    before = here.recv()
    received = drain(sockets, asked.seconds)
    here.send(True)
    after = here.recv()
    here.send(False)
    process.join(30)
    user, system = after[0] - before[0], after[1] - before[1]
    line = (
        f"{len(urls)} streams, {received * 8 / asked.seconds / len(urls) / 1e6:.2f} Mbit/s each: "
        f"{(user + system) / asked.seconds:.1%} of a core "
        f"({user / asked.seconds:.1%} user, {system / asked.seconds:.1%} system), {after[2] / 1024:.0f} MiB"
    )
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
