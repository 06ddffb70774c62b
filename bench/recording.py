"""Recording 50 streams of 4 Mbit/s, sealed, against a process of `ffmpeg -c copy` a camera, from the same simulator.

`python -m bench.recording` measures by itself. The machine's disk and both cores are shared with the simulator.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.rows import Row

STREAMS = 50
BITRATE_BPS = 4_000_000
WARM_S = 8.0
MEASURE_S = 20.0
SUPPORT = Path(__file__).parent.parent / "tests" / "support"


@dataclass(frozen=True, slots=True)
class Load:
    """What some processes used: `cpu` in cores, `pss_bytes` of memory, shared pages counted once."""

    cpu: float
    pss_bytes: int


def rows() -> list[Row]:
    """CPU and memory, ours over FFmpeg's, and what sealing and one more custodian cost."""
    folder = Path(tempfile.mkdtemp(prefix="custodes-bench-"))
    try:
        with cameras(folder, STREAMS, BITRATE_BPS) as urls:
            ours = _ours(folder / "three", urls, 3)
            four = _ours(folder / "four", urls, 4)
            plain = _ours(folder / "plain", urls, 3, sealed=False)
            peer = _ffmpeg(folder / "ffmpeg", urls)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = [
        Row(
            "sealing against not sealing, CPU",
            "cores",
            ours.cpu,
            "the same, unsealed",
            plain.cpu,
            ours.cpu / plain.cpu,
        ),
        Row("four custodians against three, CPU", "cores", four.cpu, "three", ours.cpu, four.cpu / ours.cpu),
    ]
    name = f"{STREAMS} streams of {BITRATE_BPS // 1_000_000} Mbit/s, recorded and sealed"
    if peer is None:
        return [Row(f"{name}, CPU", "cores", ours.cpu, "ffmpeg: not installed, skipped"), *found]
    return [
        Row(f"{name}, CPU", "cores", ours.cpu, "ffmpeg -c copy", peer.cpu, ours.cpu / peer.cpu),
        Row(
            f"{name}, memory (PSS)", "MB", ours.pss_bytes / 1e6, "ffmpeg -c copy", peer.pss_bytes / 1e6,
            ours.pss_bytes / peer.pss_bytes,
        ),
        *found,
    ]  # fmt: skip


@contextmanager
def cameras(
    folder: Path, streams: int, bitrate_bps: int, faults: str = "", truth: Path | None = None
) -> Iterator[list[str]]:
    """So many simulated cameras in a process of their own; their URLs.

    `faults`: TOML for every tenth camera. `truth`: a file for the log of all that is sent.
    """
    fleet = folder / "fleet.toml"
    text = [f'cache = "{folder.parent / "custodes-bench-clips"}"']
    if truth is not None:
        text.append(f'truth = "{truth}"')
    for number in range(streams):
        text += ["[[camera]]", f'name = "c{number}"', "[[camera.stream]]", 'name = "main"']
        text.append('scene = { condition = "day", width = 1280, height = 720, duration_s = 4 }')
        text.append(f"encoding = {{ bitrate_bps = {bitrate_bps}, key_every = 50 }}")
        if faults and number % 10 == 0:
            text.append(faults)
    fleet.write_text("\n".join(text), "utf-8")
    command = [sys.executable, "-m", "custodes_simulator", str(fleet)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [process.stdout.readline().strip() for _ in range(streams)]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def _ours(folder: Path, urls: Sequence[str], custodians: int, sealed: bool = True) -> Load:
    folder.mkdir(parents=True)
    wish = {"custodians": custodians, "folder": str(folder), "sealed": sealed, "urls": list(urls)}
    environment = {**os.environ, "PYTHONPATH": f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "bench.recording_process", json.dumps(wish)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            return _measure([process.pid])
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _ffmpeg(folder: Path, urls: Sequence[str]) -> Load | None:
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    folder.mkdir(parents=True)
    processes = []
    try:
        for number, url in enumerate(urls):
            out = str(folder / f"{number}-%04d.mp4")
            words = [
                program,
                "-nostdin",
                "-loglevel",
                "error",
                "-rtsp_transport",
                "tcp",
                "-i",
                url,
                "-c",
                "copy",
                "-an",
            ]
            words += ["-f", "segment", "-segment_time", "10", "-reset_timestamps", "1", out]
            processes.append(subprocess.Popen(words, stderr=subprocess.DEVNULL))
            time.sleep(0.05)
        return _measure([process.pid for process in processes])
    finally:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            process.wait(20)


def _measure(pids: Sequence[int]) -> Load:
    time.sleep(WARM_S)
    processes = [psutil.Process(pid) for pid in pids]
    before, began = _cpu_s(processes), time.monotonic()
    time.sleep(MEASURE_S)
    cpu = (_cpu_s(processes) - before) / (time.monotonic() - began)
    return Load(cpu, sum(process.memory_full_info().pss for process in processes))


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    for row in rows():
        print(row)
