"""`make soak`: 200 streams of 2 Mbit/s with every tenth camera flapping, then 50 kills of a running network.

`python -m bench.soak MINUTES KILLS`; 10 and 50 where not given. Fails where something was lost, or memory, sockets
or threads grew.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from recording.opening import open_epochs
from recording.rig import Rig

from bench import killing
from bench.recording import SUPPORT, cameras
from custodes.ledger.rules.people import NORMAL_PERIODS
from custodes_simulator.truth import read_truth

STREAMS = 200
BITRATE_BPS = 2_000_000
SETTLE_S = 60.0
LOOK_S = 5.0
OPENED = 12
MOST_GROWTH = 1.15
FLAPPING = """[[camera.stream.misbehaviour]]
name = "close-connection"
after_s = 10.0
every_s = 20.0"""


@dataclass
class SoakReport:
    """How the recorder did: memory (PSS), descriptors and threads after settling and at the end."""

    streams: int = STREAMS
    minutes: float = 0.0
    cpu_cores: float = 0.0
    pss_mb: tuple[float, float] = (0.0, 0.0)
    descriptors: tuple[int, int] = (0, 0)
    threads: tuple[int, int] = (0, 0)
    streams_opened: int = 0
    access_units: int = 0
    missing: int = 0
    failures: list[str] = field(default_factory=list)


def run(folder: Path, minutes: float) -> SoakReport:
    """Record, look every few seconds, stop, open a dozen streams and compare them with what was sent."""
    report = SoakReport(minutes=minutes)
    truth_file = folder / "truth.jsonl"
    with cameras(folder, STREAMS, BITRATE_BPS, FLAPPING, truth_file) as urls:
        wish = {"custodians": 3, "folder": str(folder / "r"), "sealed": True, "urls": urls}
        environment = {
            **os.environ,
            "PYTHONPATH": f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        }
        command = [sys.executable, "-m", "bench.recording_process", json.dumps(wish)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
            try:
                _watch(psutil.Process(process.pid), minutes, report)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)
    rig = Rig(
        folder / "r", pool_keys=2 * STREAMS, periods=NORMAL_PERIODS,
        urls={f"c{number}": url for number, url in enumerate(urls)},
    )  # fmt: skip
    _compare(rig, truth_file, report)
    return report


def _watch(process: psutil.Process, minutes: float, report: SoakReport) -> None:
    time.sleep(SETTLE_S)
    first, cpu_s, began = _look(process), sum(process.cpu_times()[:2]), time.monotonic()
    last = first
    while time.monotonic() - began < 60 * minutes:
        time.sleep(LOOK_S)
        last = _look(process)
    report.cpu_cores = round((sum(process.cpu_times()[:2]) - cpu_s) / (time.monotonic() - began), 3)
    report.pss_mb, report.descriptors, report.threads = ((a, b) for a, b in zip(first, last, strict=True))
    for name in ("pss_mb", "descriptors", "threads"):
        before, after = getattr(report, name)
        if after > MOST_GROWTH * before + 2:
            report.failures.append(f"{name} grew from {before} to {after}")


def _look(process: psutil.Process) -> tuple[float, int, int]:
    return round(process.memory_full_info().pss / 1e6, 1), process.num_fds(), process.num_threads()


def _compare(rig: Rig, truth_file: Path, report: SoakReport) -> None:
    """Of the cameras that did not flap, every access unit between the first and the last that are held is held."""
    steady = [f"c{number}" for number in range(STREAMS) if number % 10]
    chosen = set(random.Random(1).sample(steady, OPENED))
    sent: dict[str, list[str]] = defaultdict(list)
    for entry in read_truth(truth_file):
        if entry.camera in chosen and entry.delivered and entry.track == "video":
            sent[entry.camera].append(entry.sha256)
    store = rig.store()
    for name in sorted(chosen):
        held = [unit.sha256 for epoch in open_epochs(rig, store, rig.stream(name)) for unit in epoch.units]
        report.streams_opened += 1
        report.access_units += len(held)
        start = sent[name].index(held[0])
        if sent[name][start : start + len(held)] != held:
            report.missing += 1
            report.failures.append(f"{name}: what is held is not what was sent")


def main(arguments: Sequence[str]) -> int:
    """Both soaks; one JSON object."""
    minutes = float(arguments[0]) if arguments else 10.0
    kills = int(arguments[1]) if len(arguments) > 1 else 50
    folder = Path(tempfile.mkdtemp(prefix="custodes-soak-"))
    try:
        recorded = run(folder, minutes)
        killed = killing.run(
            folder / "town", 8441, kills, Path("../shared/data/video"), seed=int(time.time())
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps({"recording": asdict(recorded), "killing": asdict(killed)}, indent=2))
    return int(bool(recorded.failures or killed.failures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
