"""kill −9 of the processes of a running network, over and over; then everything is opened and compared with the truth.

`python -m bench.killing KILLS` runs it by itself; `make soak` with 50.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from custodes.adapters.custodian_folder import CustodianFolder
from custodes.adapters.keystore.store import KeyStore
from custodes.base.sealing import SealingKey
from custodes.cli.demo.cameras import DemoCameras, running_cameras
from custodes.cli.demo.network import DemoNetwork, try_custodes
from custodes.custody.envelope_reader import read_envelope
from custodes.custody.frames import reader_of
from custodes.custody.reel_reader import scan
from custodes.custody.shamir import combine
from custodes.custody.share_set import open_message, parse_share_set, unwrap
from custodes.custody.slots import SLOT_KEY_BYTES
from custodes.services.keeper.fetching import shred_id
from custodes.services.ledger_view import LedgerView

PROCESSES = ("recorder", "keeper", "discloser", "web", "nats-server")
MAX_LOSS_US = 2_000_000
BACK_WITHIN_S = 45.0
# What the page shows may be that old.
HEALTH_STALE_S = 2.5
PLACES = ("Market Square", "Harbour Gate", "Station North")


@dataclass
class KillReport:
    """What was killed and what that cost."""

    kills: dict[str, int] = field(default_factory=dict)
    worst_loss_s: float = 0.0
    losses_s: list[float] = field(default_factory=list)
    access_units: int = 0
    unknown_access_units: int = 0
    missing_outside_kills: int = 0
    verify: str = "not run"
    failures: list[str] = field(default_factory=list)


def run(root: Path, port: int, kills: int, footage: Path, seed: int = 1) -> KillReport:
    """Found a network, kill `kills` times, stop, open everything, compare."""
    report = KillReport()
    chance = random.Random(seed)
    network = DemoNetwork(root, port, places=PLACES)
    root.mkdir(parents=True, exist_ok=True)
    recorder_kills: list[tuple[int, int]] = []
    with running_cameras(footage, root.parent / "clips", lambda _: None) as cameras:
        network.found()
        network.add_cameras(cameras)
        network.start()
        try:
            network.wait_for("recording", network.all_recording, 60)
            for number in range(kills):
                time.sleep(chance.uniform(1.5, 6.0))
                what = "recorder" if number % 2 == 0 else chance.choice(PROCESSES)
                killed_us = _kill(network, what)
                report.kills[what] = report.kills.get(what, 0) + 1
                network.wait_for(
                    f"{what} again", lambda what=what: pid_of(network, what) is not None, BACK_WITHIN_S
                )
                time.sleep(HEALTH_STALE_S)
                network.wait_for(f"recording after {what} was killed", network.all_recording, BACK_WITHIN_S)
                if what == "recorder":
                    recorder_kills.append((killed_us, time.time_ns() // 1000))
            time.sleep(3)
        finally:
            network.stop()
        _compare(network, cameras, recorder_kills, report)
    code, words = try_custodes("verify", network.folder.store, "--network", network.id.hex(), "--json")
    report.verify = "ok" if code == 0 else f"exit {code}: {words[:1500]}"
    if code:
        report.failures.append(report.verify)
    return report


def _kill(network: DemoNetwork, what: str) -> int:
    pid = pid_of(network, what)
    if pid is None:
        raise RuntimeError(f"no process {what} to kill")
    killed_us = time.time_ns() // 1000
    os.kill(pid, signal.SIGKILL)
    return killed_us


def pid_of(network: DemoNetwork, what: str) -> int | None:
    """The process of a running network that has this name among PROCESSES."""
    assert network.server is not None
    for child in psutil.Process(network.server.pid).children():
        try:
            words = child.cmdline()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if what in words or any(Path(word).name == what for word in words[:1]):
            return child.pid
    return None


def _compare(
    network: DemoNetwork, cameras: DemoCameras, kills: list[tuple[int, int]], report: KillReport
) -> None:
    names = camera_names(network)
    for stream, units in open_everything(network).items():
        truth = [(utc_us, sha) for utc_us, sha, delivered in cameras.truth(names[stream]) if delivered]
        sent = {sha for _, sha in truth}
        held = {sha for _, sha in units}
        report.access_units += len(units)
        report.unknown_access_units += sum(sha not in sent for _, sha in units)
        times = sorted(utc_us for utc_us, _ in units)
        first_us, last_us = times[0], times[-1]
        for killed_us, _ in kills:
            before = [utc_us for utc_us in times if utc_us <= killed_us]
            loss_s = (killed_us - before[-1]) / 1e6 if before else 0.0
            report.losses_s.append(round(loss_s, 3))
            if loss_s * 1e6 > MAX_LOSS_US:
                report.failures.append(f"{names[stream]}: {loss_s:.2f} s lost before a kill")
        for utc_us, sha in truth:
            away = any(killed - MAX_LOSS_US <= utc_us <= back for killed, back in kills)
            if sha not in held and first_us < utc_us < last_us and not away:
                report.missing_outside_kills += 1
    report.worst_loss_s = max(report.losses_s, default=0.0)
    if report.unknown_access_units:
        report.failures.append(f"{report.unknown_access_units} access units that no camera sent")
    if report.missing_outside_kills:
        report.failures.append(
            f"{report.missing_outside_kills} access units missing where nothing was killed"
        )


def open_everything(network: DemoNetwork) -> dict[str, list[tuple[int, str]]]:
    """By stream, every access unit in the store as (UTC by the epoch's reckoning, SHA-256): as k custodians could."""
    found: dict[str, list[tuple[int, str]]] = {}
    keystore = KeyStore.open(network.folder.keystore, lambda _: False)
    folders = {
        number: CustodianFolder.open(network.custodian(number), "for the demo alone") for number in (1, 2)
    }
    try:
        for shares in sorted((network.folder.store / "streams").rglob("shares")):
            keys = _slot_keys(shares.read_bytes(), keystore, folders)
            header = parse_share_set(shares.read_bytes()).header
            units = found.setdefault(header.stream.hex(), [])
            for reel in sorted(shares.parent.glob("*.reel")):
                data = reel.read_bytes()
                for envelope in scan(reader_of(data), len(data)).envelopes:
                    sealed = data[envelope.offset : envelope.offset + envelope.length]
                    opened = read_envelope(sealed, envelope.chunks if envelope.is_cut else None).open(
                        keys[envelope.header.slot]
                    )
                    units += [
                        (header.utc0_us + unit.elapsed_us, hashlib.sha256(opened.payload(unit)).hexdigest())
                        for unit in opened.units
                    ]
    finally:
        keystore.close()
        for folder in folders.values():
            folder.close()
    return found


def _slot_keys(data: bytes, keystore: KeyStore, folders: dict[int, CustodianFolder]) -> list[bytes]:
    share_set = parse_share_set(data)
    header = share_set.header
    seed = keystore.get(shred_id(header.shred.pool, header.shred.index))
    messages = unwrap(share_set, SealingKey(seed))
    shares = {
        number: open_message(header, number, messages[number], folder.sealing_key(header.of(number).key))
        for number, folder in folders.items()
    }
    keys = [combine({number: mine[slot] for number, mine in shares.items()}) for slot in range(header.slots)]
    assert all(len(key) == SLOT_KEY_BYTES for key in keys)
    return keys


def camera_names(network: DemoNetwork) -> dict[str, str]:
    """By stream, in hex, the name of its camera."""
    view = LedgerView(network.id, lambda path: (network.folder.store / path).read_bytes())
    view.refresh()
    return {
        stream.id.hex(): camera.described.name
        for camera in view.state.facts.cameras.values()
        for stream in camera.described.streams
    }


def main() -> int:
    """Run from the command line."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    root = Path(tempfile.mkdtemp(prefix="custodes-killing-"))
    try:
        report = run(root / "town", 8441, kills, Path("../shared/data/video"), seed=int(time.time()))
    finally:
        if "--keep" not in sys.argv:
            shutil.rmtree(root, ignore_errors=True)
    print(json.dumps(asdict(report), indent=2))
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
